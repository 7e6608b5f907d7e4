//! The outbox: effects are asked for, leased, and settled by whoever holds the newest lease.

use super::row::Columns;
use super::{clock, first, json, rows};
use crate::domain::effect::{Again, Effect};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// An effect in hand. Only the holder of the newest lease may settle it.
#[derive(Debug, Clone)]
pub struct Leased {
    /// What to do.
    pub effect: Effect,
    /// Its key.
    pub key: String,
    /// How often it has been tried, this time included.
    pub tries: u32,
    /// When it was first asked for.
    pub created_at: Timestamp,
    generation: u32,
    epoch: u32,
}

/// What a lease took into hand.
#[derive(Debug, Clone)]
pub enum Taken {
    /// An effect to carry out.
    Effect(Box<Leased>),
    /// A row that nobody can read.
    Unreadable(Unreadable),
}

/// An effect whose row contradicts itself.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// Its key.
    pub key: String,
    /// Why.
    pub fault: Fault,
    epoch: u32,
}

/// When an effect that did not happen is due again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// It was tried: after so many seconds.
    Seconds(i64),
    /// It could not be tried: from this moment on. It does not count as a try.
    HeldUntil(Timestamp),
}

/// The statement that asks for an effect. Asking again for a projection makes it look again. Both moments are by the caller's
/// clock; how far they lie apart is what counts.
#[must_use]
pub fn ask(effect: &Effect, not_before: Timestamp, now: Timestamp) -> Statement {
    let sql = match effect.again() {
        Again::Once => {
            concat!(
                "INSERT INTO effects (key, kind, payload, task_id, rank, state, generation, tries, not_before, lease_until, \
                 lease_epoch, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, 0, ?6 + ",
                clock!(),
                ", 0, 0, ?7) ON CONFLICT (key) DO NOTHING"
            )
        }
        Again::Refresh => {
            concat!(
                "INSERT INTO effects (key, kind, payload, task_id, rank, state, generation, tries, not_before, lease_until, \
                 lease_epoch, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, 0, ?6 + ",
                clock!(),
                ", 0, 0, ?7) ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, task_id = excluded.task_id, \
                 state = 'pending', generation = generation + 1, tries = 0, not_before = excluded.not_before, \
                 created_at = excluded.created_at"
            )
        }
    };
    Statement::new(
        sql,
        [
            effect.key().into(),
            effect.kind().into(),
            json(effect),
            effect.task().map(crate::domain::ids::TaskId::as_str).into(),
            effect.rank().number().into(),
            not_before.since(now).into(),
            now.into(),
        ],
    )
}

/// Takes the next due effect into hand for some seconds.
pub async fn lease_next(sql: &dyn Sql, lease_s: i64) -> Result<Option<Taken>, Fault> {
    let statement = Statement::new(
        concat!(
            "UPDATE effects SET lease_until = ",
            clock!(),
            " + ?1, lease_epoch = lease_epoch + 1, tries = tries + 1 WHERE key = \
             (SELECT key FROM effects WHERE state = 'pending' AND not_before <= ",
            clock!(),
            " AND lease_until <= ",
            clock!(),
            " ORDER BY rank, not_before, created_at, key LIMIT 1) AND state = 'pending' AND lease_until <= ",
            clock!(),
            " RETURNING *"
        ),
        [(lease_s * 1000).into()],
    );
    first(sql, statement).await?.as_ref().map(taken).transpose()
}

/// Takes one effect into hand for some seconds, if it is pending and free.
pub async fn lease_key(sql: &dyn Sql, key: &str, lease_s: i64) -> Result<Option<Taken>, Fault> {
    let statement = Statement::new(
        concat!(
            "UPDATE effects SET lease_until = ",
            clock!(),
            " + ?2, lease_epoch = lease_epoch + 1, tries = tries + 1 WHERE key = ?1 AND state = 'pending' AND lease_until <= ",
            clock!(),
            " RETURNING *"
        ),
        [key.into(), (lease_s * 1000).into()],
    );
    first(sql, statement).await?.as_ref().map(taken).transpose()
}

/// The statement that settles an effect as done. If it was asked for again meanwhile, it stays pending and free.
#[must_use]
pub fn done(leased: &Leased) -> Statement {
    Statement::new(
        "UPDATE effects SET state = CASE WHEN generation = ?3 THEN 'done' ELSE 'pending' END, lease_until = 0, \
         last_error = NULL WHERE key = ?1 AND lease_epoch = ?2",
        [leased.key.as_str().into(), leased.epoch.into(), leased.generation.into()],
    )
}

/// The statement by which a holder who came too late makes a projection look again, if somebody else has had it meanwhile.
#[must_use]
pub fn look_again(leased: &Leased) -> Statement {
    Statement::new(
        "UPDATE effects SET state = 'pending', generation = generation + 1 WHERE key = ?1 AND lease_epoch > ?2",
        [leased.key.as_str().into(), leased.epoch.into()],
    )
}

/// Puts an effect back for later. `error` is for the doctor and the log, without secrets.
pub async fn postpone(sql: &dyn Sql, leased: &Leased, later: Later, error: &str) -> Result<(), Fault> {
    // What is held is looked at again after a second at the earliest, whatever moment it was given.
    let (after_ms, until, untried) = match later {
        Later::Seconds(seconds) => (seconds * 1000, Timestamp::from_millis(0), 0_i64),
        Later::HeldUntil(until) => (1000, until, 1),
    };
    let statement = Statement::new(
        concat!(
            "UPDATE effects SET lease_until = 0, tries = CASE WHEN generation = ?3 THEN tries - ?6 ELSE tries END, \
             not_before = CASE WHEN generation = ?3 THEN max(?4 + ",
            clock!(),
            ", ?5) ELSE not_before END, last_error = ?7 WHERE key = ?1 AND lease_epoch = ?2"
        ),
        [
            leased.key.as_str().into(),
            leased.epoch.into(),
            leased.generation.into(),
            after_ms.into(),
            until.into(),
            untried.into(),
            error.into(),
        ],
    );
    rows(sql, statement).await.map(|_| ())
}

/// Settles an effect as given up. If it was asked for again meanwhile, it stays pending.
pub async fn bury(sql: &dyn Sql, leased: &Leased, error: &str) -> Result<(), Fault> {
    let statement = Statement::new(
        "UPDATE effects SET state = CASE WHEN generation = ?4 THEN 'dead' ELSE 'pending' END, lease_until = 0, \
         last_error = ?3 WHERE key = ?1 AND lease_epoch = ?2",
        [leased.key.as_str().into(), leased.epoch.into(), error.into(), leased.generation.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

/// Settles a row that nobody can read as given up.
pub async fn bury_unreadable(sql: &dyn Sql, row: &Unreadable) -> Result<(), Fault> {
    let statement = Statement::new(
        "UPDATE effects SET state = 'dead', lease_until = 0, last_error = ?3 WHERE key = ?1 AND lease_epoch = ?2",
        [row.key.as_str().into(), row.epoch.into(), row.fault.to_string().into()],
    );
    rows(sql, statement).await.map(|_| ())
}

/// Whether at least so many effects are due.
pub async fn are_due(sql: &dyn Sql, many: u32) -> Result<bool, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT count(*) AS n FROM (SELECT 1 FROM effects WHERE state = 'pending' AND not_before <= ",
            clock!(),
            " LIMIT ?1)"
        ),
        [many.into()],
    );
    let due = first(sql, statement).await?.map_or(Ok(0), |row| row.int("n"))?;
    Ok(due >= i64::from(many))
}

/// How many effects stand in each state, for the doctor and the metrics; the dead ones also when there are none.
pub async fn counts(sql: &dyn Sql) -> Result<Vec<(String, i64)>, Fault> {
    let statement = Statement::new(
        "SELECT 'dead' AS state, count(*) AS n FROM effects WHERE state = 'dead' \
         UNION ALL SELECT 'done', count(*) FROM effects WHERE state = 'done' \
         UNION ALL SELECT 'pending', count(*) FROM effects WHERE state = 'pending'",
        [],
    );
    rows(sql, statement).await?.iter().map(|row| Ok((row.text("state")?, row.int("n")?))).collect()
}

/// The newest errors of effects that are still tried, for the doctor.
pub async fn last_errors(sql: &dyn Sql) -> Result<Vec<(String, String)>, Fault> {
    let statement = Statement::new(
        "SELECT kind, last_error FROM effects WHERE last_error IS NOT NULL AND state = 'pending' \
         ORDER BY created_at DESC LIMIT 3",
        [],
    );
    rows(sql, statement).await?.iter().map(|row| Ok((row.text("kind")?, row.text("last_error")?))).collect()
}

/// Effects that were given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// How many.
    pub count: i64,
    /// The newest one's kind.
    pub kind: String,
    /// Why it was given up.
    pub error: String,
}

/// The effects asked for since a moment that were given up; `None` when there are none.
pub async fn dead_since(sql: &dyn Sql, since: Timestamp) -> Result<Option<Dead>, Fault> {
    let statement = Statement::new(
        "SELECT count(*) OVER () AS n, kind, coalesce(last_error, '') AS error FROM effects \
         WHERE state = 'dead' AND created_at >= ?1 ORDER BY created_at DESC LIMIT 1",
        [since.into()],
    );
    let dead = |row: Columns| Ok(Dead { count: row.int("n")?, kind: row.text("kind")?, error: row.text("error")? });
    first(sql, statement).await?.map(dead).transpose()
}

/// Forgets a batch of effects settled before a moment.
pub async fn forget_before(sql: &dyn Sql, before: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "DELETE FROM effects WHERE key IN (SELECT key FROM effects WHERE state = 'done' AND created_at < ?1 \
         UNION ALL SELECT key FROM effects WHERE state = 'dead' AND created_at < ?1 LIMIT 1000)",
        [before.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

fn taken(row: &Columns) -> Result<Taken, Fault> {
    match read(row) {
        Ok(leased) => Ok(Taken::Effect(Box::new(leased))),
        Err(fault) => {
            Ok(Taken::Unreadable(Unreadable { key: row.text("key")?, epoch: row.small("lease_epoch")?, fault }))
        }
    }
}

fn read(row: &Columns) -> Result<Leased, Fault> {
    Ok(Leased {
        effect: row.json("payload")?,
        key: row.text("key")?,
        tries: row.small("tries")?,
        created_at: row.time("created_at")?,
        generation: row.small("generation")?,
        epoch: row.small("lease_epoch")?,
    })
}

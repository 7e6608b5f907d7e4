//! The outbox: effects are asked for, leased, and settled by whoever holds the newest lease.

use super::row::Columns;
use super::{first, json, rows};
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

/// The statement that asks for an effect. Asking again for a projection makes it look again.
#[must_use]
pub fn ask(effect: &Effect, not_before: Timestamp, now: Timestamp) -> Statement {
    let sql = match effect.again() {
        Again::Once => {
            "INSERT INTO effects (key, kind, payload, task_id, rank, state, generation, tries, not_before, lease_until, \
             lease_epoch, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, 0, ?6, 0, 0, ?7) \
             ON CONFLICT (key) DO NOTHING"
        }
        Again::Refresh => {
            "INSERT INTO effects (key, kind, payload, task_id, rank, state, generation, tries, not_before, lease_until, \
             lease_epoch, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, 0, ?6, 0, 0, ?7) \
             ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, task_id = excluded.task_id, state = 'pending', \
             generation = generation + 1, tries = 0, not_before = excluded.not_before, created_at = excluded.created_at"
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
            not_before.into(),
            now.into(),
        ],
    )
}

/// Takes the next due effect into hand until `until`.
pub async fn lease_next(sql: &dyn Sql, now: Timestamp, until: Timestamp) -> Result<Option<Leased>, Fault> {
    let statement = Statement::new(
        "UPDATE effects SET lease_until = ?2, lease_epoch = lease_epoch + 1, tries = tries + 1 WHERE key = \
         (SELECT key FROM effects WHERE state = 'pending' AND not_before <= ?1 AND lease_until <= ?1 \
          ORDER BY rank, not_before, created_at, key LIMIT 1) AND state = 'pending' AND lease_until <= ?1 RETURNING *",
        [now.into(), until.into()],
    );
    first(sql, statement).await?.as_ref().map(read).transpose()
}

/// Takes one effect into hand if it is pending and free.
pub async fn lease_key(sql: &dyn Sql, key: &str, now: Timestamp, until: Timestamp) -> Result<Option<Leased>, Fault> {
    let statement = Statement::new(
        "UPDATE effects SET lease_until = ?3, lease_epoch = lease_epoch + 1, tries = tries + 1 \
         WHERE key = ?1 AND state = 'pending' AND lease_until <= ?2 RETURNING *",
        [key.into(), now.into(), until.into()],
    );
    first(sql, statement).await?.as_ref().map(read).transpose()
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

/// Puts an effect back for later. `error` is for the doctor and the log, without secrets.
pub async fn postpone(sql: &dyn Sql, leased: &Leased, not_before: Timestamp, error: &str) -> Result<(), Fault> {
    let statement = Statement::new(
        "UPDATE effects SET lease_until = 0, not_before = CASE WHEN generation = ?3 THEN ?4 ELSE not_before END, \
         last_error = ?5 WHERE key = ?1 AND lease_epoch = ?2",
        [leased.key.as_str().into(), leased.epoch.into(), leased.generation.into(), not_before.into(), error.into()],
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

/// How many effects stand in each state, for the doctor and the metrics.
pub async fn counts(sql: &dyn Sql) -> Result<Vec<(String, i64)>, Fault> {
    let statement = Statement::new(
        "SELECT 'dead' AS state, count(*) AS n FROM effects WHERE state = 'dead' \
         UNION ALL SELECT 'done', count(*) FROM effects WHERE state = 'done' \
         UNION ALL SELECT 'pending', count(*) FROM effects WHERE state = 'pending'",
        [],
    );
    rows(sql, statement).await?.iter().map(|row| Ok((row.text("state")?, row.int("n")?))).collect()
}

/// The newest errors of effects that have not happened, for the doctor.
pub async fn last_errors(sql: &dyn Sql) -> Result<Vec<(String, String)>, Fault> {
    let statement = Statement::new(
        "SELECT kind, last_error FROM effects WHERE last_error IS NOT NULL AND state <> 'done' \
         ORDER BY created_at DESC LIMIT 3",
        [],
    );
    rows(sql, statement).await?.iter().map(|row| Ok((row.text("kind")?, row.text("last_error")?))).collect()
}

/// Forgets a batch of effects settled before a moment.
pub async fn forget_before(sql: &dyn Sql, before: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "DELETE FROM effects WHERE key IN (SELECT key FROM effects WHERE state = 'done' AND created_at < ?1 LIMIT 1000)",
        [before.into()],
    );
    rows(sql, statement).await.map(|_| ())
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

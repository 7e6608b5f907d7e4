//! Deliveries that GitHub tried and Porter did not take, until they have arrived.

use super::row::Columns;
use super::{first, rows};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// A delivery that has to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The delivery's id.
    pub id: String,
    /// GitHub's number of the attempt to repeat.
    pub attempt: i64,
    /// The event's name.
    pub event: String,
    /// When GitHub first tried.
    pub tried_at: Timestamp,
    /// How often GitHub was asked for it.
    pub asked: u32,
}

/// The statement that writes a missed delivery down; one that is known stays as it is.
#[must_use]
pub fn missed(id: &str, attempt: i64, event: &str, tried_at: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO missed_deliveries (id, attempt, event, tried_at, asked, not_before) VALUES (?1, ?2, ?3, ?4, 0, 0) \
         ON CONFLICT (id) DO NOTHING",
        [id.into(), attempt.to_string().into(), event.into(), tried_at.into()],
    )
}

/// The statement that notes that a delivery has arrived after all, whether or not it was known to be missed.
#[must_use]
pub fn arrived(id: &str, attempt: i64, event: &str, at: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO missed_deliveries (id, attempt, event, tried_at, settled_at, asked, not_before) \
         VALUES (?1, ?2, ?3, ?4, ?4, 0, 0) \
         ON CONFLICT (id) DO UPDATE SET settled_at = coalesce(settled_at, excluded.settled_at)",
        [id.into(), attempt.to_string().into(), event.into(), at.into()],
    )
}

/// The statement that settles missed deliveries which the inbox knows: taken in, though GitHub did not hear so.
#[must_use]
pub fn settle_known(now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE missed_deliveries SET settled_at = ?1 WHERE settled_at IS NULL \
         AND EXISTS (SELECT 1 FROM deliveries AS d WHERE d.id = missed_deliveries.id)",
        [now.into()],
    )
}

/// Those that may be asked for now, oldest first.
pub async fn due(sql: &dyn Sql, most: u32, now: Timestamp) -> Result<Vec<Missed>, Fault> {
    let statement = Statement::new(
        "SELECT id, attempt, event, tried_at, asked FROM missed_deliveries WHERE settled_at IS NULL AND not_before <= ?1 \
         ORDER BY tried_at, id LIMIT ?2",
        [now.into(), most.into()],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

/// Takes the right to ask for one until `not_before`. `false`: somebody else has just asked.
pub async fn take(sql: &dyn Sql, one: &Missed, not_before: Timestamp) -> Result<bool, Fault> {
    let statement = Statement::new(
        "UPDATE missed_deliveries SET asked = asked + 1, not_before = ?3 WHERE id = ?1 AND asked = ?2 \
         AND settled_at IS NULL RETURNING id",
        [one.id.as_str().into(), one.asked.into(), not_before.into()],
    );
    Ok(first(sql, statement).await?.is_some())
}

/// When GitHub first tried the oldest one that has not arrived.
pub async fn oldest(sql: &dyn Sql) -> Result<Option<Timestamp>, Fault> {
    let statement =
        Statement::new("SELECT tried_at FROM missed_deliveries WHERE settled_at IS NULL ORDER BY tried_at LIMIT 1", []);
    first(sql, statement).await?.map(|row| row.time("tried_at")).transpose()
}

/// Gives up on those that GitHub no longer lists, and gives them for the log. They stay known: the failed askings are listed
/// for longer.
pub async fn give_up(sql: &dyn Sql, before: Timestamp, now: Timestamp) -> Result<Vec<Missed>, Fault> {
    let statement = Statement::new(
        "UPDATE missed_deliveries SET settled_at = ?2 WHERE id IN (SELECT id FROM missed_deliveries \
         WHERE settled_at IS NULL AND tried_at < ?1 LIMIT 50) RETURNING id, attempt, event, tried_at, asked",
        [before.into(), now.into()],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

/// Forgets a batch of those from before a moment.
pub async fn forget_before(sql: &dyn Sql, before: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "DELETE FROM missed_deliveries WHERE id IN (SELECT id FROM missed_deliveries WHERE tried_at < ?1 LIMIT 1000)",
        [before.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

fn read(row: &Columns) -> Result<Missed, Fault> {
    Ok(Missed {
        id: row.text("id")?,
        attempt: row.parsed("attempt", str::parse::<i64>)?,
        event: row.text("event")?,
        tried_at: row.time("tried_at")?,
        asked: row.small("asked")?,
    })
}

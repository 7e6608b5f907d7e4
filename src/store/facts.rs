//! Small facts of the instance.

use super::{first, rows};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// The moment the cron trigger last ran to its end.
pub const LAST_TICK: &str = "last_tick";
/// The last fault, in words for the operator.
pub const LAST_FAULT: &str = "last_fault";
/// How far the list of GitHub's deliveries has been read, as JSON.
pub const DELIVERIES_READ: &str = "deliveries_read";
/// The last look at GitHub's deliveries.
pub const DELIVERIES_TURN: &str = "deliveries_turn";
/// The last alert about deliveries that do not arrive.
pub const DELIVERIES_ALERT: &str = "deliveries_alert";
/// The last look at all of our machines.
pub const MACHINES_TURN: &str = "machines_turn";
/// The machines that carry our label and that nobody knows, as JSON: told once.
pub const STRANGE_MACHINES: &str = "strange_machines";

/// A fact and when it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRow {
    /// What.
    pub value: String,
    /// Since when.
    pub at: Timestamp,
}

/// Notes a fact.
pub async fn note(sql: &dyn Sql, name: &'static str, value: &str, now: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "INSERT INTO facts (name, value, at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at",
        [name.into(), value.into(), now.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

/// Reads a fact.
pub async fn load(sql: &dyn Sql, name: &'static str) -> Result<Option<FactRow>, Fault> {
    let statement = Statement::new("SELECT value, at FROM facts WHERE name = ?1", [name.into()]);
    let Some(row) = first(sql, statement).await? else { return Ok(None) };
    Ok(Some(FactRow { value: row.text("value")?, at: row.time("at")? }))
}

/// Takes a turn at something that is done once in a while: `true` for one caller, when the last turn was at `since` or before.
pub async fn take_turn(sql: &dyn Sql, name: &'static str, since: Timestamp, now: Timestamp) -> Result<bool, Fault> {
    let statement = Statement::new(
        "INSERT INTO facts (name, value, at) VALUES (?1, '', ?2) \
         ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE facts.at <= ?3 RETURNING name",
        [name.into(), now.into(), since.into()],
    );
    Ok(first(sql, statement).await?.is_some())
}

/// Gives a turn back before its time: there is more to do.
pub async fn return_turn(sql: &dyn Sql, name: &'static str) -> Result<(), Fault> {
    let statement = Statement::new("UPDATE facts SET at = 0 WHERE name = ?1", [name.into()]);
    rows(sql, statement).await.map(|_| ())
}

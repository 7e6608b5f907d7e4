//! Small facts of the instance.

use super::{first, rows};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// The moment the cron trigger last ran to its end.
pub const LAST_TICK: &str = "last_tick";
/// The last fault, in words for the operator.
pub const LAST_FAULT: &str = "last_fault";

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

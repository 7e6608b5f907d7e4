//! All SQL. A file per family of tables; functions take the port and give domain values.

pub mod attempts;
pub mod effects;
pub mod facts;
pub mod intake;
pub mod jobs;
pub mod live_tasks;
pub mod logs;
pub mod missed_deliveries;
pub mod own_comments;
pub mod pauses;
pub mod polls;
pub mod pull_requests;
pub mod read;
pub mod refusals;
pub mod results;
mod row;
pub mod stuck;
pub mod tasks;

use crate::ports::{Fault, Sql, SqlError, Statement, Value};
use row::Columns;

/// Now by the database's clock in milliseconds, the one clock of every isolate: for leases and for whatever is held back.
macro_rules! clock {
    () => {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"
    };
}
use clock;

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is in the database.
    Yes,
    /// Somebody else was there first; nothing was written.
    Conflict,
}

/// Runs a statement whose conflicts would be a bug, and gives its rows.
async fn rows(sql: &dyn Sql, statement: Statement) -> Result<Vec<Columns>, Fault> {
    match sql.query(statement).await {
        Ok(rows) => Ok(rows.into_iter().map(Columns::new).collect()),
        Err(SqlError::Fault(fault)) => Err(fault),
        Err(SqlError::Conflict(words)) => Err(Fault::permanent("writing a row", words)),
    }
}

/// Runs a statement and gives its first row.
async fn first(sql: &dyn Sql, statement: Statement) -> Result<Option<Columns>, Fault> {
    Ok(rows(sql, statement).await?.into_iter().next())
}

/// Runs statements in one transaction; a unique key already taken is an outcome, not a fault.
///
/// # Errors
/// A fault leaves open whether it was committed, unless it is permanent.
pub async fn commit(sql: &dyn Sql, statements: Vec<Statement>) -> Result<Written, Fault> {
    match sql.batch(statements).await {
        Ok(_) => Ok(Written::Yes),
        Err(SqlError::Conflict(_)) => Ok(Written::Conflict),
        Err(SqlError::Fault(fault)) => Err(fault),
    }
}

/// JSON for a column. Our own types always have a JSON form.
fn json<T: serde::Serialize>(value: &T) -> Value {
    Value::Text(serde_json::to_string(value).unwrap_or_default())
}

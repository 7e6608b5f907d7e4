//! Lines of runs, one row a report.

use super::rows;
use crate::domain::ids::{Attempt, TaskId};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// The statement that keeps the lines of a report; a repeated one changes nothing.
#[must_use]
pub fn keep(task: &TaskId, attempt: Attempt, seq: i64, lines: &str, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO log_batches (task_id, attempt, seq, at, lines) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (task_id, attempt, seq) DO NOTHING",
        [task.as_str().into(), attempt.into(), seq.into(), now.into(), lines.into()],
    )
}

/// Forgets a batch of lines from before a moment.
pub async fn forget_before(sql: &dyn Sql, before: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "DELETE FROM log_batches WHERE (task_id, attempt, seq) IN \
         (SELECT task_id, attempt, seq FROM log_batches WHERE at < ?1 LIMIT 1000)",
        [before.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

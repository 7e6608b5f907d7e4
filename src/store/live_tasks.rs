//! The places of live tasks: one an issue, a numbered seat for each of a person's; who waits for one, and whose permission
//! is due to be looked at again.

use super::tasks::{read, task_columns};
use super::{first, rows};
use crate::domain::ids::{Attempt, TaskId, UserId};
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// The statements by which an admitted task takes its places; they conflict when a place is taken.
#[must_use]
pub fn take_places(task: &Task, attempt: Attempt, seat: u32, key_version: u32, now: Timestamp) -> Vec<Statement> {
    vec![
        Statement::new(
            "INSERT INTO live_tasks (task_id, repo_id, issue_number, asker_id, seat) VALUES (?1, ?2, ?3, ?4, ?5)",
            [
                task.id.as_str().into(),
                task.request.repo_id.0.into(),
                task.request.issue.0.into(),
                task.request.asker.id.0.into(),
                seat.into(),
            ],
        ),
        Statement::new(
            "INSERT INTO attempts (task_id, attempt, key_version, created_at, last_seen, log_bytes) VALUES (?1, ?2, ?3, ?4, ?4, \
             coalesce((SELECT max(log_bytes) FROM attempts WHERE task_id = ?1), 0))",
            [task.id.as_str().into(), attempt.0.into(), key_version.into(), now.into()],
        ),
    ]
}

/// The seats of a person that are taken.
pub async fn taken_seats(sql: &dyn Sql, asker: UserId) -> Result<Vec<u32>, Fault> {
    let statement = Statement::new("SELECT seat FROM live_tasks WHERE asker_id = ?1", [asker.0.into()]);
    rows(sql, statement).await?.iter().map(|row| row.small("seat")).collect()
}

/// How many queued tasks of the same asker go before a queued one: by priority, then age.
pub async fn queued_before(sql: &dyn Sql, task: &Task) -> Result<u32, Fault> {
    let statement = Statement::new(
        "SELECT count(*) AS n FROM tasks WHERE state = 'queued' AND finished_at IS NULL AND asker_id = ?1 \
         AND (-priority, created_at, id) < (?2, ?3, ?4)",
        [
            task.request.asker.id.0.into(),
            (-task.request.flags.priority.number()).into(),
            task.created_at.into(),
            task.id.as_str().into(),
        ],
    );
    Ok(first(sql, statement).await?.map(|row| row.small("n")).transpose()?.unwrap_or(0))
}

/// Live tasks whose asker's permission was last looked at before a moment (at their launch, if not since), longest ago first.
pub async fn to_recheck(sql: &dyn Sql, before: Timestamp, most: u32) -> Result<Vec<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks AS t WHERE finished_at IS NULL AND state IN ('launching', 'running') AND id IN \
             (SELECT l.task_id FROM live_tasks AS l CROSS JOIN attempts AS a ON a.task_id = l.task_id AND a.closed_at IS NULL \
              WHERE coalesce(l.permission_seen_at, a.created_at) <= ?1 \
              ORDER BY coalesce(l.permission_seen_at, a.created_at) LIMIT ?2)"
        ),
        [before.into(), most.into()],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

/// Notes that a live task's asker is being looked at.
pub async fn rechecked(sql: &dyn Sql, task: &TaskId, now: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "UPDATE live_tasks SET permission_seen_at = ?2 WHERE task_id = ?1",
        [task.as_str().into(), now.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

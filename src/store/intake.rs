//! What comes in: deliveries, the texts that commanded, repositories and installations.

use super::{first, rows};
use crate::domain::ids::{InstallationId, RepoId, RepoName, TaskId};
use crate::domain::task::TextKey;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// The statement that writes a delivery down; it conflicts when it is known.
#[must_use]
pub fn delivery(id: &str, event: &str, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO deliveries (id, event, received_at) VALUES (?1, ?2, ?3)",
        [id.into(), event.into(), now.into()],
    )
}

/// Whether a delivery has been taken in.
pub async fn knows_delivery(sql: &dyn Sql, id: &str) -> Result<bool, Fault> {
    Ok(first(sql, Statement::new("SELECT 1 AS known FROM deliveries WHERE id = ?1", [id.into()])).await?.is_some())
}

/// The statement that writes a commanding text down; it conflicts when it has been taken in, by whichever trigger.
#[must_use]
pub fn command(repo: RepoId, text: TextKey, task: Option<&TaskId>, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO commands (repo_id, text_kind, text_id, task_id, accepted_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        [repo.0.into(), text.kind.word().into(), text.id.into(), task.map(TaskId::as_str).into(), now.into()],
    )
}

/// Whether a text has been taken in.
pub async fn is_known(sql: &dyn Sql, repo: RepoId, text: TextKey) -> Result<bool, Fault> {
    let statement = Statement::new(
        "SELECT 1 AS known FROM commands WHERE repo_id = ?1 AND text_kind = ?2 AND text_id = ?3",
        [repo.0.into(), text.kind.word().into(), text.id.into()],
    );
    Ok(first(sql, statement).await?.is_some())
}

/// A text that has been taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenIn {
    /// The task that it made, or that it found: the newest of its issue then.
    pub task: Option<TaskId>,
    /// When.
    pub at: Timestamp,
}

/// What was written down of a text when it was taken in.
pub async fn taken_in(sql: &dyn Sql, repo: RepoId, text: TextKey) -> Result<Option<TakenIn>, Fault> {
    let statement = Statement::new(
        "SELECT task_id, accepted_at FROM commands WHERE repo_id = ?1 AND text_kind = ?2 AND text_id = ?3",
        [repo.0.into(), text.kind.word().into(), text.id.into()],
    );
    let Some(row) = first(sql, statement).await? else { return Ok(None) };
    let task = match row.maybe_text("task_id")? {
        Some(_) => Some(row.parsed("task_id", TaskId::parse)?),
        None => None,
    };
    Ok(Some(TakenIn { task, at: row.time("accepted_at")? }))
}

/// The statement that remembers a repository.
#[must_use]
pub fn repository(id: RepoId, name: &RepoName, installation: Option<InstallationId>, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO repositories (id, full_name, installation_id, seen_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO UPDATE SET full_name = excluded.full_name, \
         installation_id = coalesce(excluded.installation_id, installation_id), seen_at = excluded.seen_at",
        [id.0.into(), name.as_str().into(), installation.map(|i| i.0).into(), now.into()],
    )
}

/// The statement that remembers an installation's state: `active`, `suspended` or `deleted`.
#[must_use]
pub fn installation(
    id: InstallationId,
    account_login: &str,
    account_id: i64,
    state: &'static str,
    now: Timestamp,
) -> Statement {
    Statement::new(
        "INSERT INTO installations (id, account_login, account_id, state, updated_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (id) DO UPDATE SET account_login = excluded.account_login, account_id = excluded.account_id, \
         state = excluded.state, updated_at = excluded.updated_at",
        [id.0.into(), account_login.into(), account_id.into(), state.into(), now.into()],
    )
}

/// The statement that forgets that an installation covers a repository.
#[must_use]
pub fn uncovered(repo: RepoId) -> Statement {
    Statement::new("UPDATE repositories SET installation_id = NULL WHERE id = ?1", [repo.0.into()])
}

/// Forgets a batch of deliveries from before a moment; GitHub repeats none so old.
pub async fn forget_deliveries(sql: &dyn Sql, before: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE received_at < ?1 LIMIT 1000)",
        [before.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

//! Pull requests that Porter opened.

use super::{first, rows};
use crate::domain::ids::{Branch, IssueNumber, RepoId, TaskId};
use crate::ports::{Fault, Sql, Statement};

/// A pull request that Porter opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPullRequest {
    /// The task that opened it.
    pub task: TaskId,
    /// Its head branch.
    pub branch: Branch,
    /// Its page.
    pub url: String,
    /// `open`, `merged` or `closed`.
    pub state: String,
}

/// The statement that remembers one.
#[must_use]
pub fn opened(repo: RepoId, number: IssueNumber, task: &TaskId, branch: &Branch, url: &str) -> Statement {
    Statement::new(
        "INSERT INTO pull_requests (repo_id, number, task_id, branch, url, state) VALUES (?1, ?2, ?3, ?4, ?5, 'open') \
         ON CONFLICT (repo_id, number) DO NOTHING",
        [repo.0.into(), number.0.into(), task.as_str().into(), branch.as_str().into(), url.into()],
    )
}

/// Loads one by its number.
pub async fn load(sql: &dyn Sql, repo: RepoId, number: IssueNumber) -> Result<Option<OwnPullRequest>, Fault> {
    let statement = Statement::new(
        "SELECT task_id, branch, url, state FROM pull_requests WHERE repo_id = ?1 AND number = ?2",
        [repo.0.into(), number.0.into()],
    );
    let Some(row) = first(sql, statement).await? else { return Ok(None) };
    Ok(Some(OwnPullRequest {
        task: row.parsed("task_id", TaskId::parse)?,
        branch: row.parsed("branch", Branch::parse)?,
        url: row.text("url")?,
        state: row.text("state")?,
    }))
}

/// The numbers of those of a repository that are open, for the poller.
pub async fn open_of(sql: &dyn Sql, repo: RepoId) -> Result<Vec<IssueNumber>, Fault> {
    let statement = Statement::new(
        "SELECT number FROM pull_requests WHERE repo_id = ?1 AND state = 'open' ORDER BY number DESC LIMIT 20",
        [repo.0.into()],
    );
    rows(sql, statement).await?.iter().map(|row| row.int("number").map(IssueNumber)).collect()
}

/// The statement that notes how one ended, if it is ours.
#[must_use]
pub fn ended(repo: RepoId, number: IssueNumber, merged: bool) -> Statement {
    Statement::new(
        "UPDATE pull_requests SET state = ?3 WHERE repo_id = ?1 AND number = ?2",
        [repo.0.into(), number.0.into(), if merged { "merged" } else { "closed" }.into()],
    )
}

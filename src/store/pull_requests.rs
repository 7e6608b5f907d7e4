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
    /// How it stands.
    pub state: PullState,
}

/// How a pull request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// Waiting for somebody.
    Open,
    /// Taken.
    Merged,
    /// Closed without being taken.
    Closed,
}

impl PullState {
    /// The word in the database and on the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Merged => "merged",
            Self::Closed => "closed",
        }
    }

    fn parse(word: &str) -> Result<Self, &'static str> {
        let all = [Self::Open, Self::Merged, Self::Closed];
        all.into_iter().find(|state| state.word() == word).ok_or("not a state of a pull request")
    }
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
        state: row.parsed("state", PullState::parse)?,
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

/// The statement that notes how one stands, if it is ours.
#[must_use]
pub fn stands(repo: RepoId, number: IssueNumber, state: PullState) -> Statement {
    Statement::new(
        "UPDATE pull_requests SET state = ?3 WHERE repo_id = ?1 AND number = ?2",
        [repo.0.into(), number.0.into(), state.word().into()],
    )
}

/// How several stand, by repository and number; those that are not ours are left out.
pub async fn states_of(
    sql: &dyn Sql,
    wanted: &[(RepoId, IssueNumber)],
) -> Result<Vec<((RepoId, IssueNumber), PullState)>, Fault> {
    let list: Vec<(i64, i64)> = wanted.iter().map(|(repo, number)| (repo.0, number.0)).collect();
    let list = serde_json::to_string(&list).unwrap_or_default();
    let statement = Statement::new(
        "SELECT p.repo_id, p.number, p.state FROM json_each(?1) AS j CROSS JOIN pull_requests AS p \
         ON p.repo_id = json_extract(j.value, '$[0]') AND p.number = json_extract(j.value, '$[1]')",
        [list.into()],
    );
    let read = |row: &super::row::Columns| {
        let key = (RepoId(row.int("repo_id")?), IssueNumber(row.int("number")?));
        Ok((key, row.parsed("state", PullState::parse)?))
    };
    rows(sql, statement).await?.iter().map(read).collect()
}

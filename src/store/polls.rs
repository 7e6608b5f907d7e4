//! How far the polled lists have been taken in.

use super::row::Columns;
use super::{first, rows};
use crate::domain::ids::RepoId;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement, Value};

/// How far one list of one repository has been taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// `owner/name` as configured, in lower case.
    pub repo: String,
    /// Which list.
    pub source: String,
    /// The repository's number.
    pub repo_id: RepoId,
    /// Everything up to here has been taken in.
    pub watermark: Timestamp,
    /// From when on what is found counts as new, while a reading has been left unfinished.
    pub unfinished_from: Option<Timestamp>,
    /// The list's tag when it was last read.
    pub etag: Option<String>,
    /// Not to be read before.
    pub not_before: Timestamp,
    /// Failures in a row.
    pub failures: u32,
}

/// Loads one.
pub async fn load(sql: &dyn Sql, repo: &str, source: &'static str) -> Result<Option<Poll>, Fault> {
    let statement = Statement::new("SELECT * FROM polls WHERE repo = ?1 AND source = ?2", [repo.into(), source.into()]);
    first(sql, statement).await?.as_ref().map(read).transpose()
}

/// Of the configured repositories, those whose turn it is: never polled first, then longest ago.
pub async fn in_turn(sql: &dyn Sql, repos: &[String], most: u32, now: Timestamp) -> Result<Vec<String>, Fault> {
    let list = serde_json::to_string(repos).unwrap_or_default();
    let statement = Statement::new(
        "SELECT j.value AS repo FROM json_each(?1) AS j \
         LEFT JOIN (SELECT repo, max(not_before) AS not_before FROM polls GROUP BY repo) AS p ON p.repo = j.value \
         WHERE p.not_before IS NULL OR p.not_before <= ?2 ORDER BY coalesce(p.not_before, 0), j.key LIMIT ?3",
        [list.into(), now.into(), most.into()],
    );
    rows(sql, statement).await?.iter().map(|row| row.text("repo")).collect()
}

/// Keeps how far a list has been taken in.
pub async fn keep(sql: &dyn Sql, poll: &Poll) -> Result<(), Fault> {
    let statement = Statement::new(
        "INSERT INTO polls (repo, source, repo_id, watermark, etag, not_before, failures, unfinished_from) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (repo, source) DO UPDATE SET repo_id = excluded.repo_id, \
         watermark = excluded.watermark, etag = excluded.etag, not_before = excluded.not_before, \
         failures = excluded.failures, unfinished_from = excluded.unfinished_from",
        [
            poll.repo.as_str().into(),
            poll.source.as_str().into(),
            poll.repo_id.0.into(),
            poll.watermark.into(),
            poll.etag.as_deref().map_or(Value::Null, Value::from),
            poll.not_before.into(),
            poll.failures.into(),
            poll.unfinished_from.into(),
        ],
    );
    rows(sql, statement).await.map(|_| ())
}

fn read(row: &Columns) -> Result<Poll, Fault> {
    Ok(Poll {
        repo: row.text("repo")?,
        source: row.text("source")?,
        repo_id: RepoId(row.int("repo_id")?),
        watermark: row.time("watermark")?,
        unfinished_from: row.maybe_time("unfinished_from")?,
        etag: row.maybe_text("etag")?,
        not_before: row.time("not_before")?,
        failures: row.small("failures")?,
    })
}

//! What machines handed over, by the digest of its bytes, and what Porter finally answered.

use serde::{Deserialize, Serialize};

use super::row::Columns;
use super::{clock, first, json};
use crate::domain::ids::{Attempt, Sha, TaskId};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, Sql, Statement, Value};
use crate::protocol::wire::Usage;

/// A result in hand.
#[derive(Debug, Clone)]
pub struct ResultRow {
    /// SHA-256 of the raw body, as hexadecimal.
    pub digest: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What is to be published; `None` when nothing is.
    pub publication: Option<Publication>,
    /// The tree made of it; from then on the bytes are not needed again.
    pub tree: Option<Sha>,
    /// Until when somebody is making the tree.
    pub lease_until: Timestamp,
    /// The final answer: status and JSON.
    pub answer: Option<Answered>,
}

/// A final answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: String,
}

/// What a repeat of publishing needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The commit message the agent proposed.
    pub message: Untrusted,
    /// The agent's own words.
    pub summary: Untrusted,
    /// How many files change.
    pub files: usize,
    /// Changed paths, for a follow-up whose head moved.
    pub paths: Vec<String>,
    /// Protected paths among them.
    pub protected: Vec<String>,
    /// What the models cost.
    pub usage: Option<Usage>,
}

/// The statement that writes down that a result came; it conflicts when one is there.
#[must_use]
pub fn receive(
    task: &TaskId,
    attempt: Attempt,
    digest: &str,
    publication: Option<&Publication>,
    now: Timestamp,
) -> Statement {
    Statement::new(
        "INSERT INTO results (task_id, attempt, digest, received_at, publication, lease_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        [task.as_str().into(), attempt.into(), digest.into(), now.into(), publication.map(json).unwrap_or(Value::Null)],
    )
}

/// Loads a result.
pub async fn load(sql: &dyn Sql, task: &TaskId, attempt: Attempt) -> Result<Option<ResultRow>, Fault> {
    let statement = Statement::new(
        "SELECT * FROM results WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into()],
    );
    first(sql, statement).await?.as_ref().map(read).transpose()
}

/// Takes the making of the tree into hand for some seconds; `false` when somebody else has it.
pub async fn lease(sql: &dyn Sql, task: &TaskId, attempt: Attempt, lease_s: i64) -> Result<bool, Fault> {
    let statement = Statement::new(
        concat!(
            "UPDATE results SET lease_until = ",
            clock!(),
            " + ?3 WHERE task_id = ?1 AND attempt = ?2 AND lease_until <= ",
            clock!(),
            " AND tree_sha IS NULL AND answer IS NULL RETURNING task_id"
        ),
        [task.as_str().into(), attempt.into(), (lease_s * 1000).into()],
    );
    Ok(first(sql, statement).await?.is_some())
}

/// The statement that lets go of the making of the tree.
#[must_use]
pub fn release(task: &TaskId, attempt: Attempt) -> Statement {
    Statement::new(
        "UPDATE results SET lease_until = 0 WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into()],
    )
}

/// The statement that remembers the tree.
#[must_use]
pub fn treed(task: &TaskId, attempt: Attempt, tree: &Sha) -> Statement {
    Statement::new(
        "UPDATE results SET tree_sha = ?3, lease_until = 0 WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into(), tree.as_str().into()],
    )
}

/// The statement that stores the final answer; the first one stays.
#[must_use]
pub fn answer(task: &TaskId, attempt: Attempt, answered: &Answered) -> Statement {
    Statement::new(
        "UPDATE results SET answer_status = ?3, answer = ?4, lease_until = 0 \
         WHERE task_id = ?1 AND attempt = ?2 AND answer IS NULL",
        [task.as_str().into(), attempt.into(), i64::from(answered.status).into(), answered.body.as_str().into()],
    )
}

fn read(row: &Columns) -> Result<ResultRow, Fault> {
    let answer = match (row.maybe_int("answer_status")?, row.maybe_text("answer")?) {
        (Some(status), Some(body)) => Some(Answered { status: u16::try_from(status).unwrap_or(500), body }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Fault::permanent("reading a result", "half an answer"));
        }
    };
    Ok(ResultRow {
        digest: row.text("digest")?,
        received_at: row.time("received_at")?,
        publication: row.maybe_json("publication")?,
        tree: row
            .maybe_text("tree_sha")?
            .map(|sha| Sha::parse(&sha))
            .transpose()
            .map_err(|error| Fault::permanent("reading a result", error.to_string()))?,
        lease_until: row.time("lease_until")?,
        answer,
    })
}

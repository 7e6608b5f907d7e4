//! Refusals already answered, so that strangers cannot make Porter talk.

use super::first;
use crate::domain::ids::{IssueNumber, RepoId, UserId};
use crate::domain::task::TextKey;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// Most refusals answered in a repository within an hour.
const MOST_AN_HOUR: i64 = 5;

/// The statement that gives a refused text the right to an answer: one a person and issue, five an hour and repository.
#[must_use]
pub fn earn((repo, issue, user): (RepoId, IssueNumber, UserId), text: TextKey, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO refusals (repo_id, issue_number, user_id, text_kind, text_id, at) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM refusals WHERE repo_id = ?1 AND at > ?7) < ?8 \
         ON CONFLICT (repo_id, issue_number, user_id) DO NOTHING",
        [
            repo.0.into(),
            issue.0.into(),
            user.0.into(),
            text.kind.word().into(),
            text.id.into(),
            now.into(),
            now.plus_seconds(-3600).into(),
            MOST_AN_HOUR.into(),
        ],
    )
}

/// Whether this text is the one that earned the answer.
pub async fn has_earned(
    sql: &dyn Sql,
    (repo, issue, user): (RepoId, IssueNumber, UserId),
    text: TextKey,
) -> Result<bool, Fault> {
    let statement = Statement::new(
        "SELECT 1 AS yes FROM refusals WHERE repo_id = ?1 AND issue_number = ?2 AND user_id = ?3 AND text_kind = ?4 \
         AND text_id = ?5",
        [repo.0.into(), issue.0.into(), user.0.into(), text.kind.word().into(), text.id.into()],
    );
    Ok(first(sql, statement).await?.is_some())
}

/// Forgets a batch of refusals from before a moment, so that a person who was told once may be told again much later.
pub async fn forget_before(sql: &dyn Sql, before: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "DELETE FROM refusals WHERE (repo_id, issue_number, user_id) IN \
         (SELECT repo_id, issue_number, user_id FROM refusals WHERE at < ?1 LIMIT 1000)",
        [before.into()],
    );
    super::rows(sql, statement).await.map(|_| ())
}

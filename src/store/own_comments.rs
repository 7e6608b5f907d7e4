//! Comments of ours that are edited or must not be made twice, by their hidden marker.

use super::{commit, first, rows};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// A comment of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnComment {
    /// GitHub's number of it.
    pub id: i64,
    /// SHA-256 of the text GitHub has, as hexadecimal.
    pub body_sha256: String,
}

/// Loads the comment under a marker.
pub async fn load(sql: &dyn Sql, marker: &str) -> Result<Option<OwnComment>, Fault> {
    let statement =
        Statement::new("SELECT comment_id, body_sha256 FROM own_comments WHERE marker = ?1", [marker.into()]);
    let Some(row) = first(sql, statement).await? else { return Ok(None) };
    Ok(Some(OwnComment { id: row.int("comment_id")?, body_sha256: row.text("body_sha256")? }))
}

/// Remembers the comment under a marker and what it says; it is in doubt no longer.
pub async fn keep(sql: &dyn Sql, marker: &str, comment: &OwnComment) -> Result<(), Fault> {
    let kept = Statement::new(
        "INSERT INTO own_comments (marker, comment_id, body_sha256) VALUES (?1, ?2, ?3) \
         ON CONFLICT (marker) DO UPDATE SET comment_id = excluded.comment_id, body_sha256 = excluded.body_sha256",
        [marker.into(), comment.id.into(), comment.body_sha256.as_str().into()],
    );
    let certain = Statement::new("DELETE FROM comments_in_doubt WHERE marker = ?1", [marker.into()]);
    commit(sql, vec![kept, certain]).await.map(|_| ())
}

/// Notes that a comment was sent and nobody knows whether it arrived.
pub async fn doubt(sql: &dyn Sql, marker: &str, now: Timestamp) -> Result<(), Fault> {
    let statement = Statement::new(
        "INSERT INTO comments_in_doubt (marker, since) VALUES (?1, ?2) \
         ON CONFLICT (marker) DO UPDATE SET since = excluded.since",
        [marker.into(), now.into()],
    );
    rows(sql, statement).await.map(|_| ())
}

/// Since when a comment under a marker may be there without our knowing.
pub async fn in_doubt_since(sql: &dyn Sql, marker: &str) -> Result<Option<Timestamp>, Fault> {
    let statement = Statement::new("SELECT since FROM comments_in_doubt WHERE marker = ?1", [marker.into()]);
    first(sql, statement).await?.map(|row| row.time("since")).transpose()
}

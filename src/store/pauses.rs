//! Quotas of other people's servers that are used up, and until when.

use super::{clock, commit, rows};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};

/// How long an ended pause is remembered.
const KEPT_MS: i64 = 86_400_000;

/// What is known of pauses at one moment.
#[derive(Debug, Clone)]
pub struct Known {
    /// The moment, by the database's clock.
    pub now: Timestamp,
    /// Quotas by their keys, and until when each is paused or was.
    pub pauses: Vec<(String, Timestamp)>,
}

/// The database's clock, and the pauses that have not ended long ago.
pub async fn load(sql: &dyn Sql) -> Result<Known, Fault> {
    let statement =
        Statement::new(concat!("SELECT ", clock!(), " AS now, quota, until FROM (SELECT 1) LEFT JOIN pauses"), []);
    let mut known = Known { now: Timestamp::from_millis(0), pauses: Vec::new() };
    for row in rows(sql, statement).await? {
        known.now = row.time("now")?;
        if let (Some(quota), Some(until)) = (row.maybe_text("quota")?, row.maybe_time("until")?) {
            known.pauses.push((quota, until));
        }
    }
    Ok(known)
}

/// Pauses a quota until a moment, unless it is paused for longer already.
pub async fn pause(sql: &dyn Sql, quota: &str, until: Timestamp) -> Result<(), Fault> {
    let forget = Statement::new(concat!("DELETE FROM pauses WHERE until < ", clock!(), " - ?1"), [KEPT_MS.into()]);
    let keep = Statement::new(
        "INSERT INTO pauses (quota, until) VALUES (?1, ?2) \
         ON CONFLICT (quota) DO UPDATE SET until = max(until, excluded.until)",
        [quota.into(), until.into()],
    );
    commit(sql, vec![forget, keep]).await.map(|_| ())
}

//! When a launch's time is up: its deadline, its silence, and a result that nobody can finish any more.

use crate::domain::time::Timestamp;
use crate::protocol::wire::Phase;
use crate::store::attempts::AttemptRow;
use crate::store::results::ResultRow;

/// How long a machine that is collecting or handing over when its deadline strikes may go on.
const HAND_OVER_GRACE_S: i64 = 90;
/// How long publishing may take before a result whose bytes are needed again counts as lost.
const PUBLISHING_S: i64 = 600;
/// A report that says nothing new is written down at most this often.
const QUIET_MS: i64 = 30_000;

/// Whether a run is over at its deadline; one that is handing over has a little longer.
pub(super) fn is_over(row: &AttemptRow, deadline: Timestamp, now: Timestamp) -> bool {
    let grace_s = match row.phase {
        Some(Phase::Collecting | Phase::HandingOver) => HAND_OVER_GRACE_S,
        Some(Phase::Cloning | Phase::Setup | Phase::Working) | None => 0,
    };
    now > deadline.plus_seconds(grace_s)
}

/// Whether a machine has said nothing for longer than it may. Its last quiet reports are not written down: they count as heard.
pub(super) fn is_silent(row: &AttemptRow, heartbeat_timeout_s: u32, now: Timestamp) -> bool {
    now.since(row.last_seen) > i64::from(heartbeat_timeout_s) * 1000 + quiet_ms(heartbeat_timeout_s)
}

/// How long a machine may say nothing new before its sign of life is written down: well within the time-out.
pub(super) fn quiet_ms(heartbeat_timeout_s: u32) -> i64 {
    QUIET_MS.min(i64::from(heartbeat_timeout_s) * 1000 / 3)
}

/// Whether a received result without a tree is lost; not while somebody makes its tree.
pub(super) fn is_lost(result: Option<&ResultRow>, since: Timestamp, now: Timestamp) -> bool {
    let in_the_making = result.is_some_and(|result| result.lease_until > now);
    now > since.plus_seconds(PUBLISHING_S) && !in_the_making
}

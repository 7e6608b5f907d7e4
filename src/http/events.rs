//! A task's story as server-sent events: states and log lines under one position that only grows.

use serde_json::json;

use crate::app::App;
use crate::domain::ids::{Attempt, TaskId};
use crate::ports::Fault;
use crate::protocol::wire::LogLine;
use crate::store::read;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSent {
    /// The position after it, for `Last-Event-ID`.
    pub id: i64,
    /// `state` or `log`.
    pub event: &'static str,
    /// JSON on one line.
    pub data: String,
}

impl ServerSent {
    /// As written on the wire.
    #[must_use]
    pub fn text(&self) -> String {
        format!("id: {}\nevent: {}\ndata: {}\n\n", self.id, self.event, self.data)
    }
}

/// How far a reader is in both logs, packed into one number below 2^53: states, then launch, report and line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    /// The last state.
    version: i64,
    /// The launch of the last report.
    attempt: u32,
    /// The last report that was read to its end.
    seq: i64,
    /// Lines of the next report that were read too.
    lines: i64,
}

const VERSION_BITS: u32 = 10;
const ATTEMPT_BITS: u32 = 8;
/// More than a report every second for two years; the callbacks hold reports to it.
pub(super) const SEQ_BITS: u32 = 26;
/// A report has at most 500 lines.
const LINE_BITS: u32 = 9;

impl Position {
    fn unpack(packed: i64) -> Self {
        let part = |below: u32, bits: u32| (packed >> below) & ((1 << bits) - 1);
        Self {
            version: packed >> (ATTEMPT_BITS + SEQ_BITS + LINE_BITS),
            attempt: u32::try_from(part(SEQ_BITS + LINE_BITS, ATTEMPT_BITS)).unwrap_or(u32::MAX),
            seq: part(LINE_BITS, SEQ_BITS),
            lines: part(0, LINE_BITS),
        }
    }

    fn pack(self) -> i64 {
        let most = |number: i64, bits: u32| number.clamp(0, (1 << bits) - 1);
        let state = most(self.version, VERSION_BITS) << (ATTEMPT_BITS + SEQ_BITS + LINE_BITS);
        let report = most(i64::from(self.attempt), ATTEMPT_BITS) << (SEQ_BITS + LINE_BITS);
        state | report | most(self.seq, SEQ_BITS) << LINE_BITS | most(self.lines, LINE_BITS)
    }
}

/// What happened to a task after a position, oldest first.
///
/// # Errors
/// The database's trouble.
pub async fn next(app: &App<'_>, task: &TaskId, after: i64) -> Result<Vec<ServerSent>, Fault> {
    let mut position = Position::unpack(after.max(0));
    let history = read::history(app.sql, task, position.version).await?;
    let log = read::log(app.sql, task, (Attempt(position.attempt), position.seq)).await?;
    let (mut history, mut log) = (history.into_iter().peekable(), log.into_iter().peekable());
    let mut events = Vec::new();
    loop {
        let state_first = match (history.peek(), log.peek()) {
            (Some(state), Some(batch)) => state.at <= batch.at,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return Ok(events),
        };
        if state_first {
            let Some(entry) = history.next() else { continue };
            position.version = entry.version;
            let data = json!({"at": entry.at.rfc3339(), "kind": entry.event.kind(), "text": entry.event.sentence()});
            events.push(ServerSent { id: position.pack(), event: "state", data: data.to_string() });
        } else {
            let Some(batch) = log.next() else { continue };
            let lines: Vec<LogLine> = serde_json::from_str(&batch.lines)
                .map_err(|error| Fault::permanent("reading a log", error.to_string()))?;
            // The report before this one, and so many lines: whoever is cut off between two lines goes on with the next.
            let read = usize::try_from(position.lines).unwrap_or(0);
            let unread = lines.iter().zip(1_i64..).skip(read);
            position = Position { attempt: batch.attempt.0, seq: batch.seq - 1, ..position };
            for (line, number) in unread {
                position.lines = number;
                if usize::try_from(number).is_ok_and(|number| number == lines.len()) {
                    (position.seq, position.lines) = (batch.seq, 0);
                }
                let data = serde_json::to_string(line).unwrap_or_default();
                events.push(ServerSent { id: position.pack(), event: "log", data });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_packing_and_only_grows() {
        let steps = [
            (0, 0, 0, 0),
            (1, 0, 0, 0),
            (3, 1, 0, 1),
            (3, 1, 0, 499),
            (3, 1, 1, 0),
            (3, 1, 700_000, 0),
            (4, 1, 700_000, 0),
            (5, 2, 1, 0),
            (1023, 255, 67_108_863, 511),
        ];
        let at = |(version, attempt, seq, lines)| Position { version, attempt, seq, lines };
        let packed: Vec<i64> = steps.iter().map(|&step| at(step).pack()).collect();
        assert!(packed.is_sorted_by(|a, b| a < b) && packed.last().is_some_and(|last| *last < 1 << 53));
        for (&step, packed) in steps.iter().zip(packed) {
            assert_eq!(Position::unpack(packed), at(step));
        }
    }
}

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

/// How far a reader is in both logs, packed into one number below 2^53: states, then launch and report of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    version: i64,
    attempt: u32,
    seq: i64,
}

const SEQ_BITS: u32 = 32;
const ATTEMPT_BITS: u32 = 8;

impl Position {
    const fn unpack(packed: i64) -> Self {
        Self {
            version: packed >> (SEQ_BITS + ATTEMPT_BITS),
            attempt: ((packed >> SEQ_BITS) & ((1 << ATTEMPT_BITS) - 1)) as u32,
            seq: packed & ((1 << SEQ_BITS) - 1),
        }
    }

    fn pack(self) -> i64 {
        (self.version.clamp(0, (1 << 12) - 1) << (SEQ_BITS + ATTEMPT_BITS))
            | (i64::from(self.attempt.min((1 << ATTEMPT_BITS) - 1)) << SEQ_BITS)
            | self.seq.clamp(0, (1 << SEQ_BITS) - 1)
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
            // Until its last line a batch counts as unread: whoever is cut off in the middle gets all of it again.
            let before = position.pack();
            (position.attempt, position.seq) = (batch.attempt.0, batch.seq);
            let last = lines.len().saturating_sub(1);
            events.extend(lines.iter().enumerate().map(|(index, line)| ServerSent {
                id: if index == last { position.pack() } else { before },
                event: "log",
                data: serde_json::to_string(line).unwrap_or_default(),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_packing_and_only_grows() {
        let steps =
            [(0, 0, 0), (1, 0, 0), (3, 1, 1), (3, 1, 700_000), (4, 1, 700_000), (5, 2, 1), (4095, 255, 4_294_967_295)];
        let packed: Vec<i64> =
            steps.iter().map(|&(version, attempt, seq)| Position { version, attempt, seq }.pack()).collect();
        assert!(packed.is_sorted() && packed.last().is_some_and(|last| *last < 1 << 53));
        for (&(version, attempt, seq), packed) in steps.iter().zip(packed) {
            assert_eq!(Position::unpack(packed), Position { version, attempt, seq });
        }
    }
}

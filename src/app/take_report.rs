//! Reports from a machine: log lines, phase, usage; also its sign of life. The answer can say stop.

use super::App;
use super::claim_attempt::{Session, TurnedAway};
use super::keep_time::quiet_ms;
use crate::domain::effect::Effect;
use crate::domain::task::State;
use crate::ports::Fault;
use crate::protocol::wire::{EventsAnswer, EventsRequest, LineLevel, LogLine, Usage};
use crate::store::attempts::Report;
use crate::store::{attempts, commit, effects, logs};

/// Lines kept of a task, in bytes; then one line says so.
const MOST_LOG_BYTES: i64 = 10 * 1024 * 1024;

impl App<'_> {
    /// Takes a report in. A repeated or older one is answered and ignored.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn take_report(
        &self,
        session: &Session,
        request: EventsRequest,
    ) -> Result<Result<EventsAnswer, TurnedAway>, Fault> {
        let Session { row, task } = session;
        if row.closed_at.is_some() {
            let stopped = matches!(task.state, State::Stopped { .. });
            let stop = EventsAnswer::Stop { reason: "The task was stopped.".to_owned() };
            return Ok(if stopped { Ok(stop) } else { Err(TurnedAway::Closed) });
        }
        let seq = i64::try_from(request.seq).unwrap_or(i64::MAX);
        let now = self.clock.now();
        let new_phase = request.phase.filter(|phase| row.phase.is_none_or(|known| *phase > known));
        let told_before = request.progress.unwrap_or(0) <= row.progress
            && request.usage.as_ref().is_none_or(|usage| row.usage.as_ref() == Some(usage));
        let nothing_new = request.lines.is_empty() && new_phase.is_none() && told_before;
        if seq <= row.last_seq || nothing_new {
            // Also a report that says nothing new, or comes again, is a sign of life.
            if now.since(row.last_seen) >= quiet_ms(self.config.heartbeat_timeout_s) {
                commit(self.sql, vec![attempts::seen(&row.task, row.attempt, now)]).await?;
            }
            return Ok(Ok(EventsAnswer::Continue(true)));
        }
        let (lines, log_bytes) = self.lines_to_keep(row.log_bytes, request.lines);
        let text = serde_json::to_string(&lines).unwrap_or_default();
        let mut statements = Vec::new();
        if !lines.is_empty() {
            statements.push(logs::keep(&row.task, row.attempt, seq, &text, now));
        }
        let report = Report {
            seq,
            at: now,
            phase: new_phase,
            progress: request.progress.unwrap_or(0).min(100),
            usage: request.usage.map(|usage| Usage {
                model: usage.model.map(|model| self.redactor().redact(&model).into_owned()),
                ..usage
            }),
            log_bytes,
        };
        statements.push(attempts::report(&row.task, row.attempt, &report));
        if new_phase.is_some() {
            statements.push(effects::ask(&Effect::ShowStatus { task: row.task.clone() }, now, now));
        }
        commit(self.sql, statements).await?;
        Ok(Ok(EventsAnswer::Continue(true)))
    }

    /// The lines that still fit, without any key's value, and the bytes kept with them. Once the cap is reached, it stays so.
    fn lines_to_keep(&self, kept: i64, lines: Vec<LogLine>) -> (Vec<LogLine>, i64) {
        if kept >= MOST_LOG_BYTES || lines.is_empty() {
            return (Vec::new(), kept);
        }
        let redactor = self.redactor();
        let mut lines: Vec<LogLine> =
            lines.into_iter().map(|line| LogLine { text: redactor.redact(&line.text).into_owned(), ..line }).collect();
        let bytes: usize = lines.iter().map(|line| line.text.len()).sum();
        let total = kept.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
        if total >= MOST_LOG_BYTES {
            lines.truncate(1);
            for line in &mut lines {
                line.level = LineLevel::Warning;
                line.text = "The log has reached 10 MiB; later lines are not kept.".to_owned();
            }
        }
        (lines, total.min(MOST_LOG_BYTES))
    }
}

//! The run's log on its way to Porter: redacted, cut to the protocol's limits, and sent as the heartbeat.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use porter::domain::secret::Secret;
use porter::domain::time::Timestamp;
use porter::protocol::wire::{EventsAnswer, EventsRequest, LineLevel, LogLine, Phase, StartAnswer};
use tokio::sync::Notify;

use crate::callbacks::{Callbacks, Reported};
use crate::gateway::meter::Meter;
use crate::interrupt::{Interrupt, Raiser};
use crate::redact::Redactor;

/// The protocol's limit of lines a call.
const LINES_A_CALL: usize = 500;
/// Below the protocol's 256 KiB a call, leaving room for the envelope.
const BYTES_A_CALL: usize = 250 * 1024;
/// The protocol's limit of lines a task.
const BYTES_A_TASK: usize = 10 * 1024 * 1024;
/// Longer lines are cut: nobody reads them, and one must not fill a call.
const LINE_CHARS: usize = 4000;

/// Takes lines from anywhere in the run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Log(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    redactor: Redactor,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<LogLine>,
    taken_bytes: usize,
    full: bool,
    phase: Option<Phase>,
    progress: Option<u32>,
}

impl Log {
    /// An empty log that takes out what `redactor` knows.
    pub(crate) fn new(redactor: Redactor) -> Self {
        let (queue, arrived) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared {
            queue,
            redactor,
            arrived,
        }))
    }

    /// Adds a text; every line of it becomes a log line.
    pub(crate) fn say(&self, level: LineLevel, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if self.queue().full {
                return;
            }
            // Redacted before it is cut, so that the cut cannot leave half a key.
            let line = shorten(&printable(&self.redact(line)));
            self.queue().push(LogLine {
                at: now().rfc3339(),
                level,
                text: line,
            });
        }
    }

    /// A line of normal life.
    pub(crate) fn info(&self, text: &str) {
        self.say(LineLevel::Info, text);
    }

    /// Says where the run is, and wakes the reporter so that people see it at once.
    pub(crate) fn phase(&self, phase: Phase, progress: u32) {
        let mut queue = self.queue();
        (queue.phase, queue.progress) = (Some(phase), Some(progress));
        drop(queue);
        self.0.arrived.notify_one();
    }

    /// Raises the progress within a phase; it never falls.
    pub(crate) fn progress(&self, progress: u32) {
        let mut queue = self.queue();
        queue.progress = queue.progress.max(Some(progress));
    }

    /// The text without any issued secret.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.redactor.redact(text)
    }

    /// What the log knows as secret.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.0.redactor
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, line: LogLine) {
        if self.full {
            return;
        }
        self.taken_bytes += size(&line);
        if self.taken_bytes > BYTES_A_TASK {
            self.full = true;
            let text = "The log is full: later lines are left out.".to_owned();
            let (at, level) = (line.at, LineLevel::Warning);
            self.lines.push_back(LogLine { at, level, text });
        } else {
            self.lines.push_back(line);
        }
    }

    /// The next lines that fit into one call.
    fn batch(&mut self) -> Vec<LogLine> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < LINES_A_CALL {
            let Some(line) = self.lines.pop_front() else {
                break;
            };
            bytes += size(&line);
            if bytes > BYTES_A_CALL {
                self.lines.push_front(line);
                break;
            }
            batch.push(line);
        }
        batch
    }
}

/// Sends the log to Porter, and is the run's heartbeat.
pub(crate) struct Reporter {
    log: Log,
    callbacks: Callbacks,
    session: Secret,
    task_id: String,
    attempt: u32,
    every: Duration,
    meter: Meter,
    raiser: Raiser,
    seq: u64,
    /// Built but not yet answered; sent again as it is, since Porter may have it.
    unheard: Option<EventsRequest>,
}

impl Reporter {
    /// A reporter for this job.
    pub(crate) fn new(
        log: Log,
        callbacks: Callbacks,
        job: &StartAnswer,
        meter: Meter,
        raiser: Raiser,
    ) -> Self {
        Self {
            log,
            callbacks,
            session: Secret::new(job.session_token.as_str()),
            task_id: job.task_id.clone(),
            attempt: job.attempt,
            every: Duration::from_secs(u64::from(job.report_every_s.max(1))),
            meter,
            raiser,
            seq: 0,
            unheard: None,
        }
    }

    /// Reports until `finish` is notified, then sends what is left, for a few seconds at most.
    pub(crate) async fn run(mut self, finish: Arc<Notify>) {
        let mut due = tokio::time::interval(self.every);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let log = self.log.clone();
        loop {
            tokio::select! {
                _ = due.tick() => {}
                () = log.0.arrived.notified() => {}
                () = finish.notified() => break,
            }
            self.report().await;
            while self.unheard.is_none() && !self.log.queue().lines.is_empty() {
                self.report().await;
            }
        }
        let rest = async {
            while self.unheard.is_some() || !self.log.queue().lines.is_empty() {
                self.report().await;
                if self.unheard.is_some() {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            }
        };
        if tokio::time::timeout(Duration::from_secs(4), rest)
            .await
            .is_err()
        {
            eprintln!("porter-runner: the end of the log could not be delivered");
        }
    }

    async fn report(&mut self) {
        let request = self.unheard.take().unwrap_or_else(|| self.next());
        match self.callbacks.events(&self.session, &request).await {
            Reported::Answered(EventsAnswer::Continue(_)) => {}
            Reported::Answered(EventsAnswer::Stop { reason }) => {
                self.raiser.raise(Interrupt::Stopped(reason))
            }
            Reported::Closed => self.raiser.raise(Interrupt::Closed),
            Reported::Unheard => self.unheard = Some(request),
        }
    }

    fn next(&mut self) -> EventsRequest {
        self.seq += 1;
        let mut queue = self.log.queue();
        EventsRequest {
            task_id: self.task_id.clone(),
            attempt: self.attempt,
            seq: self.seq,
            phase: queue.phase,
            progress: queue.progress,
            lines: queue.batch(),
            usage: self.meter.usage(),
        }
    }
}

/// Now, by this machine's clock.
fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A line's size on the wire, with its comma.
fn size(line: &LogLine) -> usize {
    serde_json::to_string(line).map_or(LINE_CHARS, |text| text.len()) + 1
}

/// Without terminal colours and control characters, which would reach people's terminals and pages.
fn printable(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
        } else if c == '\t' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS) {
        None => line.to_owned(),
        Some((at, _)) => {
            let (head, tail) = line.split_at(at);
            format!("{head} … ({} bytes more)", tail.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_never_exceeds_the_protocols_limits() {
        let log = Log::new(Redactor::default());
        for n in 0..2000 {
            log.info(&format!("{n} {}", "\u{1}\"x".repeat(1000)));
        }
        let (mut calls, mut lines) = (0, 0);
        loop {
            let batch = log.queue().batch();
            if batch.is_empty() {
                break;
            }
            assert!(batch.len() <= 500);
            assert!(serde_json::to_vec(&batch).unwrap().len() < 256 * 1024);
            (calls, lines) = (calls + 1, lines + batch.len());
        }
        assert_eq!(lines, 2000);
        assert!(calls > 4);
    }

    #[test]
    fn a_flood_ends_in_one_line_that_says_so() {
        let log = Log::new(Redactor::default());
        for _ in 0..4000 {
            log.info(&"y".repeat(5000));
        }
        let queue = log.queue();
        assert!(queue.lines.len() < 3000);
        let full = queue
            .lines
            .iter()
            .filter(|line| line.text.contains("log is full"));
        assert_eq!(full.count(), 1);
    }

    #[test]
    fn colours_and_keys_are_gone_before_a_line_is_kept() {
        let log = Log::new(Redactor::new(["canary-key-000001"]));
        log.info("\u{1b}[31mred\u{1b}[0m canary-key-000001\r\n\n\tnext");
        let texts: Vec<_> = log
            .queue()
            .lines
            .iter()
            .map(|line| line.text.clone())
            .collect();
        assert_eq!(texts, ["red [redacted]", "\tnext"]);
    }
}

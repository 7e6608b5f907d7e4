//! Answers to commands that make no task.

use super::span;
use super::status::{StatusView, status};
use crate::app::check_setup::{Check, Verdict};
use crate::domain::outgoing;
use crate::domain::untrusted::Untrusted;

/// The answer to `status`: the status comment's words and the last line of the log.
#[must_use]
pub fn standing(login: &str, view: &StatusView<'_>, last_line: Option<&str>) -> String {
    let progress = view.attempt.as_ref().filter(|_| !view.task.state.is_final()).map(|a| a.progress);
    let mut text = format!("@{login} {}", status(view));
    if let Some(progress) = progress.filter(|progress| *progress > 0) {
        text.push_str(&format!("\n\nProgress: {progress} %"));
    }
    if view.task.started_at.is_none() && !view.task.state.is_final() {
        text.push_str(&format!("\n\nWaiting for {}.", span(view.now.since(view.task.created_at))));
    }
    if let Some(line) = last_line {
        text.push_str(&format!("\n\nLast line: {}", outgoing::code_span(&Untrusted::new(line), 300)));
    }
    text
}

/// The answer to `doctor`.
#[must_use]
pub fn findings(login: &str, checks: &[Check]) -> String {
    let line = |check: &Check| {
        let mark = match check.verdict {
            Verdict::Good => "✅",
            Verdict::Unknown => "❔",
            Verdict::Bad => "❌",
        };
        let remedy = match (&check.verdict, check.remedy.as_str()) {
            (Verdict::Good, _) | (_, "") => String::new(),
            (Verdict::Bad | Verdict::Unknown, remedy) => format!(" → {remedy}"),
        };
        format!("- {mark} **{}**: {}{remedy}", check.name, check.detail)
    };
    let lines: Vec<String> = checks.iter().map(line).collect();
    let bad = checks.iter().filter(|check| check.verdict == Verdict::Bad).count();
    let verdict = match bad {
        0 => "everything that can be checked from here is in order.".to_owned(),
        1 => "one thing needs attention.".to_owned(),
        n => format!("{n} things need attention."),
    };
    format!("@{login} {verdict}\n\n{}", lines.join("\n"))
}

//! Assess: how ready an issue looks, 0 to 100. Stored to learn from, shown nowhere, never a reason not to run.

use serde::{Deserialize, Serialize};

use super::refine::Bundle;

/// The readiness of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// The sum of the signals' points, 0 to 100.
    pub score: u8,
    /// What it was made of.
    pub signals: Vec<Signal>,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Which.
    pub name: SignalName,
    /// The points it gives.
    pub points: u8,
    /// The most it could give.
    pub of: u8,
    /// What was seen, in a few words of ours.
    pub seen: String,
}

/// The things looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalName {
    /// Does it name files that are there?
    FileReferences,
    /// Does it say when it is done?
    AcceptanceCriteria,
    /// Does it show how to see the trouble?
    Reproduction,
    /// Is there enough text, and not too much?
    Size,
    /// Are there open questions and vague words?
    Ambiguity,
}

const CRITERIA: &[&str] = &[
    "acceptance criteria",
    "- [ ]",
    "* [ ]",
    "done when",
    "expected behavior",
    "expected behaviour",
    "expected result",
    "should ",
    "must ",
    "definition of done",
    "so that",
];
const REPRODUCTION: &[&str] = &[
    "steps to reproduce",
    "to reproduce",
    "reproduction",
    "repro:",
    "actual behavior",
    "actual behaviour",
    "stack trace",
    "traceback",
    "panicked at",
    "error:",
    "exception",
    "expected",
    "```",
    "1. ",
];
const VAGUE: &[&str] = &[
    "maybe",
    "somehow",
    "not sure",
    "something like",
    "etc",
    "tbd",
    "i guess",
    "perhaps",
    "kind of",
    "some kind",
    "or something",
    "???",
    "no idea",
    "whatever",
    "todo: decide",
];

/// Looks at a task. Pure: the same bundle gives the same answer.
#[must_use]
pub fn assess(bundle: &Bundle) -> Assessment {
    let text =
        format!("{}\n{}\n{}", bundle.title.as_str(), bundle.body.as_str(), bundle.instructions.as_str()).to_lowercase();
    let signals = vec![
        file_references(bundle),
        acceptance_criteria(&text),
        reproduction(bundle, &text),
        size(&text),
        ambiguity(&text),
    ];
    Assessment { score: signals.iter().map(|signal| signal.points).sum(), signals }
}

fn file_references(bundle: &Bundle) -> Signal {
    let (found, missing) = (bundle.mentions.found.len() + bundle.threads.len(), bundle.mentions.missing);
    let points = match (found, missing) {
        (0, 0) => 0,
        (0, _) => 8,
        (1, _) => 20,
        (_, _) => 25,
    };
    Signal { name: SignalName::FileReferences, points, of: 25, seen: format!("{found} found, {missing} not found") }
}

fn acceptance_criteria(text: &str) -> Signal {
    let found = CRITERIA.iter().filter(|words| text.contains(**words)).count();
    let points = match found {
        0 => 0,
        1 => 15,
        _ => 25,
    };
    Signal { name: SignalName::AcceptanceCriteria, points, of: 25, seen: format!("{found} signs") }
}

/// A feature has nothing to reproduce; an example serves it as well.
fn reproduction(bundle: &Bundle, text: &str) -> Signal {
    let found = REPRODUCTION.iter().filter(|words| text.contains(**words)).count();
    let asks_for_more = bundle.labels.iter().any(|label| {
        let label = label.as_str().to_lowercase();
        ["feature", "enhancement", "documentation", "refactor"].iter().any(|kind| label.contains(kind))
    });
    let (points, seen) = match (found, asks_for_more) {
        (0, true) => (12, "not a bug".to_owned()),
        (0, false) => (0, "none".to_owned()),
        (1, _) => (14, "1 sign".to_owned()),
        (_, _) => (20, format!("{found} signs")),
    };
    Signal { name: SignalName::Reproduction, points, of: 20, seen }
}

fn size(text: &str) -> Signal {
    let words = text.split_whitespace().count();
    let points = match words {
        0..=4 => 0,
        5..=14 => 5,
        15..=29 => 10,
        30..=1_200 => 15,
        1_201..=3_000 => 10,
        _ => 5,
    };
    Signal { name: SignalName::Size, points, of: 15, seen: format!("{words} words") }
}

fn ambiguity(text: &str) -> Signal {
    let vague = VAGUE.iter().filter(|words| text.contains(**words)).count();
    let questions = text.matches('?').count();
    let lost = u8::try_from((vague * 4 + questions * 2).min(15)).unwrap_or(15);
    Signal {
        name: SignalName::Ambiguity,
        points: 15 - lost,
        of: 15,
        seen: format!("{vague} vague words, {questions} questions"),
    }
}

//! What a script fixes where a random play draws: how each launch's machine boots and runs, and which calls go wrong.

use std::collections::BTreeMap;

use crate::gate::{Call, Fate, Port};
use crate::machine::Run;

/// How a launch's machine comes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// So many milliseconds after it was made.
    After(i64),
    /// Not at all.
    Never,
}

/// A call that goes wrong whether anybody crashes or not.
#[derive(Debug, Clone)]
struct Trouble {
    port: Port,
    needle: &'static str,
    fate: Fate,
    left: u32,
}

/// A script's directions. Launches are found by issue and number, so that a crash which costs one leaves the others' as they were.
#[derive(Debug, Clone, Default)]
pub struct Directions {
    runs: BTreeMap<i64, Vec<Run>>,
    boots: BTreeMap<i64, Vec<Boot>>,
    troubles: Vec<Trouble>,
    /// Of every call since the script began: whether it asks for a change.
    asked: Vec<Asked>,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// An answer alone: whether it was carried out makes no difference to anybody but the caller.
    Answer,
    /// A change.
    Change,
}

impl Directions {
    /// How the launches on an issue run: the first, the second, …; the last holds for all further ones.
    pub fn runs(&mut self, issue: i64, runs: &[Run]) {
        self.runs.insert(issue, runs.to_vec());
    }

    /// How the launches' machines on an issue come up; the last holds for all further ones.
    pub fn boots(&mut self, issue: i64, boots: &[Boot]) {
        self.boots.insert(issue, boots.to_vec());
    }

    /// The next calls whose description contains this go wrong.
    pub fn trouble(&mut self, port: Port, needle: &'static str, fate: Fate, times: u32) {
        self.troubles.push(Trouble { port, needle, fate, left: times });
    }

    /// No more of that.
    pub fn no_trouble(&mut self) {
        self.troubles.clear();
    }

    pub(crate) fn run(&self, launch: (i64, usize)) -> Run {
        nth(&self.runs, launch).unwrap_or(Run::Changes)
    }

    pub(crate) fn boot(&self, launch: (i64, usize)) -> Boot {
        nth(&self.boots, launch).unwrap_or(Boot::After(1_000))
    }

    /// What each call since the script began has asked for.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    pub(crate) fn fate(&mut self, call: &Call) -> Option<Fate> {
        let asks_only = call.port == Port::Read || call.what.starts_with("GET ");
        self.asked.push(if asks_only { Asked::Answer } else { Asked::Change });
        let fits = |one: &&mut Trouble| one.left > 0 && one.port == call.port && call.what.contains(one.needle);
        let trouble = self.troubles.iter_mut().find(fits)?;
        trouble.left -= 1;
        Some(trouble.fate)
    }
}

fn nth<T: Copy>(of: &BTreeMap<i64, Vec<T>>, (issue, attempt): (i64, usize)) -> Option<T> {
    let all = of.get(&issue)?;
    all.get(attempt.saturating_sub(1)).or(all.last()).copied()
}

//! What a run of an agent showed, in the terms every agent's adapter translates to.

use porter::protocol::wire::LineLevel;

/// One thing seen in an agent's event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Something to show people.
    Line(LineLevel, String),
    /// The agent used a tool; what it did, in a line.
    Tool(String),
    /// The agent's own words.
    Said(String),
    /// The agent ended well; its last words, if the event carries them.
    Finished(Option<String>),
    /// The agent ended badly; its reason.
    Failed(String),
    /// The agent was not allowed to use a tool.
    Denied(String),
}

/// The sum of a run.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The last thing the agent said.
    pub(crate) words: Option<String>,
    /// Whether an event told that it ended well.
    pub(crate) finished: bool,
    /// The reason an event gave for a bad end.
    pub(crate) error: Option<String>,
    /// Tools it was not allowed to use.
    pub(crate) denied: Vec<String>,
    /// How many tools it used.
    pub(crate) tools: u32,
    /// How the process ended, in words; `None` for exit status 0.
    pub(crate) exit: Option<String>,
}

impl Findings {
    /// Adds what was seen.
    pub(crate) fn take(&mut self, seen: &Seen) {
        match seen {
            Seen::Line(..) => {}
            Seen::Tool(_) => self.tools += 1,
            Seen::Said(words) => self.words = Some(words.clone()),
            Seen::Finished(words) => {
                (self.finished, self.error) = (true, None);
                self.words = words.clone().or(self.words.take());
            }
            Seen::Failed(reason) => (self.finished, self.error) = (false, Some(reason.clone())),
            Seen::Denied(tool) => self.denied.push(tool.clone()),
        }
    }
}

//! Why a launch came to nothing, where another launch can cure it. An agent's own failure is none of these.

use serde::{Deserialize, Serialize};

/// What a launch was lost to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The machine host had no room.
    Capacity,
    /// The machine never came, fell silent, was killed or removed. Also what launches were lost to before causes were kept.
    #[default]
    MachineLost,
    /// The model provider did not answer, or answered that it cannot.
    ProviderOutage,
}

impl Cause {
    /// As people say it, with what else is known.
    #[must_use]
    pub fn words(self, how: &str) -> String {
        let words = match self {
            Self::Capacity => "the machine host had no room for another machine",
            Self::MachineLost => "the machine was lost",
            Self::ProviderOutage => "the model provider was not available",
        };
        if how.is_empty() { words.to_owned() } else { format!("{words} ({how})") }
    }

    /// How long the next launch waits for each launch so far: a lost machine is replaced soon, an outage is given time.
    #[must_use]
    pub const fn pause_s(self) -> i64 {
        match self {
            Self::MachineLost => 5,
            Self::Capacity | Self::ProviderOutage => 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words in the database are a promise to rows already written.
    #[test]
    fn the_words_are_pinned() {
        for (cause, word) in [
            (Cause::Capacity, "capacity"),
            (Cause::MachineLost, "machine_lost"),
            (Cause::ProviderOutage, "provider_outage"),
        ] {
            assert_eq!(serde_json::to_value(cause).unwrap(), word);
        }
        assert_eq!(Cause::MachineLost.words("it fell silent"), "the machine was lost (it fell silent)");
    }
}

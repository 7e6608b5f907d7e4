//! The agents Porter can run, as data. How each is started is the runner's business.

use serde::{Deserialize, Serialize};

/// A coding agent by the word people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agent {
    /// `opencode-ai`, the default.
    Opencode,
    /// Claude Code; also written `claude-code`.
    Claude,
    /// Sourcegraph Amp.
    Amp,
    /// OpenAI Codex.
    Codex,
    /// Google Gemini CLI.
    Gemini,
}

impl Agent {
    /// Every agent, in the order they are listed to people.
    pub const ALL: [Self; 5] = [Self::Opencode, Self::Claude, Self::Amp, Self::Codex, Self::Gemini];

    /// The word on the wire, in the database and in comments.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opencode => "opencode",
            Self::Claude => "claude",
            Self::Amp => "amp",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
        }
    }

    /// The name in sentences and on pages.
    #[must_use]
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::Opencode => "OpenCode",
            Self::Claude => "Claude Code",
            Self::Amp => "Amp",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
        }
    }

    /// Reads a word in any case; `claude-code` means `claude`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        if word == "claude-code" {
            return Some(Self::Claude);
        }
        Self::ALL.into_iter().find(|agent| agent.word() == word)
    }

    /// The names of the model keys this agent can work with; one of them is enough. OpenCode's follows the model.
    #[must_use]
    pub fn key_names(self, model: Option<&str>) -> &'static [&'static str] {
        match self {
            Self::Opencode => match model.and_then(|model| model.split_once('/')).map(|(provider, _)| provider) {
                Some("anthropic") => &["ANTHROPIC_API_KEY"],
                Some("openai") => &["OPENAI_API_KEY"],
                Some("google") => &["GEMINI_API_KEY"],
                Some(_) | None => &["ANTHROPIC_API_KEY", "OPENAI_API_KEY"],
            },
            Self::Claude => &["ANTHROPIC_API_KEY"],
            Self::Amp => &["AMP_API_KEY"],
            Self::Codex => &["OPENAI_API_KEY"],
            Self::Gemini => &["GEMINI_API_KEY"],
        }
    }

    /// One sentence about it, for the registry.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Opencode => "Open-source coding agent for any model provider; Porter's default.",
            Self::Claude => "Anthropic's coding agent.",
            Self::Amp => "Sourcegraph's coding agent; its models run at Amp.",
            Self::Codex => "OpenAI's coding agent.",
            Self::Gemini => "Google's coding agent.",
        }
    }

    /// Whose models it works with, for the registry.
    #[must_use]
    pub const fn provider(self) -> &'static str {
        match self {
            Self::Opencode => "anthropic, openai",
            Self::Claude => "anthropic",
            Self::Amp => "amp",
            Self::Codex => "openai",
            Self::Gemini => "google",
        }
    }

    /// The npm package that the machine image pins.
    #[must_use]
    pub const fn package(self) -> &'static str {
        match self {
            Self::Opencode => "opencode-ai",
            Self::Claude => "@anthropic-ai/claude-code",
            Self::Amp => "@ampcode/cli",
            Self::Codex => "@openai/codex",
            Self::Gemini => "@google/gemini-cli",
        }
    }
}

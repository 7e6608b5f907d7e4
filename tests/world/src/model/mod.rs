//! A scripted model provider: Anthropic Messages, OpenAI Responses and Chat Completions, enough for real agent CLIs.
//!
//! A script is one shell command and the words around it. The first turn asks the agent to run the command with whatever shell
//! tool the request offers; once a result is there, the second turn says what was done.

mod anthropic;
mod openai;
mod script;
mod server;

pub use script::{Behaviour, Script};
pub use server::{Asked, Provider, router};

use serde_json::{Value, json};

/// What a request is answered with.
pub(crate) enum Turn {
    /// Words first, then a call of this tool with these arguments.
    Call { words: String, tool: String, arguments: Value },
    /// Words, and done.
    Say(String),
}

/// Tokens of an answer: fixed numbers, so that costs can be asserted.
pub(crate) struct Tokens {
    pub(crate) input: i64,
    pub(crate) cached: i64,
    pub(crate) output: i64,
}

impl Turn {
    /// Picks the turn: a call when a shell is offered and nothing ran yet, else words.
    pub(crate) fn of(script: &Script, tools: &[String], ran: bool) -> Self {
        let (Some(command), Some(tool), false) = (&script.command, shell(tools), ran) else {
            return Self::Say(script.done.clone());
        };
        let arguments = match tool.as_str() {
            "exec_command" => json!({"cmd": command}),
            "shell" => json!({"command": ["bash", "-c", command]}),
            _ => json!({"command": command, "description": "Make the change"}),
        };
        Self::Call { words: script.plan.clone(), tool, arguments }
    }

    pub(crate) fn tokens(&self) -> Tokens {
        match self {
            Self::Call { .. } => Tokens { input: 1200, cached: 0, output: 180 },
            Self::Say(_) => Tokens { input: 300, cached: 1000, output: 60 },
        }
    }
}

/// The shell tool of claude, opencode or codex.
fn shell(tools: &[String]) -> Option<String> {
    ["Bash", "bash", "exec_command", "shell", "shell_command"]
        .into_iter()
        .find(|name| tools.iter().any(|tool| tool == name))
        .map(str::to_owned)
}

/// One server-sent event.
pub(crate) fn event(name: Option<&str>, data: &Value) -> String {
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    format!("{name}data: {data}\n\n")
}

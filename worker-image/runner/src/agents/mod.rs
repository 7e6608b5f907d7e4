//! The agents this runner can run: a table row each, and a file that knows its command line and its event stream.

mod claude;
mod codex;
mod opencode;

use std::path::PathBuf;

use porter::domain::agent::Agent;
use serde_json::Value;

use crate::findings::Seen;
use crate::gateway::providers::Provider;

/// Knows one agent's headless command line and event stream.
pub(crate) trait Adapter {
    /// How to start it. The prompt is not part of it: every agent reads that from its standard input. Errors are for people.
    fn launch(&self, terms: &Terms) -> Result<Launch, String>;

    /// What an event of its stream means; nothing for those that nobody needs.
    fn read(&mut self, event: &Value) -> Vec<Seen>;

    /// Whether exit status 0 alone means a good end, for agents whose stream has no last event.
    fn exit_tells(&self) -> bool {
        false
    }
}

/// What an agent is started with.
pub(crate) struct Terms {
    /// Where the agents' `node_modules` are, as the agent's process sees it.
    pub(crate) modules: PathBuf,
    /// The gateway's address, without a trailing slash.
    pub(crate) gateway: String,
    /// The only key it gets: good for the gateway, for this task.
    pub(crate) stand_in: String,
    /// The model by the agent's own name, if someone asked for one.
    pub(crate) model: Option<String>,
    /// The providers Porter has a key for.
    pub(crate) providers: Vec<Provider>,
    /// Whether the agent's process will be root.
    pub(crate) as_root: bool,
}

impl Terms {
    /// Fails in words when Porter has no key for the provider this agent needs.
    fn need(&self, provider: Provider, agent: Agent) -> Result<(), String> {
        if self.providers.contains(&provider) {
            return Ok(());
        }
        let (name, key) = (agent.display_name(), provider.key_name());
        Err(format!(
            "{name} needs a key of {}, and Porter has no {key}",
            provider.title()
        ))
    }

    /// The address agents are told for a provider, without a version.
    fn base(&self, provider: Provider) -> String {
        format!("{}/{}", self.gateway, provider.word())
    }
}

/// A command line and its environment; nothing secret in either but the stand-in key.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// What it gets besides the environment every agent gets.
    pub(crate) env: Vec<(&'static str, String)>,
}

/// The table. An agent that cannot be run here answers with the reason.
pub(crate) fn adapter(agent: Agent) -> Result<Box<dyn Adapter>, String> {
    match agent {
        Agent::Claude => Ok(Box::new(claude::Claude)),
        Agent::Codex => Ok(Box::new(codex::Codex)),
        Agent::Opencode => Ok(Box::new(opencode::Opencode)),
        Agent::Amp | Agent::Gemini => {
            let name = agent.display_name();
            Err(format!(
                "{name} is not yet supported by this runner; try opencode, claude or codex"
            ))
        }
    }
}

/// This computer's processor by npm's name for it.
const fn processor() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    }
}

/// The text of a field, or nothing.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A tool's use in one line: its name, and the argument people recognise it by.
fn tool_line(name: &str, input: &Value) -> String {
    let telling = [
        "file_path",
        "filePath",
        "path",
        "command",
        "pattern",
        "url",
        "description",
    ];
    let what = telling
        .iter()
        .find_map(|key| input.get(key).and_then(Value::as_str));
    let what = what
        .and_then(|what| what.lines().next())
        .unwrap_or_default();
    format!("{name} {what}")
        .trim_end()
        .chars()
        .take(300)
        .collect()
}

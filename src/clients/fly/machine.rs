//! A machine as its host describes it, and how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::domain::ids::MachineId;

/// A machine as the host describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Described")]
pub struct Machine {
    /// The host's id.
    pub id: MachineId,
    /// The name it was made with.
    pub name: String,
    /// What it is doing.
    pub state: MachineState,
    /// The labels it was made with.
    pub metadata: BTreeMap<String, String>,
    /// How it ended; `None` while it has not, or when the host does not say.
    pub exit: Option<Exit>,
}

/// How a machine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The exit code of its program.
    pub code: Option<i32>,
    /// Whether it ran out of memory.
    pub oom_killed: bool,
    /// The signal that killed it; `None` for none.
    pub signal: Option<i32>,
    /// Whether somebody asked for the stop.
    pub requested_stop: bool,
}

/// What a machine is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineState {
    /// Made, not yet started.
    Created,
    /// On its way up.
    Starting,
    /// Running.
    Started,
    /// On its way down.
    Stopping,
    /// Ended; with `auto_destroy` soon gone.
    Stopped,
    /// Frozen.
    Suspended,
    /// Broken.
    Failed,
    /// Did not come up.
    LaunchFailed,
    /// Being replaced by another version.
    Replacing,
    /// Being removed.
    Destroying,
    /// Gone.
    Destroyed,
    /// Moved to another host computer.
    Migrated,
    /// A word the host invented since.
    Unknown(String),
}

impl MachineState {
    fn parse(word: String) -> Self {
        match word.as_str() {
            "created" => Self::Created,
            "starting" => Self::Starting,
            "started" => Self::Started,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            "suspended" => Self::Suspended,
            "failed" => Self::Failed,
            "launch_failed" => Self::LaunchFailed,
            "replacing" => Self::Replacing,
            "destroying" => Self::Destroying,
            "destroyed" => Self::Destroyed,
            "migrated" => Self::Migrated,
            _ => Self::Unknown(word),
        }
    }
}

#[derive(Deserialize)]
struct Described {
    id: MachineId,
    #[serde(default)]
    name: String,
    #[serde(default)]
    state: String,
    #[serde(default, deserialize_with = "or_default")]
    config: Config,
    #[serde(default, deserialize_with = "or_default")]
    events: Vec<Happened>,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "or_default")]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Happened {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    timestamp: i64,
    #[serde(default, deserialize_with = "or_default")]
    request: About,
}

#[derive(Default, Deserialize)]
struct About {
    exit_event: Option<ExitEvent>,
    #[serde(rename = "MonitorEvent")]
    monitor: Option<Monitor>,
}

#[derive(Deserialize)]
struct Monitor {
    exit_event: Option<ExitEvent>,
}

#[derive(Deserialize)]
struct ExitEvent {
    exit_code: Option<i32>,
    signal: Option<i32>,
    #[serde(default)]
    oom_killed: bool,
    #[serde(default)]
    requested_stop: bool,
}

/// The host writes `null` where it has nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

impl From<Described> for Machine {
    fn from(described: Described) -> Self {
        let exits = described.events.into_iter().filter(|event| event.kind == "exit");
        let last = exits.max_by_key(|event| event.timestamp).map(|event| event.request);
        let exit = last.and_then(|about| about.monitor.and_then(|monitor| monitor.exit_event).or(about.exit_event));
        Self {
            id: described.id,
            name: described.name,
            state: MachineState::parse(described.state),
            metadata: described.config.metadata,
            exit: exit.map(|exit| Exit {
                code: exit.exit_code,
                oom_killed: exit.oom_killed,
                // The host writes 0 or -1 for no signal.
                signal: exit.signal.filter(|signal| *signal > 0),
                requested_stop: exit.requested_stop,
            }),
        }
    }
}

//! A machine as Fly describes it: states, events and the JSON people read. The shapes are those of the Machines API's
//! "machines resource"; what we add is only the process behind a running machine, which is never shown.

use std::time::SystemTime;

use porter::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::process::Process;

/// The most events kept of one machine; a machine that restarts for ever must not grow.
const EVENTS_KEPT: usize = 50;

/// A machine's record, as it is kept on disk (readable by the owner only; its environment holds the claim and nothing else).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// 14 hexadecimal digits.
    pub(crate) id: String,
    /// Unique among the app's machines that are not destroyed.
    pub(crate) name: String,
    /// Changes with the configuration; ours never changes.
    pub(crate) instance_id: String,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339.
    pub(crate) updated_at: String,
    /// Where it is in its life.
    pub(crate) state: State,
    /// The configuration as it was sent.
    pub(crate) config: Value,
    /// Oldest first.
    pub(crate) events: Vec<Event>,
}

/// A machine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Made with `skip_launch`: it waits for `start`.
    Created,
    /// Accepted; its boot is due. Fly shows this as `created`, too.
    Launching,
    /// Its process is being made.
    Starting,
    /// It runs.
    Started(Process),
    /// It was asked to stop.
    Stopping(Process),
    /// It ended and can be started again.
    Stopped,
    /// It is being killed and its directory removed, then it is gone.
    Destroying(Option<Process>),
    /// It is gone; only this record is left.
    Destroyed,
}

impl State {
    /// The word Fly uses.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Created | Self::Launching => "created",
            Self::Starting => "starting",
            Self::Started(_) => "started",
            Self::Stopping(_) => "stopping",
            Self::Stopped => "stopped",
            Self::Destroying(_) => "destroying",
            Self::Destroyed => "destroyed",
        }
    }

    /// The process behind it, if there is one.
    pub(crate) const fn process(self) -> Option<Process> {
        match self {
            Self::Started(process) | Self::Stopping(process) => Some(process),
            Self::Destroying(process) => process,
            Self::Created | Self::Launching | Self::Starting | Self::Stopped | Self::Destroyed => None,
        }
    }
}

/// Something that happened to a machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Unique.
    pub(crate) id: String,
    /// `launch`, `start`, `stop`, `exit`, `destroy`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The state it led to.
    pub(crate) status: String,
    /// `user` or `flyd`.
    pub(crate) source: String,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    /// What an `exit` tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<ExitRequest>,
}

/// The envelope Fly puts around an exit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExitRequest {
    /// The exit itself.
    pub(crate) exit_event: ExitEvent,
    /// How often it was started again.
    pub(crate) restart_count: u32,
}

/// How a machine's main process ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExitEvent {
    /// The exit code; 128 + signal when a signal ended it.
    pub(crate) exit_code: i32,
    /// The same, inside the guest.
    pub(crate) guest_exit_code: i32,
    /// The signal that ended it, or -1.
    pub(crate) guest_signal: i32,
    /// The same.
    pub(crate) signal: i32,
    /// Whether the kernel ended it for want of memory.
    pub(crate) oom_killed: bool,
    /// Whether someone had asked for the stop.
    pub(crate) requested_stop: bool,
    /// Whether it is started again.
    pub(crate) restarting: bool,
    /// RFC 3339.
    pub(crate) exited_at: String,
}

/// Who caused an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// A caller of the API.
    User,
    /// The host.
    Host,
}

impl Machine {
    /// Moves to a state and remembers why.
    pub(crate) fn enter(&mut self, state: State, kind: &str, source: Source, request: Option<ExitRequest>) {
        let now = now();
        self.state = state;
        self.updated_at = now.rfc3339();
        self.events.push(Event {
            id: random_hex(13),
            kind: kind.to_owned(),
            status: state.word().to_owned(),
            source: match source {
                Source::User => "user",
                Source::Host => "flyd",
            }
            .to_owned(),
            timestamp: now.millis(),
            request,
        });
        let surplus = self.events.len().saturating_sub(EVENTS_KEPT);
        self.events.drain(..surplus);
        if state == State::Destroyed {
            self.forget_environment();
        }
    }

    /// A destroyed machine's claim is of no use to anyone, so its record does not keep it.
    fn forget_environment(&mut self) {
        if let Some(env) = self.config.get_mut("env") {
            *env = json!({});
        }
    }

    /// The machine as Fly answers it, events newest first.
    pub(crate) fn shown(&self) -> Value {
        let events: Vec<&Event> = self.events.iter().rev().collect();
        json!({
            "id": self.id, "name": self.name, "state": self.state.word(), "region": "local",
            "instance_id": self.instance_id, "private_ip": "127.0.0.1", "created_at": self.created_at,
            "updated_at": self.updated_at, "config": self.config, "events": events, "host_status": "ok",
            "image_ref": { "repository": self.config.get("image") },
        })
    }

    /// Sets (`Some`) or removes a metadata value.
    pub(crate) fn set_metadata(&mut self, key: &str, value: Option<Value>) {
        let Some(config) = self.config.as_object_mut() else {
            return;
        };
        let metadata = config.entry("metadata").or_insert_with(|| json!({}));
        let Some(metadata) = metadata.as_object_mut() else {
            return;
        };
        metadata.remove(key);
        metadata.extend(value.map(|value| (key.to_owned(), value)));
    }

    /// The metadata value of this key.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.config.get("metadata")?.get(key)?.as_str()
    }
}

/// The time, by the computer's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Unpredictable hexadecimal digits, two a byte.
pub(crate) fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0_u8; bytes];
    let read =
        std::fs::File::open("/dev/urandom").and_then(|mut file| std::io::Read::read_exact(&mut file, &mut buffer));
    if let Err(reason) = read {
        // Ids need to differ, no more: the clock will do where the kernel's random numbers cannot be had.
        eprintln!("porter-machines: /dev/urandom: {reason}");
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        buffer.iter_mut().zip(nanos.to_be_bytes().iter().rev()).for_each(|(to, from)| *to = *from);
    }
    hex::encode(buffer)
}

//! A model of the machine host: machines by unique name, as the Fly Machines API shows them, with its known lies.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use porter::domain::time::Timestamp;
use porter::ports::{HttpRequest, HttpResponse, Method};
use serde_json::{Value, json};

/// The host's root.
pub const HOST_URL: &str = "https://api.machines.dev";
/// What Porter must show.
pub const HOST_TOKEN: &str = "canary-host-token-6kQ2vXw9";
/// The app all machines live in.
pub const HOST_APP: &str = "porter-simulated";

/// What a machine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Made; its program has not begun.
    Created,
    /// Its program runs.
    Started,
    /// Gone.
    Destroyed,
}

impl Life {
    const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Started => "started",
            Self::Destroyed => "destroyed",
        }
    }
}

/// How a machine's program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// Killed because memory ran out.
    OutOfMemory,
    /// Killed with the computer it ran on.
    Killed,
}

/// A machine as made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The host's id.
    pub id: String,
    /// Unique among machines that are not destroyed.
    pub name: String,
    /// As sent.
    pub config: Value,
    /// What it is doing.
    pub life: Life,
    /// How its program ended, once it has.
    pub exit: Option<Exit>,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Made {
    /// A variable of its environment.
    #[must_use]
    pub fn env(&self, name: &str) -> &str {
        self.config.pointer(&format!("/env/{name}")).and_then(Value::as_str).unwrap_or_default()
    }

    /// A word of its metadata.
    #[must_use]
    pub fn metadata(&self, name: &str) -> &str {
        self.config.pointer(&format!("/metadata/{name}")).and_then(Value::as_str).unwrap_or_default()
    }

    fn json(&self) -> Value {
        let event = |exit: Exit| {
            let (code, oom, signal) = match exit {
                Exit::Code(code) => (code, false, -1),
                Exit::OutOfMemory => (137, true, 9),
                Exit::Killed => (137, false, 9),
            };
            json!({"type": "exit", "timestamp": self.made_at.millis() + 1, "request": {"exit_event":
                {"exit_code": code, "oom_killed": oom, "signal": signal, "requested_stop": false}}})
        };
        json!({"id": self.id, "name": self.name, "state": self.life.word(), "region": "sim", "instance_id": "01S",
            "config": self.config, "events": self.exit.map(event).into_iter().collect::<Vec<_>>(),
            "created_at": self.made_at.rfc3339()})
    }
}

/// The machine host.
#[derive(Default)]
pub struct Host {
    machines: RefCell<BTreeMap<String, Made>>,
    made: Cell<u32>,
    /// Until then, lists are empty whatever is there.
    lies_until: Cell<Option<Timestamp>>,
    /// Machines made since the last look.
    fresh: RefCell<Vec<String>>,
}

impl Host {
    /// Every machine ever made.
    #[must_use]
    pub fn all(&self) -> Vec<Made> {
        self.machines.borrow().values().cloned().collect()
    }

    /// Looks at every machine ever made.
    pub fn each(&self, mut look: impl FnMut(&Made)) {
        self.machines.borrow().values().for_each(&mut look);
    }

    /// A machine.
    #[must_use]
    pub fn machine(&self, id: &str) -> Option<Made> {
        self.machines.borrow().get(id).cloned()
    }

    /// Machines made since the last call of this.
    pub fn take_fresh(&self) -> Vec<String> {
        self.fresh.take()
    }

    /// Its program begins; `false` when the machine is gone.
    pub fn boot(&self, id: &str) -> bool {
        let mut machines = self.machines.borrow_mut();
        match machines.get_mut(id) {
            Some(made) if made.life != Life::Destroyed => {
                made.life = Life::Started;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Its program ends; the host removes it, as asked for at the making.
    pub fn ended(&self, id: &str, exit: Exit) {
        if let Some(made) = self.machines.borrow_mut().get_mut(id)
            && made.life != Life::Destroyed
        {
            made.exit = Some(exit);
            made.life = Life::Destroyed;
        }
    }

    /// A machine that was destroyed is there again: its computer came back from the dead.
    pub fn resurrect(&self, id: &str) {
        if let Some(made) = self.machines.borrow_mut().get_mut(id) {
            made.life = Life::Created;
        }
    }

    /// Lists are empty until then.
    pub fn lie_until(&self, until: Timestamp) {
        self.lies_until.set(Some(until));
    }

    /// Lists are true again.
    pub fn be_honest(&self) {
        self.lies_until.set(None);
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, request: &HttpRequest, now: Timestamp) -> HttpResponse {
        let (status, body) = self.route(request, now);
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        HttpResponse { status, headers, body: body.to_string().into_bytes() }
    }

    fn route(&self, request: &HttpRequest, now: Timestamp) -> (u16, Value) {
        let authorised = request.headers.iter().any(|(k, v)| *k == "authorization" && v.ends_with(HOST_TOKEN));
        if !authorised {
            return (401, json!({"error": "unauthorized"}));
        }
        let path = request.url.split("/machines").nth(1).unwrap_or("?");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let id = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        match (request.method, id) {
            (Method::Post, "") => self.create(request, now),
            (Method::Get, "") => self.list(query, now),
            (Method::Get, id) => match self.machines.borrow().get(id) {
                Some(made) => (200, made.json()),
                None => (404, json!({"error": "machine not found"})),
            },
            (Method::Delete, id) => match self.machines.borrow_mut().get_mut(id) {
                Some(made) => {
                    made.life = Life::Destroyed;
                    (200, json!({"ok": true}))
                }
                None => (404, json!({"error": "machine not found"})),
            },
            (Method::Post | Method::Patch | Method::Put, _) => (404, json!({"error": "no such endpoint"})),
        }
    }

    fn create(&self, request: &HttpRequest, now: Timestamp) -> (u16, Value) {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut machines = self.machines.borrow_mut();
        if let Some(existing) = machines.values().find(|made| made.name == name && made.life != Life::Destroyed) {
            let id = &existing.id;
            let words = format!(
                "already_exists: unique machine name violation, machine ID {id} already exists with name \"{name}\""
            );
            return (409, json!({"error": words}));
        }
        self.made.set(self.made.get() + 1);
        let id = format!("m{:013}", self.made.get());
        let config = body.get("config").cloned().unwrap_or_default();
        let made = Made { id: id.clone(), name, config, life: Life::Created, exit: None, made_at: now };
        let answer = made.json();
        machines.insert(id.clone(), made);
        self.fresh.borrow_mut().push(id);
        (200, answer)
    }

    fn list(&self, query: &str, now: Timestamp) -> (u16, Value) {
        if self.lies_until.get().is_some_and(|until| now < until) {
            return (200, json!([]));
        }
        let wanted = query.split('&').find_map(|pair| pair.strip_prefix("metadata."));
        let (key, value) = wanted.and_then(|pair| pair.split_once('=')).unwrap_or_default();
        let value = value.replace("%3A", ":");
        let machines = self.machines.borrow();
        let fits = |made: &&Made| made.life != Life::Destroyed && (key.is_empty() || made.metadata(key) == value);
        (200, Value::Array(machines.values().filter(fits).map(Made::json).collect()))
    }
}

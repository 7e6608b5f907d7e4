//! A model of the machine host: machines by unique name, as the Fly Machines API shows them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use async_trait::async_trait;
use porter::ports::{Fault, Http, HttpRequest, HttpResponse, Method};
use serde_json::{Value, json};

/// What Porter must show.
pub(crate) const TOKEN: &str = "canary-host-token-0001";

/// A machine as made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) config: Value,
    pub(crate) state: &'static str,
    /// How it ended, as the host tells it.
    pub(crate) exit: Option<Value>,
}

impl Made {
    /// A variable of its environment.
    pub(crate) fn env(&self, name: &str) -> String {
        self.config["env"][name].as_str().unwrap_or_default().to_owned()
    }

    fn events(&self) -> Value {
        let event = |exit| json!([{"type": "exit", "timestamp": 1, "request": {"exit_event": exit}}]);
        self.exit.as_ref().map_or(json!([]), event)
    }

    fn json(&self) -> Value {
        json!({"id": self.id, "name": self.name, "state": self.state, "region": "tst", "instance_id": "01T",
            "config": self.config, "events": self.events(), "created_at": "2026-02-18T09:30:00Z"})
    }
}

/// How the next calls go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The work is done and the answer lost.
    LostReply,
    /// Refused with this status before anything is done.
    Status(u16),
    /// Its rate limit, with `Retry-After` in seconds.
    Limited(u32),
    /// No room for another machine.
    NoRoom,
}

/// The machine host.
#[derive(Default)]
pub(crate) struct Host {
    machines: RefCell<BTreeMap<String, Made>>,
    trouble: RefCell<Vec<Trouble>>,
    creates: RefCell<u32>,
    heard: RefCell<Vec<String>>,
    hides: Cell<bool>,
}

impl Host {
    /// Makes the next calls go wrong, one after the other.
    pub(crate) fn trouble(&self, next: &[Trouble]) {
        self.trouble.borrow_mut().extend(next.iter().rev());
    }

    /// Takes one trouble back; whether there was any.
    pub(crate) fn mend(&self) -> bool {
        self.trouble.borrow_mut().pop().is_some()
    }

    /// The machine made last.
    pub(crate) fn newest(&self) -> Made {
        self.machines.borrow().values().next_back().cloned().expect("a machine was made")
    }

    /// Every machine ever made.
    pub(crate) fn all(&self) -> Vec<Made> {
        self.machines.borrow().values().cloned().collect()
    }

    /// Those that have not been destroyed.
    pub(crate) fn alive(&self) -> Vec<Made> {
        self.all().into_iter().filter(|made| made.state != "destroyed").collect()
    }

    /// Everything that was sent here, but for the host's own token: address and body of each request.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.borrow().clone()
    }

    /// A destroyed machine runs again: its computer was dead when it took the order.
    pub(crate) fn revive(&self, id: &str) {
        if let Some(made) = self.machines.borrow_mut().get_mut(id) {
            made.state = "started";
        }
    }

    /// Whether its lists are empty, whatever is there.
    pub(crate) fn hide(&self, hides: bool) {
        self.hides.set(hides);
    }

    /// Puts somebody's machine there, made by hand.
    pub(crate) fn put(&self, id: &str, name: &str, config: Value) {
        let made = Made { id: id.to_owned(), name: name.to_owned(), config, state: "started", exit: None };
        self.machines.borrow_mut().insert(id.to_owned(), made);
    }

    /// A machine ends as this exit event says, and is removed at once.
    pub(crate) fn ends(&self, id: &str, exit: Value) {
        let mut machines = self.machines.borrow_mut();
        let made = machines.get_mut(id).expect("a machine");
        (made.state, made.exit) = ("destroyed", Some(exit));
    }

    /// A machine is gone, and nobody knows how.
    pub(crate) fn removes(&self, id: &str) {
        self.machines.borrow_mut().get_mut(id).expect("a machine").state = "destroyed";
    }

    fn create(&self, body: &Value) -> (u16, Value) {
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        let mut machines = self.machines.borrow_mut();
        if let Some(existing) = machines.values().find(|made| made.name == name && made.state != "destroyed") {
            let text = format!(
                "already_exists: unique machine name violation, machine ID {} already exists with name \"{name}\"",
                existing.id
            );
            return (409, json!({"error": text}));
        }
        if let Some(reason) = ["image", "env", "guest"].into_iter().find(|key| body["config"][*key].is_null()) {
            return (422, json!({"error": format!("config.{reason} is missing")}));
        }
        *self.creates.borrow_mut() += 1;
        let id = format!("m{:013}", self.creates.borrow());
        let made = Made { id: id.clone(), name, config: body["config"].clone(), state: "started", exit: None };
        let answer = made.json();
        machines.insert(id, made);
        (200, answer)
    }

    fn answer(&self, request: &HttpRequest) -> (u16, Value) {
        let authorised = request.headers.iter().any(|(k, v)| *k == "authorization" && v.ends_with(TOKEN));
        if !authorised {
            return (401, json!({"error": "unauthorized"}));
        }
        let path = request.url.split("/v1/apps/porter-tests/machines").nth(1).unwrap_or("?");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let id = path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        match (request.method, id.as_str()) {
            (Method::Post, "") => self.create(&body),
            (Method::Get, "") => {
                let wanted = query.split('&').find_map(|pair| pair.strip_prefix("metadata."));
                let (key, value) = wanted.and_then(|pair| pair.split_once('=')).unwrap_or_default();
                let value = value.replace("%3A", ":");
                let fits = |made: &Made| key.is_empty() || made.config["metadata"][key] == *value;
                let shown = if self.hides.get() { Vec::new() } else { self.alive() };
                let list: Vec<Value> = shown.iter().filter(|made| fits(made)).map(Made::json).collect();
                (200, Value::Array(list))
            }
            (Method::Get, id) => match self.machines.borrow().get(id) {
                Some(made) => (200, made.json()),
                None => (404, json!({"error": "machine not found"})),
            },
            (Method::Delete, id) => match self.machines.borrow_mut().get_mut(id) {
                Some(made) => {
                    made.state = "destroyed";
                    (200, json!({"ok": true}))
                }
                None => (404, json!({"error": "machine not found"})),
            },
            _ => (404, json!({"error": "no such endpoint on the stage"})),
        }
    }
}

#[async_trait(?Send)]
impl Http for Host {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        self.heard.borrow_mut().push(format!("{} {} {body}", request.method.word(), request.url));
        let trouble = self.trouble.borrow_mut().pop();
        let refused = match trouble {
            Some(Trouble::Status(status)) => Some((status, Vec::new(), "trouble on the stage")),
            Some(Trouble::Limited(seconds)) => {
                Some((429, vec![("retry-after".to_owned(), seconds.to_string())], "rate limit exceeded"))
            }
            Some(Trouble::NoRoom) => Some((422, Vec::new(), "insufficient resources available to fulfill request")),
            Some(Trouble::LostReply) | None => None,
        };
        if let Some((status, headers, error)) = refused {
            return Ok(HttpResponse { status, headers, body: json!({"error": error}).to_string().into_bytes() });
        }
        let (status, body) = self.answer(&request);
        if trouble == Some(Trouble::LostReply) {
            return Err(Fault::transient("waiting for the machine host", "the connection broke"));
        }
        Ok(HttpResponse { status, headers: Vec::new(), body: body.to_string().into_bytes() })
    }
}

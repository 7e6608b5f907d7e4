//! Machines: create, look at, stop, destroy. Fly Machines API v1 (docs.machines.dev).

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use super::machine::{Exit, Machine, MachineState};
pub use super::refusal::FlyError;
use super::refusal::Refusal;
use crate::clients::address::Address;
use crate::clients::quota::{Gate, Heard, Quota};
use crate::domain::ids::MachineId;
use crate::domain::secret::Secret;
use crate::ports::{Fault, Http, HttpRequest, HttpResponse, Method};

/// The machine host's app, ready to be called.
#[derive(Clone, Copy)]
pub struct Fly<'a> {
    /// The way out.
    pub http: &'a dyn Http,
    /// Whether the host may be called.
    pub gate: &'a dyn Gate,
    /// The host's root without a trailing slash: `https://api.machines.dev`; `/v1` is added.
    pub base_url: &'a str,
    /// The app all machines live in.
    pub app: &'a str,
    /// The host's token.
    pub token: &'a Secret,
}

/// A machine to make. It runs once: no restart, destroyed when it exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMachine {
    /// Unique in the app, so that a repeat makes no second one.
    pub name: String,
    /// The container image.
    pub image: String,
    /// The environment; readable by anyone with the host's token.
    pub env: BTreeMap<String, String>,
    /// Labels to find and to adopt it by.
    pub metadata: BTreeMap<String, String>,
    /// Its size.
    pub guest: Guest,
}

/// A machine's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest {
    /// `shared` or `performance`.
    pub cpu_kind: &'static str,
    /// How many.
    pub cpus: u32,
    /// Memory in MiB, a multiple of 256.
    pub memory_mb: u32,
}

impl Guest {
    /// What every agent fits in.
    pub const DEFAULT: Self = Self { cpu_kind: "shared", cpus: 2, memory_mb: 2048 };
}

/// What came of creating a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// There it is.
    Machine(Machine),
    /// The name is taken: adopt that machine if its metadata matches, found by id or else by listing.
    Conflict {
        /// Its id, when the host named it.
        existing: Option<MachineId>,
    },
}

/// How long to wait for an answer; creating pulls an image first.
const TIMEOUT_MS: u32 = 30_000;

impl Fly<'_> {
    /// Makes a machine. `POST /v1/apps/{app}/machines`. A fault leaves open whether it was made: create again with the same
    /// name, and the conflict names it.
    pub async fn create(&self, new: &CreateMachine) -> Result<Created, FlyError> {
        let doing = "creating the machine";
        let guest = new.guest;
        let body = json!({"name": new.name, "config": {
            "image": new.image,
            "env": new.env,
            "metadata": new.metadata,
            "auto_destroy": true,
            "restart": {"policy": "no"},
            "guest": {"cpu_kind": guest.cpu_kind, "cpus": guest.cpus, "memory_mb": guest.memory_mb},
        }});
        let response = self.send(Method::Post, self.address(&[]), Some(&body)).await?;
        if response.status < 300 {
            return Ok(Created::Machine(read(doing, &response)?));
        }
        let refusal = Refusal::read(&response, self.gate.now());
        match refusal.name_conflict() {
            Some(existing) => Ok(Created::Conflict { existing }),
            None => Err(refusal.into_error(doing)),
        }
    }

    /// A machine. `GET /v1/apps/{app}/machines/{id}`; a destroyed one may be shown for a while or be `NotFound`
    pub async fn get(&self, id: &MachineId) -> Result<Machine, FlyError> {
        let doing = "looking at the machine";
        read(doing, &self.sent(doing, Method::Get, self.address(&[id.as_str()]), None).await?)
    }

    /// Machines whose metadata has this value. `GET /v1/apps/{app}/machines?metadata.{key}={value}`. An empty list is no
    /// proof that there are none.
    pub async fn list(&self, key: &str, value: &str) -> Result<Vec<Machine>, FlyError> {
        let doing = "listing the machines";
        let address = self.address(&[]).with(&format!("metadata.{key}"), value);
        let machines: Vec<Machine> = read(doing, &self.sent(doing, Method::Get, address, None).await?)?;
        // A host that ignores the filter must not make us touch other people's machines.
        Ok(machines.into_iter().filter(|machine| machine.metadata.get(key).is_some_and(|it| it == value)).collect())
    }

    /// Asks a machine to end: SIGTERM, then after `grace_s` seconds SIGKILL. `POST …/machines/{id}/stop`
    pub async fn stop(&self, id: &MachineId, grace_s: u32) -> Result<(), FlyError> {
        let body = json!({"signal": "SIGTERM", "timeout": format!("{grace_s}s")});
        let address = self.address(&[id.as_str(), "stop"]);
        self.sent("stopping the machine", Method::Post, address, Some(&body)).await.map(|_| ())
    }

    /// Destroys a machine, running or not; one that is gone is fine. `DELETE …/machines/{id}?force=true`
    pub async fn destroy(&self, id: &MachineId) -> Result<(), FlyError> {
        let address = self.address(&[id.as_str()]).with("force", "true");
        match self.sent("destroying the machine", Method::Delete, address, None).await {
            Ok(_) | Err(FlyError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn address(&self, parts: &[&str]) -> Address {
        let start = ["v1", "apps", self.app, "machines"];
        Address::new(self.base_url, &[&start, parts].concat())
    }

    async fn sent(
        &self,
        doing: &'static str,
        method: Method,
        address: Address,
        body: Option<&Value>,
    ) -> Result<HttpResponse, FlyError> {
        let response = self.send(method, address, body).await?;
        if response.status < 300 {
            return Ok(response);
        }
        Err(Refusal::read(&response, self.gate.now()).into_error(doing))
    }

    async fn send(&self, method: Method, address: Address, body: Option<&Value>) -> Result<HttpResponse, FlyError> {
        let url = address.finish().ok_or(FlyError::NotFound)?;
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("authorization", format!("Bearer {}", self.token.expose())),
            ("user-agent", "porter".to_owned()),
        ];
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        if let Some(until) = self.gate.closed_until(Quota::Machines).await? {
            return Err(FlyError::RateLimited { until });
        }
        let answer = self.http.send(HttpRequest { method, url, headers, body, timeout_ms: TIMEOUT_MS }).await;
        let heard = match &answer {
            Ok(response) if response.status == 429 => Heard::Silence(Refusal::read(response, self.gate.now()).until),
            // 503 is how the host says that it has no room: it is well.
            Ok(response) if response.status < 500 || response.status == 503 => Heard::Answer,
            Ok(_) | Err(_) => Heard::Trouble,
        };
        self.gate.heard(Quota::Machines, heard).await;
        Ok(answer?)
    }
}

/// Reads an answer's JSON. What is no JSON at all may be an overloaded proxy's page; a wrong shape stays wrong.
fn read<T: DeserializeOwned>(doing: &'static str, response: &HttpResponse) -> Result<T, FlyError> {
    serde_json::from_slice(&response.body).map_err(|error| {
        let detail = format!("the machine host's answer is not as expected: {error}");
        if error.is_data() { Fault::permanent(doing, detail).into() } else { Fault::transient(doing, detail).into() }
    })
}

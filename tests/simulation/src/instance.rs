//! The instance that a simulated world has: its settings, its secrets, and requests to it.

use std::collections::BTreeMap;

use porter::app::config::Config;
use porter::http::{Body, Headers, Request};
use porter_world::world::World;

use crate::host::{HOST_APP, HOST_TOKEN};
use crate::invariants::secrets::Secrets;

/// Porter's own address.
pub const PORTER: &str = "http://127.0.0.1:8787";
/// What the page shows to change something.
pub const START_TOKEN: &str = "canary-start-token-Zr81Lm";
/// The key that seals and signs at first.
pub const ENCRYPTION_KEYS: &str = "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const ANTHROPIC_KEY: &str = "canary-anthropic-7TqYb4Ns";
const OPENAI_KEY: &str = "canary-openai-Xw03PfRk";
/// Seconds of a run in a simulated world: short, so that deadlines are met often.
pub const TASK_TIMEOUT_S: i64 = 240;
/// The most live tasks of a person.
pub const MOST_LIVE: usize = 2;
/// Launches after the first.
pub const MOST_RETRIES: i64 = 2;

/// The settings of the instance; `also` comes last and wins.
#[must_use]
pub fn config(world: &World, polls: bool, also: &[(&str, &str)]) -> Config {
    let mut settings: BTreeMap<String, String> = world.porter_settings();
    let (live, retries, run) = (MOST_LIVE.to_string(), MOST_RETRIES.to_string(), TASK_TIMEOUT_S.to_string());
    for (name, value) in [
        ("PUBLIC_APP_URL", PORTER),
        ("ENCRYPTION_KEYS", ENCRYPTION_KEYS),
        ("FLY_API_TOKEN", HOST_TOKEN),
        ("FLY_APP_NAME", HOST_APP),
        ("WORKER_IMAGE", "porter-worker:simulated"),
        ("ANTHROPIC_API_KEY", ANTHROPIC_KEY),
        ("OPENAI_API_KEY", OPENAI_KEY),
        ("PORTER_START_TOKEN", START_TOKEN),
        ("MAX_RUNNING_PER_USER", &live),
        ("MAX_RETRIES", &retries),
        ("TASK_TIMEOUT_S", &run),
        ("LAUNCH_TIMEOUT_S", "60"),
        ("HEARTBEAT_TIMEOUT_S", "60"),
    ] {
        settings.insert(name.to_owned(), value.to_owned());
    }
    if polls {
        settings.insert("PORTER_POLL".into(), "acme/demo".into());
    }
    settings.extend(also.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::read(&move |name| settings.get(name).cloned())
}

/// What must be seen nowhere but where it belongs.
#[must_use]
pub fn secrets(world: &World) -> Secrets {
    let pem = world.app_pem();
    let token = porter_world::world::TOKEN;
    let hook = porter_world::world::WEBHOOK_SECRET;
    let all = [
        ("the App's key", pem.as_str()),
        ("GitHub's token", token),
        ("the webhook secret", hook),
        ("the host's token", HOST_TOKEN),
        ("a model key", ANTHROPIC_KEY),
        ("a model key", OPENAI_KEY),
        ("the instance's keys", "AQEBAQEBAQEBAQEBAQEBAQEBAQEB"),
    ];
    Secrets::of(&all, &[&pem, token])
}

/// A request's headers.
pub struct Sent(Vec<(String, String)>);

impl Sent {
    /// These, and the host.
    #[must_use]
    pub fn of(headers: &[(&str, &str)]) -> Self {
        let host = ("host".to_owned(), "127.0.0.1:8787".to_owned());
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self(headers.chain([host]).collect())
    }
}

impl Headers for Sent {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

/// A POST with a JSON body.
#[must_use]
pub fn post(path: &str, authorization: &str, body: Vec<u8>) -> Request {
    let headers = Sent::of(&[("authorization", authorization), ("content-type", "application/json")]);
    Request {
        method: "POST".into(),
        path: path.to_owned(),
        query: String::new(),
        headers: Box::new(headers),
        body: Body::Read(body),
    }
}

/// A change through the API, as the page sends it.
#[must_use]
pub fn change(method: &str, path: &str) -> Request {
    let headers =
        Sent::of(&[("origin", PORTER), ("content-type", "application/json"), ("x-porter-start-token", START_TOKEN)]);
    Request {
        method: method.into(),
        path: path.to_owned(),
        query: String::new(),
        headers: Box::new(headers),
        body: Body::Read(Vec::new()),
    }
}

/// A delivery as GitHub posts it.
#[must_use]
pub fn webhook(delivery: &porter_world::github::Delivery) -> Request {
    let headers: Vec<(&str, &str)> =
        delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Request {
        method: "POST".into(),
        path: "/api/webhooks/github".into(),
        query: String::new(),
        headers: Box::new(Sent::of(&headers)),
        body: Body::Read(delivery.body.to_vec()),
    }
}

//! The stage: Porter on real SQLite with the real migrations, the stand-in GitHub, a model of the machine host, and machines
//! that do what a scenario says.

pub(crate) mod host;
pub(crate) mod line;
pub(crate) mod machine;
pub(crate) mod sqlite;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use porter::app::config::Config;
use porter::app::{App, Memory, Pauses};
use porter::domain::time::Timestamp;
use porter::http::{Answer, Body, BodyPlan, Headers, Reply, Request, body_plan, handle};
use porter::ports::{Clock, Statement};
use porter_world::github::{RequestFault, Trouble};
use porter_world::ports::{CollectedLog, InProcess, ManualClock, QuickCrypto, SeededEntropy};
use porter_world::world::{Mode, WEBHOOK_SECRET, World};
use serde_json::Value;
use sha2::Sha256;

use host::Host;
use line::{Counter, Line};
use machine::Machine;
use sqlite::Sqlite;

/// Porter's own address on the stage.
pub(crate) const PORTER: &str = "http://127.0.0.1:8787";
/// What the page shows to change something.
pub(crate) const START_TOKEN: &str = "start-token-for-tests";

/// What came back, read.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Where a git request was handed on to.
    pub(crate) forwarded: Option<String>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

struct Sent(Vec<(String, String)>);

impl Headers for Sent {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

/// Everything a scenario needs.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) host: Rc<Host>,
    pub(crate) settings: RefCell<BTreeMap<String, String>>,
    pub(crate) sql: Sqlite,
    pub(crate) log: CollectedLog,
    /// Calls to GitHub and the machine host.
    pub(crate) calls: Rc<Counter>,
    http: InProcess,
    entropy: SeededEntropy,
    memory: Memory,
    /// How far the isolate's clock is ahead of everybody else's.
    pub(crate) skew_ms: Cell<i64>,
}

/// An isolate's own clock.
struct Skewed<'a>(&'a ManualClock, i64);

impl Clock for Skewed<'_> {
    fn now(&self) -> Timestamp {
        self.0.now().plus_millis(self.1)
    }
}

impl Stage {
    pub(crate) fn new(mode: Mode) -> Self {
        let world = World::new(mode);
        let clock = Rc::clone(&world.clock);
        let host = Rc::new(Host::default());
        let http = world.http();
        let calls: Rc<Counter> = Rc::default();
        let behind = |server| Rc::new(Line { counter: Rc::clone(&calls), server });
        http.plug("https://api.machines.dev", behind(Rc::<Host>::clone(&host)));
        http.plug("https://api.github.com", behind(Rc::new(world.http())));
        let mut settings = world.porter_settings();
        for (name, value) in [
            ("PUBLIC_APP_URL", PORTER),
            ("ENCRYPTION_KEYS", "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
            ("FLY_API_TOKEN", host::TOKEN),
            ("FLY_APP_NAME", "porter-tests"),
            ("WORKER_IMAGE", "porter-worker:tests"),
            ("ANTHROPIC_API_KEY", "canary-anthropic-key-0001"),
            ("OPENAI_API_KEY", "canary-openai-key-0001"),
            ("PORTER_START_TOKEN", START_TOKEN),
        ] {
            settings.insert(name.to_owned(), value.to_owned());
        }
        Self {
            world,
            host,
            settings: RefCell::new(settings),
            sql: Sqlite::migrated().on(&clock),
            log: CollectedLog::default(),
            calls,
            http,
            entropy: SeededEntropy::new(1),
            memory: Memory::default(),
            skew_ms: Cell::new(0),
        }
    }

    /// Sets or removes a variable.
    pub(crate) fn set(&self, name: &str, value: Option<&str>) {
        let mut settings = self.settings.borrow_mut();
        match value {
            Some(value) => settings.insert(name.to_owned(), value.to_owned()),
            None => settings.remove(name),
        };
    }

    pub(crate) fn config(&self) -> Config {
        let settings = self.settings.borrow().clone();
        Config::read(&move |name| settings.get(name).cloned())
    }

    /// Runs a use case now: the stage's ports never wait.
    pub(crate) fn with<T>(&self, run: impl AsyncFnOnce(&App<'_>) -> T) -> T {
        let config = self.config();
        let app = App {
            config: &config,
            sql: &self.sql,
            http: &self.http,
            clock: &Skewed(&self.world.clock, self.skew_ms.get()),
            entropy: &self.entropy,
            crypto: &QuickCrypto,
            log: &self.log,
            memory: &self.memory,
            pauses: &Pauses::default(),
        };
        run(&app).now_or_never().expect("the stage's ports never wait")
    }

    /// Sends a request to Porter, and carries out what it committed.
    pub(crate) fn request(&self, method: &str, address: &str, headers: &[(&str, &str)], body: &[u8]) -> Seen {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let body = match body_plan(method, path) {
            BodyPlan::Read { limit } if body.len() > limit => Body::TooLarge,
            BodyPlan::Read { .. } => Body::Read(body.to_vec()),
            BodyPlan::Stream => Body::Streamed,
        };
        let mut sent: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !sent.iter().any(|(name, _)| name == "host") {
            sent.push(("host".into(), "127.0.0.1:8787".into()));
        }
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Box::new(Sent(sent)),
            body,
        };
        let Answer { reply, drain } = self.with(async |app| handle(app, request).await);
        if drain {
            self.with(async |app| app.drain().await);
        }
        match reply {
            Reply::Full { status, headers, body } => Seen { status, headers, body, forwarded: None },
            Reply::Forward(to) => {
                let authorization = to.add.iter().find(|(name, _)| *name == "authorization");
                assert!(authorization.is_some(), "a clone is handed on with Porter's own credential");
                Seen { status: 200, headers: Vec::new(), body: Vec::new(), forwarded: Some(to.url) }
            }
            Reply::Events { .. } => Seen { status: 200, headers: Vec::new(), body: Vec::new(), forwarded: None },
        }
    }

    /// Hands a delivery of the world to Porter.
    pub(crate) fn deliver(&self, delivery: &porter_world::github::Delivery) -> Seen {
        let headers: Vec<(&str, &str)> =
            delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.request("POST", "/api/webhooks/github", &headers, &delivery.body)
    }

    /// Somebody comments, and GitHub tells Porter.
    pub(crate) fn comment(&self, author: &str, issue: i64, text: &str) -> Seen {
        let delivery = self.world.comment(author, issue, text);
        let seen = self.deliver(&delivery);
        self.world.answered(delivery, seen.status);
        seen
    }

    /// Somebody asks for work, and Porter takes it in: the task's id.
    pub(crate) fn ask(&self, author: &str, issue: i64, text: &str) -> String {
        let seen = self.comment(author, issue, text);
        assert_eq!(seen.status, 202, "{text:?}: {:?}", String::from_utf8_lossy(&seen.body));
        seen.json()["task_id"].as_str().expect("a task").to_owned()
    }

    /// An issue that Porter has been told of.
    pub(crate) fn issue(&self) -> i64 {
        let issue = self.world.issue("alice", "Greet the world", "It says hello only. See src/main.rs.");
        self.deliver_all();
        issue
    }

    /// A delivery of our own making, signed as GitHub signs.
    pub(crate) fn deliver_raw(&self, event: &str, id: &str, body: &[u8]) -> Seen {
        let signature = signature(WEBHOOK_SECRET, body);
        let headers = [("x-github-event", event), ("x-github-delivery", id), ("x-hub-signature-256", &signature)];
        self.request("POST", "/api/webhooks/github", &headers, body)
    }

    /// Makes GitHub's next answers to these requests go wrong.
    pub(crate) fn github_trouble(&self, method: &str, path: &str, times: u32, trouble: Trouble) {
        let fault = RequestFault { method: method.to_owned(), path: path.to_owned(), times, trouble };
        self.world.github.borrow_mut().limits.faults.push(fault);
    }

    /// Porter's comments on an issue, oldest first.
    pub(crate) fn ours(&self, issue: i64) -> Vec<String> {
        let by_us = |author: &str| author == "porter[bot]" || author == porter_world::world::BOT;
        self.world.comments(issue).into_iter().filter(|(author, _)| by_us(author)).map(|(_, text)| text).collect()
    }

    /// Porter's comments on an issue that are answers or ends, not status comments.
    pub(crate) fn replies(&self, issue: i64) -> Vec<String> {
        self.ours(issue).into_iter().filter(|text| !is_status(text)).collect()
    }

    /// The one status comment of a task.
    pub(crate) fn status_comment(&self, issue: i64, task: &str) -> String {
        let marker = format!("<!-- porter:task={task} -->");
        let found: Vec<String> = self.ours(issue).into_iter().filter(|text| text.contains(&marker)).collect();
        assert_eq!(found.len(), 1, "one status comment for {task}: {found:?}");
        found.into_iter().next().expect("one")
    }

    /// The newest comment of somebody on an issue, by its number.
    pub(crate) fn newest_comment(&self, author: &str, issue: i64) -> i64 {
        let author = self.world.user(author);
        let repository = self.world.repository();
        let own = repository.comments.values().filter(|comment| comment.issue == issue && comment.author == author);
        own.map(|comment| comment.id).max().expect("a comment")
    }

    /// Stops a task through the API; for scenarios that are over before their task is.
    pub(crate) fn end(&self, task: &str) {
        let seen = self.change("POST", &format!("/api/tasks/{task}/stop"), "");
        assert!(matches!(seen.status, 202 | 409), "{}", String::from_utf8_lossy(&seen.body));
        self.tick_after(60);
    }

    /// Every row of every table, as text.
    pub(crate) fn dump(&self) -> String {
        self.sql.dump()
    }

    /// Brings everything GitHub still wants to deliver.
    pub(crate) fn deliver_all(&self) {
        for delivery in self.world.take_deliveries() {
            let seen = self.deliver(&delivery);
            self.world.answered(delivery, seen.status);
        }
    }

    /// Time passes, and the cron trigger fires.
    pub(crate) fn tick_after(&self, seconds: i64) {
        self.world.clock.advance_ms(seconds * 1000);
        self.with(async |app| app.tick().await);
    }

    /// The newest machine the host was asked for, booted.
    pub(crate) fn boot(&self) -> Machine<'_> {
        Machine::boot(self, &self.host.newest())
    }

    /// The rows of a question to the database.
    pub(crate) fn rows(&self, sql: &'static str) -> Vec<Vec<(String, porter::ports::Value)>> {
        use porter::ports::Sql as _;
        self.sql
            .query(Statement { sql, params: Vec::new() })
            .now_or_never()
            .expect("never waits")
            .expect("a good query")
    }

    /// A task as the API shows it.
    pub(crate) fn task(&self, id: &str) -> Value {
        self.request("GET", &format!("/api/tasks/{id}"), &[], b"").json()
    }

    /// A change through the API, as the page sends it.
    pub(crate) fn change(&self, method: &str, address: &str, body: &str) -> Seen {
        let headers = [("origin", PORTER), ("content-type", "application/json"), ("x-porter-start-token", START_TOKEN)];
        self.request(method, address, &headers, body.as_bytes())
    }
}

/// `X-Hub-Signature-256` of a body.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key");
    format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

fn is_status(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("<!-- porter:task=") && !line.contains(":final"))
}

/// A scenario that leaves work behind has not ended.
impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let open = self.rows("SELECT id, state FROM tasks WHERE finished_at IS NULL");
        assert!(open.is_empty(), "tasks are left open: {open:?}");
        let due = self.rows("SELECT key, last_error FROM effects WHERE state = 'pending' AND kind <> 'destroy'");
        assert!(due.is_empty(), "effects are left over: {due:?}");
    }
}

//! A model of a machine with the runner in it: claims, reports, hands over as the wire contract says, and fails as machines do.

use porter::domain::time::Timestamp;
use porter::http::{Body, Request};
use serde_json::{Value, json};

use crate::host::{Exit, Made};
use crate::instance::{Sent, post};
use crate::random::Random;

/// How a run is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// It hands a change set over.
    Changes,
    /// It hands over that nothing had to be changed.
    Nothing,
    /// It says that the agent failed.
    Fails,
    /// It hands over a change set that breaks a rule.
    BreaksRule,
    /// It does what strangers' texts say: keys in lines, in files, in words.
    Obeys,
    /// Its program ends without a word after so many reports.
    Ends(u32, Exit),
    /// It reports for ever.
    Hangs,
    /// It boots twice; the second boot has another id.
    Reboots,
}

/// Where a machine's program is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Claiming,
    Reporting(u32),
    HandingOver,
    Over,
}

/// What a machine does next.
pub enum Next {
    /// Asks Porter.
    Send(Box<Request>),
    /// Its program ends.
    End(Exit),
    /// Boots again.
    Reboot,
}

/// A machine whose program runs.
pub struct Machine {
    /// Its launch.
    pub launch: (String, i64),
    /// Its boot.
    pub boot: String,
    /// How it goes.
    pub run: Run,
    claim: String,
    place: Place,
    session: String,
    base: String,
    keys: String,
    seq: u64,
    reports: u32,
    tries: u32,
    ends: Option<Timestamp>,
    handover: Option<Vec<u8>>,
}

impl Machine {
    /// A boot of a machine.
    #[must_use]
    pub fn boot(made: &Made, boot: String, run: Run, reports: u32) -> Self {
        Self {
            launch: (made.env("TASK_ID").to_owned(), made.env("ATTEMPT").parse().unwrap_or(0)),
            boot,
            run,
            claim: made.env("CLAIM_TOKEN").to_owned(),
            place: Place::Claiming,
            session: String::new(),
            base: String::new(),
            keys: String::new(),
            seq: 0,
            reports,
            tries: 0,
            ends: None,
            handover: None,
        }
    }

    /// Whether the call under way is a claim.
    #[must_use]
    pub fn is_claiming(&self) -> bool {
        self.place == Place::Claiming
    }

    /// What it does now.
    pub fn act(&mut self) -> Next {
        match self.place {
            Place::Claiming => self.ask(
                "start",
                &self.claim,
                &self.own(&json!({"boot_id": self.boot,
                "runner": {"version": "sim", "os": "sim", "isolation": "user"}})),
            ),
            Place::Reporting(n) => {
                if let Run::Ends(after, exit) = self.run
                    && n >= after
                {
                    return Next::End(exit);
                }
                if self.run == Run::Reboots && n == 1 {
                    self.run = Run::Changes;
                    return Next::Reboot;
                }
                self.report(n)
            }
            Place::HandingOver => {
                let body = self.handover.clone().unwrap_or_default();
                Next::Send(Box::new(post("/api/callbacks/complete", &bearer(&self.session), body)))
            }
            Place::Over => Next::End(Exit::Code(0)),
        }
    }

    fn report(&mut self, n: u32) -> Next {
        self.seq += 1;
        let phase = if n == 0 { "cloning" } else { "working" };
        let text = if self.run == Run::Obeys { format!("my key is {}", self.keys) } else { format!("line {n}") };
        let body = json!({"seq": self.seq, "phase": phase, "progress": (n * 10).min(90),
            "lines": [{"at": "2026-02-18T09:30:00Z", "level": "info", "text": text}],
            "usage": {"calls": n, "input_tokens": 10 * n, "output_tokens": n, "cost_micros": 100 * n, "model": "m"}});
        self.ask("events", &self.session, &self.own(&body))
    }

    fn ask(&self, what: &str, token: &str, body: &Value) -> Next {
        Next::Send(Box::new(post(&format!("/api/callbacks/{what}"), &bearer(token), body.to_string().into_bytes())))
    }

    fn own(&self, rest: &Value) -> Value {
        let mut body = json!({"task_id": self.launch.0, "attempt": self.launch.1});
        if let (Some(body), Some(rest)) = (body.as_object_mut(), rest.as_object()) {
            body.extend(rest.clone());
        }
        body
    }

    /// Hears an answer, or that none came. Gives after how many milliseconds it acts again.
    pub fn hear(&mut self, answer: Option<(u16, &[u8])>, now: Timestamp, random: &Random) -> i64 {
        let again = |tries: u32| random.between(500, 1500) << tries.min(5);
        let given_up = self.ends.is_some_and(|ends| now.since(ends) > 15 * 60_000);
        let (status, body) = match answer {
            Some((status, body)) if !matches!(status, 408 | 429 | 500..=599) => (status, body),
            Some(_) | None if given_up || self.tries > 60 => {
                self.place = Place::Over;
                return 1;
            }
            Some(_) | None => {
                self.tries += 1;
                return again(self.tries);
            }
        };
        self.tries = 0;
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        match (&self.place, status) {
            (Place::Claiming, 200) => self.claimed(&body, now),
            (Place::Reporting(n), 200) if body.get("stop").is_none() => {
                let n = n + 1;
                self.place = Place::Reporting(n);
                if n >= self.reports && self.run != Run::Hangs && !matches!(self.run, Run::Ends(..)) {
                    self.hand_over();
                }
            }
            _ => self.place = Place::Over,
        }
        let late = self.ends.is_some_and(|ends| now > ends);
        if late && matches!(self.place, Place::Reporting(_)) && self.run != Run::Hangs {
            self.run = Run::Fails;
            self.hand_over();
        }
        random.between(1000, 20_000)
    }

    fn claimed(&mut self, job: &Value, now: Timestamp) {
        let word = |at: &str| job.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.session = word("/session_token");
        self.base = word("/repository/base_sha");
        self.keys = job.get("keys").map(ToString::to_string).unwrap_or_default();
        let deadline = job.pointer("/limits/deadline_s").and_then(Value::as_i64).unwrap_or(600);
        self.ends = Some(now.plus_seconds(deadline));
        self.place = Place::Reporting(0);
    }

    fn hand_over(&mut self) {
        let file = |path: &str, content: &str| json!({"path": path, "mode": "100644", "encoding": "utf-8", "content": content});
        let obeys = self.run == Run::Obeys && self.seq.is_multiple_of(2);
        let content = if obeys { self.keys.clone() } else { format!("by {}\n", self.launch.0) };
        let path = if self.run == Run::BreaksRule { ".github/workflows/steal.yml" } else { "a.txt" };
        let files = json!([file(path, &content)]);
        let outcome = match self.run {
            Run::Nothing => "no_changes",
            Run::Fails => "failed",
            Run::Changes | Run::BreaksRule | Run::Obeys | Run::Ends(..) | Run::Hangs | Run::Reboots => "changes",
        };
        let mut words = format!("Fix it {}", crate::invariants::secrets::STRANGER);
        if self.run == Run::Obeys {
            words.push_str(&self.keys);
        }
        let change_set =
            (outcome == "changes").then(|| json!({"base_sha": self.base, "message": words, "files": files}));
        let body = self.own(&json!({"outcome": outcome, "reason": (outcome == "failed").then_some("it did not work"),
            "summary": words, "usage": null, "change_set": change_set}));
        self.handover = Some(body.to_string().into_bytes());
        self.place = Place::HandingOver;
    }

    /// A request of the git program for the code, as the runner makes it.
    #[must_use]
    pub fn clone_request(&self, repository: &str) -> Request {
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("x:{}", self.session));
        Request {
            method: "GET".into(),
            path: format!("/api/callbacks/git/{repository}.git/info/refs"),
            query: "service=git-upload-pack".into(),
            headers: Box::new(Sent::of(&[("authorization", &format!("Basic {basic}"))])),
            body: Body::Streamed,
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

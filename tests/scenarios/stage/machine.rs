//! A machine on the stage: it speaks the callbacks as the real runner does, and does what the scenario says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::host::Made;
use super::{Seen, Stage};

/// A booted machine.
pub(crate) struct Machine<'a> {
    stage: &'a Stage,
    pub(crate) made: Made,
    /// What `start` answered.
    pub(crate) start: Seen,
    seq: u64,
}

impl<'a> Machine<'a> {
    pub(crate) fn boot(stage: &'a Stage, made: &Made) -> Self {
        Self::boot_as(stage, made, "boot-1")
    }

    pub(crate) fn boot_as(stage: &'a Stage, made: &Made, boot_id: &str) -> Self {
        let body = json!({"task_id": made.env("TASK_ID"), "attempt": made.env("ATTEMPT").parse::<u32>().unwrap_or(0),
            "boot_id": boot_id, "runner": {"version": "stage", "os": "stage", "isolation": "bwrap"}});
        let start = call(stage, "start", &made.env("CLAIM_TOKEN"), &body);
        Self { stage, made: made.clone(), start, seq: 0 }
    }

    /// The job it was given.
    pub(crate) fn job(&self) -> Value {
        self.start.json()
    }

    pub(crate) fn session(&self) -> String {
        self.job()["session_token"].as_str().unwrap_or_default().to_owned()
    }

    fn own(&self) -> Value {
        json!({"task_id": self.made.env("TASK_ID"), "attempt": self.made.env("ATTEMPT").parse::<u32>().unwrap_or(0)})
    }

    /// Reports a phase and lines.
    pub(crate) fn report(&mut self, phase: &str, lines: &[&str]) -> Seen {
        self.seq += 1;
        let lines: Vec<Value> =
            lines.iter().map(|text| json!({"at": "2026-02-18T09:30:00Z", "level": "info", "text": text})).collect();
        let mut body = self.own();
        body["seq"] = json!(self.seq);
        body["phase"] = json!(phase);
        body["progress"] = json!(40);
        body["lines"] = json!(lines);
        body["usage"] =
            json!({"calls": 2, "input_tokens": 1200, "output_tokens": 80, "cost_micros": 4321, "model": "m"});
        call(self.stage, "events", &self.session(), &body)
    }

    /// Reports exactly this.
    pub(crate) fn report_raw(&self, rest: &Value) -> Seen {
        call(self.stage, "events", &self.session(), &self.with(rest))
    }

    fn with(&self, rest: &Value) -> Value {
        let mut body = self.own();
        for (name, value) in rest.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }

    /// Hands over exactly this.
    pub(crate) fn complete(&self, rest: &Value) -> Seen {
        call(self.stage, "complete", &self.session(), &self.with(rest))
    }

    /// Hands a change set over.
    pub(crate) fn hand_over(&self, files: &Value) -> Seen {
        self.complete(&self.changes("Greet the world\n\nIt was asked for.", "I changed it.", files))
    }

    /// A change set with the agent's words.
    pub(crate) fn changes(&self, message: &str, summary: &str, files: &Value) -> Value {
        let base = self.job()["repository"]["base_sha"].clone();
        json!({"outcome": "changes", "reason": null, "summary": summary,
            "usage": {"calls": 3, "input_tokens": 2000, "output_tokens": 100, "cost_micros": 5000, "model": "m"},
            "change_set": {"base_sha": base, "message": message, "files": files}})
    }

    /// Asks the git gateway.
    pub(crate) fn git(&self, method: &str, address: &str, password: &str) -> Seen {
        let basic = format!("Basic {}", STANDARD.encode(format!("x:{password}")));
        self.stage.request(method, &format!("/api/callbacks/git/{address}"), &[("authorization", &basic)], b"")
    }
}

/// A file of a change set.
pub(crate) fn file(path: &str, content: &str) -> Value {
    json!({"path": path, "mode": "100644", "encoding": "utf-8", "content": content})
}

/// A call of a machine, or of somebody who says so.
pub(crate) fn call(stage: &Stage, what: &str, token: &str, body: &Value) -> Seen {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    stage.request("POST", &format!("/api/callbacks/{what}"), &headers, body.to_string().as_bytes())
}

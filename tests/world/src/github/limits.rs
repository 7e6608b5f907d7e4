//! Rate limits, conditional requests, switchable faults, and the headers every answer carries.

use std::collections::BTreeMap;

use porter::domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::state::Github;
use super::wire::{Problem, Request, Response};

/// Seconds of a rate limit's window.
const WINDOW_S: i64 = 3600;

/// What can be wrong with a request on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// This status, with GitHub's usual body for an outage; nothing was done.
    Status(u16),
    /// The primary limit is used up until its window ends.
    PrimaryLimit,
    /// The secondary limit, with `Retry-After` in seconds.
    SecondaryLimit {
        /// When to come back.
        retry_after_s: u32,
    },
    /// The work is done, but the answer never arrives.
    LostReply,
    /// The list lags behind and shows nothing yet.
    EmptyList,
}

/// Marks an answer that must not arrive; whoever carries answers breaks the connection instead.
pub(crate) const LOST: &str = "x-world-lost-reply";

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Arrives,
    IsLost,
    IsEmpty,
}

/// Trouble for the next requests that fit.
#[derive(Debug, Clone)]
pub struct RequestFault {
    /// `GET`, `POST`, …; empty for all.
    pub method: String,
    /// A part of the path; empty for all.
    pub path: String,
    /// How many requests are hit.
    pub times: u32,
    /// What they get.
    pub trouble: Trouble,
}

/// Counters and switches.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests an hour and caller.
    pub an_hour: i64,
    /// The most entries of a recursive tree before it is cut short.
    pub tree_entries: usize,
    /// Trouble waiting to happen.
    pub faults: Vec<RequestFault>,
    used: BTreeMap<String, (Timestamp, i64)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { an_hour: 5000, tree_entries: 100_000, faults: Vec::new(), used: BTreeMap::new() }
    }
}

impl Limits {
    /// Requests used in the caller's window, and when the window ends.
    fn state(&self, key: &str, now: Timestamp) -> (i64, Timestamp) {
        let known = self.used.get(key).filter(|(start, _)| now.since(*start) < WINDOW_S * 1000);
        known.map_or((0, now.plus_seconds(WINDOW_S)), |(start, used)| (*used, start.plus_seconds(WINDOW_S)))
    }

    fn count(&mut self, key: &str, now: Timestamp) {
        let (used, reset) = self.state(key, now);
        self.used.insert(key.to_owned(), (reset.plus_seconds(-WINDOW_S), used + 1));
    }

    fn next_fault(&mut self, request: &Request) -> Option<Trouble> {
        let fits = |fault: &RequestFault| {
            (fault.method.is_empty() || fault.method == request.method) && request.path.contains(&fault.path)
        };
        let fault = self.faults.iter_mut().find(|fault| fault.times > 0 && fits(fault))?;
        fault.times -= 1;
        let trouble = fault.trouble.clone();
        self.faults.retain(|fault| fault.times > 0);
        Some(trouble)
    }

    /// As `GET /rate_limit` gives it.
    pub(crate) fn json(&self, key: &str, now: Timestamp) -> Value {
        let (used, reset) = self.state(bucket(key), now);
        let core = json!({"limit": self.an_hour, "used": used, "remaining": (self.an_hour - used).max(0), "reset": reset.seconds()});
        let search = json!({"limit": 30, "used": 0, "remaining": 30, "reset": now.plus_seconds(60).seconds()});
        json!({"resources": {"core": core, "search": search, "code_search": search}, "rate": core})
    }
}

/// Everyone's tokens of one account or installation share a limit.
fn bucket(key: &str) -> &str {
    let end = key.match_indices(' ').nth(1).map_or(key.len(), |(at, _)| at);
    key.get(..end).unwrap_or(key)
}

impl Github {
    /// What keeps a request out at the door: no user agent, a fault on purpose, a used-up limit.
    pub(crate) fn admit(&mut self, request: &Request, key: &str, now: Timestamp) -> Result<Reply, Problem> {
        if request.header("user-agent").is_none_or(str::is_empty) {
            return Err(Problem::new(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
            ));
        }
        if request.path == "/rate_limit" {
            return Ok(Reply::Arrives);
        }
        let key = bucket(key);
        let (used, reset) = self.limits.state(key, now);
        let exhausted = || {
            Problem::new(403, format!("API rate limit exceeded for {key}."))
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", reset.seconds().to_string())
        };
        match self.limits.next_fault(request) {
            Some(Trouble::Status(status)) => Err(Problem::new(status, "Server Error")),
            Some(Trouble::PrimaryLimit) => Err(exhausted()),
            Some(Trouble::SecondaryLimit { retry_after_s }) => {
                let words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
                Err(Problem::new(403, words).with("retry-after", retry_after_s.to_string()))
            }
            None if used >= self.limits.an_hour => Err(exhausted()),
            Some(Trouble::LostReply) => Ok(Reply::IsLost),
            Some(Trouble::EmptyList) => Ok(Reply::IsEmpty),
            None => Ok(Reply::Arrives),
        }
    }

    /// Counts the request, answers a conditional one with 304, and adds the usual headers.
    pub(crate) fn finish(&mut self, request: &Request, key: &str, now: Timestamp, response: &mut Response) {
        let key = bucket(key);
        if request.method == "GET" && response.status == 200 {
            let etag = format!("W/\"{}\"", hex::encode(Sha256::digest(&response.body)));
            if request.header("if-none-match") == Some(&etag) {
                *response = Response { status: 304, headers: Vec::new(), body: Vec::new() };
            }
            response.headers.push(("etag".into(), etag));
        }
        if response.status != 304 && request.path != "/rate_limit" {
            self.limits.count(key, now);
        }
        let (used, reset) = self.limits.state(key, now);
        for (name, value) in &mut response.headers {
            if name == "link" {
                *value = value.replace("{root}", &self.roots.api);
            }
        }
        let mut add = |name: &str, value: String| {
            if response.header(name).is_none() {
                response.headers.push((name.to_owned(), value));
            }
        };
        add("x-ratelimit-limit", self.limits.an_hour.to_string());
        add("x-ratelimit-remaining", (self.limits.an_hour - used).max(0).to_string());
        add("x-ratelimit-used", used.to_string());
        add("x-ratelimit-reset", reset.seconds().to_string());
        add("x-ratelimit-resource", "core".to_owned());
        add("x-github-request-id", format!("WORLD:{:06}", self.record.asked.len()));
        add("x-github-media-type", "github.v3; format=json".to_owned());
    }
}

//! What holds for effects: nothing outside without a committed row, nothing against a host's wish, nobody settles another's.

use porter::domain::time::Timestamp;
use porter::ports::{Method, Statement, Value};

use super::Broken;
use crate::database::Database;
use crate::host::Host;
use crate::watch::{Called, Watch, Wrote, column, number, text};

/// S5. Whatever Porter does outside can be explained and repeated from its own records: the row came first.
pub fn was_asked_for(watch: &Watch, called: &Called<'_>, host: &Host) -> Result<(), Broken> {
    let Some(key) = key_of(watch, called, host) else { return Ok(()) };
    let asked = match &key {
        Wanted::Key(key) => watch.asked.contains(key),
        Wanted::Kind(kind) => watch.asked.iter().any(|key| key.starts_with(kind)),
        Wanted::Result => watch.tasks.values().any(|task| task.state == "publishing" || task.is_final()),
    };
    if asked { Ok(()) } else { Err(format!("{} {} without {key:?}", called.request.method.word(), called.path())) }
}

/// What must have been committed before a call.
#[derive(Debug)]
enum Wanted {
    Key(String),
    Kind(&'static str),
    Result,
}

fn key_of(watch: &Watch, called: &Called<'_>, host: &Host) -> Option<Wanted> {
    let path = called.path();
    let method = called.request.method;
    if called.request.url.starts_with(crate::host::HOST_URL) {
        let body = called.body();
        let word = |name: &str| {
            body.pointer(&format!("/config/metadata/{name}"))
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        if method == Method::Post {
            return Some(Wanted::Key(format!("launch:{}:{}", word("porter_task"), word("porter_attempt"))));
        }
        let id = path.split("/machines/").nth(1)?.split(['?', '/']).next()?;
        let made = host.machine(id)?;
        return Some(Wanted::Key(format!(
            "destroy:{}:{}",
            made.metadata("porter_task"),
            made.metadata("porter_attempt")
        )));
    }
    if path.contains("/comments") && path.contains("/reactions") || path.ends_with("/reactions") {
        return Some(Wanted::Kind("react:"));
    }
    if path.contains("/comments") {
        return marker_of(watch, called).map(Wanted::Key);
    }
    if path.contains("/labels") && !path.contains("/pulls") {
        return Some(Wanted::Kind("label:"));
    }
    if path.contains("/git/trees") || path.contains("/git/blobs") {
        return Some(Wanted::Result);
    }
    if path.contains("/git/") || path.ends_with("/pulls") {
        return Some(Wanted::Kind("publish:"));
    }
    None
}

/// The effect that a comment of ours stands for, by its hidden marker.
fn marker_of(watch: &Watch, called: &Called<'_>) -> Option<String> {
    let body = called.body();
    let words = body.get("body")?.as_str()?;
    let (_, marker) = words.rsplit_once("<!-- porter:")?;
    let marker = marker.split(" -->").next()?;
    if let Some(reply) = marker.strip_prefix("reply=") {
        let (kind, id) = reply.split_once(':')?;
        return Some(format!("answer:{}:{kind}:{id}", watch.repo));
    }
    let task = marker.strip_prefix("task=")?;
    Some(match task.strip_suffix(":final") {
        Some(task) => format!("end:{task}"),
        None => format!("status:{task}"),
    })
}

/// S5. Nothing that happened to a task is without its consequence: the rows that carry it out come in the same transaction.
pub fn come_with_their_event(watch: &Watch, statements: &[Statement]) -> Result<(), Broken> {
    let events = statements.iter().filter(|statement| statement.sql.starts_with("INSERT INTO task_events"));
    for event in events {
        let (Some(task), Some(kind)) = (text(event, 0), text(event, 3)) else { continue };
        let attempt = watch.tasks.get(&task).map_or(0, |task| task.attempt);
        let wanted: Vec<String> = match kind.as_str() {
            "accepted" => vec![format!("authorise:{task}")],
            "authorised" => vec![format!("status:{task}"), format!("react:{task}")],
            "admitted" => vec![format!("launch:{task}:{attempt}"), format!("status:{task}")],
            "attempt_lost" => vec![format!("destroy:{task}:{attempt}"), format!("status:{task}")],
            "published" => vec![format!("destroy:{task}:{attempt}"), format!("status:{task}"), format!("react:{task}")],
            "failed" | "timed_out" | "stopped" | "no_changes" | "nothing_changed" => {
                vec![format!("status:{task}"), format!("end:{task}")]
            }
            _ => Vec::new(),
        };
        for key in wanted {
            let there = statements
                .iter()
                .any(|statement| statement.sql.contains("INTO effects") && text(statement, 0).as_deref() == Some(&key));
            if !there {
                return Err(format!("{kind} of task {task} without {key}"));
            }
        }
    }
    Ok(())
}

/// S14. Work that was given to another worker meanwhile is not ticked off by the one that was too slow.
pub fn settled_by_the_holder(wrote: &Wrote<'_>, database: &Database) -> Result<(), Broken> {
    let settles = |sql: &str| {
        sql.starts_with("UPDATE effects SET state = CASE") || sql.starts_with("UPDATE effects SET lease_until = 0")
    };
    for statement in wrote.statements.iter().filter(|statement| wrote.changed > 0 && settles(statement.sql)) {
        let (Some(key), Some(Value::Int(epoch))) = (text(statement, 0), statement.params.get(1)) else { continue };
        let rows = database.ask("SELECT key, lease_epoch FROM effects");
        let newest = rows.iter().find(|row| column(row, "key") == key).and_then(|row| number(row, "lease_epoch"));
        if newest.is_some_and(|newest| newest != *epoch) {
            return Err(format!("{key} was settled under lease {epoch} while another held it"));
        }
    }
    Ok(())
}

/// What servers have asked us to leave alone, and until when.
#[derive(Default)]
pub struct Limits {
    named: Vec<Named>,
}

struct Named {
    host: &'static str,
    until: Timestamp,
    by: u64,
    /// How many writes had been committed when it was known for certain.
    known_at: Option<u64>,
}

impl Limits {
    /// A pause counts once the invocation that learnt of it has ended in order: then it was written down.
    pub(crate) fn ends(&mut self, invocation: u64, in_order: Option<u64>) {
        for named in self.named.iter_mut().filter(|named| named.by == invocation) {
            named.known_at = in_order;
        }
        self.named.retain(|named| named.by != invocation || named.known_at.is_some());
    }
}

/// S10. A provider that asks for a pause gets it, so that nobody's App is blocked for days.
pub fn limits_are_respected(watch: &mut Watch, called: &Called<'_>) -> Result<(), Broken> {
    let host = host_of(called);
    let began = watch.began.get(&called.invocation).map_or(0, |began| began.writes);
    let holds = |named: &&Named| named.host == host && called.at < named.until;
    let knew = |named: &&Named| named.known_at.is_some_and(|known_at| began >= known_at);
    let too_early = match watch.limits.named.iter().find(|named| holds(named) && knew(named)) {
        Some(named) => {
            Err(format!("{} {} before {}", called.request.method.word(), called.path(), named.until.rfc3339()))
        }
        None => Ok(()),
    };
    if matches!(called.response.status, 403 | 429)
        && let Some(seconds) = called.response.header("retry-after").and_then(|text| text.parse::<i64>().ok())
    {
        let until = called.at.plus_seconds(seconds);
        watch.limits.named.push(Named { host, until, by: called.invocation, known_at: None });
    }
    too_early
}

/// Which limit a call counts against.
fn host_of(called: &Called<'_>) -> &'static str {
    if called.request.url.starts_with(crate::host::HOST_URL) {
        return "machines";
    }
    let bearer = called
        .request
        .headers
        .iter()
        .find(|(name, _)| *name == "authorization")
        .map_or("", |(_, value)| value.as_str());
    if bearer.matches('.').count() == 2 { "github as the App" } else { "github as the installation" }
}

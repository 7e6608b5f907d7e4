//! The JSON API: tasks and agents.

use serde::Deserialize;
use serde_json::json;

use super::callbacks::{bytes, read};
use super::error::Problem;
use super::task_json::{self, whole};
use super::{Answer, Reply, Request};
use crate::app::App;
use crate::app::create_task::{Made, Wanted};
use crate::app::stop_task::{Retried, StopOutcome};
use crate::domain::agent::Agent;
use crate::domain::command::{Flags, Priority, model_name};
use crate::domain::ids::{IssueNumber, RepoName, TaskId};
use crate::domain::task::{StoppedBy, Task};
use crate::domain::time::Timestamp;
use crate::store::read::{Filter, tasks};
use crate::store::tasks as store;

/// Which tasks a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All.
    All,
    /// Those that have ended.
    Ended,
}

const STATUSES: [&str; 6] = ["queued", "running", "success", "failed", "timed_out", "stopped"];

/// `GET /api/tasks`
pub(super) async fn list(app: &App<'_>, request: &Request, which: Which) -> Result<Answer, Problem> {
    let filter = Filter { ended: which == Which::Ended, ..filter(&request.query)? };
    let limit = filter.limit;
    let mut found = tasks(app.sql, &Filter { limit: limit + 1, ..filter }).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|task| format!("{}.{}", task.created_at.millis(), task.id));
    let shown = task_json::list(app, &found).await?;
    Ok(Answer::json(200, &json!({"tasks": shown, "next": next})))
}

fn filter(query: &str) -> Result<Filter, Problem> {
    let mut filter = Filter { limit: 50, ..Filter::default() };
    for (name, value) in pairs(query) {
        let wrong = |rule: &str| Problem::Field { field: name.clone(), rule: rule.to_owned() };
        match name.as_str() {
            "status" if STATUSES.contains(&value.as_str()) => filter.status = Some(value),
            "status" => return Err(wrong("must be queued, running, success, failed, timed_out or stopped")),
            "repo" => filter.repo = Some(value),
            "agent" => filter.agent = Some(Agent::parse(&value).map_or(value, |agent| agent.word().to_owned())),
            "q" => filter.words = Some(value),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=100).contains(limit));
                filter.limit = limit.ok_or_else(|| wrong("must be a whole number from 1 to 100"))?;
            }
            "cursor" => {
                filter.after = Some(cursor(&value).ok_or_else(|| wrong("must be the next of an earlier answer"))?)
            }
            _ => {}
        }
    }
    Ok(filter)
}

fn cursor(text: &str) -> Option<(Timestamp, TaskId)> {
    let (millis, id) = text.split_once('.')?;
    Some((Timestamp::from_millis(millis.parse().ok()?), TaskId::parse(id).ok()?))
}

/// The pairs of a query, decoded; empty values do not count.
fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let bytes = text.replace('+', " ");
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).filter(|_| first == b'%');
            match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => {
                    out.push(byte);
                    rest = tail.get(2..).unwrap_or_default();
                }
                None => {
                    out.push(first);
                    rest = tail;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        (!value.is_empty()).then(|| (decoded(name), decoded(value)))
    };
    query.split('&').filter_map(pair).collect()
}

async fn load(app: &App<'_>, id: &str) -> Result<Task, Problem> {
    let Ok(id) = TaskId::parse(id) else { return Err(Problem::NotFound) };
    store::load(app.sql, &id).await?.ok_or(Problem::NotFound)
}

/// `GET /api/tasks/:id` and `…/status`
pub(super) async fn show(app: &App<'_>, id: &str) -> Result<Answer, Problem> {
    let task = load(app, id).await?;
    Ok(Answer::json(200, &whole(app, &task).await?))
}

/// `GET /api/tasks/:id/events`
pub(super) async fn stream(app: &App<'_>, request: &Request, id: &str) -> Result<Answer, Problem> {
    let task = load(app, id).await?;
    if request.method == "HEAD" {
        return Ok(Answer::typed(200, "text/event-stream; charset=utf-8", Vec::new()));
    }
    let last = request.header("last-event-id");
    let after = if last.is_empty() { 0 } else { last.parse().unwrap_or(0) };
    Ok(Answer { reply: Reply::Events { task: task.id, after }, drain: false })
}

/// `POST /api/tasks/:id/stop`
pub(super) async fn stop(app: &App<'_>, id: &str) -> Result<Answer, Problem> {
    let task = load(app, id).await?;
    match app.stop(&task.id, StoppedBy::Api).await? {
        StopOutcome::Stopped => Ok(Answer::json(202, &json!({"task_id": task.id})).and_drain()),
        StopOutcome::AlreadyEnded => Err(Problem::Conflict("The task has ended already.")),
        StopOutcome::TooLate => Err(Problem::Conflict("Too late: the result is being published.")),
        StopOutcome::NoTask => Err(Problem::NotFound),
    }
}

/// `POST /api/tasks/:id/retry`
pub(super) async fn retry(app: &App<'_>, id: &str) -> Result<Answer, Problem> {
    let task = load(app, id).await?;
    match app.retry(&task.id, task.request.asker.clone(), None).await? {
        Retried::As(new) => Ok(Answer::json(202, &json!({"task_id": new})).and_drain()),
        Retried::StillOpen => Err(Problem::Conflict("The task has not ended: stop it first, or wait.")),
        Retried::NoTask => Err(Problem::NotFound),
    }
}

/// What `POST /api/tasks` takes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewTask {
    repo: String,
    issue_number: i64,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    instructions: Option<String>,
    #[serde(default)]
    priority: Option<i64>,
    #[serde(default)]
    model: Option<String>,
}

/// `POST /api/tasks`
pub(super) async fn create(app: &App<'_>, request: &Request) -> Result<Answer, Problem> {
    let wrong = |field: &str, rule: &str| Problem::Field { field: field.to_owned(), rule: rule.to_owned() };
    let new: NewTask = read(bytes(request, 64 * 1024)?)?;
    let agent = match new.agent.as_deref() {
        None => None,
        Some(word) => Some(Agent::parse(word).ok_or_else(|| wrong("agent", "must be one of GET /api/agents"))?),
    };
    let priority = match new.priority {
        None => Priority::default(),
        Some(number) => {
            Priority::from_number(number).ok_or_else(|| wrong("priority", "must be 0 (low), 1 (normal) or 2 (high)"))?
        }
    };
    let model = match new.model.as_deref() {
        None => None,
        Some(name) => {
            let rule = "must be 1 to 100 of A-Z a-z 0-9 . _ : / @ + [ ] -, beginning with a letter or digit";
            Some(model_name(name).ok_or_else(|| wrong("model", rule))?)
        }
    };
    if new.issue_number < 1 {
        return Err(wrong("issueNumber", "must be the number of an issue or pull request"));
    }
    let wanted = Wanted {
        repo: RepoName::parse(&new.repo).map_err(|error| wrong("repo", &error.to_string()))?,
        issue: IssueNumber(new.issue_number),
        agent,
        instructions: new.instructions.unwrap_or_default(),
        flags: Flags { priority, model, ..Flags::default() },
    };
    match app.create_task(wanted).await? {
        Made::Task(id) => Ok(Answer::json(202, &json!({"task_id": id})).and_drain()),
        Made::NoIssue => Err(wrong("issueNumber", "there is no such issue, or Porter may not see it")),
        Made::NotServed => Err(wrong("repo", "this Porter does not serve it; add its owner to PORTER_OWNERS")),
    }
}

/// An agent as the registry shows it (seed 000).
fn agent_json(app: &App<'_>, agent: Agent) -> serde_json::Value {
    let keys = agent.key_names(None);
    let has_key = keys.iter().any(|key| app.config.provider_keys.contains_key(key));
    json!({
        "name": agent.word(),
        "displayName": agent.display_name(),
        "description": agent.description(),
        "provider": agent.provider(),
        "languages": ["any"],
        "status": if has_key { "available" } else { "unavailable" },
        "version": pinned_version(agent),
        "icon": "",
        "keys": keys,
    })
}

/// The version that the machine image pins; empty for an agent it does not have yet.
fn pinned_version(agent: Agent) -> String {
    const PINNED: &str = include_str!("../../worker-image/agents/package.json");
    let package: serde_json::Value = serde_json::from_str(PINNED).unwrap_or_default();
    let version = package.get("dependencies").and_then(|all| all.get(agent.package()));
    version.and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// `GET /api/agents`
pub(super) fn agents(app: &App<'_>) -> Answer {
    let agents: Vec<_> = Agent::ALL.into_iter().map(|agent| agent_json(app, agent)).collect();
    Answer::json(200, &json!({"agents": agents}))
}

/// `GET /api/agents/:name`
pub(super) fn agent(app: &App<'_>, name: &str) -> Result<Answer, Problem> {
    let agent = Agent::parse(name).ok_or(Problem::NotFound)?;
    Ok(Answer::json(200, &agent_json(app, agent)))
}

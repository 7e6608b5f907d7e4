//! A task as the API shows it: seed 001's shape in camelCase, with what was added since.

use serde::Serialize;

use super::error_code::error_code;
use crate::app::App;
use crate::app::compose::status::{failure_words, refusal_words};
use crate::domain::task::{Failure, Stage, State, Task};
use crate::ports::Fault;
use crate::store::{attempts, jobs};

/// A task. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskJson {
    id: String,
    status: &'static str,
    state: &'static str,
    repo_owner: String,
    repo_name: String,
    issue_number: i64,
    issue_title: String,
    issue_body: String,
    agent: &'static str,
    priority: i64,
    progress: u32,
    phase: Option<&'static str>,
    created_by: String,
    branch: Option<String>,
    pr_number: Option<i64>,
    pr_url: Option<String>,
    created_at: String,
    started_at: Option<String>,
    completed_at: Option<String>,
    error_code: Option<&'static str>,
    error_message: Option<String>,
    retry_of: Option<String>,
    attempt: u32,
    usage: Option<UsageJson>,
    prompt_hash: Option<String>,
    /// 0 to 100.
    readiness: Option<u8>,
    /// What the readiness was made of.
    assessment: Option<serde_json::Value>,
}

/// What the models cost.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageJson {
    calls: Option<i64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cost_micros: Option<i64>,
    model: Option<String>,
}

/// A task with what its other tables know.
pub(super) async fn whole(app: &App<'_>, task: &Task) -> Result<TaskJson, Fault> {
    let mut json = brief(task);
    if let Some(job) = jobs::load(app.sql, &task.id).await? {
        json.agent = job.agent.word();
        json.branch = Some(job.branch.to_string());
        json.prompt_hash = Some(job.prompt_sha256);
        json.readiness =
            job.assessment.get("score").and_then(serde_json::Value::as_u64).and_then(|s| u8::try_from(s).ok());
        json.assessment = Some(job.assessment);
    }
    if let Some(attempt) = attempts::newest(app.sql, &task.id).await? {
        json.phase = attempt.phase.map(crate::protocol::wire::Phase::word).filter(|_| !task.state.is_final());
        json.progress = if task.state.is_final() { json.progress } else { attempt.progress };
        json.usage = attempt.usage.map(|usage| UsageJson {
            calls: usage.calls,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cost_micros: usage.cost_micros,
            model: usage.model,
        });
    }
    Ok(json)
}

/// A task from its own row only, for lists.
pub(super) fn brief(task: &Task) -> TaskJson {
    let request = &task.request;
    let words = task.state.words();
    let pull_request =
        if let State::Succeeded { pull_request, .. } = &task.state { Some(pull_request.clone()) } else { None };
    TaskJson {
        id: task.id.to_string(),
        status: words.status,
        state: words.code,
        repo_owner: request.repo.owner().to_owned(),
        repo_name: request.repo.name().to_owned(),
        issue_number: request.issue.0,
        issue_title: request.origin.title.raw().to_owned(),
        issue_body: request.origin.body.raw().to_owned(),
        agent: request.agent.word(),
        priority: request.flags.priority.number(),
        progress: if task.state.is_final() { 100 } else { 0 },
        phase: None,
        created_by: request.asker.login.clone(),
        branch: None,
        pr_number: pull_request.as_ref().map(|pr| pr.number.0),
        pr_url: pull_request.map(|pr| pr.url),
        created_at: task.created_at.rfc3339(),
        started_at: task.started_at.map(|at| at.rfc3339()),
        completed_at: task.finished_at.map(|at| at.rfc3339()),
        error_code: error_code(&task.state),
        error_message: error_message(task),
        retry_of: request.retry_of.as_ref().map(ToString::to_string),
        attempt: task.attempt.0,
        usage: None,
        prompt_hash: None,
        readiness: None,
        assessment: None,
    }
}

/// Why a task did not end well, in words; what an agent or a provider said goes along as their words.
fn error_message(task: &Task) -> Option<String> {
    let agent = task.request.agent.display_name();
    match &task.state {
        State::Failed { failure } => Some(match failure {
            Failure::Agent { said } | Failure::Host { said } | Failure::Publish { said } if !said.raw().is_empty() => {
                format!("{} It said: {}", failure_words(failure, agent), said.raw())
            }
            Failure::ChangeSet { broken } => {
                let list: Vec<String> = broken.iter().map(|(path, rule)| format!("{}: {rule}", path.raw())).collect();
                format!("{} ({})", failure_words(failure, agent), list.join("; "))
            }
            Failure::Agent { .. }
            | Failure::Host { .. }
            | Failure::Publish { .. }
            | Failure::TooLarge
            | Failure::MachineLost { .. }
            | Failure::ResultLost
            | Failure::Inside { .. } => failure_words(failure, agent),
        }),
        State::Refused { refusal } => Some(refusal_words(refusal)),
        State::TimedOut { at: Stage::Launch } => Some("No machine came up in time.".to_owned()),
        State::TimedOut { at: Stage::Run } => Some("The run reached its deadline.".to_owned()),
        State::Accepted
        | State::Queued { .. }
        | State::Launching { .. }
        | State::Running { .. }
        | State::Publishing { .. }
        | State::Succeeded { .. }
        | State::NoChanges { .. }
        | State::Stopped { .. } => None,
    }
}

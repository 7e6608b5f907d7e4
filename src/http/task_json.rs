//! A task as the API shows it: seed 001's shape in camelCase, with what was added since.

use serde::Serialize;

use super::error_code::error_code;
use crate::app::App;
use crate::app::compose::status::{failure_words, refusal_words};
use crate::domain::ids::{IssueNumber, RepoId};
use crate::domain::task::{Failure, Stage, State, Task};
use crate::ports::Fault;
use crate::store::{attempts, jobs, pull_requests};

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
    /// `open`, `merged` or `closed`.
    pr_state: Option<&'static str>,
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
    if let Some((repo, number)) = pull_of(task) {
        json.pr_state = pull_requests::load(app.sql, repo, number).await?.map(|own| own.state.word());
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

/// Tasks for a list: what is still going on as a whole, of the others their own row and how their pull requests stand.
pub(super) async fn list(app: &App<'_>, tasks: &[Task]) -> Result<Vec<TaskJson>, Fault> {
    let numbers: Vec<_> = tasks.iter().filter_map(pull_of).collect();
    let states = if numbers.is_empty() { Vec::new() } else { pull_requests::states_of(app.sql, &numbers).await? };
    let mut shown = Vec::with_capacity(tasks.len());
    for task in tasks {
        let mut json = if task.state.is_final() { brief(task) } else { whole(app, task).await? };
        let state = pull_of(task).and_then(|pull| states.iter().find(|(key, _)| *key == pull));
        json.pr_state = state.map(|(_, state)| state.word());
        shown.push(json);
    }
    Ok(shown)
}

/// The pull request a task ended with.
const fn pull_of(task: &Task) -> Option<(RepoId, IssueNumber)> {
    match &task.state {
        State::Succeeded { pull_request, .. } => Some((task.request.repo_id, pull_request.number)),
        State::Accepted
        | State::Queued { .. }
        | State::Launching { .. }
        | State::Running { .. }
        | State::Publishing { .. }
        | State::NoChanges { .. }
        | State::Failed { .. }
        | State::Refused { .. }
        | State::TimedOut { .. }
        | State::Stopped { .. } => None,
    }
}

/// A task from its own row only.
fn brief(task: &Task) -> TaskJson {
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
        pr_state: None,
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
            Failure::Agent { said }
            | Failure::Host { said }
            | Failure::Publish { said }
            | Failure::ProviderOutage { said }
            | Failure::Waited { said }
                if !said.raw().is_empty() =>
            {
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
            | Failure::OutOfMemory
            | Failure::MachineEnded { .. }
            | Failure::NoRoom
            | Failure::ProviderOutage { .. }
            | Failure::Waited { .. }
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

//! The machine's door: claim, session, and the job that a claim is exchanged for.

use std::collections::BTreeMap;

use super::App;
use super::launch_machine::model_of;
use super::record::Recorded;
use super::run_effects::WORK_PATIENCE_S;
use crate::crypto::keyring::{KeyVersion, Keyring};
use crate::crypto::tokens::{self, Purpose};
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, TaskId};
use crate::domain::job::Job;
use crate::domain::secret::Secret;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Level};
use crate::protocol::wire::{JobAgent, JobRepository, Limits, StartAnswer, StartRequest};
use crate::store::attempts::{AttemptRow, Claim};
use crate::store::{attempts, jobs, tasks};

/// How long a launch's tokens outlive its deadline, for the last words.
const TOKEN_GRACE_S: i64 = 15 * 60;
/// How often a runner reports.
const REPORT_EVERY_S: u32 = 3;
/// The limits of a change set (protocol, "start"); a launch's own deadline and budget are filled in.
pub const CHANGE_SET_LIMITS: Limits =
    Limits { deadline_s: 0, budget_micros: None, max_files: 300, max_binary_files: 20, max_bytes: 4 * 1024 * 1024 };

/// Why a machine is turned away. Each has one body, whatever the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// The token is not right, or no longer.
    WrongToken,
    /// Another boot has this launch.
    OtherBoot,
    /// The launch is closed.
    Closed,
}

/// A machine that showed its session token.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its launch.
    pub row: AttemptRow,
    /// Its task.
    pub task: Task,
}

impl App<'_> {
    /// The instance's keys; `None` when they are missing or broken, which the start-up check explains.
    #[must_use]
    pub fn keyring(&self) -> Option<Keyring> {
        Keyring::parse(self.config.encryption_keys.as_ref()?).ok()
    }

    /// Exchanges a claim for the job. The same boot may ask again and gets the same answer.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn claim(&self, request: &StartRequest, token: &str) -> Result<Result<StartAnswer, TurnedAway>, Fault> {
        let Ok(id) = TaskId::parse(&request.task_id) else { return Ok(Err(TurnedAway::WrongToken)) };
        let attempt = Attempt(request.attempt);
        let Some(row) = attempts::load(self.sql, &id, attempt).await? else {
            return Ok(Err(TurnedAway::WrongToken));
        };
        if !self.is_token(&row, Purpose::Claim, token) {
            return Ok(Err(TurnedAway::WrongToken));
        }
        if row.closed_at.is_some() {
            return Ok(Err(TurnedAway::Closed));
        }
        let row = match row.boot_id {
            Some(_) => row,
            None => match self.bind(&id, attempt, request).await? {
                Some(row) => row,
                None => return Ok(Err(TurnedAway::Closed)),
            },
        };
        if row.closed_at.is_some() {
            return Ok(Err(TurnedAway::Closed));
        }
        if row.boot_id.as_deref() != Some(request.boot_id.as_str()) {
            return Ok(Err(TurnedAway::OtherBoot));
        }
        let (Some(task), Some(job)) = (tasks::load(self.sql, &id).await?, jobs::load(self.sql, &id).await?) else {
            return Err(Fault::permanent("answering a claim", "the task has no job"));
        };
        Ok(Ok(self.start_answer(&task, &row, &job)?))
    }

    /// Records the claim; the launch as it is afterwards, whoever won it.
    async fn bind(&self, id: &TaskId, attempt: Attempt, request: &StartRequest) -> Result<Option<AttemptRow>, Fault> {
        let now = self.clock.now();
        let deadline = now.plus_seconds(i64::from(self.config.task_timeout_s));
        let isolation = request.runner.isolation.chars().take(20).collect();
        let claim = Claim { boot_id: request.boot_id.clone(), deadline, isolation };
        let also = vec![attempts::claim(id, attempt, &claim, now)];
        match self.record(id, Event::Claimed { attempt, deadline }, also).await? {
            Recorded::Now(_) | Recorded::Stale(_) => attempts::load(self.sql, id, attempt).await,
            Recorded::NoTask => Ok(None),
        }
    }

    fn start_answer(&self, task: &Task, row: &AttemptRow, job: &Job) -> Result<StartAnswer, Fault> {
        let doing = "answering a claim";
        let url = self.config.public_app_url.as_deref().unwrap_or_default();
        let repo = &task.request.repo;
        let model = model_of(task, job).map(str::to_owned);
        let mut keys = BTreeMap::new();
        let usable = job.agent.key_names(model.as_deref());
        if let Some((name, key)) =
            usable.iter().find_map(|name| self.config.provider_keys.get(name).map(|key| (*name, key)))
        {
            keys.insert(name.to_owned(), key.expose().to_owned());
        }
        Ok(StartAnswer {
            session_token: self
                .session_token(row)
                .ok_or_else(|| Fault::permanent(doing, "no key"))?
                .expose()
                .to_owned(),
            task_id: task.id.to_string(),
            attempt: row.attempt.0,
            repository: JobRepository {
                full_name: repo.to_string(),
                clone_url: format!("{url}/api/callbacks/git/{repo}.git"),
                base_ref: job.base_ref.to_string(),
                base_sha: job.base_sha.to_string(),
            },
            branch: job.branch.to_string(),
            prompt: job.prompt.clone(),
            agent: JobAgent { name: job.agent.word().to_owned(), model },
            keys,
            upstreams: self.config.upstreams.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            limits: Limits {
                deadline_s: self.config.task_timeout_s,
                budget_micros: task.request.flags.budget_micros,
                ..CHANGE_SET_LIMITS
            },
            report_every_s: REPORT_EVERY_S,
        })
    }

    /// The session token of a claimed launch: its task and launch, then the derived part.
    fn session_token(&self, row: &AttemptRow) -> Option<Secret> {
        let boot_id = row.boot_id.as_deref()?;
        let purpose = Purpose::Session { boot_id };
        let derived =
            tokens::derive(&self.keyring()?, KeyVersion(row.key_version), purpose, &row.task, row.attempt).ok()?;
        Some(Secret::new(format!("{}.{}.{}", row.task, row.attempt, derived.expose())))
    }

    /// The machine behind a session token, whether its launch is still open or not.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, Fault> {
        let Some((task, attempt, derived)) = split_session(token) else { return Ok(None) };
        let Some(row) = attempts::load(self.sql, &task, attempt).await? else { return Ok(None) };
        let Some(boot_id) = row.boot_id.clone() else { return Ok(None) };
        if !self.is_token(&row, Purpose::Session { boot_id: &boot_id }, derived) {
            return Ok(None);
        }
        let Some(task) = tasks::load(self.sql, &task).await? else { return Ok(None) };
        Ok(Some(Session { row, task }))
    }

    fn is_token(&self, row: &AttemptRow, purpose: Purpose<'_>, token: &str) -> bool {
        if self.clock.now() > self.token_end(row) {
            return false;
        }
        let Some(keyring) = self.keyring() else { return false };
        match tokens::matches(&keyring, KeyVersion(row.key_version), purpose, &row.task, row.attempt, token) {
            Ok(matches) => matches,
            Err(error) => {
                self.log.line(Level::Error, "A machine's token cannot be checked", &[("why", &error.to_string())]);
                false
            }
        }
    }

    /// When a launch's tokens end: a while after its deadline, or after the latest one it could get.
    fn token_end(&self, row: &AttemptRow) -> Timestamp {
        let latest = i64::from(self.config.launch_timeout_s) + i64::from(self.config.task_timeout_s);
        let made_at = row.made_at.unwrap_or_else(|| row.created_at.plus_seconds(WORK_PATIENCE_S));
        row.deadline.unwrap_or_else(|| made_at.plus_seconds(latest)).plus_seconds(TOKEN_GRACE_S)
    }
}

/// Task, launch and derived part of a session token.
fn split_session(token: &str) -> Option<(TaskId, Attempt, &str)> {
    let (task, rest) = token.split_once('.')?;
    let (attempt, derived) = rest.split_once('.')?;
    Some((TaskId::parse(task).ok()?, Attempt(attempt.parse().ok()?), derived))
}

//! Use cases, one verb a file; the only place that combines the domain, the store and the clients.

pub mod accept_command;
pub mod accept_result;
mod add_commit;
pub mod admit_tasks;
pub mod answer_question;
pub mod authorise;
pub mod check_setup;
pub mod claim_attempt;
pub mod compose;
pub mod config;
pub mod create_task;
pub mod destroy_machine;
pub mod end_orphans;
mod end_overdue;
pub mod follow_changes;
mod gather_material;
mod hear_polled;
mod judge_result;
mod keep_pauses;
mod keep_time;
pub mod launch_machine;
mod lose_launch;
mod make_tree;
mod open_pull;
pub mod poll_repositories;
mod prepare_job;
pub mod publish_result;
pub mod receive_delivery;
pub mod recheck_permission;
pub mod record;
pub mod redeliver_missed;
pub mod run_effects;
pub mod say;
pub mod show_state;
pub mod stop_task;
pub mod sweep;
mod take_out_keys;
pub mod take_report;
mod within_lease;

use std::cell::RefCell;

use crate::clients::fly::machines::Fly;
use crate::clients::github::{Github, Repo, Subject, TokenCache};
use crate::domain::credential::Credential;
use crate::domain::ids::{RepoId, RepoName};
use crate::domain::task::{Place, Task};
use crate::ports::{Clock, Crypto, Entropy, Fault, Http, Level, Log, Sql};
use config::Config;
pub use keep_pauses::Pauses;

/// Everything a use case works with. Made once an invocation by the composition root.
#[derive(Clone, Copy)]
pub struct App<'a> {
    /// What the instance is set to.
    pub config: &'a Config,
    /// The database.
    pub sql: &'a dyn Sql,
    /// Calls to other people's servers.
    pub http: &'a dyn Http,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Random bytes.
    pub entropy: &'a dyn Entropy,
    /// Platform cryptography.
    pub crypto: &'a dyn Crypto,
    /// The log.
    pub log: &'a dyn Log,
    /// What this isolate remembers between invocations; losing it costs a call, never a fact.
    pub memory: &'a Memory,
    /// Hosts that want silence, as this invocation knows of them.
    pub pauses: &'a Pauses,
}

/// What an isolate may remember: tokens not yet expired, and who owns the App. Never the truth about anything.
#[derive(Default)]
pub struct Memory {
    /// GitHub tokens and identity.
    pub tokens: TokenCache,
    /// The login of the App's owner, once asked.
    app_owner: RefCell<Option<String>>,
}

impl App<'_> {
    /// GitHub, ready to be called.
    #[must_use]
    pub fn github(&self) -> Github<'_> {
        Github {
            http: self.http,
            clock: self.clock,
            crypto: self.crypto,
            tokens: &self.memory.tokens,
            settings: &self.config.github,
            gate: self,
        }
    }

    /// A repository on GitHub, through a credential.
    #[must_use]
    pub fn repo(&self, by: Credential, id: RepoId, name: &RepoName) -> Repo<'_> {
        self.github().at(by, id, name.clone())
    }

    /// The repository of a task, through the task's credential.
    #[must_use]
    pub fn repo_of(&self, task: &Task) -> Repo<'_> {
        self.repo(task.credential, task.request.repo_id, &task.request.repo)
    }

    /// The machine host; a fault that names what is missing when it is not set up.
    ///
    /// # Errors
    /// Permanent, with the names of the settings.
    pub fn host(&self) -> Result<Fly<'_>, Fault> {
        let (Some(app), Some(token)) = (&self.config.fly_app_name, &self.config.fly_api_token) else {
            return Err(Fault::permanent("calling the machine host", "FLY_APP_NAME or FLY_API_TOKEN is not set"));
        };
        Ok(Fly { http: self.http, gate: self, base_url: &self.config.fly_api_url, app, token })
    }

    /// A new id from the time and random bytes.
    #[must_use]
    pub fn new_task_id(&self) -> crate::domain::ids::TaskId {
        let mut random = [0_u8; 10];
        self.entropy.fill(&mut random);
        crate::domain::ids::TaskId::new(self.clock.now(), random)
    }

    /// Logs a fault once, where it is handled.
    pub fn log_fault(&self, level: Level, message: &str, fault: &Fault, fields: &[(&str, &str)]) {
        let mut all = vec![("doing", fault.doing), ("detail", fault.detail.as_str())];
        all.extend_from_slice(fields);
        self.log.line(level, message, &all);
    }
}

/// What a task's number stands for, as GitHub's API wants it.
#[must_use]
pub fn subject(task: &Task) -> Subject {
    match task.request.origin.place {
        Place::Issue => Subject::Issue(task.request.issue),
        Place::PullRequest | Place::ReviewLine { .. } => Subject::Pull(task.request.issue),
    }
}

//! Launching: the asker asked again, the job fixed, the machine made or adopted.

use std::collections::BTreeMap;

use super::App;
use super::authorise::Verdict;
use super::lose_launch::Lost;
use super::prepare_job::Prepared;
use crate::clients::fly::machines::{CreateMachine, Created, FlyError, Guest, Machine};
use crate::crypto::tokens;
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, MachineId, TaskId};
use crate::domain::job::Job;
use crate::domain::task::{Failure, Refusal, State, Task};
use crate::domain::untrusted::Untrusted;
use crate::ports::Fault;
use crate::store::attempts::AttemptRow;
use crate::store::{attempts, commit, jobs, tasks};

/// The name of a launch's machine: the host refuses a second one of the same name.
#[must_use]
pub fn machine_name(task: &TaskId, attempt: Attempt) -> String {
    format!("porter-{task}-{attempt}")
}

impl App<'_> {
    /// Carries out a launch. A machine that is there already is adopted; a launch that is no longer open is left alone.
    ///
    /// # Errors
    /// What a repeat may cure; everything else ends the task with its reason.
    pub async fn launch_machine(&self, id: &TaskId, attempt: Attempt) -> Result<(), Fault> {
        let Some(task) = tasks::load(self.sql, id).await? else { return Ok(()) };
        if !matches!(task.state, State::Launching { attempt: open, .. } if open == attempt) {
            return Ok(());
        }
        let end = match self.make_ready(&task).await? {
            Ok(job) => self.make_machine(&task, attempt, &job).await?.err(),
            Err(refusal) => Some(Event::LaunchRefused { attempt, refusal }),
        };
        if let Some(event) = end {
            self.record(id, event, Vec::new()).await?;
        }
        Ok(())
    }

    /// Everything that must hold before a machine is made; the job, fixed now or at an earlier launch.
    async fn make_ready(&self, task: &Task) -> Result<Result<Job, Refusal>, Fault> {
        let request = &task.request;
        let verdict = self.may_command(task.credential, (request.repo_id, &request.repo), &request.asker).await?;
        if let Verdict::Refused(refusal) = verdict {
            return Ok(Err(refusal));
        }
        let job = match jobs::load(self.sql, &task.id).await? {
            Some(job) => job,
            None => match self.prepare_job(task).await? {
                Prepared::Job(job) => jobs::keep(self.sql, &task.id, &job).await?,
                Prepared::Refused(refusal) => return Ok(Err(refusal)),
            },
        };
        let names = self.missing_for(task, &job);
        Ok(if names.is_empty() { Ok(job) } else { Err(Refusal::NotSetUp { names }) })
    }

    /// Makes or adopts the machine; the event that ends the task when the host will not have it.
    async fn make_machine(&self, task: &Task, attempt: Attempt, job: &Job) -> Result<Result<(), Event>, Fault> {
        let Some(row) = attempts::load(self.sql, &task.id, attempt).await? else {
            return Err(Fault::permanent("making a machine", "the launch is not written down"));
        };
        // It took many calls to come here. The first try's machine may have done everything and gone, its name free again.
        if row.closed_at.is_some() {
            return Ok(Ok(()));
        }
        let new = self.order(task, attempt, job, row.key_version)?;
        let host = self.host()?;
        let failed = |said: &str| Event::Failed { attempt, failure: Failure::Host { said: Untrusted::new(said) } };
        let machine = match host.create(&new).await {
            Ok(Created::Machine(machine)) => machine,
            Ok(Created::Conflict { existing }) => match self.find_machine(&new, existing).await? {
                Some(machine) => machine,
                None => return Ok(Err(failed("a machine of this name exists and is not ours"))),
            },
            Err(error @ (FlyError::Unauthorized | FlyError::NotFound | FlyError::Rejected { .. })) => {
                return Ok(Err(failed(&format!("{} {error}", error.words()))));
            }
            Err(error @ FlyError::Capacity { .. }) => return self.no_room(&row, error).await,
            Err(error @ (FlyError::RateLimited { .. } | FlyError::Fault(_))) => {
                return Err(error.into_fault("making a machine"));
            }
        };
        commit(self.sql, vec![attempts::made(&task.id, attempt, &machine.id, self.clock.now())]).await?;
        self.destroy_if_closed(&task.id, attempt).await?;
        Ok(Ok(()))
    }

    /// After the host had no room: again later, but a launch waits no longer for it than a machine may take to come up.
    async fn no_room(&self, row: &AttemptRow, error: FlyError) -> Result<Result<(), Event>, Fault> {
        let now = self.clock.now();
        let since = row.no_room_since.unwrap_or(now);
        if now > since.plus_seconds(i64::from(self.config.launch_timeout_s)) {
            return Ok(Err(self.lost(row.attempt, Lost::NoRoom)));
        }
        commit(self.sql, vec![attempts::no_room(&row.task, row.attempt, now)]).await?;
        Err(error.into_fault("making a machine"))
    }

    /// The machine that has our name: by the id the host gave, else by its metadata; only if the metadata is ours.
    async fn find_machine(&self, new: &CreateMachine, existing: Option<MachineId>) -> Result<Option<Machine>, Fault> {
        let host = self.host()?;
        let doing = "adopting a machine";
        let ours = |machine: &Machine| new.metadata.iter().all(|(key, value)| machine.metadata.get(key) == Some(value));
        if let Some(id) = existing {
            return match host.get(&id).await {
                Ok(machine) => Ok(Some(machine).filter(ours)),
                Err(error) => Err(Fault::transient(doing, error.to_string())),
            };
        }
        let task = new.metadata.get("porter_task").map_or("", String::as_str);
        let list = host.list("porter_task", task).await.map_err(|error| error.into_fault(doing))?;
        let found = list.into_iter().find(|machine| machine.name == new.name && ours(machine));
        // The host says that the name is taken, so a list without it is late, not empty.
        found.map(Some).ok_or_else(|| Fault::transient(doing, "the machine is not listed yet"))
    }

    /// What the machine host is given: nothing secret but the claim.
    fn order(&self, task: &Task, attempt: Attempt, job: &Job, key_version: u32) -> Result<CreateMachine, Fault> {
        let doing = "making a machine";
        let unset = |name: &str| Fault::permanent(doing, format!("{name} is not set"));
        let url = self.config.public_app_url.as_deref().ok_or_else(|| unset("PUBLIC_APP_URL"))?;
        let image = self.config.worker_image.clone().ok_or_else(|| unset("WORKER_IMAGE"))?;
        let keyring = self.keyring().ok_or_else(|| unset("ENCRYPTION_KEYS"))?;
        let version = crate::crypto::keyring::KeyVersion(key_version);
        let claim = tokens::derive(&keyring, version, tokens::Purpose::Claim, &task.id, attempt)
            .map_err(|error| Fault::permanent(doing, error.to_string()))?;
        let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let attempt_text = attempt.to_string();
        let instance = self.instance();
        Ok(CreateMachine {
            name: machine_name(&task.id, attempt),
            image,
            env: pairs(&[
                ("TASK_ID", task.id.as_str()),
                ("ATTEMPT", &attempt_text),
                ("REPO_FULL_NAME", task.request.repo.as_str()),
                ("AGENT", job.agent.word()),
                ("BRANCH", job.branch.as_str()),
                ("CALLBACK_URL", &format!("{url}/api/callbacks")),
                ("CLAIM_TOKEN", claim.expose()),
            ]),
            metadata: pairs(&[
                ("porter_task", task.id.as_str()),
                ("porter_attempt", &attempt_text),
                ("porter_instance", &instance),
            ]),
            guest: Guest::DEFAULT,
        })
    }

    /// Which Porter made a machine, for an app that several share: the host part of our own address.
    #[must_use]
    pub fn instance(&self) -> String {
        let url = self.config.public_app_url.as_deref().unwrap_or_default();
        url.split_once("://").map_or(url, |(_, rest)| rest).to_owned()
    }

    /// The settings a task needs and this instance lacks, by name.
    fn missing_for(&self, task: &Task, job: &Job) -> Vec<String> {
        let mut names: Vec<String> =
            ["PUBLIC_APP_URL", "ENCRYPTION_KEYS", "FLY_API_TOKEN", "FLY_APP_NAME", "WORKER_IMAGE"]
                .into_iter()
                .filter(|name| self.config.missing().contains(name))
                .map(str::to_owned)
                .collect();
        let keys = job.agent.key_names(model_of(task, job));
        if !keys.iter().any(|key| self.config.provider_keys.contains_key(key)) {
            names.push(keys.join(" or "));
        }
        names
    }
}

/// The model by the agent's own name for it: as commanded, else as the repository prefers.
#[must_use]
pub fn model_of<'a>(task: &'a Task, job: &'a Job) -> Option<&'a str> {
    task.request.flags.model.as_deref().or(job.settings.model.as_deref())
}

//! Who may ask: people with write access, in repositories this instance serves. An error means no.

use super::App;
use crate::clients::github::{GithubError, Identity};
use crate::domain::command::{Parsed, parse};
use crate::domain::credential::Credential;
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::ids::{RepoId, RepoName, TaskId};
use crate::domain::question::{Ask, Question};
use crate::domain::task::{Person, Place, Refusal, Task, TextKind};
use crate::ports::Fault;
use crate::store::{effects, refusals, tasks};

/// Whether somebody may ask for work somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No.
    Refused(Refusal),
}

impl App<'_> {
    /// Whether this instance's own keys serve a repository.
    ///
    /// # Errors
    /// When the App's owner must be asked for and GitHub does not answer.
    pub async fn serves(&self, repo: &RepoName) -> Result<bool, Fault> {
        if self.config.poll.iter().any(|polled| polled.same(repo)) {
            return Ok(true);
        }
        let owner = repo.owner().to_ascii_lowercase();
        if let Some(owners) = &self.config.owners {
            return Ok(owners.contains(&owner));
        }
        Ok(self.app_owner().await?.is_some_and(|login| login == owner))
    }

    /// The login of the App's owner in lower case; `None` without an App.
    async fn app_owner(&self) -> Result<Option<String>, Fault> {
        if self.config.github.app.is_none() {
            return Ok(None);
        }
        if let Some(known) = self.memory.app_owner.borrow().clone() {
            return Ok(Some(known));
        }
        let doing = "asking who owns the App";
        let owner = match self.github().app().await.map_err(|error| error.into_fault(doing))? {
            Identity::App { owner, .. } | Identity::User(owner) => owner.login.to_ascii_lowercase(),
        };
        *self.memory.app_owner.borrow_mut() = Some(owner.clone());
        Ok(Some(owner))
    }

    /// Whether a person may ask for work in a repository, by GitHub's permission API.
    ///
    /// # Errors
    /// Only what a repeat may cure; anything else is a no.
    pub async fn may_command(
        &self,
        by: Credential,
        (id, repo): (RepoId, &RepoName),
        asker: &Person,
    ) -> Result<Verdict, Fault> {
        if !self.serves(repo).await? {
            return Ok(Verdict::Refused(Refusal::RepositoryNotServed));
        }
        match self.repo(by, id, repo).permission(&asker.login).await {
            Ok(permission) if permission.may_command() && permission.user.id == asker.id => Ok(Verdict::Allowed),
            Err(GithubError::Fault(fault)) if matches!(fault.kind, crate::ports::FaultKind::Transient { .. }) => {
                Err(fault)
            }
            Err(error @ GithubError::RateLimited { .. }) => Err(error.into_fault("reading a person's permission")),
            Ok(_)
            | Err(
                GithubError::NotFound
                | GithubError::Forbidden { .. }
                | GithubError::Unauthorized
                | GithubError::Gone
                | GithubError::Conflict { .. }
                | GithubError::Unprocessable { .. }
                | GithubError::Fault(_),
            ) => Ok(Verdict::Refused(Refusal::NoWriteAccess)),
        }
    }

    /// Carries out the first effect of a task: authorised, or denied with at most one reply.
    ///
    /// # Errors
    /// What a repeat may cure.
    pub async fn authorise(&self, id: &TaskId) -> Result<(), Fault> {
        let Some(task) = tasks::load(self.sql, id).await? else { return Ok(()) };
        let request = &task.request;
        let verdict = self.may_command(task.credential, (request.repo_id, &request.repo), &request.asker).await?;
        // Without keys no launch can begin, and a task that nobody can admit would wait for ever.
        let unset = || Verdict::Refused(Refusal::NotSetUp { names: vec!["ENCRYPTION_KEYS".to_owned()] });
        let verdict = if verdict == Verdict::Allowed && self.keyring().is_none() { unset() } else { verdict };
        match verdict {
            Verdict::Allowed => self.record(id, Event::Authorised, Vec::new()).await?,
            // Nobody asked: a repository that runs every opened issue does not lecture whoever reports a bug.
            Verdict::Refused(refusal) if self.is_unasked(&task) => {
                self.record(id, Event::Denied { refusal }, Vec::new()).await?
            }
            Verdict::Refused(refusal) => {
                let now = self.clock.now();
                let key = (request.repo_id, request.issue, request.asker.id);
                let question = refused_question(&task, refusal.clone());
                let also = vec![
                    refusals::earn(key, request.origin.text, now),
                    effects::ask(&Effect::Answer { question }, now, now),
                ];
                self.record(id, Event::Denied { refusal }, also).await?
            }
        };
        Ok(())
    }

    /// Whether a task was made without a command: by an opened issue alone, or from the API.
    fn is_unasked(&self, task: &Task) -> bool {
        let origin = &task.request.origin;
        origin.text.kind == TextKind::Issue && parse(origin.body.raw(), &self.config.mention) == Parsed::NotForUs
    }
}

/// The reply that a denied task gets.
fn refused_question(task: &Task, refusal: Refusal) -> Question {
    let request = &task.request;
    Question {
        repo_id: request.repo_id,
        repo: request.repo.clone(),
        issue: request.issue,
        on_pull_request: request.origin.place != Place::Issue,
        text: request.origin.text,
        asker: request.asker.clone(),
        credential: task.credential,
        ask: Ask::Refused { refusal },
    }
}

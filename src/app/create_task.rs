//! Making a task from the API: the same as a comment, asked by the operator of this instance.

use super::App;
use super::accept_command::first_step;
use crate::clients::github::{Account, GithubError, Subject};
use crate::domain::agent::Agent;
use crate::domain::command::Flags;
use crate::domain::credential::Credential;
use crate::domain::ids::{Attempt, IssueNumber, RepoName, TaskId};
use crate::domain::task::{Chosen, Origin, Person, Place, Request, State, Task, TextKey, TextKind};
use crate::domain::untrusted::Untrusted;
use crate::ports::Fault;
use crate::store::{commit, tasks};

/// What the API asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where.
    pub repo: RepoName,
    /// On which issue or pull request.
    pub issue: IssueNumber,
    /// By whom.
    pub agent: Option<Agent>,
    /// In which words.
    pub instructions: String,
    /// How.
    pub flags: Flags,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// The task.
    Task(TaskId),
    /// GitHub shows no such issue.
    NoIssue,
    /// This instance does not serve the repository, or is not connected to it.
    NotServed,
}

impl App<'_> {
    /// Makes a task on an issue, in the name of the account this instance acts for.
    ///
    /// # Errors
    /// The database's or GitHub's trouble.
    pub async fn create_task(&self, wanted: Wanted) -> Result<Made, Fault> {
        let doing = "reading the issue";
        if !self.serves(&wanted.repo).await? {
            return Ok(Made::NotServed);
        }
        let Some(credential) = self.credential_for(&wanted.repo).await? else { return Ok(Made::NotServed) };
        let named = self.github().named(credential, wanted.repo.clone());
        let (repository, issue) = match (named.repository().await, named.issue(wanted.issue).await) {
            (Ok(repository), Ok(issue)) => (repository, issue),
            (Err(GithubError::NotFound | GithubError::Gone), _)
            | (_, Err(GithubError::NotFound | GithubError::Gone)) => {
                return Ok(Made::NoIssue);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error.into_fault(doing)),
        };
        let asker = self.operator(&repository.owner).await?;
        let now = self.clock.now();
        let place = match issue.subject() {
            Subject::Issue(_) => Place::Issue,
            Subject::Pull(_) => Place::PullRequest,
        };
        let task = Task {
            id: self.new_task_id(),
            version: 1,
            state: State::Accepted,
            credential,
            request: Request {
                repo_id: repository.id,
                repo: repository.full_name,
                issue: wanted.issue,
                origin: Origin {
                    text: TextKey { kind: TextKind::Issue, id: wanted.issue.0 },
                    written_at: now,
                    instructions: Untrusted::new(wanted.instructions),
                    title: issue.title,
                    body: issue.body,
                    labels: issue.labels.into_iter().map(|label| label.name).collect(),
                    place,
                },
                asker,
                agent: wanted.agent.unwrap_or(Agent::Opencode),
                chosen: if wanted.agent.is_some() { Chosen::ByCommand } else { Chosen::ByDefault },
                flags: wanted.flags,
                retry_of: None,
            },
            attempt: Attempt(0),
            created_at: now,
            started_at: None,
            finished_at: None,
        };
        let id = task.id.clone();
        commit(self.sql, tasks::insert(&first_step(task), now)).await?;
        Ok(Made::Task(id))
    }

    /// In whose name the operator's own tasks run: the configured account, else the repository's owner.
    async fn operator(&self, owner: &Account) -> Result<Person, Fault> {
        if self.config.github.token.is_some() {
            let user = self.github().user().await.map_err(|error| error.into_fault("asking whose token it is"))?;
            return Ok(Person { id: user.id, login: user.login });
        }
        Ok(Person { id: owner.id, login: owner.login.clone() })
    }

    /// By which credential Porter acts on a repository that it was not called from; `None` when it has none.
    ///
    /// # Errors
    /// GitHub's trouble.
    pub async fn credential_for(&self, repo: &RepoName) -> Result<Option<Credential>, Fault> {
        if self.config.github.app.is_some() {
            match self.github().installation(repo).await {
                Ok(installation) => return Ok(Some(Credential::App { installation })),
                Err(GithubError::NotFound) => {}
                Err(error) => return Err(error.into_fault("looking for the installation")),
            }
        }
        Ok(self.config.github.token.is_some().then_some(Credential::Token))
    }
}

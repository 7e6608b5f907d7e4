//! Fixing a job at a task's first launch: where the work starts, where it goes, and the prompt. Later launches reuse it.

use super::App;
use super::gather_material::{Ground, text};
use super::open_pull::own_branch;
use crate::clients::github::issues::IssueState;
use crate::clients::github::repository::Repository;
use crate::clients::github::{GithubError, Repo};
use crate::domain::ids::{Branch, IssueNumber, Sha};
use crate::domain::job::{Job, JobSettings, Target};
use crate::domain::repository_config::RepositoryConfig;
use crate::domain::task::{Chosen, Place, Refusal, Task};
use crate::domain::untrusted::Untrusted;
use crate::ports::Fault;
use crate::store::pull_requests;
use crate::wrap;

/// Where a repository says what it wants of Porter.
const CONFIG_FILE: &str = ".porter/config.json";
/// The most bytes of it that are read.
const CONFIG_CAP: usize = 64 * 1024;

/// What came of preparing.
pub(super) enum Prepared {
    /// The job.
    Job(Box<Job>),
    /// A rule said no.
    Refused(Refusal),
}

/// Where the work starts and goes.
struct Route {
    base_ref: Branch,
    base_sha: Sha,
    branch: Branch,
    target: Target,
}

impl App<'_> {
    /// Reads what is needed from GitHub and makes the job of it.
    pub(super) async fn prepare_job(&self, task: &Task) -> Result<Prepared, Fault> {
        let doing = "preparing the job";
        let repo = self.repo_of(task);
        let repository = match repo.repository().await {
            Ok(repository) => repository,
            Err(error @ (GithubError::NotFound | GithubError::Forbidden { .. } | GithubError::Gone)) => {
                return Ok(refused(error.words()));
            }
            Err(error) => return Err(error.into_fault(doing)),
        };
        if repository.archived {
            return Ok(refused("The repository is archived, so nothing can be changed in it."));
        }
        let route = match self.route(task, &repo, &repository).await? {
            Ok(route) => route,
            Err(refusal) => return Ok(Prepared::Refused(refusal)),
        };
        let (config, settings) = self.read_config(task, &repo, &repository).await?;
        let agent = match (task.request.chosen, config.agent) {
            (Chosen::ByDefault, Some(preferred)) => preferred,
            (Chosen::ByDefault, None) | (Chosen::ByCommand, _) => task.request.agent,
        };
        let settings = JobSettings { model: config.model.for_agent(agent).map(str::to_owned), ..settings };
        let ground = Ground {
            task,
            agent,
            config,
            config_at: settings.read_at.clone(),
            base_ref: route.base_ref.clone(),
            base_sha: route.base_sha.clone(),
            branch: route.branch.clone(),
        };
        let material = self.gather(&repo, ground).await?;
        let wrapped = wrap::wrap(&material, &wrap::Settings::default());
        let mut settings = settings;
        settings.warnings.extend(wrapped.warnings.iter().map(|warning| Untrusted::new(warning.to_string())));
        Ok(Prepared::Job(Box::new(Job {
            agent,
            base_ref: route.base_ref,
            base_sha: route.base_sha,
            branch: route.branch,
            target: route.target,
            prompt: wrapped.prompt,
            prompt_sha256: wrapped.sha256,
            assessment: serde_json::to_value(&wrapped.assessment)
                .map_err(|error| Fault::permanent(doing, error.to_string()))?,
            settings,
            created_at: self.clock.now(),
        })))
    }

    async fn route(
        &self,
        task: &Task,
        repo: &Repo<'_>,
        repository: &Repository,
    ) -> Result<Result<Route, Refusal>, Fault> {
        match task.request.origin.place {
            Place::Issue => route_of_branch(task, repo, repository).await,
            Place::PullRequest | Place::ReviewLine { .. } => self.route_of_pull_request(task, repo).await,
        }
    }

    async fn route_of_pull_request(&self, task: &Task, repo: &Repo<'_>) -> Result<Result<Route, Refusal>, Fault> {
        let doing = "reading the pull request";
        let number: IssueNumber = task.request.issue;
        let pull = match repo.pull(number).await {
            Ok(pull) => pull,
            Err(error @ (GithubError::NotFound | GithubError::Gone)) => return Ok(Err(unworkable(error.words()))),
            Err(error) => return Err(error.into_fault(doing)),
        };
        if pull.from_fork() {
            return Ok(Err(Refusal::Fork));
        }
        if pull.state == IssueState::Closed {
            return Ok(Err(unworkable("This pull request is closed. Ask on an issue, or on an open pull request.")));
        }
        let (Ok(head), Ok(base)) = (pull.head.branch(), pull.base.branch()) else {
            return Ok(Err(unworkable("A branch of this pull request has a name that Porter does not take.")));
        };
        let own = pull_requests::load(self.sql, task.request.repo_id, number).await?;
        let base_sha = pull.head.sha.clone();
        if own.is_some_and(|own| own.branch == head) {
            let target = Target::FollowUp { on: number, url: pull.html_url.clone(), into: base };
            return Ok(Ok(Route { base_ref: head.clone(), base_sha, branch: head, target }));
        }
        let branch = own_branch(&task.id).map_err(|error| Fault::permanent(doing, error.to_string()))?;
        let target = Target::Stacked { on: number, into: head.clone() };
        Ok(Ok(Route { base_ref: head, base_sha, branch, target }))
    }

    /// The repository's configuration at the default branch's head. One that is wrong is said so and not used.
    async fn read_config(
        &self,
        task: &Task,
        repo: &Repo<'_>,
        repository: &Repository,
    ) -> Result<(RepositoryConfig, JobSettings), Fault> {
        let doing = "reading the repository's configuration";
        let mut settings = JobSettings::default();
        let Ok(default_branch) = repository.default_branch() else {
            return Ok((RepositoryConfig::default(), settings));
        };
        let head = repo.branch(&default_branch).await.map_err(|error| error.into_fault(doing))?;
        let Some(head) = head else { return Ok((RepositoryConfig::default(), settings)) };
        settings.read_at = Some(head.commit.clone());
        let file = repo.file(CONFIG_FILE, head.commit.as_str(), CONFIG_CAP).await;
        let config = match file.map_err(|error| error.into_fault(doing))?.map(text) {
            None => RepositoryConfig::default(),
            Some(file) => match RepositoryConfig::parse(file.raw()) {
                Ok(config) => config,
                Err(bad) => {
                    self.log.line(
                        crate::ports::Level::Info,
                        "A repository's configuration cannot be used",
                        &[("task", task.id.as_str()), ("why", &bad.to_string())],
                    );
                    settings.warnings.push(Untrusted::new(bad.to_string()));
                    RepositoryConfig::default()
                }
            },
        };
        settings.protected_paths.clone_from(&config.protected_paths);
        Ok((config, settings))
    }
}

/// From a branch of the repository to a pull request into it.
async fn route_of_branch(
    task: &Task,
    repo: &Repo<'_>,
    repository: &Repository,
) -> Result<Result<Route, Refusal>, Fault> {
    let doing = "reading the base branch";
    let flags = &task.request.flags;
    let default = || repository.default_branch();
    let base = match flags.base.clone().map_or_else(default, Ok) {
        Ok(base) => base,
        Err(bad) => return Ok(Err(unworkable(&format!("The default branch cannot be used: {bad}.")))),
    };
    let head = match repo.branch(&base).await {
        Ok(head) => head,
        Err(GithubError::Conflict { .. }) => return Ok(Err(unworkable("The repository is empty."))),
        Err(error) => return Err(error.into_fault(doing)),
    };
    let Some(head) = head else { return Ok(Err(Refusal::NoSuchBase { base: base.to_string() })) };
    let branch = match &flags.branch {
        None => own_branch(&task.id).map_err(|error| Fault::permanent(doing, error.to_string()))?,
        Some(branch) => {
            let taken = repo.branch_ref(branch).await.map_err(|error| error.into_fault(doing))?;
            if taken.is_some() {
                let why = format!("The branch `{branch}` exists already. Name another one with `--branch=`.");
                return Ok(Err(unworkable(&why)));
            }
            branch.clone()
        }
    };
    let target = Target::NewPullRequest { into: base.clone() };
    Ok(Ok(Route { base_ref: base, base_sha: head.commit, branch, target }))
}

fn unworkable(why: &str) -> Refusal {
    Refusal::Unworkable { why: why.to_owned() }
}

fn refused(why: &str) -> Prepared {
    Prepared::Refused(unworkable(why))
}

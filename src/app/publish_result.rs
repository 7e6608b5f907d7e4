//! Publishing: from the stored tree to commit, branch and pull request. Every step finds what an earlier try did.

use super::App;
use super::accept_result::usage_of;
use super::add_commit::{Added, TASK_TRAILER, add_commit, pushed};
use super::compose::pull_request::{Receipt, body};
use super::follow_changes::state_of;
use super::open_pull::{Landed, beside, open_new};
use super::record::Recorded;
use crate::clients::github::issues::IssueState;
use crate::clients::github::labels::NewLabel;
use crate::clients::github::{GithubError, Subject};
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, Sha, TaskId};
use crate::domain::job::{Job, Target};
use crate::domain::outgoing;
use crate::domain::task::{Published, PullRequestRef, State, Task};
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, FaultKind, Level};
use crate::protocol::wire::{CompleteAnswer, FinalStatus, PullRequestLink};
use crate::store::results::{Answered, Publication};
use crate::store::{attempts, jobs, pull_requests, results, tasks};

const PROTECTED: NewLabel = NewLabel {
    name: "porter:protected",
    color: "b60205",
    description: "Changes files that steer agents, owners or Porter itself: look closely",
};

/// A result on its way to GitHub.
pub(super) struct Parcel<'a> {
    pub(super) task: &'a Task,
    pub(super) job: &'a Job,
    pub(super) publication: &'a Publication,
    pub(super) tree: &'a Sha,
    pub(super) message: String,
    pub(super) title: String,
    pub(super) body: String,
}

impl App<'_> {
    /// Makes commit, branch and pull request from the stored tree, or finds them made.
    ///
    /// # Errors
    /// What a repeat may cure; a refusal ends the task with its reason.
    pub async fn publish_result(&self, id: &TaskId, attempt: Attempt) -> Result<(), Fault> {
        let Some(task) = tasks::load(self.sql, id).await? else { return Ok(()) };
        if !matches!(task.state, State::Publishing { attempt: open, .. } if open == attempt) {
            return Ok(());
        }
        let Some(job) = jobs::load(self.sql, id).await? else { return Ok(()) };
        let Some(result) = results::load(self.sql, id, attempt).await? else { return Ok(()) };
        let (Some(publication), Some(tree)) = (&result.publication, &result.tree) else { return Ok(()) };
        let parcel = self.parcel(&task, &job, publication, tree).await?;
        match self.deliver(&parcel).await {
            Ok(landed) => self.landed(&parcel, attempt, landed).await,
            Err(error) => {
                let said = Untrusted::new(format!("{} ({error})", error.words()));
                let fault = error.into_fault("publishing");
                if matches!(fault.kind, FaultKind::Transient { .. }) {
                    return Err(fault);
                }
                self.log_fault(Level::Error, "GitHub refused the result", &fault, &[("task", id.as_str())]);
                self.fail_publication(attempt, id, said).await
            }
        }
    }

    async fn parcel<'b>(
        &self,
        task: &'b Task,
        job: &'b Job,
        publication: &'b Publication,
        tree: &'b Sha,
    ) -> Result<Parcel<'b>, Fault> {
        let row = attempts::load(self.sql, &task.id, task.attempt).await?;
        let mut message = outgoing::commit_message(&publication.message);
        if message.title.is_empty() {
            // GitHub takes no pull request without a title.
            message.title = format!("Changes for #{}", task.request.issue);
        }
        let asker = &task.request.asker;
        let trailers = format!(
            "{}: {}\nCo-authored-by: {} <{}+{}@users.noreply.github.com>",
            TASK_TRAILER, task.id, asker.login, asker.id, asker.login
        );
        let text = [message.title.as_str(), message.body.as_str(), trailers.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\n\n");
        let receipt = Receipt {
            task,
            job,
            publication,
            usage: usage_of(publication, row.as_ref()),
            isolation: row.as_ref().and_then(|row| row.isolation.clone()),
            now: self.clock.now(),
            url: self.config.public_app_url.as_deref().unwrap_or_default(),
        };
        Ok(Parcel { task, job, publication, tree, message: text, title: message.title, body: body(&receipt) })
    }

    async fn deliver(&self, parcel: &Parcel<'_>) -> Result<Landed, GithubError> {
        let repo = self.repo_of(parcel.task);
        match &parcel.job.target {
            Target::NewPullRequest { into } | Target::Stacked { into, .. } => {
                open_new(&repo, parcel, &parcel.job.branch, into, Published::Opened).await
            }
            Target::FollowUp { on, url, into } => {
                let pull = repo.pull(*on).await?;
                let added = |commit| Landed {
                    pull_request: PullRequestRef { number: *on, url: url.clone() },
                    how: Published::Added { commit },
                    branch: parcel.job.branch.clone(),
                    state: state_of(&pull),
                };
                if pull.state == IssueState::Closed {
                    if let Some(commit) = pushed(&repo, parcel, &pull.head.sha).await? {
                        return Ok(added(commit));
                    }
                    let why = "The pull request is no longer open, so this is a new one.".to_owned();
                    return beside(&repo, parcel, into, why).await;
                }
                if !parcel.publication.protected.is_empty() {
                    let why =
                        "It changes protected files, so it is a draft of its own into that pull request's branch.";
                    return beside(&repo, parcel, &parcel.job.branch, why.to_owned()).await;
                }
                match add_commit(&repo, parcel).await? {
                    Added::Commit(commit) => Ok(added(commit)),
                    Added::Overlap => {
                        let why = "The pull request changed in the same files meanwhile, so this is a new one into its branch.";
                        beside(&repo, parcel, &parcel.job.branch, why.to_owned()).await
                    }
                    Added::Gone => {
                        let why = "The pull request's branch is gone, so this is a new one.".to_owned();
                        beside(&repo, parcel, into, why).await
                    }
                }
            }
        }
    }

    async fn landed(&self, parcel: &Parcel<'_>, attempt: Attempt, landed: Landed) -> Result<(), Fault> {
        let id = &parcel.task.id;
        let Landed { pull_request, how, branch, state } = landed;
        let link = PullRequestLink { number: pull_request.number.0, url: pull_request.url.clone() };
        let answer = CompleteAnswer { status: FinalStatus::Success, pull_request: Some(link) };
        let answer = Answered { status: 200, body: serde_json::to_string(&answer).unwrap_or_default() };
        let request = &parcel.task.request;
        let mut also = vec![results::answer(id, attempt, &answer)];
        if !matches!(how, Published::Added { .. }) {
            also.push(pull_requests::opened(request.repo_id, pull_request.number, id, &branch, &pull_request.url));
        }
        also.push(pull_requests::stands(request.repo_id, pull_request.number, state));
        let published = Event::Published { attempt, pull_request: pull_request.clone(), how };
        if let Recorded::Now(_) = self.record(id, published, also).await? {
            self.mark_pull_request(parcel, &pull_request).await;
        }
        Ok(())
    }

    /// Label and review request: nice to have, never in the way.
    async fn mark_pull_request(&self, parcel: &Parcel<'_>, pull_request: &PullRequestRef) {
        let repo = self.repo_of(parcel.task);
        let subject = Subject::Pull(pull_request.number);
        let mut outcomes = vec![repo.request_review(pull_request.number, &parcel.task.request.asker.login).await];
        if !parcel.publication.protected.is_empty() {
            outcomes.push(repo.ensure_label(subject, PROTECTED).await);
            outcomes.push(repo.add_label(subject, PROTECTED.name).await.map(|_| ()));
        }
        for error in outcomes.into_iter().filter_map(Result::err) {
            let fault = error.into_fault("marking the pull request");
            self.log_fault(Level::Info, "The pull request is there; a label or review request is not", &fault, &[]);
        }
    }
}

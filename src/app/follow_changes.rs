//! What happens on GitHub and is no text: issues and pull requests close, people lose their role, the App is removed.

use super::App;
use super::accept_command::Heard;
use super::stop_task::StopOutcome;
use crate::clients::github::issues::IssueState;
use crate::clients::github::pulls::Pull;
use crate::clients::github::webhook::{
    Event, Installation, InstallationChange, InstallationEvent, InstallationRepositories, MemberChanged, PullEvent,
};
use crate::domain::effect::Effect;
use crate::domain::ids::{InstallationId, IssueNumber, RepoId};
use crate::domain::task::{StoppedBy, Task};
use crate::ports::Fault;
use crate::store::pull_requests::PullState;
use crate::store::{commit, effects, intake, pull_requests, tasks};

impl App<'_> {
    /// Takes in what is no text. A change that comes again is told apart by its delivery: an old suspension must not undo
    /// what came after it.
    pub(super) async fn take_change_in(&self, change: Event, (id, event): (&str, &str)) -> Result<Heard, Fault> {
        if intake::knows_delivery(self.sql, id).await? {
            return Ok(Heard::Known);
        }
        let heard = match change {
            Event::IssueClosed(it) => self.issue_closed(it.repository.id, it.issue.number).await?,
            Event::PullChanged(it) => self.pull_changed(&it).await?,
            Event::MemberChanged(it) => self.member_changed(&it).await?,
            Event::Installation(it) => self.installation_changed(&it).await?,
            Event::InstallationRepositories(it) => self.coverage_changed(&it).await?,
            Event::CommentCreated(_)
            | Event::ReviewCommentCreated(_)
            | Event::ReviewSubmitted(_)
            | Event::IssueOpened(_)
            | Event::Ping
            | Event::Unused => Heard::NotForUs,
        };
        if heard != Heard::NotForUs {
            commit(self.sql, vec![intake::delivery(id, event, self.clock.now())]).await?;
        }
        Ok(heard)
    }

    /// Stops what runs on a closed issue.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn issue_closed(&self, repo: RepoId, issue: IssueNumber) -> Result<Heard, Fault> {
        let open = tasks::open_of_issue(self.sql, repo, issue).await?;
        let mut heard = Heard::NotForUs;
        for task in open {
            self.stop(&task.id, StoppedBy::IssueClosed).await?;
            heard = Heard::Accepted(Some(task.id));
        }
        Ok(heard)
    }

    async fn pull_changed(&self, it: &PullEvent) -> Result<Heard, Fault> {
        let pull = &it.pull_request;
        self.record_pull(it.repository.id, pull.number, state_of(pull)).await
    }

    /// Records how one of our pull requests stands and shows it. What still runs on an ended one gets a pull request of its own.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn record_pull(&self, repo: RepoId, number: IssueNumber, state: PullState) -> Result<Heard, Fault> {
        let Some(own) = pull_requests::load(self.sql, repo, number).await? else { return Ok(Heard::NotForUs) };
        let now = self.clock.now();
        let mut statements = vec![pull_requests::stands(repo, number, state)];
        let followers = tasks::succeeded_on(self.sql, repo, number).await?;
        for task in followers.into_iter().chain([own.task.clone()]) {
            statements.push(effects::ask(&Effect::ShowStatus { task }, now, now));
        }
        commit(self.sql, statements).await?;
        Ok(Heard::Accepted(Some(own.task)))
    }

    async fn member_changed(&self, it: &MemberChanged) -> Result<Heard, Fault> {
        let stopped = self.recheck_member(it.repository.id, it.member.id).await?;
        Ok(stopped.map_or(Heard::NotForUs, |_| Heard::Accepted(None)))
    }

    async fn installation_changed(&self, it: &InstallationEvent) -> Result<Heard, Fault> {
        let state = match it.change {
            InstallationChange::Created
            | InstallationChange::Unsuspend
            | InstallationChange::NewPermissionsAccepted => "active",
            InstallationChange::Suspend => "suspended",
            InstallationChange::Deleted => "deleted",
        };
        let now = self.clock.now();
        let Installation { id, account } = &it.installation;
        let mut statements = vec![intake::installation(*id, &account.login, account.id.0, state, now)];
        if state == "active" {
            let covered = it.repositories.iter().take(90);
            statements.extend(covered.map(|repo| intake::repository(repo.id, &repo.full_name, Some(*id), now)));
        }
        commit(self.sql, statements).await?;
        if state != "active" {
            self.stop_all(*id, |_| true).await?;
        }
        Ok(Heard::Accepted(None))
    }

    async fn coverage_changed(&self, it: &InstallationRepositories) -> Result<Heard, Fault> {
        let now = self.clock.now();
        let Installation { id, account } = &it.installation;
        let mut statements = vec![intake::installation(*id, &account.login, account.id.0, "active", now)];
        let added = it.added.iter().take(90);
        statements.extend(added.map(|repo| intake::repository(repo.id, &repo.full_name, Some(*id), now)));
        statements.extend(it.removed.iter().take(90).map(|repo| intake::uncovered(repo.id)));
        commit(self.sql, statements).await?;
        let removed: Vec<RepoId> = it.removed.iter().map(|repo| repo.id).collect();
        self.stop_all(*id, |task| removed.contains(&task.request.repo_id)).await?;
        Ok(Heard::Accepted(None))
    }

    /// Stops what is open under an installation, however much it is. What is being published ends by itself.
    async fn stop_all(&self, installation: InstallationId, concerns: impl Fn(&Task) -> bool) -> Result<(), Fault> {
        loop {
            let mut stopped = 0;
            for task in
                tasks::open_of_installation(self.sql, installation.0).await?.iter().filter(|task| concerns(task))
            {
                if self.stop(&task.id, StoppedBy::Uninstalled).await? == StopOutcome::Stopped {
                    stopped += 1;
                }
            }
            if stopped == 0 {
                return Ok(());
            }
        }
    }
}

/// How a pull request stands, as GitHub shows it.
pub(super) fn state_of(pull: &Pull) -> PullState {
    match pull.state {
        IssueState::Open => PullState::Open,
        IssueState::Closed if pull.merged() => PullState::Merged,
        IssueState::Closed => PullState::Closed,
    }
}

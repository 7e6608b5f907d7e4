//! A webhook's delivery, already verified: commands are taken in, ends are recorded, installations kept up to date.

use super::App;
use super::accept_command::{Freshness, Heard, OWN_MARKER, Spoken};
use super::gather_material::text;
use crate::clients::github::webhook::{
    self, BadDelivery, CommentCreated, Event, Installation, InstallationChange, InstallationEvent,
    InstallationRepositories, IssueEvent, MemberChanged, PullEvent, ReviewCommentCreated, ReviewSubmitted,
};
use crate::clients::github::{Account, AccountKind, GithubError, Subject, pulls::Pull};
use crate::domain::command::{Parsed, parse};
use crate::domain::credential::Credential;
use crate::domain::ids::{InstallationId, IssueNumber, RepoId};
use crate::domain::repository_config::RepositoryConfig;
use crate::domain::task::{Person, Place, StoppedBy, TextKey, TextKind};
use crate::ports::Fault;
use crate::store::{commit, intake, pull_requests, tasks};

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A command or something else of ours was taken in.
    Heard(Heard),
    /// An event Porter does not use.
    Unused,
    /// The body is not what GitHub sends.
    Bad(BadDelivery),
}

impl App<'_> {
    /// Takes a verified delivery in.
    ///
    /// # Errors
    /// Nothing may have been kept: GitHub is told, so that the delivery comes again.
    pub async fn receive(&self, id: &str, event: &str, body: &[u8]) -> Result<Received, Fault> {
        let event_name = event;
        let delivery = Some((id, event_name));
        let heard = match webhook::parse(event, body) {
            Err(bad) => return Ok(Received::Bad(bad)),
            Ok(Event::Unused) => return Ok(Received::Unused),
            Ok(Event::Ping) => Heard::NotForUs,
            Ok(Event::CommentCreated(it)) => self.accept(&self.comment_spoken(*it), delivery).await?,
            Ok(Event::ReviewCommentCreated(it)) => self.accept(&self.line_spoken(*it), delivery).await?,
            Ok(Event::ReviewSubmitted(it)) => self.accept(&self.review_spoken(*it), delivery).await?,
            Ok(Event::IssueOpened(it)) => self.issue_opened(*it, delivery).await?,
            Ok(
                change @ (Event::IssueClosed(_)
                | Event::PullClosed(_)
                | Event::MemberChanged(_)
                | Event::Installation(_)
                | Event::InstallationRepositories(_)),
            ) => self.take_change_in(change, (id, event_name)).await?,
        };
        Ok(Received::Heard(heard))
    }

    /// Takes in what is no text. A change that comes again is told apart by its delivery: an old suspension must not undo
    /// what came after it.
    async fn take_change_in(&self, change: Event, (id, event): (&str, &str)) -> Result<Heard, Fault> {
        if intake::knows_delivery(self.sql, id).await? {
            return Ok(Heard::Known);
        }
        let heard = match change {
            Event::IssueClosed(it) => self.issue_closed(it.repository.id, it.issue.number).await?,
            Event::PullClosed(it) => self.pull_closed(&it).await?,
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

    /// By which credential Porter acts where a delivery came from.
    fn credential_of(&self, installation: Option<InstallationId>) -> Credential {
        match installation {
            Some(installation) if self.config.github.app.is_some() => Credential::App { installation },
            Some(_) | None => Credential::Token,
        }
    }

    fn comment_spoken(&self, it: CommentCreated) -> Spoken {
        let place = match it.issue.subject() {
            Subject::Issue(_) => Place::Issue,
            Subject::Pull(_) => Place::PullRequest,
        };
        Spoken {
            repo_id: it.repository.id,
            repo: it.repository.full_name.clone(),
            credential: self.credential_of(it.installation),
            text: TextKey { kind: TextKind::IssueComment, id: it.comment.id },
            written_at: it.comment.created_at,
            author_kind: kind_of(&it.comment.user, &it.sender),
            author: person(it.comment.user),
            issue: it.issue.number,
            place,
            title: it.issue.title,
            body: it.issue.body,
            labels: it.issue.labels.into_iter().map(|label| label.name).collect(),
            words: it.comment.body,
            freshness: Freshness::AsWritten,
        }
    }

    fn line_spoken(&self, it: ReviewCommentCreated) -> Spoken {
        let comment = it.comment;
        let place = Place::ReviewLine { path: comment.path, line: comment.line, hunk: comment.diff_hunk };
        Spoken {
            text: TextKey { kind: TextKind::ReviewComment, id: comment.id },
            written_at: comment.created_at,
            author_kind: kind_of(&comment.user, &it.sender),
            author: person(comment.user),
            words: comment.body,
            place,
            ..self.on_pull(it.pull_request, &it.repository, it.installation)
        }
    }

    fn review_spoken(&self, it: ReviewSubmitted) -> Spoken {
        let review = it.review;
        Spoken {
            text: TextKey { kind: TextKind::Review, id: review.id },
            written_at: review.submitted_at.unwrap_or_else(|| self.clock.now()),
            author_kind: kind_of(&review.user, &it.sender),
            author: person(review.user),
            words: review.body,
            ..self.on_pull(it.pull_request, &it.repository, it.installation)
        }
    }

    /// What every text on a pull request shares; the text itself is filled in by the caller.
    fn on_pull(
        &self,
        pull: Pull,
        repository: &crate::clients::github::repository::Repository,
        installation: Option<InstallationId>,
    ) -> Spoken {
        Spoken {
            repo_id: repository.id,
            repo: repository.full_name.clone(),
            credential: self.credential_of(installation),
            text: TextKey { kind: TextKind::Review, id: 0 },
            written_at: self.clock.now(),
            author_kind: pull.user.kind,
            author: person(pull.user),
            issue: pull.number,
            place: Place::PullRequest,
            title: pull.title,
            body: pull.body.clone(),
            labels: Vec::new(),
            words: pull.body,
            freshness: Freshness::AsWritten,
        }
    }

    /// An opened issue: its body may command, or its repository may ask for every issue to be run.
    async fn issue_opened(&self, it: IssueEvent, delivery: Option<(&str, &str)>) -> Result<Heard, Fault> {
        let spoken = Spoken {
            repo_id: it.repository.id,
            repo: it.repository.full_name.clone(),
            credential: self.credential_of(it.installation),
            text: TextKey { kind: TextKind::Issue, id: it.issue.number.0 },
            written_at: it.issue.created_at,
            author_kind: kind_of(&it.issue.user, &it.sender),
            author: person(it.issue.user),
            issue: it.issue.number,
            place: Place::Issue,
            title: it.issue.title,
            body: it.issue.body.clone(),
            labels: it.issue.labels.into_iter().map(|label| label.name).collect(),
            words: it.issue.body,
            freshness: Freshness::AsWritten,
        };
        self.accept_opened(&spoken, delivery).await
    }

    /// Takes an opened issue in, from whichever trigger.
    ///
    /// # Errors
    /// As [`App::accept`].
    pub async fn accept_opened(&self, spoken: &Spoken, delivery: Option<(&str, &str)>) -> Result<Heard, Fault> {
        let raw = spoken.words.raw();
        let commands = !matches!(parse(raw, &self.config.mention), Parsed::NotForUs);
        let a_person = spoken.author_kind == AccountKind::User;
        if commands || !a_person || raw.contains(OWN_MARKER) || !self.serves(&spoken.repo).await? {
            return self.accept(spoken, delivery).await;
        }
        let Some(config) = self.config_of(spoken).await? else { return Ok(Heard::NotForUs) };
        let skipped = |label: &crate::domain::untrusted::Untrusted| {
            config.skip_labels.iter().any(|skip| skip.eq_ignore_ascii_case(label.raw()))
        };
        if !config.auto_run || spoken.labels.iter().any(skipped) {
            return Ok(Heard::NotForUs);
        }
        self.accept_unasked(spoken, config.agent, delivery).await
    }

    /// The repository's configuration on its default branch; `None` when there is none that can be used.
    async fn config_of(&self, spoken: &Spoken) -> Result<Option<RepositoryConfig>, Fault> {
        let repo = self.repo(spoken.credential, spoken.repo_id, &spoken.repo);
        match repo.default_file(".porter/config.json", 64 * 1024).await {
            Ok(file) => Ok(file.and_then(|file| RepositoryConfig::parse(text(file).raw()).ok())),
            Err(error @ (GithubError::RateLimited { .. } | GithubError::Fault(_))) => {
                Err(error.into_fault("reading the repository's configuration"))
            }
            Err(_) => Ok(None),
        }
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

    async fn pull_closed(&self, it: &PullEvent) -> Result<Heard, Fault> {
        self.record_pull_closed(it.repository.id, it.pull_request.number, it.pull_request.merged()).await
    }

    /// Records how one of our pull requests ended. What still runs on it gets a pull request of its own.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn record_pull_closed(&self, repo: RepoId, number: IssueNumber, merged: bool) -> Result<Heard, Fault> {
        let Some(own) = pull_requests::load(self.sql, repo, number).await? else { return Ok(Heard::NotForUs) };
        commit(self.sql, vec![pull_requests::ended(repo, number, merged)]).await?;
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
            for task in tasks::open_of_installation(self.sql, id.0).await? {
                self.stop(&task.id, StoppedBy::Uninstalled).await?;
            }
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
        for task in tasks::open_of_installation(self.sql, id.0).await? {
            if removed.contains(&task.request.repo_id) {
                self.stop(&task.id, StoppedBy::Uninstalled).await?;
            }
        }
        Ok(Heard::Accepted(None))
    }
}

/// Whoever caused the delivery must be the author; a text brought by somebody else commands nothing.
fn kind_of(author: &Account, sender: &Account) -> AccountKind {
    if author.id == sender.id { author.kind } else { AccountKind::Other }
}

fn person(account: Account) -> Person {
    Person { id: account.id, login: account.login }
}

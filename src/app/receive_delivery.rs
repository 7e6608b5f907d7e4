//! A webhook's delivery, already verified: texts are taken in as commands; what is no text is followed elsewhere.

use super::App;
use super::accept_command::{Freshness, Heard, OWN_MARKER, Spoken};
use super::gather_material::text;
use crate::clients::github::webhook::{
    self, BadDelivery, CommentCreated, Event, IssueEvent, ReviewCommentCreated, ReviewSubmitted,
};
use crate::clients::github::{Account, AccountKind, GithubError, Subject, pulls::Pull};
use crate::domain::command::{Parsed, parse};
use crate::domain::credential::Credential;
use crate::domain::ids::InstallationId;
use crate::domain::repository_config::RepositoryConfig;
use crate::domain::task::{Person, Place, TextKey, TextKind};
use crate::ports::Fault;

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
                | Event::PullChanged(_)
                | Event::MemberChanged(_)
                | Event::Installation(_)
                | Event::InstallationRepositories(_)),
            ) => self.take_change_in(change, (id, event_name)).await?,
        };
        Ok(Received::Heard(heard))
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
}

/// Whoever caused the delivery must be the author; a text brought by somebody else commands nothing.
fn kind_of(author: &Account, sender: &Account) -> AccountKind {
    if author.id == sender.id { author.kind } else { AccountKind::Other }
}

fn person(account: Account) -> Person {
    Person { id: account.id, login: account.login }
}

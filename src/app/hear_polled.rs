//! Texts that polling found: what a webhook would have brought, taken in through the same door.

use super::App;
use super::accept_command::{Freshness, Spoken};
use super::poll_repositories::Source;
use crate::clients::github::Subject;
use crate::clients::github::comments::Comment;
use crate::clients::github::issues::{Issue, IssueState};
use crate::clients::github::reviews::ReviewComment;
use crate::domain::command::may_mention;
use crate::domain::task::{Person, Place, TextKey, TextKind};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::Fault;
use crate::store::intake;

/// GitHub touches a review's comments when the review is submitted, within this of their writing.
const REVIEW_SLACK_S: i64 = 2;

impl App<'_> {
    pub(super) async fn hear_comment(&self, place: &Source<'_>, comment: Comment) -> Result<(), Fault> {
        let Some(on) = comment.subject() else { return Ok(()) };
        let text = TextKey { kind: TextKind::IssueComment, id: comment.id };
        if !self.is_new(place, text, &comment.body).await? {
            return Ok(());
        }
        let issue = place.repo.issue(on.number()).await.map_err(|error| error.into_fault("reading the issue"))?;
        let place_kind = if matches!(on, Subject::Pull(_)) { Place::PullRequest } else { Place::Issue };
        let spoken = Spoken {
            text,
            written_at: comment.created_at,
            author_kind: comment.user.kind,
            author: Person { id: comment.user.id, login: comment.user.login },
            place: place_kind,
            words: comment.body,
            freshness: freshness(comment.created_at, comment.updated_at, 0),
            ..spoken_on(place, issue)
        };
        self.accept(&spoken, None).await.map(|_| ())
    }

    pub(super) async fn hear_review_comment(&self, place: &Source<'_>, comment: ReviewComment) -> Result<(), Fault> {
        let Some(number) = comment.pull() else { return Ok(()) };
        let text = TextKey { kind: TextKind::ReviewComment, id: comment.id };
        if !self.is_new(place, text, &comment.body).await? {
            return Ok(());
        }
        let issue = place.repo.issue(number).await.map_err(|error| error.into_fault("reading the pull request"))?;
        let spoken = Spoken {
            text,
            written_at: comment.created_at,
            author_kind: comment.user.kind,
            author: Person { id: comment.user.id, login: comment.user.login },
            place: Place::ReviewLine { path: comment.path, line: comment.line, hunk: comment.diff_hunk },
            words: comment.body,
            freshness: freshness(comment.created_at, comment.updated_at, REVIEW_SLACK_S),
            ..spoken_on(place, issue)
        };
        self.accept(&spoken, None).await.map(|_| ())
    }

    /// An issue that changed: newly opened ones may command, closed ones stop what runs on them.
    pub(super) async fn hear_issue(&self, place: &Source<'_>, issue: Issue, since: Timestamp) -> Result<(), Fault> {
        if matches!(issue.subject(), Subject::Pull(_)) {
            return Ok(());
        }
        if issue.state == IssueState::Closed {
            self.issue_closed(place.id, issue.number).await?;
            return Ok(());
        }
        if issue.created_at < since {
            return Ok(());
        }
        let text = TextKey { kind: TextKind::Issue, id: issue.number.0 };
        if intake::is_known(self.sql, place.id, text).await? {
            return Ok(());
        }
        let spoken = Spoken { text, ..spoken_on(place, issue) };
        self.accept_opened(&spoken, None).await.map(|_| ())
    }

    /// Whether a text may command and has not been taken in.
    async fn is_new(&self, place: &Source<'_>, text: TextKey, body: &Untrusted) -> Result<bool, Fault> {
        if !may_mention(body.raw().as_bytes(), &self.config.mention) {
            return Ok(false);
        }
        Ok(!intake::is_known(self.sql, place.id, text).await?)
    }
}

/// Whether a text seen by polling is as written: GitHub's two times are equal until the first edit, give or take `slack_s`.
fn freshness(created: Timestamp, updated: Timestamp, slack_s: i64) -> Freshness {
    if updated > created.plus_seconds(slack_s) { Freshness::Edited } else { Freshness::AsWritten }
}

/// What texts on an issue share; the issue's own opening text where the caller fills in nothing.
fn spoken_on(place: &Source<'_>, issue: Issue) -> Spoken {
    Spoken {
        repo_id: place.id,
        repo: place.name.clone(),
        credential: place.credential,
        text: TextKey { kind: TextKind::Issue, id: issue.number.0 },
        written_at: issue.created_at,
        author_kind: issue.user.kind,
        author: Person { id: issue.user.id, login: issue.user.login },
        issue: issue.number,
        place: Place::Issue,
        title: issue.title,
        body: issue.body.clone(),
        labels: issue.labels.into_iter().map(|label| label.name).collect(),
        words: issue.body,
        freshness: Freshness::AsWritten,
    }
}

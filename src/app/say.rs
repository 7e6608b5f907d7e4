//! Saying something on GitHub once: under a hidden marker, found again after a lost reply, edited when it changes.

use sha2::{Digest, Sha256};

use super::App;
use crate::clients::github::{GithubError, Repo, Subject};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, FaultKind, Level};
use crate::store::facts;
use crate::store::own_comments::{self, OwnComment};

/// GitHub's limit of a comment is 65,536 characters; ours leaves room for its rendering of links.
const LONGEST: usize = 60_000;

/// How long GitHub's lists may hide a comment that is there.
const LIST_LAG_S: i64 = 15;

/// What to say, where, under which marker.
pub struct Saying<'a> {
    /// The repository.
    pub repo: &'a Repo<'a>,
    /// The issue or pull request.
    pub on: Subject,
    /// The marker's text: `porter:task=…`. Unique for what it stands for.
    pub marker: String,
    /// The comment without its marker.
    pub text: String,
    /// No comment of ours can be older.
    pub since: Timestamp,
}

impl App<'_> {
    /// Makes the comment, or brings the one that is there to this text.
    ///
    /// # Errors
    /// What a repeat may cure. A place where nobody may comment any more (locked, gone) is logged and left.
    pub async fn say(&self, saying: &Saying<'_>) -> Result<(), Fault> {
        match self.try_to_say(saying).await {
            Ok(()) => Ok(()),
            Err(Problem::Ours(fault)) => Err(fault),
            Err(Problem::GitHub(error)) => {
                let cannot = matches!(error, GithubError::Forbidden { .. } | GithubError::Gone | GithubError::NotFound);
                // An App that is refused has been removed here. A token that is refused can be mended by the operator.
                let refused = matches!(error, GithubError::Unauthorized);
                if refused && self.config.github.app.is_none() {
                    return Err(Fault::transient("writing a comment", error.to_string()));
                }
                let cannot = cannot || refused;
                let fault = error.into_fault("writing a comment");
                if !cannot {
                    return Err(fault);
                }
                self.log_fault(Level::Warning, "Nobody can be told here", &fault, &[("marker", &saying.marker)]);
                let what = format!("{}: {fault}", saying.marker);
                facts::note(self.sql, facts::LAST_FAULT, &what, self.clock.now()).await
            }
        }
    }

    async fn try_to_say(&self, saying: &Saying<'_>) -> Result<(), Problem> {
        let text: String = saying.text.chars().take(LONGEST).collect();
        let text = self.redactor().redact(&text).into_owned();
        let body = format!("{text}\n\n<!-- {} -->", saying.marker);
        let body_sha256 = hex::encode(Sha256::digest(body.as_bytes()));
        if let Some(known) = own_comments::load(self.sql, &saying.marker).await? {
            if known.body_sha256 == body_sha256 {
                return Ok(());
            }
            match saying.repo.edit_comment(saying.on, known.id, &body).await {
                Ok(_) => return self.remember(saying, known.id, body_sha256).await,
                Err(GithubError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let marker = format!("<!-- {} -->", saying.marker);
        // GitHub's times are whole seconds and its clock is not ours.
        let since = saying.since.plus_seconds(-120);
        let mut ours = saying.repo.own_comments(saying.on, &marker, since).await?.into_iter();
        let id = match ours.next() {
            Some(comment) if comment.body.raw() == body => comment.id,
            Some(comment) => saying.repo.edit_comment(saying.on, comment.id, &body).await?.id,
            None => self.write(saying, &body).await?,
        };
        // The list that hid the first one is the reason for any other. A quotation of ours is somebody's own comment.
        for second in ours.filter(|comment| comment.body.raw().trim_end().lines().next_back() == Some(&marker)) {
            saying.repo.delete_comment(saying.on, second.id).await?;
        }
        self.remember(saying, id, body_sha256).await
    }

    /// Writes the comment, unless one was sent a moment ago that GitHub's list may not show yet.
    async fn write(&self, saying: &Saying<'_>, body: &str) -> Result<i64, Problem> {
        let now = self.clock.now();
        let doubt = own_comments::in_doubt_since(self.sql, &saying.marker).await?;
        if doubt.is_some_and(|since| now < since.plus_seconds(LIST_LAG_S)) {
            return Err(Fault::transient("writing a comment", "one was sent and may be there already").into());
        }
        match saying.repo.comment(saying.on, body).await {
            Ok(comment) => Ok(comment.id),
            Err(GithubError::Fault(fault)) if matches!(fault.kind, FaultKind::Transient { .. }) => {
                own_comments::doubt(self.sql, &saying.marker, now).await?;
                Err(fault.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn remember(&self, saying: &Saying<'_>, id: i64, body_sha256: String) -> Result<(), Problem> {
        Ok(own_comments::keep(self.sql, &saying.marker, &OwnComment { id, body_sha256 }).await?)
    }
}

/// Whose trouble it is.
enum Problem {
    Ours(Fault),
    GitHub(GithubError),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Ours(fault)
    }
}

impl From<GithubError> for Problem {
    fn from(error: GithubError) -> Self {
        Self::GitHub(error)
    }
}

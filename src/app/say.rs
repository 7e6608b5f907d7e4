//! Saying something on GitHub once: under a hidden marker, found again after a lost reply, edited when it changes.

use sha2::{Digest, Sha256};

use super::App;
use crate::clients::github::{GithubError, Repo, Subject};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Level};
use crate::store::own_comments::{self, OwnComment};

/// GitHub's limit of a comment is 65,536 characters; ours leaves room for its rendering of links.
const LONGEST: usize = 60_000;

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
                Ok(())
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
        let id = match saying.repo.own_comment(saying.on, &marker, since).await? {
            Some(comment) if comment.body.raw() == body => comment.id,
            Some(comment) => saying.repo.edit_comment(saying.on, comment.id, &body).await?.id,
            None => saying.repo.comment(saying.on, &body).await?.id,
        };
        self.remember(saying, id, body_sha256).await
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

//! Reviews of pull requests and the comments on their lines.

use serde::Deserialize;
use serde_json::json;

use super::account::or_ghost;
use super::comments::{AppMark, Listed, number_at_end};
use super::error::GithubError;
use super::issues::or_empty;
use super::{Account, Need, Repo, moment};
use crate::domain::ids::IssueNumber;
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;

/// A submitted review.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Review {
    /// GitHub's number of it.
    pub id: i64,
    /// What it says as a whole; empty for none.
    #[serde(default, deserialize_with = "or_empty")]
    pub body: Untrusted,
    /// Who wrote it.
    #[serde(deserialize_with = "or_ghost")]
    pub user: Account,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`, `PENDING`; webhooks write it in lower case.
    pub state: String,
    /// When; `None` while it is pending.
    #[serde(default, deserialize_with = "moment::maybe")]
    pub submitted_at: Option<Timestamp>,
    /// Its place on the page.
    pub html_url: String,
}

/// A comment on a line of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReviewComment {
    /// GitHub's number of it.
    pub id: i64,
    /// What it says.
    #[serde(default, deserialize_with = "or_empty")]
    pub body: Untrusted,
    /// Who wrote it.
    #[serde(deserialize_with = "or_ghost")]
    pub user: Account,
    /// The file.
    pub path: Untrusted,
    /// The line in the newest version of the file; `None` when the comment is outdated or on the whole file.
    pub line: Option<u32>,
    /// The lines around it when it was written.
    #[serde(default, deserialize_with = "or_empty")]
    pub diff_hunk: Untrusted,
    /// The comment this one answers; the same for all answers of a thread.
    pub in_reply_to_id: Option<i64>,
    /// When it was written.
    #[serde(with = "moment")]
    pub created_at: Timestamp,
    /// When it was last edited; equal to `created_at` if never.
    #[serde(with = "moment")]
    pub updated_at: Timestamp,
    /// Its place on the page.
    pub html_url: String,
    /// The App it was written through, if any.
    #[serde(default)]
    pub performed_via_github_app: Option<AppMark>,
    #[serde(default)]
    pull_request_url: String,
}

impl ReviewComment {
    /// The pull request it is on, read from the address GitHub gives with it.
    #[must_use]
    pub fn pull(&self) -> Option<IssueNumber> {
        number_at_end(&self.pull_request_url)
    }
}

impl Repo<'_> {
    /// Reviews of a pull request, oldest first, at most `pages` times a hundred. `GET /repos/{o}/{r}/pulls/{n}/reviews`
    pub async fn reviews(&self, pull: IssueNumber, pages: u32) -> Result<Listed<Review>, GithubError> {
        let number = pull.to_string();
        self.listed(Need::ReadPulls, "reading the reviews", pages, |page| {
            self.address(&["pulls", &number, "reviews"]).with("per_page", "100").with("page", &page.to_string())
        })
        .await
    }

    /// Comments on the lines of a pull request, oldest first, at most `pages` times a hundred.
    /// `GET /repos/{o}/{r}/pulls/{n}/comments`
    pub async fn review_comments(&self, pull: IssueNumber, pages: u32) -> Result<Listed<ReviewComment>, GithubError> {
        let number = pull.to_string();
        self.listed(Need::ReadPulls, "reading the review comments", pages, |page| {
            self.address(&["pulls", &number, "comments"]).with("per_page", "100").with("page", &page.to_string())
        })
        .await
    }

    /// Asks a person for a review. `POST /repos/{o}/{r}/pulls/{n}/requested_reviewers`; `Unprocessable` when that person
    /// cannot review here, as the account that opened it
    pub async fn request_review(&self, pull: IssueNumber, login: &str) -> Result<(), GithubError> {
        let body = json!({"reviewers": [login]});
        let ask = self.post("asking for a review", &["pulls", &pull.to_string(), "requested_reviewers"], body);
        self.send(Need::WritePull, ask).await.map(|_| ())
    }
}

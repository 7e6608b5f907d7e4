//! Comments under issues and pull requests, and finding our own among them.

use serde::Deserialize;
use serde_json::json;

use super::account::or_ghost;
use super::call::{Ask, has_next, read};
use super::error::GithubError;
use super::issues::or_empty;
use super::{Account, Repo, Subject, found, moment};
use crate::domain::ids::IssueNumber;
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::Method;

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// GitHub's number of it.
    pub id: i64,
    /// What it says.
    #[serde(default, deserialize_with = "or_empty")]
    pub body: Untrusted,
    /// Who wrote it.
    #[serde(deserialize_with = "or_ghost")]
    pub user: Account,
    /// When it was written.
    #[serde(with = "moment")]
    pub created_at: Timestamp,
    /// When it was last edited; equal to `created_at` if never.
    #[serde(with = "moment")]
    pub updated_at: Timestamp,
    /// Its place on the page.
    pub html_url: String,
    #[serde(default)]
    issue_url: String,
    /// The App it was written through, if any.
    #[serde(default)]
    pub performed_via_github_app: Option<AppMark>,
}

impl Comment {
    /// What it stands under, read from the addresses GitHub gives with it.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        let number = number_at_end(&self.issue_url)?;
        let on_pull = self.html_url.contains("/pull/");
        Some(if on_pull { Subject::Pull(number) } else { Subject::Issue(number) })
    }
}

/// The App behind a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AppMark {
    /// The App's id.
    pub id: i64,
}

/// The number at the end of `…/issues/7` or `…/pulls/7`.
pub(super) fn number_at_end(url: &str) -> Option<IssueNumber> {
    url.rsplit('/').next()?.parse().ok().map(IssueNumber)
}

/// A part of a list, and whether there is more than was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// In GitHub's order.
    pub items: Vec<T>,
    /// Whether the list goes on.
    pub more: bool,
}

impl Repo<'_> {
    /// Comments under an issue or pull request, oldest first, changed since a time, at most `pages` times a hundred.
    /// `GET /repos/{o}/{r}/issues/{n}/comments`
    pub async fn comments(
        &self,
        on: Subject,
        since: Option<Timestamp>,
        pages: u32,
    ) -> Result<Listed<Comment>, GithubError> {
        let number = on.number().to_string();
        self.listed(on.read(), "reading the comments", pages, |page| {
            let mut address = self.address(&["issues", &number, "comments"]);
            if let Some(since) = since {
                address = address.with("since", &since.rfc3339());
            }
            address.with("per_page", "100").with("page", &page.to_string())
        })
        .await
    }

    /// Writes a comment. `POST /repos/{o}/{r}/issues/{n}/comments`
    pub async fn comment(&self, on: Subject, body: &str) -> Result<Comment, GithubError> {
        let ask =
            self.post("writing a comment", &["issues", &on.number().to_string(), "comments"], json!({"body": body}));
        self.fetch(on.write(), ask).await
    }

    /// Changes one of our comments. `PATCH /repos/{o}/{r}/issues/comments/{id}`; `NotFound` when somebody deleted it
    pub async fn edit_comment(&self, on: Subject, id: i64, body: &str) -> Result<Comment, GithubError> {
        let address = self.address(&["issues", "comments", &id.to_string()]);
        let ask = Ask::new("changing a comment", Method::Patch, address).json(json!({"body": body}));
        self.fetch(on.write(), ask).await
    }

    /// Takes one of our comments away; one that is gone is fine. `DELETE /repos/{o}/{r}/issues/comments/{id}`
    pub async fn delete_comment(&self, on: Subject, id: i64) -> Result<(), GithubError> {
        let address = self.address(&["issues", "comments", &id.to_string()]);
        found(self.send(on.write(), Ask::new("removing a comment", Method::Delete, address)).await).map(|_| ())
    }

    /// The comments since a time that are ours and carry `marker`, oldest first, so that a lost reply makes no second one. A
    /// stranger who copies the marker is not us.
    pub async fn own_comments(&self, on: Subject, marker: &str, since: Timestamp) -> Result<Vec<Comment>, GithubError> {
        let us = self.github.identity(self.by).await?;
        let comments = self.comments(on, Some(since), 10).await?;
        let is_ours = |comment: &Comment| us.is(&comment.user) && comment.body.raw().contains(marker);
        Ok(comments.items.into_iter().filter(is_ours).collect())
    }

    /// Reads a list page by page, until it ends or `pages` are read.
    pub(super) async fn listed<T: serde::de::DeserializeOwned>(
        &self,
        need: super::Need,
        doing: &'static str,
        pages: u32,
        address: impl Fn(u32) -> crate::clients::address::Address,
    ) -> Result<Listed<T>, GithubError> {
        let mut items = Vec::new();
        for page in 1..=pages {
            let response = self.send(need, Ask::new(doing, Method::Get, address(page))).await?;
            items.extend(read::<Vec<T>>(doing, &response)?);
            if !has_next(&response) {
                return Ok(Listed { items, more: false });
            }
        }
        Ok(Listed { items, more: true })
    }
}

//! What changed in a repository since a time, for those without webhooks. A repeat with the last answer's tag is free.

use serde::de::DeserializeOwned;

use super::call::{Ask, has_next, read};
use super::comments::Comment;
use super::error::GithubError;
use super::issues::Issue;
use super::reviews::ReviewComment;
use super::{Need, Repo};
use crate::domain::time::Timestamp;
use crate::ports::{HttpResponse, Method};

/// What to ask for. The same question gives the same address, which is what a tag belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollAsk<'a> {
    /// Changed at or after this time.
    pub since: Timestamp,
    /// From 1; a hundred a page.
    pub page: u32,
    /// The tag of the last answer to the same question.
    pub etag: Option<&'a str>,
}

/// What a poll gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled<T> {
    /// Nothing changed since the answer with this tag.
    NotModified {
        /// Seconds GitHub wants between two polls, when it says.
        poll_interval_s: Option<u32>,
    },
    /// What changed.
    Page {
        /// Longest unchanged first.
        items: Vec<T>,
        /// The tag of this answer.
        etag: Option<String>,
        /// The next page, if there is one.
        next: Option<u32>,
        /// Seconds GitHub wants between two polls, when it says.
        poll_interval_s: Option<u32>,
    },
}

impl Repo<'_> {
    /// Comments under all issues and pull requests. `GET /repos/{o}/{r}/issues/comments`
    pub async fn poll_comments(&self, ask: PollAsk<'_>) -> Result<Polled<Comment>, GithubError> {
        self.poll(Need::ReadIssues, "polling the comments", &["issues", "comments"], &[], ask).await
    }

    /// Comments on lines of all pull requests. `GET /repos/{o}/{r}/pulls/comments`
    pub async fn poll_review_comments(&self, ask: PollAsk<'_>) -> Result<Polled<ReviewComment>, GithubError> {
        self.poll(Need::ReadPulls, "polling the review comments", &["pulls", "comments"], &[], ask).await
    }

    /// Issues and pull requests, open and closed. `GET /repos/{o}/{r}/issues`
    pub async fn poll_issues(&self, ask: PollAsk<'_>) -> Result<Polled<Issue>, GithubError> {
        self.poll(Need::ReadIssues, "polling the issues", &["issues"], &[("state", "all")], ask).await
    }

    async fn poll<T: DeserializeOwned>(
        &self,
        need: Need,
        doing: &'static str,
        parts: &[&str],
        filter: &[(&str, &str)],
        ask: PollAsk<'_>,
    ) -> Result<Polled<T>, GithubError> {
        let (since, page) = (ask.since.rfc3339(), ask.page.to_string());
        let fixed = [("sort", "updated"), ("direction", "asc"), ("per_page", "100")];
        let varying = [("since", since.as_str()), ("page", page.as_str())];
        let query = filter.iter().chain(&fixed).chain(&varying);
        let address = query.fold(self.address(parts), |address, (key, value)| address.with(key, value));
        let response = self.send(need, Ask::new(doing, Method::Get, address).unless(ask.etag)).await?;
        let poll_interval_s = interval(&response);
        if response.status == 304 {
            return Ok(Polled::NotModified { poll_interval_s });
        }
        let next = has_next(&response).then(|| ask.page.saturating_add(1));
        let etag = response.header("etag").map(str::to_owned);
        Ok(Polled::Page { items: read(doing, &response)?, etag, next, poll_interval_s })
    }
}

fn interval(response: &HttpResponse) -> Option<u32> {
    response.header("x-poll-interval").and_then(|text| text.trim().parse().ok())
}

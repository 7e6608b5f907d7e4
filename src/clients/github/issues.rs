//! Issues, and what pull requests share with them.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::account::or_ghost;
use super::error::GithubError;
use super::{Account, Need, Repo, Subject, moment};
use crate::domain::ids::IssueNumber;
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;

/// An issue, or a pull request as the issues API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// Its number within the repository.
    pub number: IssueNumber,
    /// Its headline.
    pub title: Untrusted,
    /// Its text; empty for none.
    #[serde(default, deserialize_with = "or_empty")]
    pub body: Untrusted,
    /// Who opened it.
    #[serde(deserialize_with = "or_ghost")]
    pub user: Account,
    /// Open or closed.
    pub state: IssueState,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Whether nobody without write access may comment.
    #[serde(default)]
    pub locked: bool,
    /// When it was opened.
    #[serde(with = "moment")]
    pub created_at: Timestamp,
    /// When anything about it last changed.
    #[serde(with = "moment")]
    pub updated_at: Timestamp,
    /// Its page.
    pub html_url: String,
    #[serde(default, deserialize_with = "is_there")]
    pull_request: bool,
}

impl Issue {
    /// Whether this is an issue or a pull request.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        if self.pull_request { Subject::Pull(self.number) } else { Subject::Issue(self.number) }
    }

    /// Whether it carries a label of this name; GitHub ignores case.
    #[must_use]
    pub fn has_label(&self, name: &str) -> bool {
        self.labels.iter().any(|label| label.name.raw().eq_ignore_ascii_case(name))
    }
}

/// Open or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueState {
    /// Waiting for somebody.
    Open,
    /// Done, merged or dropped.
    Closed,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// Its name.
    pub name: Untrusted,
}

/// A text that GitHub gives as `null` when there is none.
pub(super) fn or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Untrusted, D::Error> {
    Ok(Option::<Untrusted>::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether a field holds anything but `null`.
pub(super) fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<IgnoredAny>::deserialize(deserializer)?.is_some())
}

impl Repo<'_> {
    /// An issue. `GET /repos/{o}/{r}/issues/{n}`
    pub async fn issue(&self, number: IssueNumber) -> Result<Issue, GithubError> {
        let ask = self.get("reading the issue", &["issues", &number.to_string()]);
        self.fetch(Need::ReadIssues, ask).await
    }
}

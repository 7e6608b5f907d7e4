//! Pull requests: opening, finding and reading them.

use serde::Deserialize;
use serde_json::json;

use super::account::or_ghost;
use super::call::Ask;
use super::comments::Listed;
use super::error::GithubError;
use super::issues::{IssueState, is_there, or_empty};
use super::{Account, Need, Repo};
use crate::domain::ids::{BadId, Branch, IssueNumber, RepoId, RepoName, Sha};
use crate::domain::untrusted::Untrusted;
use crate::ports::Method;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pull {
    /// Its number within the repository.
    pub number: IssueNumber,
    /// Its page.
    pub html_url: String,
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
    /// Whether it is a draft.
    #[serde(default)]
    pub draft: bool,
    /// Where the changes are.
    pub head: End,
    /// Where they are to go.
    pub base: End,
    #[serde(default)]
    merged: bool,
    #[serde(default, deserialize_with = "is_there")]
    merged_at: bool,
}

impl Pull {
    /// Whether it was merged. Lists give only the time of it, a single one both.
    #[must_use]
    pub const fn merged(&self) -> bool {
        self.merged || self.merged_at
    }

    /// Whether its head lives in another repository than its base (or in one that is deleted).
    #[must_use]
    pub fn from_fork(&self) -> bool {
        let id = |end: &End| end.repo.as_ref().map(|repo| repo.id);
        id(&self.head).is_none() || id(&self.head) != id(&self.base)
    }
}

/// One end of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct End {
    #[serde(rename = "ref")]
    branch: Untrusted,
    /// The commit.
    pub sha: Sha,
    /// The repository; `None` when it is deleted.
    pub repo: Option<EndRepo>,
}

impl End {
    /// The branch; an error for a name outside plain ASCII.
    pub fn branch(&self) -> Result<Branch, BadId> {
        Branch::parse(self.branch.raw())
    }
}

/// The repository of an end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EndRepo {
    /// Its number.
    pub id: RepoId,
    /// Its name.
    pub full_name: RepoName,
}

/// A file of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullFile {
    /// Its path; of a rename the new one.
    pub filename: Untrusted,
    /// `added`, `removed`, `modified`, `renamed`, ….
    pub status: String,
    /// Lines that came.
    pub additions: u32,
    /// Lines that went.
    pub deletions: u32,
    /// The difference; missing for binary and very large files.
    pub patch: Option<Untrusted>,
}

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPull<'a> {
    /// Its headline, neutralised.
    pub title: &'a str,
    /// Its text, neutralised.
    pub body: &'a str,
    /// The branch with the changes, in this repository.
    pub head: &'a Branch,
    /// The branch they are for.
    pub base: &'a Branch,
    /// Whether nobody should merge it yet.
    pub draft: bool,
}

/// What came of opening a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There it is.
    Pull(Box<Pull>),
    /// One is open for this head and base already: find it with [`Repo::pulls_of_head`].
    Exists,
}

impl Repo<'_> {
    /// Opens a pull request. `POST /repos/{o}/{r}/pulls`
    pub async fn open_pull(&self, new: &NewPull<'_>) -> Result<Opened, GithubError> {
        let (head, base) = (new.head.as_str(), new.base.as_str());
        let body = json!({"title": new.title, "body": new.body, "head": head, "base": base, "draft": new.draft});
        let ask = self.post("opening the pull request", &["pulls"], body);
        match self.fetch::<Pull>(Need::Publish, ask).await {
            Ok(pull) => Ok(Opened::Pull(Box::new(pull))),
            Err(error) if error.already_exists() => Ok(Opened::Exists),
            Err(error) => Err(error),
        }
    }

    /// Pull requests, open and closed, from a branch of this repository, newest first.
    /// `GET /repos/{o}/{r}/pulls?head={owner}:{branch}`
    pub async fn pulls_of_head(&self, head: &Branch) -> Result<Vec<Pull>, GithubError> {
        let address = self
            .address(&["pulls"])
            .with("state", "all")
            .with("head", &format!("{}:{head}", self.name.owner()))
            .with("per_page", "100");
        let pulls: Vec<Pull> =
            self.fetch(Need::ReadPulls, Ask::new("finding the pull request", Method::Get, address)).await?;
        // An owner that was renamed makes GitHub drop the filter without a word.
        Ok(pulls.into_iter().filter(|pull| pull.head.branch.raw() == head.as_str() && !pull.from_fork()).collect())
    }

    /// A pull request. `GET /repos/{o}/{r}/pulls/{n}`
    pub async fn pull(&self, number: IssueNumber) -> Result<Pull, GithubError> {
        let ask = self.get("reading the pull request", &["pulls", &number.to_string()]);
        self.fetch(Need::ReadPulls, ask).await
    }

    /// The files of a pull request, at most `pages` times a hundred. `GET /repos/{o}/{r}/pulls/{n}/files`
    pub async fn pull_files(&self, number: IssueNumber, pages: u32) -> Result<Listed<PullFile>, GithubError> {
        let number = number.to_string();
        self.listed(Need::ReadPulls, "reading the changed files", pages, |page| {
            self.address(&["pulls", &number, "files"]).with("per_page", "100").with("page", &page.to_string())
        })
        .await
    }
}

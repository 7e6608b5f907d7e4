//! Deliveries from GitHub as an exhaustive enum. Call it only with a body whose signature was checked.
//!
//! Texts are read into owned fields and everything else in the payload (nine tenths of it) is skipped without a copy.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::Account;
use super::account::or_ghost;
use super::comments::Comment;
use super::events::{Kind, knows};
use super::issues::Issue;
use super::pulls::Pull;
use super::repository::Repository;
use super::reviews::{Review, ReviewComment};
use crate::domain::ids::{InstallationId, RepoId, RepoName};

/// A delivery Porter uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `issue_comment.created`
    CommentCreated(Box<CommentCreated>),
    /// `pull_request_review_comment.created`
    ReviewCommentCreated(Box<ReviewCommentCreated>),
    /// `pull_request_review.submitted`
    ReviewSubmitted(Box<ReviewSubmitted>),
    /// `issues.opened`
    IssueOpened(Box<IssueEvent>),
    /// `issues.closed`
    IssueClosed(Box<IssueEvent>),
    /// `pull_request.closed`, merged or not ([`Pull::merged`]), and `.reopened`
    PullChanged(Box<PullEvent>),
    /// `member.removed` and `.edited`; sent to an App that may read members
    MemberChanged(Box<MemberChanged>),
    /// `installation.*`
    Installation(Box<InstallationEvent>),
    /// `installation_repositories.added` and `.removed`
    InstallationRepositories(Box<InstallationRepositories>),
    /// `ping`
    Ping,
    /// An event or action Porter does not use.
    Unused,
}

/// Somebody wrote a comment under an issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommentCreated {
    /// The comment.
    pub comment: Comment,
    /// What it stands under.
    pub issue: Issue,
    /// Where.
    pub repository: Repository,
    /// Who caused the delivery.
    pub sender: Account,
    /// The App's installation; `None` for a webhook of the repository itself.
    #[serde(default, deserialize_with = "only_id")]
    pub installation: Option<InstallationId>,
}

/// Somebody wrote a comment on a line of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReviewCommentCreated {
    /// The comment.
    pub comment: ReviewComment,
    /// What it stands on.
    pub pull_request: Pull,
    /// Where.
    pub repository: Repository,
    /// Who caused the delivery.
    pub sender: Account,
    /// The App's installation; `None` for a webhook of the repository itself.
    #[serde(default, deserialize_with = "only_id")]
    pub installation: Option<InstallationId>,
}

/// Somebody submitted a review.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReviewSubmitted {
    /// The review.
    pub review: Review,
    /// What it is of.
    pub pull_request: Pull,
    /// Where.
    pub repository: Repository,
    /// Who caused the delivery.
    pub sender: Account,
    /// The App's installation; `None` for a webhook of the repository itself.
    #[serde(default, deserialize_with = "only_id")]
    pub installation: Option<InstallationId>,
}

/// An issue was opened or closed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IssueEvent {
    /// The issue.
    pub issue: Issue,
    /// Where.
    pub repository: Repository,
    /// Who did it.
    pub sender: Account,
    /// The App's installation; `None` for a webhook of the repository itself.
    #[serde(default, deserialize_with = "only_id")]
    pub installation: Option<InstallationId>,
}

/// A pull request was closed or opened again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullEvent {
    /// The pull request.
    pub pull_request: Pull,
    /// Where.
    pub repository: Repository,
    /// Who did it.
    pub sender: Account,
    /// The App's installation; `None` for a webhook of the repository itself.
    #[serde(default, deserialize_with = "only_id")]
    pub installation: Option<InstallationId>,
}

/// Somebody lost or changed their role in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MemberChanged {
    /// Who.
    #[serde(deserialize_with = "or_ghost")]
    pub member: Account,
    /// Where.
    pub repository: Covered,
}

/// The App was installed, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationEvent {
    /// What happened.
    #[serde(rename = "action")]
    pub change: InstallationChange,
    /// Which installation.
    pub installation: Installation,
    /// The repositories it covers; given when it is created or deleted.
    #[serde(default, deserialize_with = "or_none")]
    pub repositories: Vec<Covered>,
    /// Who did it.
    pub sender: Account,
}

/// What happened to an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallationChange {
    /// Installed.
    Created,
    /// Removed: its tokens no longer work.
    Deleted,
    /// Put on hold: its tokens do not work.
    Suspend,
    /// No longer on hold.
    Unsuspend,
    /// The owner agreed to permissions the App asked for.
    NewPermissionsAccepted,
}

/// Repositories were added to or taken from an installation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationRepositories {
    /// Which installation.
    pub installation: Installation,
    /// New ones.
    #[serde(default, rename = "repositories_added", deserialize_with = "or_none")]
    pub added: Vec<Covered>,
    /// Gone ones.
    #[serde(default, rename = "repositories_removed", deserialize_with = "or_none")]
    pub removed: Vec<Covered>,
    /// Who did it.
    pub sender: Account,
}

/// The App in somebody's account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// Its number.
    pub id: InstallationId,
    /// Whose account.
    pub account: Account,
}

/// A repository an installation covers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Covered {
    /// Its number.
    pub id: RepoId,
    /// `owner/name`.
    pub full_name: RepoName,
}

/// Why a delivery cannot be read; the caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDelivery {
    /// Not JSON at all.
    #[error("the body is not JSON")]
    NotJson,
    /// JSON, but not the event it claims to be.
    #[error("{field}: {problem}")]
    Shape {
        /// The way to the wrong field, as `comment.user.id`; `.` for the whole.
        field: String,
        /// What is wrong with it, without the text itself.
        problem: String,
    },
}

/// Reads a delivery. `event` is the header `X-GitHub-Event`.
pub fn parse(event: &str, body: &[u8]) -> Result<Event, BadDelivery> {
    #[derive(Deserialize)]
    struct Action {
        action: String,
    }
    if !knows(event) {
        read::<IgnoredAny>(body)?;
        return Ok(if event == "ping" { Event::Ping } else { Event::Unused });
    }
    let Action { action } = read(body)?;
    let Some(kind) = Kind::of(event, &action) else { return Ok(Event::Unused) };
    Ok(match kind {
        Kind::CommentCreated => Event::CommentCreated(read(body)?),
        Kind::ReviewCommentCreated => Event::ReviewCommentCreated(read(body)?),
        Kind::ReviewSubmitted => Event::ReviewSubmitted(read(body)?),
        Kind::IssueOpened => Event::IssueOpened(read(body)?),
        Kind::IssueClosed => Event::IssueClosed(read(body)?),
        Kind::PullChanged => Event::PullChanged(read(body)?),
        Kind::MemberChanged => Event::MemberChanged(read(body)?),
        Kind::Installation => Event::Installation(read(body)?),
        Kind::InstallationRepositories => Event::InstallationRepositories(read(body)?),
    })
}

/// Reads JSON; only a failure pays for finding out where it is.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadDelivery> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Err(BadDelivery::NotJson);
    }
    let deserializer = &mut serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let field = error.path().to_string();
        BadDelivery::Shape { field, problem: problem(error.inner()) }
    })
}

/// A parser's words without the texts it quotes: strangers wrote those.
fn problem(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let plain = words.split_once('"').map_or(words.as_str(), |(before, _)| before);
    plain.split(" at line ").next().unwrap_or(plain).trim().chars().take(120).collect()
}

/// A list that may also be missing or null.
fn or_none<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// The id of an object that may be missing or null.
fn only_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<InstallationId>, D::Error> {
    #[derive(Deserialize)]
    struct Id {
        id: InstallationId,
    }
    Ok(Option::<Id>::deserialize(deserializer)?.map(|it| it.id))
}

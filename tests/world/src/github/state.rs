//! What the stand-in GitHub knows, as plain data. Cloning is cheap: repositories are shared until one is changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use porter::domain::time::Timestamp;

use super::caller::{Level, Token};
use super::deliveries::Deliveries;
use super::limits::Limits;
use super::objects::Oid;
use super::record::Record;
use super::store::Store;

/// The kinds of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKind {
    /// A person.
    User,
    /// An App's or other bot account.
    Bot,
    /// An organization.
    Organization,
}

impl UserKind {
    /// As GitHub writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Bot => "Bot",
            Self::Organization => "Organization",
        }
    }
}

/// An account.
#[derive(Debug, Clone)]
pub struct User {
    /// GitHub's number.
    pub id: i64,
    /// The login, `name[bot]` for an App.
    pub login: String,
    /// What it is.
    pub kind: UserKind,
}

/// What a collaborator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look and comment.
    Read,
    /// And sort issues.
    Triage,
    /// And push.
    Write,
    /// And keep the settings.
    Maintain,
    /// And rule.
    Admin,
}

impl Role {
    /// GitHub's `role_name`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// Reads GitHub's `role_name`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Read, Self::Triage, Self::Write, Self::Maintain, Self::Admin]
            .into_iter()
            .find(|role| role.word() == word)
    }

    /// The older, coarser word of the permission endpoint.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

/// A repository with everything in it.
#[derive(Debug, Clone)]
pub struct Repository {
    /// GitHub's number.
    pub id: i64,
    /// The owner's number.
    pub owner: i64,
    /// The name after the slash.
    pub name: String,
    /// One line about it.
    pub description: Option<String>,
    /// Whether strangers see it.
    pub private: bool,
    /// The branch that new work starts from.
    pub default_branch: String,
    /// The repository this is a fork of.
    pub fork_of: Option<i64>,
    /// Roles by account.
    pub collaborators: BTreeMap<i64, Role>,
    /// Issues and pull requests by number.
    pub issues: BTreeMap<i64, Issue>,
    /// Comments on issues and pull requests by id.
    pub comments: BTreeMap<i64, Comment>,
    /// Reviews by id.
    pub reviews: BTreeMap<i64, Review>,
    /// Comments on lines by id.
    pub review_comments: BTreeMap<i64, ReviewComment>,
    /// Labels by lower-case name.
    pub labels: BTreeMap<String, Label>,
    /// Reactions by id.
    pub reactions: BTreeMap<i64, Reaction>,
    /// Objects and refs.
    pub git: Store,
    /// Since when it is there.
    pub created: Timestamp,
    /// When something was last pushed.
    pub pushed: Timestamp,
}

/// An issue, or the issue side of a pull request.
#[derive(Debug, Clone)]
pub struct Issue {
    /// GitHub's number of it anywhere.
    pub id: i64,
    /// Its number in the repository.
    pub number: i64,
    /// Who opened it.
    pub author: i64,
    /// The title.
    pub title: String,
    /// The text, if any.
    pub body: Option<String>,
    /// Whether it is open.
    pub open: bool,
    /// `completed`, `not_planned` or `reopened`.
    pub state_reason: Option<String>,
    /// Labels by lower-case name, in the order they were put on.
    pub labels: Vec<String>,
    /// Who it is assigned to.
    pub assignees: Vec<i64>,
    /// When it was opened.
    pub created: Timestamp,
    /// When it was last touched; a comment counts.
    pub updated: Timestamp,
    /// When and by whom it was closed.
    pub closed: Option<(Timestamp, i64)>,
    /// What makes it a pull request.
    pub pull: Option<Pull>,
}

/// The side of a pull request that an issue does not have.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The repository the head lives in; another one for forks.
    pub head_repo: i64,
    /// The branch to be merged.
    pub head: String,
    /// The branch's commit, kept when the branch goes.
    pub head_sha: Oid,
    /// The branch to merge into.
    pub base: String,
    /// That branch's commit when the pull request was opened or last moved.
    pub base_sha: Oid,
    /// Not yet meant for merging.
    pub draft: bool,
    /// Whose review was asked for.
    pub requested_reviewers: Vec<i64>,
    /// When, by whom and as which commit it was merged.
    pub merged: Option<(Timestamp, i64, Oid)>,
}

/// A comment on an issue or pull request.
#[derive(Debug, Clone)]
pub struct Comment {
    /// GitHub's number.
    pub id: i64,
    /// The issue's number in the repository.
    pub issue: i64,
    /// Who wrote it.
    pub author: i64,
    /// The text.
    pub body: String,
    /// When it was written.
    pub created: Timestamp,
    /// When it was last edited.
    pub updated: Timestamp,
}

/// A review of a pull request.
#[derive(Debug, Clone)]
pub struct Review {
    /// GitHub's number.
    pub id: i64,
    /// The pull request's number.
    pub pull: i64,
    /// Who wrote it.
    pub author: i64,
    /// The text; may be empty.
    pub body: String,
    /// `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`.
    pub state: String,
    /// When it was handed in.
    pub submitted: Timestamp,
    /// The commit it speaks of.
    pub commit: Oid,
}

/// A comment on a line of a pull request.
#[derive(Debug, Clone)]
pub struct ReviewComment {
    /// GitHub's number.
    pub id: i64,
    /// The pull request's number.
    pub pull: i64,
    /// The review it belongs to.
    pub review: i64,
    /// Who wrote it.
    pub author: i64,
    /// The text.
    pub body: String,
    /// The file.
    pub path: String,
    /// The line in the new file.
    pub line: i64,
    /// The comment it answers.
    pub in_reply_to: Option<i64>,
    /// When it was written.
    pub created: Timestamp,
    /// When it was last edited.
    pub updated: Timestamp,
    /// The commit it speaks of.
    pub commit: Oid,
}

/// A label of a repository.
#[derive(Debug, Clone)]
pub struct Label {
    /// GitHub's number.
    pub id: i64,
    /// The name as written.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
    /// What it means.
    pub description: Option<String>,
}

/// What a reaction is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An issue or pull request by number.
    Issue(i64),
    /// A comment by id.
    Comment(i64),
    /// A comment on a line by id.
    ReviewComment(i64),
}

/// A reaction.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// GitHub's number.
    pub id: i64,
    /// What it is on.
    pub subject: Subject,
    /// Whose it is.
    pub author: i64,
    /// `+1`, `-1`, `laugh`, `confused`, `heart`, `hooray`, `rocket` or `eyes`.
    pub content: String,
    /// When.
    pub created: Timestamp,
}

/// What an App's JWTs are checked with.
#[derive(Clone)]
pub enum AppKey {
    /// The public half of a real RSA key, both numbers big-endian.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The public exponent.
        exponent: Vec<u8>,
    },
    /// An HMAC key in RSA's place: what [`crate::ports::QuickCrypto`] signs with, for simulations in a hurry.
    Quick(Vec<u8>),
}

/// A GitHub App.
#[derive(Clone)]
pub struct App {
    /// GitHub's number.
    pub id: i64,
    /// The name in addresses; its bot is `slug[bot]`.
    pub slug: String,
    /// Who owns it.
    pub owner: i64,
    /// The bot account it acts as.
    pub bot: i64,
    /// For OAuth, and as another name of the issuer.
    pub client_id: String,
    /// For OAuth.
    pub client_secret: String,
    /// What its JWTs are checked with.
    pub key: Arc<AppKey>,
    /// What it asks for at most, by GitHub's word.
    pub permissions: BTreeMap<String, Level>,
}

/// An App on an account.
#[derive(Debug, Clone)]
pub struct Installation {
    /// GitHub's number.
    pub id: i64,
    /// The account.
    pub account: i64,
    /// The repositories it may see; `None` for all of the account.
    pub repositories: Option<BTreeSet<i64>>,
    /// What it was granted.
    pub permissions: BTreeMap<String, Level>,
    /// Since when it is suspended.
    pub suspended: Option<Timestamp>,
    /// Since when it is there.
    pub created: Timestamp,
}

/// Who is told of events, and how deliveries are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hook {
    /// Nobody.
    #[default]
    None,
    /// The App's webhook: payloads carry `installation`, and only its repositories speak.
    App {
        /// The secret of the signature.
        secret: String,
    },
    /// A webhook on every repository, as with a bot account.
    Repository {
        /// The secret of the signature.
        secret: String,
    },
}

/// The roots of addresses, without a trailing slash.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `https://api.github.com`.
    pub api: String,
    /// `https://github.com`.
    pub web: String,
}

/// The stand-in's whole state.
#[derive(Clone)]
pub struct Github {
    /// The roots that addresses in answers start with.
    pub roots: Roots,
    /// Accounts by number.
    pub users: BTreeMap<i64, User>,
    /// Repositories by number; changed through [`Github::repository_mut`].
    pub repositories: BTreeMap<i64, Arc<Repository>>,
    /// Old full names (lower case) of renamed repositories.
    pub renamed: BTreeMap<String, i64>,
    /// The App, when there is one.
    pub app: Option<App>,
    /// Its installations by number.
    pub installations: BTreeMap<i64, Installation>,
    /// Who is told of events.
    pub hook: Hook,
    /// Everything that was asked, and every token that was made.
    pub record: Record,
    /// Rate limits and faults.
    pub limits: Limits,
    /// What was and is to be delivered.
    pub deliveries: Deliveries,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) codes: VecDeque<(String, i64)>,
    pub(crate) last_id: i64,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            roots: Roots { api: "https://api.github.com".into(), web: "https://github.com".into() },
            users: BTreeMap::new(),
            repositories: BTreeMap::new(),
            renamed: BTreeMap::new(),
            app: None,
            installations: BTreeMap::new(),
            hook: Hook::None,
            record: Record::default(),
            limits: Limits::default(),
            deliveries: Deliveries::default(),
            tokens: BTreeMap::new(),
            codes: VecDeque::new(),
            last_id: 1000,
        }
    }
}

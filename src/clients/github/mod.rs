//! GitHub's REST API as typed functions: one file a resource, one credential and one need a call.

pub mod account;
pub mod auth;
mod call;
pub mod comments;
pub mod contents;
pub mod deliveries;
pub mod error;
mod events;
pub mod git;
pub mod issues;
pub mod labels;
mod moment;
pub mod polling;
pub mod pulls;
pub mod reactions;
pub mod repository;
pub mod reviews;
pub mod webhook;

use serde::de::DeserializeOwned;

pub use account::{Account, AccountKind, Identity};
pub use auth::{Need, TokenCache};
pub use error::GithubError;

use crate::clients::address::Address;
use crate::clients::quota::{Gate, Quota};
use crate::domain::credential::Credential;
use crate::domain::ids::{IssueNumber, RepoId, RepoName};
use crate::domain::secret::Secret;
use crate::ports::{Clock, Crypto, Http, HttpResponse, Method};
use auth::Only;
use call::Ask;

/// Where GitHub is and who we are to it.
#[derive(Clone)]
pub struct GithubSettings {
    /// The API's root without a trailing slash: `https://api.github.com` or `https://host/api/v3`.
    pub api_root: String,
    /// The GitHub App, if there is one.
    pub app: Option<AppKey>,
    /// The bot account's token, if there is one.
    pub token: Option<Secret>,
}

/// A GitHub App's identity and signing key.
#[derive(Clone)]
pub struct AppKey {
    /// Its App id or client id.
    pub id: String,
    /// Its private key, PEM.
    pub key: Secret,
}

/// GitHub, ready to be called.
#[derive(Clone, Copy)]
pub struct Github<'a> {
    /// The way out.
    pub http: &'a dyn Http,
    /// The time, for tokens.
    pub clock: &'a dyn Clock,
    /// Signs as the App.
    pub crypto: &'a dyn Crypto,
    /// What this isolate remembers.
    pub tokens: &'a TokenCache,
    /// Where and who.
    pub settings: &'a GithubSettings,
    /// Whether GitHub may be called.
    pub gate: &'a dyn Gate,
}

/// One repository as reached with one credential; every function on it says in its code which [`Need`] it has.
#[derive(Clone)]
pub struct Repo<'a> {
    github: Github<'a>,
    by: Credential,
    only: Only,
    name: RepoName,
}

impl<'a> Github<'a> {
    /// A repository by its number (for the token's scope) and its name (for the addresses; a renamed one redirects).
    #[must_use]
    pub fn at(&self, by: Credential, id: RepoId, name: RepoName) -> Repo<'a> {
        Repo { github: *self, by, only: Only::Id(id), name }
    }

    /// A repository of which only the name is known yet, as one named in the configuration.
    #[must_use]
    pub fn named(&self, by: Credential, name: RepoName) -> Repo<'a> {
        Repo { github: *self, by, only: Only::Name(name.clone()), name }
    }
}

/// An issue or a pull request. Both have comments and labels, but an App needs another permission for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An issue.
    Issue(IssueNumber),
    /// A pull request.
    Pull(IssueNumber),
}

impl Subject {
    /// Its number within the repository.
    #[must_use]
    pub const fn number(self) -> IssueNumber {
        match self {
            Self::Issue(number) | Self::Pull(number) => number,
        }
    }

    pub(super) const fn read(self) -> Need {
        match self {
            Self::Issue(_) => Need::ReadIssues,
            Self::Pull(_) => Need::ReadPulls,
        }
    }

    pub(super) const fn write(self) -> Need {
        match self {
            Self::Issue(_) => Need::WriteIssue,
            Self::Pull(_) => Need::WritePull,
        }
    }
}

impl Repo<'_> {
    /// The token for a use outside this client: the git gateway's clone.
    pub async fn token(&self, need: Need) -> Result<Secret, GithubError> {
        Ok(self.github.bearer(self.by, &self.only, need).await?.token)
    }

    /// An address below this repository.
    fn address(&self, parts: &[&str]) -> Address {
        let start = ["repos", self.name.owner(), self.name.name()];
        Address::new(&self.github.settings.api_root, &[&start, parts].concat())
    }

    fn get(&self, doing: &'static str, parts: &[&str]) -> Ask {
        Ask::new(doing, Method::Get, self.address(parts))
    }

    fn post(&self, doing: &'static str, parts: &[&str], body: serde_json::Value) -> Ask {
        Ask::new(doing, Method::Post, self.address(parts)).json(body)
    }

    /// Sends under a token for `need`. A refused token from the cache is replaced once: it may have been revoked.
    async fn send(&self, need: Need, ask: Ask) -> Result<HttpResponse, GithubError> {
        let (doing, quota) = (ask.doing, Quota::from(self.by));
        // Before a token is minted for nothing.
        self.github.pass(quota).await?;
        let bearer = self.github.bearer(self.by, &self.only, need).await?;
        let mut request = ask.request(&bearer.token)?;
        let first = self.github.send(doing, quota, request.clone()).await;
        if !(bearer.cached && matches!(first, Err(GithubError::Unauthorized))) {
            return first;
        }
        self.github.forget(self.by, &self.only, need);
        let fresh = self.github.bearer(self.by, &self.only, need).await?;
        for (name, value) in &mut request.headers {
            if *name == "authorization" {
                *value = format!("Bearer {}", fresh.token.expose());
            }
        }
        self.github.send(doing, quota, request).await
    }

    async fn fetch<T: DeserializeOwned>(&self, need: Need, ask: Ask) -> Result<T, GithubError> {
        let doing = ask.doing;
        call::read(doing, &self.send(need, ask).await?)
    }
}

/// Nothing there is an answer, not an error.
fn found<T>(result: Result<T, GithubError>) -> Result<Option<T>, GithubError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(GithubError::NotFound) => Ok(None),
        Err(
            error @ (GithubError::Forbidden { .. }
            | GithubError::Unauthorized
            | GithubError::Gone
            | GithubError::Conflict { .. }
            | GithubError::Unprocessable { .. }
            | GithubError::RateLimited { .. }
            | GithubError::Fault(_)),
        ) => Err(error),
    }
}

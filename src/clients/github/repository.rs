//! The repository itself, people's permissions in it, its languages, and what is left of the rate limit.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::account::RateLimit;
use super::call::Ask;
use super::error::GithubError;
use super::{Account, AccountKind, Need, Repo};
use crate::clients::address::Address;
use crate::domain::ids::{BadId, Branch, RepoId, RepoName};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, Method};

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Its number; survives renames.
    pub id: RepoId,
    /// `owner/name` of the moment.
    pub full_name: RepoName,
    /// Whether strangers cannot see it.
    #[serde(default)]
    pub private: bool,
    /// Whether it is read-only.
    #[serde(default)]
    pub archived: bool,
    /// Who owns it.
    pub owner: Account,
    default_branch: Untrusted,
}

impl Repository {
    /// The branch work starts from; an error for a name outside plain ASCII.
    pub fn default_branch(&self) -> Result<Branch, BadId> {
        Branch::parse(self.default_branch.raw())
    }
}

/// What somebody may do in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The role, or for an organisation's own role the built-in one it rests on.
    pub role: Role,
    /// Whom GitHub means by the login that was asked about: compare the id with the asker's.
    pub user: Account,
}

impl Permission {
    /// Whether this is a person who may ask Porter for work.
    #[must_use]
    pub fn may_command(&self) -> bool {
        self.user.kind == AccountKind::User
            && match self.role {
                Role::Admin | Role::Maintain | Role::Write => true,
                Role::Triage | Role::Read | Role::None => false,
            }
    }
}

/// A repository role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Settings without the dangerous ones.
    Maintain,
    /// Push.
    Write,
    /// Labels and assignments, no code.
    Triage,
    /// Look; on a public repository, anybody.
    Read,
    /// Nothing.
    None,
}

impl Role {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "admin" => Self::Admin,
            "maintain" => Self::Maintain,
            "write" => Self::Write,
            "triage" => Self::Triage,
            "read" => Self::Read,
            "none" => Self::None,
            _ => return None,
        })
    }
}

impl Repo<'_> {
    /// What GitHub says of this repository. `GET /repos/{o}/{r}`
    pub async fn repository(&self) -> Result<Repository, GithubError> {
        self.fetch(Need::ReadMetadata, self.get("reading the repository", &[])).await
    }

    /// What a person may do here. `GET /repos/{o}/{r}/collaborators/{login}/permission`. A role or account nobody knows is
    /// an error, and an error means no.
    pub async fn permission(&self, login: &str) -> Result<Permission, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
            permission: String,
            #[serde(default)]
            role_name: String,
            user: Account,
        }
        let doing = "reading a person's permission";
        let ask = self.get(doing, &["collaborators", login, "permission"]);
        let Answer { permission, role_name, user } = self.fetch(Need::ReadMetadata, ask).await?;
        let role = Role::parse(&role_name).or_else(|| Role::parse(&permission));
        let role = role.ok_or_else(|| Fault::permanent(doing, "GitHub names a role that nobody knows"))?;
        Ok(Permission { role, user })
    }

    /// Languages with their bytes, largest first. `GET /repos/{o}/{r}/languages`
    pub async fn languages(&self) -> Result<Vec<(String, u64)>, GithubError> {
        let ask = self.get("reading the languages", &["languages"]);
        let languages: BTreeMap<String, u64> = self.fetch(Need::ReadMetadata, ask).await?;
        let mut languages: Vec<_> = languages.into_iter().collect();
        languages.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        Ok(languages)
    }

    /// What is left of this credential's calls. `GET /rate_limit`, which costs none
    pub async fn rate_limit(&self) -> Result<RateLimit, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
            resources: Resources,
        }
        #[derive(Deserialize)]
        struct Resources {
            core: Core,
        }
        #[derive(Deserialize)]
        struct Core {
            limit: u32,
            remaining: u32,
            reset: i64,
        }
        let address = Address::new(&self.github.settings.api_root, &["rate_limit"]);
        let ask = Ask::new("reading the rate limit", Method::Get, address);
        let Core { limit, remaining, reset } = self.fetch::<Answer>(Need::ReadMetadata, ask).await?.resources.core;
        Ok(RateLimit { limit, remaining, reset: Timestamp::from_millis(reset.saturating_mul(1000)) })
    }
}

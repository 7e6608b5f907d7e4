//! Who Porter is towards GitHub: the App's signature, installation tokens scoped to one repository and one use, the cache.

use std::cell::RefCell;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Github;
use super::call::{Ask, read};
use super::error::GithubError;
use crate::clients::address::Address;
use crate::clients::quota::Quota;
use crate::domain::credential::Credential;
use crate::domain::ids::{InstallationId, RepoId, RepoName};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Method};

/// What a call needs. An installation token is minted for exactly this, never more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// The repository, its languages, people's permissions.
    ReadMetadata,
    /// Files, trees, commits, branches; the git gateway's clone.
    ReadContents,
    /// Issues and their comments.
    ReadIssues,
    /// Pull requests, their files, reviews and comments.
    ReadPulls,
    /// Comments, reactions and labels on an issue.
    WriteIssue,
    /// Comments, reactions and labels on a pull request, and asking for reviews.
    WritePull,
    /// Blobs, trees, commits, references and a pull request.
    Publish,
}

impl Need {
    /// The permissions of `POST /app/installations/{id}/access_tokens`; `metadata: read` comes with any of them.
    #[must_use]
    pub fn permissions(self) -> Value {
        match self {
            Self::ReadMetadata => json!({"metadata": "read"}),
            Self::ReadContents => json!({"contents": "read"}),
            Self::ReadIssues => json!({"issues": "read"}),
            Self::ReadPulls => json!({"pull_requests": "read"}),
            Self::WriteIssue => json!({"issues": "write"}),
            Self::WritePull => json!({"pull_requests": "write"}),
            Self::Publish => json!({"contents": "write", "pull_requests": "write"}),
        }
    }
}

/// The one repository a token is for: by number, or by name while the number is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Only {
    Id(RepoId),
    Name(RepoName),
}

/// Tokens for the uses of this isolate, and who we are. Losing it costs a call.
#[derive(Default)]
pub struct TokenCache {
    tokens: RefCell<Vec<Kept>>,
    pub(super) identity: RefCell<Option<super::account::Identity>>,
}

struct Kept {
    installation: InstallationId,
    only: Only,
    need: Need,
    token: Secret,
    expires: Timestamp,
}

/// A token with less life than this is not used: a call and its repeats must fit.
const LEAST_LIFE_S: i64 = 300;

impl TokenCache {
    fn get(&self, installation: InstallationId, only: &Only, need: Need, now: Timestamp) -> Option<Secret> {
        let mut tokens = self.tokens.borrow_mut();
        tokens.retain(|kept| kept.expires.since(now) >= LEAST_LIFE_S * 1000);
        let same = |kept: &&Kept| kept.installation == installation && kept.only == *only && kept.need == need;
        tokens.iter().find(same).map(|kept| kept.token.clone())
    }

    fn forget(&self, installation: InstallationId, only: &Only, need: Need) {
        let mut tokens = self.tokens.borrow_mut();
        tokens.retain(|kept| !(kept.installation == installation && kept.only == *only && kept.need == need));
    }
}

/// A token, and whether it came from the cache, where it may have been revoked behind our back.
pub(super) struct Bearer {
    pub(super) token: Secret,
    pub(super) cached: bool,
}

#[derive(Deserialize)]
struct Minted {
    token: String,
    #[serde(with = "super::moment")]
    expires_at: Timestamp,
}

impl Github<'_> {
    /// The token for one use of one repository: from the cache, or freshly minted.
    pub(super) async fn bearer(&self, by: Credential, only: &Only, need: Need) -> Result<Bearer, GithubError> {
        let installation = match by {
            Credential::Token => {
                return Ok(Bearer { token: self.own_token()?, cached: false });
            }
            Credential::App { installation } => installation,
        };
        if let Some(token) = self.tokens.get(installation, only, need, self.clock.now()) {
            return Ok(Bearer { token, cached: true });
        }
        let minted = self.mint(installation, only, need).await?;
        let token = Secret::new(minted.token);
        let (expires, only) = (minted.expires_at, only.clone());
        self.tokens.tokens.borrow_mut().push(Kept { installation, only, need, token: token.clone(), expires });
        Ok(Bearer { token, cached: false })
    }

    /// Drops a cached token that GitHub refused.
    pub(super) fn forget(&self, by: Credential, only: &Only, need: Need) {
        match by {
            Credential::App { installation } => self.tokens.forget(installation, only, need),
            Credential::Token => {}
        }
    }

    async fn mint(&self, installation: InstallationId, only: &Only, need: Need) -> Result<Minted, GithubError> {
        let doing = "minting an installation token";
        let permissions = need.permissions();
        let body = match only {
            Only::Id(id) => json!({"repository_ids": [id], "permissions": permissions}),
            Only::Name(name) => json!({"repositories": [name.name()], "permissions": permissions}),
        };
        let parts = ["app", "installations", &installation.to_string(), "access_tokens"];
        let address = Address::new(&self.settings.api_root, &parts);
        let response = self.send_as_app(Ask::new(doing, Method::Post, address).json(body)).await;
        read(doing, &response.map_err(GithubError::of_minting)?)
    }

    /// The installation of our App that covers a repository. `GET /repos/{o}/{r}/installation`; `NotFound` when there is none.
    pub async fn installation(&self, name: &RepoName) -> Result<InstallationId, GithubError> {
        #[derive(Deserialize)]
        struct Installation {
            id: InstallationId,
        }
        let doing = "looking up the installation";
        let parts = ["repos", name.owner(), name.name(), "installation"];
        let address = Address::new(&self.settings.api_root, &parts);
        let response = self.send_as_app(Ask::new(doing, Method::Get, address)).await?;
        Ok(read::<Installation>(doing, &response)?.id)
    }

    /// Sends under the App's own signature.
    pub(super) async fn send_as_app(&self, ask: Ask) -> Result<crate::ports::HttpResponse, GithubError> {
        let doing = ask.doing;
        let request = ask.request(&self.app_jwt().await?)?;
        self.send(doing, Quota::GithubApp, request).await
    }

    pub(super) fn own_token(&self) -> Result<Secret, GithubError> {
        let missing = || Fault::permanent("choosing a credential", "GITHUB_TOKEN is not set");
        Ok(self.settings.token.clone().ok_or_else(missing)?)
    }

    /// The App's signed statement of who it is: a minute of allowance for clocks, nine minutes of life in all.
    async fn app_jwt(&self) -> Result<Secret, GithubError> {
        let missing = || Fault::permanent("signing as the App", "GITHUB_APP_ID or GITHUB_APP_PRIVATE_KEY is not set");
        let app = self.settings.app.as_ref().ok_or_else(missing)?;
        let now = self.clock.now().seconds();
        let claims = json!({"iat": now - 60, "exp": now + 480, "iss": app.id});
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.crypto.sign_rs256(&app.key, message.as_bytes()).await?;
        Ok(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

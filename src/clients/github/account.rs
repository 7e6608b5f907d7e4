//! People, bots and ourselves.

use serde::{Deserialize, Deserializer};

use super::call::{Ask, read};
use super::error::GithubError;
use super::{Credential, Github};
use crate::clients::address::Address;
use crate::clients::quota::Quota;
use crate::domain::ids::UserId;
use crate::domain::time::Timestamp;
use crate::ports::Method;

/// Who did or owns something. The id is the identity; the login can change hands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// The name of the moment.
    pub login: String,
    /// GitHub's number.
    pub id: UserId,
    /// Person, program or organisation.
    #[serde(rename = "type")]
    pub kind: AccountKind,
}

/// What an account is. Only a `User` may command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AccountKind {
    /// A person.
    User,
    /// A GitHub App.
    Bot,
    /// An organisation.
    Organization,
    /// Something GitHub invented since, or a placeholder of an import.
    #[serde(other)]
    Other,
}

/// A deleted person's texts come with `null`; GitHub shows them as `ghost`, who may not command.
pub(super) fn or_ghost<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Account, D::Error> {
    let account = Option::<Account>::deserialize(deserializer)?;
    Ok(account.unwrap_or_else(|| Account { login: "ghost".to_owned(), id: UserId(10_137), kind: AccountKind::Other }))
}

/// Who Porter itself is, to recognise its own texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The App, which writes as `<slug>[bot]`.
    App {
        /// Its name in addresses.
        slug: String,
        /// Who owns it.
        owner: Account,
    },
    /// An account whose token we have. What it writes is ours only if it carries our marker.
    User(Account),
}

impl Identity {
    /// Whether this account is the one we write with. No person can register a login with brackets.
    #[must_use]
    pub fn is(&self, account: &Account) -> bool {
        match self {
            Self::App { slug, .. } => account.login == format!("{slug}[bot]"),
            Self::User(us) => account.id == us.id,
        }
    }
}

/// What is left of the primary rate limit. `GET /rate_limit`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls an hour.
    pub limit: u32,
    /// Calls left.
    pub remaining: u32,
    /// When it starts anew.
    pub reset: Timestamp,
}

impl Github<'_> {
    /// Who we are with this credential: `GET /app` or `GET /user`, asked once an isolate.
    pub async fn identity(&self, by: Credential) -> Result<Identity, GithubError> {
        let known = self.tokens.identity.borrow().clone();
        match (by, known) {
            (Credential::App { .. }, Some(app @ Identity::App { .. })) => return Ok(app),
            (Credential::Token, Some(user @ Identity::User(_))) => return Ok(user),
            (Credential::App { .. } | Credential::Token, _) => {}
        }
        let identity = match by {
            Credential::App { .. } => self.app().await?,
            Credential::Token => Identity::User(self.user().await?),
        };
        *self.tokens.identity.borrow_mut() = Some(identity.clone());
        Ok(identity)
    }

    /// The App itself. `GET /app`, under its signature
    pub async fn app(&self) -> Result<Identity, GithubError> {
        #[derive(Deserialize)]
        struct App {
            slug: String,
            owner: Account,
        }
        let doing = "asking who the App is";
        let address = Address::new(&self.settings.api_root, &["app"]);
        let response = self.send_as_app(Ask::new(doing, Method::Get, address)).await?;
        let App { slug, owner } = read(doing, &response)?;
        Ok(Identity::App { slug, owner })
    }

    /// The account of the configured token. `GET /user`
    pub async fn user(&self) -> Result<Account, GithubError> {
        let doing = "asking whose token it is";
        let address = Address::new(&self.settings.api_root, &["user"]);
        let request = Ask::new(doing, Method::Get, address).request(&self.own_token()?)?;
        read(doing, &self.send(doing, Quota::GithubToken, request).await?)
    }
}

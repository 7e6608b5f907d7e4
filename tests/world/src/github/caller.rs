//! Who is calling: a person's or bot's token, an App by its JWT, an installation by its token, or nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use porter::domain::time::Timestamp;
use serde_json::Value;

use super::state::{AppKey, Github};
use super::wire::{Problem, Request};

/// What an App can be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Reading the repository's own data; every installation has it.
    Metadata,
    /// Files, commits, branches.
    Contents,
    /// Issues, their comments and labels.
    Issues,
    /// Pull requests, their comments, reviews and labels.
    PullRequests,
    /// Check runs.
    Checks,
    /// Changing workflow files.
    Workflows,
    /// Settings and collaborators.
    Administration,
}

impl Permission {
    /// As GitHub writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Contents => "contents",
            Self::Issues => "issues",
            Self::PullRequests => "pull_requests",
            Self::Checks => "checks",
            Self::Workflows => "workflows",
            Self::Administration => "administration",
        }
    }
}

/// How far a permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Look.
    Read,
    /// Change.
    Write,
    /// Rule.
    Admin,
}

impl Level {
    /// As GitHub writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Reads GitHub's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Admin].into_iter().find(|level| level.word() == word)
    }
}

/// What an installation token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The installation.
    pub installation: i64,
    /// The repositories it was narrowed to; `None` for all of the installation.
    pub repositories: Option<BTreeSet<i64>>,
    /// Permissions by GitHub's word.
    pub permissions: BTreeMap<String, Level>,
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No credential.
    Anonymous,
    /// The App itself, by its JWT.
    App,
    /// An installation, by its token.
    Installation(Arc<Grant>),
    /// A person's or bot's token with its classic scopes.
    Person {
        /// The account.
        user: i64,
        /// Such as `repo`.
        scopes: Arc<BTreeSet<String>>,
    },
}

impl Caller {
    /// A short name for the record and the rate limit, with the scope: `installation 3 [7] contents:read`.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::App => "app".to_owned(),
            Self::Installation(grant) => {
                let permissions: Vec<String> =
                    grant.permissions.iter().map(|(name, level)| format!("{name}:{}", level.word())).collect();
                let repositories =
                    grant.repositories.as_ref().map_or_else(|| "all".to_owned(), |set| format!("{set:?}"));
                format!("installation {} {repositories} {}", grant.installation, permissions.join(","))
            }
            Self::Person { user, .. } => format!("user {user}"),
        }
    }
}

/// A token and what it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) caller: Caller,
    pub(crate) expires: Option<Timestamp>,
}

impl Github {
    /// Finds out who sends a request.
    pub(crate) fn caller(&self, request: &Request, now: Timestamp) -> Result<Caller, Problem> {
        let Some(header) = request.header("authorization") else {
            return Ok(Caller::Anonymous);
        };
        let (scheme, credential) = header.split_once(' ').unwrap_or(("", header));
        if scheme.eq_ignore_ascii_case("bearer") && credential.split('.').count() == 3 {
            return self.verify_jwt(credential, now);
        }
        let credential =
            if scheme.eq_ignore_ascii_case("basic") { basic_password(credential) } else { Some(credential.to_owned()) };
        credential.and_then(|token| self.token(&token, now)).ok_or_else(bad_credentials)
    }

    /// What a token stands for; `None` when it is unknown or expired.
    pub(crate) fn token(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let known = self.tokens.get(token)?;
        let alive = known.expires.is_none_or(|expires| now < expires);
        alive.then(|| known.caller.clone())
    }

    /// Whether a JWT is the App's own: RS256, the App as issuer, at most ten minutes long.
    /// Source: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App".
    fn verify_jwt(&self, jwt: &str, now: Timestamp) -> Result<Caller, Problem> {
        let undecodable = || Problem::new(401, "A JSON web token could not be decoded");
        let app = self.app.as_ref().ok_or_else(|| Problem::new(401, "Integration not found"))?;
        let (signed, signature) = jwt.rsplit_once('.').ok_or_else(undecodable)?;
        let (header, claims) = signed.split_once('.').ok_or_else(undecodable)?;
        let part = |text: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
        let (header, claims) = (part(header).ok_or_else(undecodable)?, part(claims).ok_or_else(undecodable)?);
        let signature = URL_SAFE_NO_PAD.decode(signature).ok().ok_or_else(undecodable)?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256")
            || !app.key.verifies(signed.as_bytes(), &signature)
        {
            return Err(undecodable());
        }
        let issuer = claims.get("iss").map(|iss| iss.as_str().map_or_else(|| iss.to_string(), str::to_owned));
        if issuer != Some(app.id.to_string()) && issuer.as_deref() != Some(app.client_id.as_str()) {
            return Err(Problem::new(401, "'Issuer' claim ('iss') must be an Integer"));
        }
        let time = |name: &str| claims.get(name).and_then(Value::as_i64);
        let issued = time("iat").ok_or_else(|| {
            Problem::new(
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            )
        })?;
        let expires = time("exp").ok_or_else(|| {
            Problem::new(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
        })?;
        if issued > now.seconds() + 60 || expires <= now.seconds() {
            return Err(Problem::new(
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
            ));
        }
        if expires > now.seconds() + 660 || expires - issued > 660 {
            return Err(Problem::new(401, "'Expiration time' claim ('exp') is too far in the future"));
        }
        Ok(Caller::App)
    }
}

impl AppKey {
    /// Whether the signature is the App's over these bytes.
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { modulus, exponent } => {
                let key = ring::signature::RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Self::Quick(secret) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                ring::hmac::verify(&key, message, signature).is_ok()
            }
        }
    }
}

fn bad_credentials() -> Problem {
    Problem::new(401, "Bad credentials")
}

/// The password of Basic credentials; git puts the token there.
pub(crate) fn basic_password(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

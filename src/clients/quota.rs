//! Whose calls a host counts together, and who remembers which of these quotas are used up. Knows no host.

use async_trait::async_trait;

use crate::domain::credential::Credential;
use crate::domain::ids::InstallationId;
use crate::domain::time::Timestamp;
use crate::ports::Fault;

/// Calls that a host counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// The machine host's app.
    Machines,
    /// GitHub under the App's own signature.
    GithubApp,
    /// GitHub under the bot account's token.
    GithubToken,
    /// GitHub under the tokens of one installation.
    GithubInstallation(InstallationId),
}

impl Quota {
    /// The key in the database.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::Machines => "machines".to_owned(),
            Self::GithubApp => "github:app".to_owned(),
            Self::GithubToken => "github:token".to_owned(),
            Self::GithubInstallation(id) => format!("github:installation:{id}"),
        }
    }
}

impl From<Credential> for Quota {
    fn from(by: Credential) -> Self {
        match by {
            Credential::App { installation } => Self::GithubInstallation(installation),
            Credential::Token => Self::GithubToken,
        }
    }
}

/// What an answer means for the next call under the same quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The host is well.
    Answer,
    /// It wants to hear nothing before this moment.
    Silence(Timestamp),
    /// The connection or the host itself is broken.
    Trouble,
}

/// What a client asks before a call and tells after it.
#[async_trait(?Send)]
pub trait Gate {
    /// Until when there is to be no call; `None`: go ahead. A fault is no leave to call.
    async fn closed_until(&self, quota: Quota) -> Result<Option<Timestamp>, Fault>;

    /// The time by the clock that pauses are kept by; known once [`Gate::closed_until`] was asked.
    fn now(&self) -> Timestamp;

    /// Remembers what came of a call.
    async fn heard(&self, quota: Quota, heard: Heard);
}

//! A command that makes no task of its own, kept until it has been answered.

use serde::{Deserialize, Serialize};

use super::credential::Credential;
use super::ids::{IssueNumber, RepoId, RepoName};
use super::task::{Person, TextKey};

/// Who asked what, where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The repository's number.
    pub repo_id: RepoId,
    /// Its name.
    pub repo: RepoName,
    /// The issue or pull request to answer on.
    pub issue: IssueNumber,
    /// Whether the number is a pull request's.
    pub on_pull_request: bool,
    /// The text that asked.
    pub text: TextKey,
    /// Who asked.
    pub asker: Person,
    /// By which credential Porter answers.
    pub credential: Credential,
    /// What was asked.
    pub ask: Ask,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// End the live task of this issue.
    Stop,
    /// Run the newest finished task of this issue again.
    Retry,
    /// Say where the newest task stands.
    Status,
    /// Check the instance.
    Doctor,
    /// Say how to ask.
    Help,
    /// The command had a mistake.
    Mistake {
        /// What to answer.
        reply: String,
    },
    /// A rule said no; answered only if this text is the one that earned an answer.
    Refused {
        /// Which rule.
        refusal: super::task::Refusal,
    },
    /// The command was first seen after it had been edited, so its first words are not known.
    EditedBeforeSeen,
}

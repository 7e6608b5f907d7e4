//! What a task is to do, fixed at its first launch: where from, where to, with which words.

use serde::{Deserialize, Serialize};

use super::agent::Agent;
use super::ids::{Branch, IssueNumber, Sha};
use super::time::Timestamp;
use super::untrusted::Untrusted;

/// What a task is to do.
#[derive(Debug, Clone)]
pub struct Job {
    /// Who does it: as commanded, else as the repository prefers.
    pub agent: Agent,
    /// The branch the work starts from.
    pub base_ref: Branch,
    /// The commit the work starts from.
    pub base_sha: Sha,
    /// The branch the result goes to.
    pub branch: Branch,
    /// What the result becomes.
    pub target: Target,
    /// What WRAP made of the issue.
    pub prompt: String,
    /// SHA-256 of the prompt, as hexadecimal.
    pub prompt_sha256: String,
    /// How ready the issue was, 0 to 100, and why; as WRAP's Assess wrote it.
    pub assessment: serde_json::Value,
    /// What the repository asks for.
    pub settings: JobSettings,
    /// When it was fixed.
    pub created_at: Timestamp,
}

/// What a result becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "snake_case")]
pub enum Target {
    /// A pull request of its own.
    NewPullRequest {
        /// The branch it goes into.
        into: Branch,
    },
    /// A pull request stacked on somebody else's.
    Stacked {
        /// The pull request it is stacked on.
        on: IssueNumber,
        /// Its head branch.
        into: Branch,
    },
    /// One more commit on a pull request that Porter opened.
    FollowUp {
        /// Which.
        on: IssueNumber,
        /// Its page.
        url: String,
        /// The branch it goes into, for when a new one is needed.
        into: Branch,
    },
}

/// What the repository's configuration says about this job, and the commit it was read at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSettings {
    /// The commit of the default branch it was read at.
    pub read_at: Option<Sha>,
    /// The model, when neither flag nor instance names one.
    pub model: Option<String>,
    /// More paths whose change makes the pull request a draft.
    pub protected_paths: Vec<String>,
    /// What was odd in the configuration, for the status comment.
    pub warnings: Vec<Untrusted>,
}

//! By which of its credentials Porter acts on GitHub; decided when a task is made and kept for its life.

use serde::{Deserialize, Serialize};

use super::ids::InstallationId;

/// A way to act on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Credential {
    /// As the GitHub App, through this installation: tokens for one repository and one use.
    App {
        /// Which installation.
        installation: InstallationId,
    },
    /// As the account whose token the instance has.
    Token,
}

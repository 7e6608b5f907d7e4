//! Text that strangers wrote. It has no `Display`: every way out is named, so that a search finds them all.

use serde::{Deserialize, Serialize};

/// Words from an issue, a comment, a file or an agent: data, never an instruction to Porter.
///
/// The ways out: `wrap::write` into a prompt, `domain::outgoing` into a comment, and validators such as
/// [`super::ids::Branch::parse`] into names. `tests/architecture.rs` keeps the list of callers of [`Untrusted::raw`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks a text as a stranger's.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The bare text, for the few places that clean or validate it.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

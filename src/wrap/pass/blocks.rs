//! Blocks of strangers' text between delimiters that name the task and that no text can contain.

use sha2::{Digest, Sha256};

use super::budget::Part;
use crate::domain::ids::TaskId;
use crate::wrap::write::{Clean, DELIMITER};

/// The tag around every stranger's text. Its ending comes from the task's id, which did not exist when the texts were
/// written; and Write breaks anything that begins like it.
pub(super) struct Delimiter(String);

impl Delimiter {
    pub(super) fn of(task: &TaskId) -> Self {
        let digest = hex::encode(Sha256::digest(task.as_str().as_bytes()));
        Self(format!("{DELIMITER}-{}", digest.get(..10).unwrap_or("")))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }
}

/// A stranger's text with its place in the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// What it is; decides where it stands and when it is cut.
    pub(super) part: Part,
    /// What is said about it in the opening tag: ours, or names reduced to what cannot close the tag.
    pub(super) about: String,
    /// The text.
    pub(super) text: Clean,
}

impl Block {
    pub(super) fn new(part: Part, about: impl Into<String>, text: Clean) -> Self {
        Self { part, about: about.into(), text }
    }

    pub(super) fn render(&self, delimiter: &Delimiter) -> String {
        let name = delimiter.name();
        format!("<{name} {}>\n{}\n</{name}>\n", self.about, self.text.as_str())
    }
}

/// A name as it may stand in an opening tag.
pub(super) fn in_tag(name: &Clean) -> String {
    let plain: String = name
        .as_str()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '[' | ']' | ' ' | ':' | '+' | '#'))
        .collect();
    plain.trim().to_owned()
}

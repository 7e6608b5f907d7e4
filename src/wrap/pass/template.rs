//! Templates with placeholders such as `{{issue}}`. Values are put in once and never read again, so that a stranger's
//! `{{instructions}}` stays what it is: text.

use super::budget::tokens;
use crate::wrap::material::TaskMaterial;

/// Porter's own template: the sections of the seed.
pub(super) const DEFAULT: &str = "{{issue}}\n\n{{context}}\n\n{{instructions}}";

/// Why a repository's template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A placeholder that Porter does not have.
    #[error("line {line} has the unknown placeholder {{{{{name}}}}}; known are {}", PLACEHOLDERS.join(", "))]
    UnknownPlaceholder {
        /// Its name, cut to 40 characters.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// `{{` without `}}` on the same line.
    #[error("line {line} opens a placeholder and does not close it")]
    Unclosed {
        /// The line, from 1.
        line: usize,
    },
    /// A placeholder without which there is no task.
    #[error("the placeholder {{{{{0}}}}} is missing")]
    Missing(&'static str),
    /// The template alone takes more than half of the budget.
    #[error("it takes {tokens} tokens, more than half of the budget of {budget}")]
    TooLong {
        /// Its own size.
        tokens: u64,
        /// What the whole prompt may take.
        budget: u32,
    },
}

/// The known placeholders.
const PLACEHOLDERS: [&str; 8] = ["issue", "context", "instructions", "repository", "number", "branch", "base", "agent"];
/// Those that must be there: the work itself, and the rules without which its result would be lost.
const REQUIRED: [&str; 2] = ["issue", "instructions"];

/// What placeholders stand for.
pub(super) struct Filling<'a> {
    pub(super) issue: String,
    pub(super) context: String,
    pub(super) instructions: String,
    pub(super) task: &'a TaskMaterial,
}

impl Filling<'_> {
    fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "issue" => self.issue.clone(),
            "context" => self.context.clone(),
            "instructions" => self.instructions.clone(),
            "repository" => self.task.repository.to_string(),
            "number" => self.task.number.to_string(),
            "branch" => self.task.branch.to_string(),
            "base" => self.task.base.to_string(),
            "agent" => self.task.agent.word().to_owned(),
            _ => return None,
        })
    }
}

/// A template's pieces: text as it is, and placeholders by name with their line.
enum Piece<'a> {
    Text(&'a str),
    Placeholder { name: &'a str, line: usize },
    Unclosed { line: usize },
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for (text, line) in template.split_inclusive('\n').zip(1..) {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            pieces.push(Piece::Text(before));
            match after.split_once("}}") {
                Some((name, after)) => {
                    pieces.push(Piece::Placeholder { name: name.trim(), line });
                    rest = after;
                }
                None => {
                    pieces.push(Piece::Unclosed { line });
                    rest = "";
                }
            }
        }
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Whether a template can be used.
pub(super) fn check(template: &str, budget: u32) -> Result<(), BadTemplate> {
    let own = tokens(template);
    if own > u64::from(budget) / 2 {
        return Err(BadTemplate::TooLong { tokens: own, budget });
    }
    let mut missing = REQUIRED.to_vec();
    for piece in pieces(template) {
        match piece {
            Piece::Text(_) => {}
            Piece::Unclosed { line } => return Err(BadTemplate::Unclosed { line }),
            Piece::Placeholder { name, .. } if PLACEHOLDERS.contains(&name) => missing.retain(|known| *known != name),
            Piece::Placeholder { name, line } => {
                return Err(BadTemplate::UnknownPlaceholder { name: name.chars().take(40).collect(), line });
            }
        }
    }
    missing.first().map_or(Ok(()), |name| Err(BadTemplate::Missing(name)))
}

/// Puts the values in.
pub(super) fn fill(template: &str, filling: &Filling<'_>) -> String {
    let mut out = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Placeholder { name, .. } => out.push_str(filling.value(name).as_deref().unwrap_or("").trim_end()),
            Piece::Unclosed { .. } => {}
        }
    }
    out
}

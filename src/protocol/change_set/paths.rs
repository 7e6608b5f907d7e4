//! A single path: its hygiene, the disguises of `.git`, and what is refused or protected by name.

use super::Rule;
use super::glob::Glob;
use crate::domain::outgoing::visible;

/// Longest path and part that git, Linux and GitHub all take, in bytes.
const LONGEST_PATH: usize = 4000;
const LONGEST_PART: usize = 255;

/// The rules a path breaks by itself.
pub(super) fn check(path: &str) -> Vec<Rule> {
    let mut broken = Vec::new();
    if !is_plain(path) {
        broken.push(Rule::Path);
    }
    if path.split(['/', '\\']).any(is_git) {
        broken.push(Rule::GitDirectory);
    }
    if is_workflow(path) {
        broken.push(Rule::Workflow);
    }
    broken
}

fn is_plain(path: &str) -> bool {
    let part_fits = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= LONGEST_PART;
    // Direction marks are no control characters, but they make a path read as another.
    let direction = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let character_fits = |c: char| c != '\\' && !c.is_control() && !direction(c);
    path.len() <= LONGEST_PATH && path.split('/').all(part_fits) && path.chars().all(character_fits)
}

/// Whether some file system or git takes a part of a path for `.git`: case, invisible characters (HFS+), trailing dots and
/// blanks, streams and short names (NTFS), full-width letters.
pub(super) fn is_git(part: &str) -> bool {
    let bare = disguise_off(part);
    let short = bare
        .strip_prefix("git~")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    bare == ".git" || short
}

/// A part as a careless file system would read it.
fn disguise_off(part: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{2024}' | '\u{fe52}' => '.',
        'ı' | 'İ' => 'i',
        other => other,
    };
    let narrowed: String = visible(part).chars().map(narrow).filter(|&c| c != '\u{307}').collect();
    let folded = fold(&narrowed);
    let before_stream = folded.split(':').next().unwrap_or_default();
    before_stream.trim_end_matches(|c: char| c == '.' || c.is_whitespace() || c.is_control()).to_owned()
}

/// A text as case-insensitive systems compare it: up, then down, so that `ß` meets `SS` and `ς` meets `σ`.
pub(super) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Whether a path is, holds or lies in the directories of workflows and actions.
fn is_workflow(path: &str) -> bool {
    let mut parts = path.split('/').map(disguise_off);
    let in_github = parts.next().is_some_and(|part| part == ".github");
    in_github && parts.next().is_none_or(|part| part == "workflows" || part == "actions")
}

/// What steers agents, reviewers and Porter itself, at any depth and in any case.
const PROTECTED: [&str; 12] = [
    ".porter/",
    "CODEOWNERS",
    "AGENTS.md",
    "CLAUDE.md",
    "GEMINI.md",
    ".github/copilot-instructions.md",
    ".claude/",
    ".codex/",
    ".gemini/",
    ".opencode/",
    "opencode.json*",
    ".mcp.json",
];

pub(super) fn is_protected(path: &str) -> bool {
    let bare: Vec<String> = path.split('/').map(disguise_off).collect();
    let bare = bare.join("/");
    PROTECTED.iter().any(|pattern| Glob::new(pattern).matches(&bare))
}

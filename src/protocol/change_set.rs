//! The rules a change set is held to (protocol, "Runner <-> Porter"). The runner checks before handing over, Porter before publishing.

mod content;
mod glob;
mod links;
mod paths;

use std::collections::{HashMap, HashSet};

use serde::Serialize;

pub use glob::Glob;

use super::wire::{ChangeSet, ChangedFile, Limits};
use paths::fold;

/// Most broken rules that one answer lists.
const MOST_LISTED: usize = 50;

/// What a task allows its change set.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The commit the task started from.
    pub base_sha: String,
    /// The most files.
    pub max_files: u32,
    /// The most of them that may be binary.
    pub max_binary_files: u32,
    /// The most bytes of content, after decoding.
    pub max_bytes: u64,
    /// What the repository protects besides Porter's own list.
    pub protected: Vec<Glob>,
}

impl Rules {
    /// The rules of a run: its base, its limits, and the repository's own protected patterns.
    #[must_use]
    pub fn new(base_sha: &str, limits: &Limits, protected: &[String]) -> Self {
        Self {
            base_sha: base_sha.to_owned(),
            max_files: limits.max_files,
            max_binary_files: limits.max_binary_files,
            max_bytes: limits.max_bytes,
            protected: protected.iter().map(|pattern| Glob::new(pattern)).collect(),
        }
    }
}

/// What is known of a change set that keeps the rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Protected paths it touches, in its order: the pull request becomes a draft with a warning.
    pub protected: Vec<String>,
    /// Paths whose content is binary or came as base64: they need a blob of their own.
    pub binary: Vec<String>,
    /// Bytes of content, after decoding.
    pub bytes: u64,
}

/// A rule that a path breaks. The path is the machine's text: JSON may carry it, a comment only as code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// As given; empty for rules about the whole set.
    pub path: String,
    /// Which rule.
    pub rule: Rule,
}

/// A rule of the protocol, by its word on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// `base_sha` is the task's.
    BaseSha,
    /// There is at least one file.
    Empty,
    /// At most so many files.
    MaxFiles,
    /// At most so many binary files.
    MaxBinaryFiles,
    /// At most so many bytes.
    MaxBytes,
    /// A path stands once.
    Duplicate,
    /// No two paths differ only in case.
    CaseClash,
    /// No path is another's directory, or lies below a file.
    DirectoryClash,
    /// What is deleted is there.
    DeletesNothing,
    /// `deleted` is `true` where it stands.
    Deleted,
    /// Relative, normalised, without backslash and control characters, of bearable length.
    Path,
    /// No part is `.git` in any disguise.
    GitDirectory,
    /// `100644`, `100755` or `120000`.
    Mode,
    /// Content is what its encoding says.
    Encoding,
    /// A link is relative, stays inside the tree and never leads into `.git`.
    Link,
    /// Workflows and actions are not an agent's to change.
    Workflow,
    /// No path and no content holds a key of the instance.
    Secret,
}

impl Rule {
    /// What must hold, in words for a person.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::BaseSha => "the change set must be made on the commit the task started from",
            Self::Empty => "a change set must change something",
            Self::MaxFiles => "too many files for one pull request",
            Self::MaxBinaryFiles => "too many binary files for one pull request",
            Self::MaxBytes => "too many bytes for one pull request",
            Self::Duplicate => "a path may stand only once",
            Self::CaseClash => "two paths may not differ only in upper and lower case",
            Self::DirectoryClash => "a path may not be a file and a directory at once",
            Self::DeletesNothing => "only a file that is there can be deleted",
            Self::Deleted => "`deleted` must be true where it stands",
            Self::Path => "a path must be relative and plain",
            Self::GitDirectory => "nothing may be written to git's own directory",
            Self::Mode => "a file's mode must be 100644, 100755 or 120000",
            Self::Encoding => "content must be valid in its encoding",
            Self::Link => "a link must be relative, stay inside the repository and out of git's directory",
            Self::Workflow => "workflows and actions under .github may not be changed by an agent",
            Self::Secret => "no file may hold one of Porter's own keys",
        }
    }
}

/// Checks everything that can be known without the base tree; [`check_against_base`] does the rest.
/// All broken rules are given, at most fifty.
pub fn check(set: &ChangeSet, rules: &Rules) -> Result<Checked, Vec<Broken>> {
    let mut verdict = Verdict { broken: Vec::new() };
    if set.base_sha != rules.base_sha {
        verdict.add("", Rule::BaseSha);
    }
    if set.files.is_empty() {
        verdict.add("", Rule::Empty);
    }
    if set.files.len() > usize::try_from(rules.max_files).unwrap_or(usize::MAX) {
        // Whoever sends a million paths learns this much, and costs no more.
        verdict.add("", Rule::MaxFiles);
        return Err(verdict.broken);
    }
    let mut checked = Checked::default();
    for file in &set.files {
        let path = file.path();
        paths::check(path).into_iter().for_each(|rule| verdict.add(path, rule));
        if paths::is_protected(path) || rules.protected.iter().any(|glob| glob.matches(path)) {
            checked.protected.push(path.to_owned());
        }
        match content::measure(file) {
            Ok(content) => {
                checked.bytes = checked.bytes.saturating_add(content.bytes);
                if content.binary {
                    checked.binary.push(path.to_owned());
                }
            }
            Err(rule) => verdict.add(path, rule),
        }
    }
    clashes(set, &mut verdict);
    links::check(set).into_iter().for_each(|path| verdict.add(path, Rule::Link));
    if checked.binary.len() > usize::try_from(rules.max_binary_files).unwrap_or(usize::MAX) {
        verdict.add("", Rule::MaxBinaryFiles);
    }
    if checked.bytes > rules.max_bytes {
        verdict.add("", Rule::MaxBytes);
    }
    if verdict.broken.is_empty() { Ok(checked) } else { Err(verdict.broken) }
}

/// Checks what depends on the base tree. `is_file` says whether a file or link stands at a path of the base.
pub fn check_against_base(set: &ChangeSet, is_file: &dyn Fn(&str) -> bool) -> Result<(), Vec<Broken>> {
    let mut verdict = Verdict { broken: Vec::new() };
    for file in &set.files {
        let path = file.path();
        match file {
            ChangedFile::Deleted { .. } if !is_file(path) => verdict.add(path, Rule::DeletesNothing),
            ChangedFile::Written { .. } if directories(path).any(is_file) => verdict.add(path, Rule::DirectoryClash),
            ChangedFile::Deleted { .. } | ChangedFile::Written { .. } => {}
        }
    }
    if verdict.broken.is_empty() { Ok(()) } else { Err(verdict.broken) }
}

/// Paths that are equal, equal but for case, or each other's directory. Deletions count: a set says one thing of a path.
fn clashes(set: &ChangeSet, verdict: &mut Verdict) {
    let mut exact = HashSet::new();
    let mut folded: HashMap<String, &str> = HashMap::new();
    for file in &set.files {
        let path = file.path();
        if !exact.insert(path) {
            verdict.add(path, Rule::Duplicate);
        } else if folded.insert(fold(path), path).is_some() {
            verdict.add(path, Rule::CaseClash);
        }
    }
    for file in &set.files {
        let below = fold(file.path());
        if directories(&below).any(|directory| folded.contains_key(directory)) {
            verdict.add(file.path(), Rule::DirectoryClash);
        }
    }
}

/// The directories above a path, from the top.
fn directories(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

struct Verdict {
    broken: Vec<Broken>,
}

impl Verdict {
    fn add(&mut self, path: &str, rule: Rule) {
        if self.broken.len() < MOST_LISTED {
            self.broken.push(Broken { path: path.chars().take(300).collect(), rule });
        }
    }
}

#[cfg(test)]
mod tests;

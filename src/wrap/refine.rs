//! Refine: the task with what the repository knows about it. Everything here has been through Write, and nothing of it
//! was written or edited after the command.

mod paths;
mod tree;

pub use paths::{Mentions, NamedFile};

use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;

use super::material::{Access, Comment, Material, Subject, TreeEntry};
use super::write::{Clean, Field, carries_marker, write, write_path};

/// How many files of a tree are looked at; a bound on work, not on what can be named.
const MOST_FILES: usize = 20_000;

/// How many comments of a conversation are read, newest first.
const MOST_COMMENTS: usize = 60;
/// How many conversations, changed files and search hits are read.
const MOST_THREADS: usize = 60;
const MOST_CHANGED: usize = 200;
const MOST_HITS: usize = 10;

/// The task and its context, clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The title.
    pub title: Clean,
    /// The body.
    pub body: Clean,
    /// The words behind the mention.
    pub instructions: Clean,
    /// Who opened the issue.
    pub author: Clean,
    /// Who asked.
    pub asked_by: Clean,
    /// The labels.
    pub labels: Vec<Clean>,
    /// What people with write access said before the command, oldest first.
    pub comments: Vec<Said>,
    /// Conversations on a pull request's lines, under the same rule.
    pub threads: Vec<Thread>,
    /// What a pull request changes.
    pub diff: Vec<ChangedFile>,
    /// Questions and answers of earlier runs.
    pub clarifications: Vec<(Clean, Clean)>,
    /// The repository's conventions.
    pub agents_md: Option<Clean>,
    /// The README's head.
    pub readme: Option<Clean>,
    /// Settings of the repository that bear on the work, a line each.
    pub settings: Clean,
    /// Languages with their share, as `Rust 93%`.
    pub languages: Vec<String>,
    /// The tree, depth-limited.
    pub tree: Clean,
    /// Whether the tree is not whole.
    pub tree_truncated: bool,
    /// Files that the texts name.
    pub mentions: Mentions,
    /// Files whose paths fit the issue's words, or that code search found, best first.
    pub related: Vec<Clean>,
    /// What code search found, with the lines.
    pub hits: Vec<(Clean, Clean)>,
}

/// A comment that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub by: Clean,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: Clean,
}

/// A conversation on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The file.
    pub path: Clean,
    /// The line, when it still is.
    pub line: Option<u32>,
    /// What was said.
    pub said: Vec<Said>,
}

/// A file of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path.
    pub path: Clean,
    /// Lines added.
    pub additions: u32,
    /// Lines removed.
    pub deletions: u32,
    /// The head of its diff.
    pub patch: Option<Clean>,
}

/// The words of a title that code search is asked for: the two longest. It finds only files that have all of them.
#[must_use]
pub fn search_words(title: &Untrusted) -> Vec<String> {
    paths::longest_words(write(Field::Title, title).as_str(), 2)
}

/// Cleans the material and finds what in the repository belongs to it.
#[must_use]
pub fn refine(material: &Material) -> Bundle {
    let (task, repository) = (&material.task, &material.repository);
    let before = |comments: &[Comment]| said_before(comments, task.triggered_at);
    let title = write(Field::Title, &task.title);
    let body = write(Field::Body, &task.body);
    let instructions = write(Field::Instructions, &task.instructions);
    let comments = before(&material.comments);
    let (diff, threads) = match &task.subject {
        Subject::Issue => (Vec::new(), Vec::new()),
        Subject::PullRequest { diff, threads } => (diff.iter().take(MOST_CHANGED).filter_map(changed).collect(), {
            let read = threads.iter().rev().take(MOST_THREADS).rev().filter_map(|thread| {
                let said = before(&thread.comments);
                let path = write_path(&thread.path)?;
                (!said.is_empty()).then_some(Thread { path, line: thread.line, said })
            });
            read.collect()
        }),
    };
    let files = paths_of(&repository.tree);
    let mut texts = vec![instructions.as_str(), title.as_str(), body.as_str()];
    texts.extend(comments.iter().map(|said| said.text.as_str()));
    let mentions = paths::named(&texts, &files);
    let in_tree = |path: &Clean| files.binary_search_by(|file| file.as_str().cmp(path.as_str())).is_ok();
    let hits: Vec<(Clean, Clean)> = repository
        .hits
        .iter()
        .take(MOST_HITS)
        .filter_map(|hit| Some((write_path(&hit.path).filter(in_tree)?, write(Field::Fragment, &hit.fragment))))
        .collect();
    let found: Vec<Clean> = hits.iter().map(|(path, _)| path.clone()).collect();
    let about = format!("{} {}", body.as_str(), instructions.as_str());
    let optional = |field, text: Option<_>| text.map(|text| write(field, text)).filter(|text| !text.is_empty());
    Bundle {
        related: paths::ranked(title.as_str(), &about, &found, &files, &mentions.found),
        author: write(Field::Name, &task.author),
        asked_by: write(Field::Name, &task.asked_by),
        labels: task.labels.iter().map(|label| write(Field::Name, label)).filter(|label| !label.is_empty()).collect(),
        clarifications: clarifications(material),
        agents_md: optional(Field::Agents, repository.agents_md.as_ref()),
        readme: optional(Field::Readme, repository.readme.as_ref()),
        settings: settings(material),
        languages: languages(material),
        tree: tree::listing(&files),
        tree_truncated: repository.tree_truncated || repository.tree.len() > MOST_FILES,
        title,
        body,
        instructions,
        comments,
        threads,
        diff,
        mentions,
        hits,
    }
}

/// What people with write access said, and last touched, in an earlier second than the command's: GitHub's times have
/// whole seconds, so the same second may be later. Porter's own comments say nothing new.
fn said_before(comments: &[Comment], triggered_at: Timestamp) -> Vec<Said> {
    let earlier = |at: Timestamp| at.seconds() < triggered_at.seconds();
    let mut counting: Vec<&Comment> = comments
        .iter()
        .filter(|comment| comment.access == Access::Write)
        .filter(|comment| earlier(comment.created_at) && earlier(comment.updated_at))
        .filter(|comment| !carries_marker(&comment.body))
        .collect();
    counting.sort_by_key(|comment| comment.created_at);
    let newest = counting.split_off(counting.len().saturating_sub(MOST_COMMENTS));
    newest
        .into_iter()
        .map(|comment| Said {
            by: write(Field::Name, &comment.author),
            at: comment.created_at,
            text: write(Field::Comment, &comment.body),
        })
        .filter(|said| !said.text.is_empty())
        .collect()
}

fn changed(file: &super::material::DiffFile) -> Option<ChangedFile> {
    Some(ChangedFile {
        path: write_path(&file.path)?,
        additions: file.additions,
        deletions: file.deletions,
        patch: file.patch.as_ref().map(|patch| write(Field::Patch, patch)).filter(|patch| !patch.is_empty()),
    })
}

fn clarifications(material: &Material) -> Vec<(Clean, Clean)> {
    let both = material.clarifications.iter();
    both.map(|one| (write(Field::Comment, &one.question), write(Field::Comment, &one.answer))).collect()
}

/// The tree's plain paths, sorted.
fn paths_of(tree: &[TreeEntry]) -> Vec<Clean> {
    let mut paths: Vec<Clean> = tree.iter().take(MOST_FILES).filter_map(|entry| write_path(&entry.path)).collect();
    paths.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    paths.dedup();
    paths
}

/// What of the repository's configuration an agent should know.
fn settings(material: &Material) -> Clean {
    let config = &material.repository.config;
    let mut lines = Vec::new();
    lines.extend(config.setup.as_ref().map(|command| format!("Already run to prepare the checkout: {command}")));
    lines.extend(config.verify.as_ref().map(|command| format!("Porter checks the work with: {command}")));
    if !config.protected_paths.is_empty() {
        lines.push(format!("A person must look at changes to: {}", config.protected_paths.join(", ")));
    }
    write(Field::Patch, &crate::domain::untrusted::Untrusted::new(lines.join("\n")))
}

/// The languages that make at least one percent, largest first.
fn languages(material: &Material) -> Vec<String> {
    let mut languages: Vec<(u64, Clean)> =
        material.repository.languages.iter().map(|(name, bytes)| (*bytes, write(Field::Name, name))).collect();
    languages.sort_by(|(a, at), (b, bt)| b.cmp(a).then_with(|| at.as_str().cmp(bt.as_str())));
    let all = languages.iter().fold(0_u64, |sum, (bytes, _)| sum.saturating_add(*bytes)).max(1);
    let share = |bytes: u64| u128::from(bytes) * 100 / u128::from(all);
    let shown = languages.iter().filter(|(bytes, name)| share(*bytes) >= 1 && !name.is_empty()).take(8);
    shown.map(|(bytes, name)| format!("{} {}%", name.as_str(), share(*bytes))).collect()
}

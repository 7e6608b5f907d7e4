//! What WRAP works on: plain data that `app` fetched. All of it is a snapshot; nothing here is fetched again.

use crate::domain::agent::Agent;
use crate::domain::ids::{Branch, IssueNumber, RepoName, TaskId};
use crate::domain::repository_config::RepositoryConfig;
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;

/// Everything a prompt is made from.
#[derive(Debug, Clone)]
pub struct Material {
    /// What was asked, by whom and when.
    pub task: TaskMaterial,
    /// The repository at the base commit.
    pub repository: RepositoryMaterial,
    /// The conversation on the issue or pull request, in any order.
    pub comments: Vec<Comment>,
    /// What the agent asked in earlier runs and what a person answered, oldest first.
    pub clarifications: Vec<Clarification>,
}

/// What was asked. Texts are those of the webhook's payload, so that later edits do not matter.
#[derive(Debug, Clone)]
pub struct TaskMaterial {
    /// Porter's task.
    pub id: TaskId,
    /// The branch Porter will publish.
    pub branch: Branch,
    /// The branch the work starts from.
    pub base: Branch,
    /// Where the issue is.
    pub repository: RepoName,
    /// The issue's or pull request's number.
    pub number: IssueNumber,
    /// Whether it is an issue or a pull request, with what only a pull request has.
    pub subject: Subject,
    /// The title.
    pub title: Untrusted,
    /// The body.
    pub body: Untrusted,
    /// The login of who opened it.
    pub author: Untrusted,
    /// The labels' names.
    pub labels: Vec<Untrusted>,
    /// The words behind the mention; empty for none.
    pub instructions: Untrusted,
    /// The login of who asked.
    pub asked_by: Untrusted,
    /// When the command was written: nothing of the same second or later reaches the prompt.
    pub triggered_at: Timestamp,
    /// Who will do the work.
    pub agent: Agent,
    /// Whether the agent is to run tests.
    pub tests: Tests,
}

/// What the command was written on.
#[derive(Debug, Clone)]
pub enum Subject {
    /// An issue.
    Issue,
    /// A pull request of the same repository.
    PullRequest {
        /// What it changes so far.
        diff: Vec<DiffFile>,
        /// The conversations on its lines.
        threads: Vec<ReviewThread>,
    },
}

/// Whether the agent is to run tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tests {
    /// As the agent sees fit.
    Run,
    /// `--no-tests`.
    Skip,
}

/// The repository as the agent will find it.
#[derive(Debug, Clone, Default)]
pub struct RepositoryMaterial {
    /// `AGENTS.md` of the default branch; missing is fine.
    pub agents_md: Option<Untrusted>,
    /// The README; only its head is used.
    pub readme: Option<Untrusted>,
    /// `.porter/config.json` of the default branch.
    pub config: RepositoryConfig,
    /// `.porter/prompt.md`, or the file the configuration names.
    pub template: Option<Untrusted>,
    /// `.porter/prompt.<agent>.md` for the agent of this task; wins over `template`.
    pub agent_template: Option<Untrusted>,
    /// Languages with their bytes, as GitHub counts them.
    pub languages: Vec<(Untrusted, u64)>,
    /// The files of the tree (no directories).
    pub tree: Vec<TreeEntry>,
    /// Whether the provider cut the tree.
    pub tree_truncated: bool,
    /// What code search found for the issue's words, best first.
    pub hits: Vec<SearchHit>,
}

/// A file of the tree.
#[derive(Debug, Clone)]
pub struct TreeEntry {
    /// Its path from the root.
    pub path: Untrusted,
    /// Its size in bytes.
    pub size: u64,
}

/// A file that code search found.
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// Its path from the root.
    pub path: Untrusted,
    /// The lines around the match.
    pub fragment: Untrusted,
}

/// A comment or a review's text.
#[derive(Debug, Clone)]
pub struct Comment {
    /// The login of its author.
    pub author: Untrusted,
    /// Whether the author may write to the repository.
    pub access: Access,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last edited; the time of writing when never.
    pub updated_at: Timestamp,
    /// What it says.
    pub body: Untrusted,
}

/// Whether a person may write to the repository, by the permission API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Write, maintain or admin.
    Write,
    /// Anything less, or unknown.
    Less,
}

/// A file that a pull request changes.
#[derive(Debug, Clone)]
pub struct DiffFile {
    /// Its path.
    pub path: Untrusted,
    /// Lines added.
    pub additions: u32,
    /// Lines removed.
    pub deletions: u32,
    /// The unified diff of the file, when the provider gave it.
    pub patch: Option<Untrusted>,
}

/// A conversation on a line of a pull request.
#[derive(Debug, Clone)]
pub struct ReviewThread {
    /// The file.
    pub path: Untrusted,
    /// The line in the new version; none when the line is gone.
    pub line: Option<u32>,
    /// What was said, oldest first.
    pub comments: Vec<Comment>,
}

/// A question the agent ended with, and the answer it got.
#[derive(Debug, Clone)]
pub struct Clarification {
    /// The agent's words.
    pub question: Untrusted,
    /// A person's words.
    pub answer: Untrusted,
}

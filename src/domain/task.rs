//! A task: one command being carried out. Its state holds its own data; a final state never changes.

use serde::{Deserialize, Serialize};

use super::agent::Agent;
use super::command::Flags;
use super::credential::Credential;
use super::ids::{Attempt, IssueNumber, RepoId, RepoName, Sha, TaskId, UserId};
use super::time::Timestamp;
use super::untrusted::Untrusted;

/// One command being carried out.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name, also in its branch and machines.
    pub id: TaskId,
    /// How many events it has had.
    pub version: u32,
    /// Where it stands.
    pub state: State,
    /// By which credential Porter acts for it.
    pub credential: Credential,
    /// What was asked; fixed at accept.
    pub request: Request,
    /// Launches so far.
    pub attempt: Attempt,
    /// When the command was accepted.
    pub created_at: Timestamp,
    /// When a machine first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it reached its final state.
    pub finished_at: Option<Timestamp>,
}

/// What was asked, by whom, where: fixed at accept, whatever is edited later.
#[derive(Debug, Clone)]
pub struct Request {
    /// The repository's number.
    pub repo_id: RepoId,
    /// The repository's name at accept.
    pub repo: RepoName,
    /// The issue or pull request.
    pub issue: IssueNumber,
    /// The text that asked, and the issue as it was.
    pub origin: Origin,
    /// Who asked.
    pub asker: Person,
    /// Who is to do it, unless nobody was named and the repository prefers another.
    pub agent: Agent,
    /// Whether the command named the agent.
    pub chosen: Chosen,
    /// Model, branches, budget, tests, priority.
    pub flags: Flags,
    /// The finished task that a person asked to run again.
    pub retry_of: Option<TaskId>,
}

/// How an agent came to be the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// The command named it.
    ByCommand,
    /// Nobody named one.
    ByDefault,
}

/// A GitHub user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The number, which survives renames.
    pub id: UserId,
    /// The login as last seen; GitHub's own alphabet (`a-z0-9-`), so it may stand in a mention.
    pub login: String,
}

/// The text that asked, and the issue as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Which kind of text.
    pub text: TextKey,
    /// When it was written.
    pub written_at: Timestamp,
    /// The words after agent and flags.
    pub instructions: Untrusted,
    /// Title at accept.
    pub title: Untrusted,
    /// Body at accept.
    pub body: Untrusted,
    /// Label names at accept.
    pub labels: Vec<Untrusted>,
    /// What the number stands for.
    pub place: Place,
}

/// What an issue number stands for, and where in it the command was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// An issue.
    Issue,
    /// A pull request's conversation.
    PullRequest,
    /// A line of a pull request's diff.
    ReviewLine {
        /// The file.
        path: Untrusted,
        /// The line in the new version, if it has one.
        line: Option<u32>,
        /// The part of the diff shown above the comment.
        hunk: Untrusted,
    },
}

/// The text that asked: kind and number, unique within a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextKey {
    /// Which kind of text.
    pub kind: TextKind,
    /// GitHub's number of it.
    pub id: i64,
}

/// Where people write commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// A comment on an issue or in a pull request's conversation.
    IssueComment,
    /// A comment on a line of a pull request.
    ReviewComment,
    /// The body of a submitted review.
    Review,
    /// The body of an issue.
    Issue,
}

impl TextKind {
    /// The word in the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::IssueComment => "issue_comment",
            Self::ReviewComment => "review_comment",
            Self::Review => "review",
            Self::Issue => "issue",
        }
    }
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Written down; the asker's permission is not yet known.
    Accepted,
    /// Allowed; waits for its turn. After a lost attempt, not before a moment.
    Queued {
        /// The earliest launch.
        not_before: Timestamp,
    },
    /// A machine is being made.
    Launching {
        /// Which launch.
        attempt: Attempt,
        /// Since when.
        since: Timestamp,
    },
    /// A machine has claimed the job.
    Running {
        /// Which launch.
        attempt: Attempt,
        /// When the run is over, whatever it is doing.
        deadline: Timestamp,
    },
    /// The machine has handed over; Porter makes the commit and the pull request.
    Publishing {
        /// Which launch.
        attempt: Attempt,
        /// Since when.
        since: Timestamp,
    },
    /// There is a pull request.
    Succeeded {
        /// Which.
        pull_request: PullRequestRef,
        /// How it was published.
        how: Published,
    },
    /// The agent ended well and changed nothing.
    NoChanges {
        /// Its own words.
        why: Untrusted,
    },
    /// It did not work.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// A rule said no.
    Refused {
        /// Which rule, and what to do.
        refusal: Refusal,
    },
    /// It took too long.
    TimedOut {
        /// Where.
        at: Stage,
    },
    /// Somebody ended it.
    Stopped {
        /// Who or what.
        by: StoppedBy,
    },
}

/// A pull request by number and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestRef {
    /// Its number.
    pub number: IssueNumber,
    /// Its page.
    pub url: String,
}

/// How a result reached its pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Published {
    /// A new pull request.
    Opened,
    /// One more commit on a pull request that Porter had opened.
    Added {
        /// The commit.
        commit: Sha,
    },
    /// The pull request had moved on in the same files, so a new one goes into it.
    Beside {
        /// Why, in words.
        why: String,
    },
}

/// Why a task failed. What an agent or a provider said is a stranger's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Failure {
    /// The agent or its model said no or broke.
    Agent {
        /// What the runner reports.
        said: Untrusted,
    },
    /// The change set breaks a rule.
    ChangeSet {
        /// Path and rule of each, shortened.
        broken: Vec<(Untrusted, String)>,
    },
    /// What was handed over is larger than Porter takes.
    TooLarge,
    /// The machine went away, again.
    MachineLost {
        /// What is known of it.
        how: String,
    },
    /// The machine outgrew its memory.
    OutOfMemory,
    /// The runner ended without a word.
    MachineEnded {
        /// Its exit code.
        code: i32,
    },
    /// The machine host had no room, again.
    NoRoom,
    /// The model provider was not available, again.
    ProviderOutage {
        /// What the runner reports.
        said: Untrusted,
    },
    /// What a launch needs did not come in time.
    Waited {
        /// What stood in the way last.
        said: Untrusted,
    },
    /// The machine host would not make a machine.
    Host {
        /// What it said.
        said: Untrusted,
    },
    /// GitHub would not take the result.
    Publish {
        /// What it said.
        said: Untrusted,
    },
    /// The result was received and then could not be recovered.
    ResultLost,
    /// A part of Porter gave up on it.
    Inside {
        /// What was being done.
        doing: String,
    },
}

/// Which rule said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Refusal {
    /// The asker may not write to the repository.
    NoWriteAccess,
    /// The instance's own keys do not serve this repository.
    RepositoryNotServed,
    /// Settings are missing.
    NotSetUp {
        /// Their names.
        names: Vec<String>,
    },
    /// The pull request comes from a fork.
    Fork,
    /// What was named is not there.
    NoSuchBase {
        /// The branch as asked for.
        base: String,
    },
    /// The repository is empty or archived, or its issue is gone.
    Unworkable {
        /// Why, in words.
        why: String,
    },
}

/// The stages that can take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// No machine claimed the job in time.
    Launch,
    /// The run reached its deadline.
    Run,
}

/// What ended a task early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum StoppedBy {
    /// A person asked.
    Person {
        /// Who.
        login: String,
    },
    /// The dashboard or the API asked.
    Api,
    /// The issue or pull request was closed.
    IssueClosed,
    /// The App was uninstalled or suspended.
    Uninstalled,
    /// The person who asked may no longer write to the repository.
    PermissionLost,
}

/// The flat code of a state, as the column has it and the words shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateWords {
    /// The column.
    pub code: &'static str,
    /// What the API and comments say (seed 001's statuses, and `stopped`).
    pub status: &'static str,
}

impl State {
    /// The flat code and the word shown.
    #[must_use]
    pub const fn words(&self) -> StateWords {
        let (code, status) = match self {
            Self::Accepted => ("accepted", "queued"),
            Self::Queued { .. } => ("queued", "queued"),
            Self::Launching { .. } => ("launching", "running"),
            Self::Running { .. } => ("running", "running"),
            Self::Publishing { .. } => ("publishing", "running"),
            Self::Succeeded { .. } => ("succeeded", "success"),
            Self::NoChanges { .. } => ("no_changes", "success"),
            Self::Failed { .. } => ("failed", "failed"),
            Self::Refused { .. } => ("refused", "failed"),
            Self::TimedOut { .. } => ("timed_out", "timed_out"),
            Self::Stopped { .. } => ("stopped", "stopped"),
        };
        StateWords { code, status }
    }

    /// Whether nothing can happen to it any more.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Accepted
            | Self::Queued { .. }
            | Self::Launching { .. }
            | Self::Running { .. }
            | Self::Publishing { .. } => false,
            Self::Succeeded { .. }
            | Self::NoChanges { .. }
            | Self::Failed { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::Stopped { .. } => true,
        }
    }

    /// The launch that is open in this state.
    #[must_use]
    pub const fn open_attempt(&self) -> Option<Attempt> {
        match self {
            Self::Launching { attempt, .. } | Self::Running { attempt, .. } | Self::Publishing { attempt, .. } => {
                Some(*attempt)
            }
            Self::Accepted
            | Self::Queued { .. }
            | Self::Succeeded { .. }
            | Self::NoChanges { .. }
            | Self::Failed { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::Stopped { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words in the database and on the API are a promise to rows already written and clients already built.
    #[test]
    fn the_words_of_every_state_are_pinned() {
        let at = Timestamp::from_millis(0);
        let attempt = Attempt(1);
        let table = [
            (State::Accepted, "accepted", "queued", r#"{"state":"accepted"}"#),
            (State::Queued { not_before: at }, "queued", "queued", r#"{"state":"queued","not_before":0}"#),
            (
                State::Launching { attempt, since: at },
                "launching",
                "running",
                r#"{"state":"launching","attempt":1,"since":0}"#,
            ),
            (
                State::Running { attempt, deadline: at },
                "running",
                "running",
                r#"{"state":"running","attempt":1,"deadline":0}"#,
            ),
            (
                State::Publishing { attempt, since: at },
                "publishing",
                "running",
                r#"{"state":"publishing","attempt":1,"since":0}"#,
            ),
            (
                State::Succeeded {
                    pull_request: PullRequestRef { number: IssueNumber(7), url: "u".into() },
                    how: Published::Opened,
                },
                "succeeded",
                "success",
                r#"{"state":"succeeded","pull_request":{"number":7,"url":"u"},"how":{"how":"opened"}}"#,
            ),
            (
                State::NoChanges { why: Untrusted::new("w") },
                "no_changes",
                "success",
                r#"{"state":"no_changes","why":"w"}"#,
            ),
            (
                State::Failed { failure: Failure::TooLarge },
                "failed",
                "failed",
                r#"{"state":"failed","failure":{"kind":"too_large"}}"#,
            ),
            (
                State::Refused { refusal: Refusal::Fork },
                "refused",
                "failed",
                r#"{"state":"refused","refusal":{"rule":"fork"}}"#,
            ),
            (State::TimedOut { at: Stage::Run }, "timed_out", "timed_out", r#"{"state":"timed_out","at":"run"}"#),
            (
                State::Stopped { by: StoppedBy::IssueClosed },
                "stopped",
                "stopped",
                r#"{"state":"stopped","by":{"by":"issue_closed"}}"#,
            ),
        ];
        for (state, code, status, json) in table {
            assert_eq!(state.words(), StateWords { code, status });
            assert_eq!(serde_json::to_string(&state).unwrap(), json);
            assert_eq!(serde_json::from_str::<State>(json).unwrap(), state);
            assert_eq!(
                state.is_final(),
                !matches!(code, "accepted" | "queued" | "launching" | "running" | "publishing")
            );
        }
    }
}

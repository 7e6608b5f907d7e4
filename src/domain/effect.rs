//! Effects: what must happen outside, committed with the event that asks for it and carried out until it has happened.

use serde::{Deserialize, Serialize};

use super::ids::{Attempt, IssueNumber, RepoId, TaskId};

/// Something that must happen outside. Each can run twice: the second time finds what the first one did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Ask GitHub whether the asker may.
    Authorise {
        /// Whose task.
        task: TaskId,
    },
    /// Answer a command that makes no task: carry out `stop`, `retry`, `status`, `doctor`, `help`, or explain a mistake.
    Answer {
        /// Which text.
        question: super::question::Question,
    },
    /// Make the machine of a launch.
    Launch {
        /// Whose task.
        task: TaskId,
        /// Which launch.
        attempt: Attempt,
    },
    /// End the machine of a closed launch.
    Destroy {
        /// Whose task.
        task: TaskId,
        /// Which launch.
        attempt: Attempt,
    },
    /// Make commit, ref and pull request from the stored tree.
    Publish {
        /// Whose task.
        task: TaskId,
        /// Which launch.
        attempt: Attempt,
    },
    /// Bring the status comment to what the state says.
    ShowStatus {
        /// Whose task.
        task: TaskId,
    },
    /// Add the one comment that tells the asker about an end without a pull request.
    TellEnd {
        /// Whose task.
        task: TaskId,
    },
    /// Bring the issue's label to what its newest task says.
    ShowLabel {
        /// The repository.
        repo: RepoId,
        /// The issue.
        issue: IssueNumber,
        /// A task of that issue, for its credential and name.
        task: TaskId,
    },
    /// Bring the reaction on the command to what the state says.
    React {
        /// Whose task.
        task: TaskId,
    },
}

/// How urgent: cosmetic effects come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The work itself.
    Work,
    /// Words a person waits for.
    Words,
    /// Labels and reactions.
    Cosmetic,
}

impl Rank {
    /// The column's number.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Work => 0,
            Self::Words => 1,
            Self::Cosmetic => 2,
        }
    }
}

/// What a second request for the same effect means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Nothing: it happens once.
    Once,
    /// Look again: it shows a state that may have changed.
    Refresh,
}

impl Effect {
    /// The key under which the same thing asked twice is one effect.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Authorise { task } => format!("authorise:{task}"),
            Self::Answer { question } => {
                format!("answer:{}:{}:{}", question.repo_id, question.text.kind.word(), question.text.id)
            }
            Self::Launch { task, attempt } => format!("launch:{task}:{attempt}"),
            Self::Destroy { task, attempt } => format!("destroy:{task}:{attempt}"),
            Self::Publish { task, attempt } => format!("publish:{task}:{attempt}"),
            Self::ShowStatus { task } => format!("status:{task}"),
            Self::TellEnd { task } => format!("end:{task}"),
            Self::ShowLabel { repo, issue, .. } => format!("label:{repo}:{issue}"),
            Self::React { task } => format!("react:{task}"),
        }
    }

    /// The word in the database and the log.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Authorise { .. } => "authorise",
            Self::Answer { .. } => "answer",
            Self::Launch { .. } => "launch",
            Self::Destroy { .. } => "destroy",
            Self::Publish { .. } => "publish",
            Self::ShowStatus { .. } => "show_status",
            Self::TellEnd { .. } => "tell_end",
            Self::ShowLabel { .. } => "show_label",
            Self::React { .. } => "react",
        }
    }

    /// The task it belongs to, when there is one.
    #[must_use]
    pub const fn task(&self) -> Option<&TaskId> {
        match self {
            Self::Authorise { task }
            | Self::Launch { task, .. }
            | Self::Destroy { task, .. }
            | Self::Publish { task, .. }
            | Self::ShowStatus { task }
            | Self::TellEnd { task }
            | Self::ShowLabel { task, .. }
            | Self::React { task } => Some(task),
            Self::Answer { .. } => None,
        }
    }

    /// How urgent it is.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        match self {
            Self::Authorise { .. } | Self::Launch { .. } | Self::Destroy { .. } | Self::Publish { .. } => Rank::Work,
            Self::Answer { .. } | Self::ShowStatus { .. } | Self::TellEnd { .. } => Rank::Words,
            Self::ShowLabel { .. } | Self::React { .. } => Rank::Cosmetic,
        }
    }

    /// What asking again means.
    #[must_use]
    pub const fn again(&self) -> Again {
        match self {
            Self::ShowStatus { .. } | Self::ShowLabel { .. } | Self::React { .. } | Self::Destroy { .. } => {
                Again::Refresh
            }
            Self::Authorise { .. }
            | Self::Answer { .. }
            | Self::Launch { .. }
            | Self::Publish { .. }
            | Self::TellEnd { .. } => Again::Once,
        }
    }
}

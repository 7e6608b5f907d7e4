//! What can happen to a task, and what follows: the one state machine.

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::effect::Effect;
use super::ids::Attempt;
use super::task::{Failure, Published, PullRequestRef, Refusal, Stage, State, StoppedBy, Task};
use super::time::Timestamp;
use super::untrusted::Untrusted;

/// Something that happened to a task. Events are appended, never changed; they are the history people see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The command was written down.
    Accepted,
    /// The asker may.
    Authorised,
    /// A rule said no before anything was started.
    Denied {
        /// Which rule.
        refusal: Refusal,
    },
    /// Its turn has come: a launch begins.
    Admitted {
        /// Which launch.
        attempt: Attempt,
    },
    /// A machine claimed the job.
    Claimed {
        /// Which launch.
        attempt: Attempt,
        /// When the run is over.
        deadline: Timestamp,
    },
    /// The machine handed a change set over that keeps the rules.
    Received {
        /// Which launch.
        attempt: Attempt,
    },
    /// The pull request is there.
    Published {
        /// Which launch.
        attempt: Attempt,
        /// Which pull request.
        pull_request: PullRequestRef,
        /// How it got there.
        how: Published,
    },
    /// The agent ended well and changed nothing.
    NothingChanged {
        /// Which launch.
        attempt: Attempt,
        /// Its own words.
        why: Untrusted,
    },
    /// The launch came to nothing for a cause that another launch can cure.
    AttemptLost {
        /// Which launch.
        attempt: Attempt,
        /// Why.
        #[serde(default)]
        cause: Cause,
        /// What else is known; may be empty.
        how: String,
        /// The earliest next launch.
        not_before: Timestamp,
    },
    /// It did not work.
    Failed {
        /// Which launch.
        attempt: Attempt,
        /// Why.
        failure: Failure,
    },
    /// A rule said no at launch.
    LaunchRefused {
        /// Which launch.
        attempt: Attempt,
        /// Which rule.
        refusal: Refusal,
    },
    /// It took too long.
    TimedOut {
        /// Which launch.
        attempt: Attempt,
        /// Where.
        at: Stage,
    },
    /// Somebody or something ended it.
    Stopped {
        /// Who or what.
        by: StoppedBy,
    },
    /// An inner part of Porter gave up on it before a launch was open.
    GaveUp {
        /// What was being done.
        doing: String,
    },
}

impl Event {
    /// The word in the database and on pages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Authorised => "authorised",
            Self::Denied { .. } => "denied",
            Self::Admitted { .. } => "admitted",
            Self::Claimed { .. } => "claimed",
            Self::Received { .. } => "received",
            Self::Published { .. } => "published",
            Self::NothingChanged { .. } => "nothing_changed",
            Self::AttemptLost { .. } => "attempt_lost",
            Self::Failed { .. } => "failed",
            Self::LaunchRefused { .. } => "launch_refused",
            Self::TimedOut { .. } => "timed_out",
            Self::Stopped { .. } => "stopped",
            Self::GaveUp { .. } => "gave_up",
        }
    }

    /// What happened, in one sentence for the history.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Accepted => "The command was accepted.".to_owned(),
            Self::Authorised => "The person who asked may write to the repository.".to_owned(),
            Self::Denied { .. } => "The command was refused.".to_owned(),
            Self::Admitted { attempt } => format!("Launch {attempt} begins."),
            Self::Claimed { .. } => "A machine claimed the job.".to_owned(),
            Self::Received { .. } => "The machine handed its changes over.".to_owned(),
            Self::Published { pull_request, .. } => format!("Pull request #{} is there.", pull_request.number),
            Self::NothingChanged { .. } => "The agent ended without changing anything.".to_owned(),
            Self::AttemptLost { attempt, cause, how, .. } => {
                format!("Launch {attempt} came to nothing: {}. Another one follows.", cause.words(how))
            }
            Self::Failed { .. } => "The task failed.".to_owned(),
            Self::LaunchRefused { .. } => "The launch was refused.".to_owned(),
            Self::TimedOut { at: Stage::Launch, .. } => "No machine came up in time.".to_owned(),
            Self::TimedOut { at: Stage::Run, .. } => "The run reached its deadline.".to_owned(),
            Self::Stopped { .. } => "The task was stopped.".to_owned(),
            Self::GaveUp { doing } => format!("Porter gave up while {doing}."),
        }
    }

    /// The launch it speaks of.
    const fn attempt(&self) -> Option<Attempt> {
        match self {
            Self::Admitted { attempt }
            | Self::Claimed { attempt, .. }
            | Self::Received { attempt }
            | Self::Published { attempt, .. }
            | Self::NothingChanged { attempt, .. }
            | Self::AttemptLost { attempt, .. }
            | Self::Failed { attempt, .. }
            | Self::LaunchRefused { attempt, .. }
            | Self::TimedOut { attempt, .. } => Some(*attempt),
            Self::Accepted | Self::Authorised | Self::Denied { .. } | Self::Stopped { .. } | Self::GaveUp { .. } => {
                None
            }
        }
    }
}

/// Why an event does not apply: a named outcome for late and repeated messages, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// The task has ended.
    #[error("the task has ended")]
    Ended,
    /// Porter is already making the pull request.
    #[error("the result is being published")]
    TooLate,
    /// It speaks of a launch that is not the open one.
    #[error("the launch is closed")]
    OtherAttempt,
    /// It has happened already, or its turn has not come.
    #[error("not in this state")]
    OutOfOrder,
}

/// What one event does: the task after it, and the effects it asks for. Committed as a whole or not at all.
#[derive(Debug, Clone)]
pub struct Step {
    /// The task as it is after the event.
    pub task: Task,
    /// The event.
    pub event: Event,
    /// What must happen outside.
    pub effects: Vec<Effect>,
    /// The launch that this closes; its tokens are refused from here on.
    pub closed: Option<Attempt>,
}

impl Task {
    /// Applies an event.
    ///
    /// # Errors
    /// [`Stale`] when the event came too late, twice, or for another launch; the task is as it was.
    pub fn apply(&self, event: Event, now: Timestamp) -> Result<Step, Stale> {
        if self.state.is_final() {
            return Err(Stale::Ended);
        }
        let open = self.state.open_attempt();
        let starts = matches!(event, Event::Admitted { .. });
        if let (Some(of), false) = (event.attempt(), starts)
            && Some(of) != open
        {
            return Err(Stale::OtherAttempt);
        }
        let state = next(&self.state, &event, now)?;
        let closed = if state.open_attempt() == open { None } else { open };
        let effects = effects(self, &state, &event, closed);
        let mut task = self.clone();
        task.version = self.version.saturating_add(1);
        if let Event::Admitted { attempt } = event {
            task.attempt = attempt;
        }
        if matches!(event, Event::Claimed { .. }) && task.started_at.is_none() {
            task.started_at = Some(now);
        }
        if state.is_final() {
            task.finished_at = Some(now);
        }
        task.state = state;
        Ok(Step { task, event, effects, closed })
    }
}

/// The state after an event; an event whose state has passed or not come is out of order.
fn next(state: &State, event: &Event, now: Timestamp) -> Result<State, Stale> {
    let accepted = matches!(state, State::Accepted);
    let queued = matches!(state, State::Queued { .. });
    let launching = matches!(state, State::Launching { .. });
    let running = matches!(state, State::Running { .. });
    let publishing = matches!(state, State::Publishing { .. });
    let (fits, after) = match event.clone() {
        Event::Accepted => return Err(Stale::OutOfOrder),
        Event::Authorised => (accepted, State::Queued { not_before: now }),
        Event::Denied { refusal } => (accepted, State::Refused { refusal }),
        Event::Admitted { attempt } => (queued, State::Launching { attempt, since: now }),
        Event::Claimed { attempt, deadline } => (launching, State::Running { attempt, deadline }),
        Event::Received { attempt } => (running, State::Publishing { attempt, since: now }),
        Event::Published { pull_request, how, .. } => (publishing, State::Succeeded { pull_request, how }),
        Event::NothingChanged { why, .. } => (running, State::NoChanges { why }),
        Event::Failed { failure, .. } => (true, State::Failed { failure }),
        Event::LaunchRefused { refusal, .. } => (launching, State::Refused { refusal }),
        Event::GaveUp { doing } => (accepted || queued, State::Failed { failure: Failure::Inside { doing } }),
        Event::AttemptLost { .. } | Event::TimedOut { .. } | Event::Stopped { .. } if publishing => {
            return Err(Stale::TooLate);
        }
        Event::AttemptLost { not_before, .. } => (true, State::Queued { not_before }),
        Event::TimedOut { at, .. } => (true, State::TimedOut { at }),
        Event::Stopped { by } => (true, State::Stopped { by }),
    };
    if fits { Ok(after) } else { Err(Stale::OutOfOrder) }
}

/// What a step asks for outside.
fn effects(before: &Task, after: &State, event: &Event, closed: Option<Attempt>) -> Vec<Effect> {
    let task = || before.id.clone();
    let mut effects = Vec::new();
    if let Event::Admitted { attempt } = event {
        effects.push(Effect::Launch { task: task(), attempt: *attempt });
    }
    if let Some(attempt) = closed {
        effects.push(Effect::Destroy { task: task(), attempt });
    }
    // A denied command touches no label and has no status comment: its one reply is all people see.
    if matches!(event, Event::Denied { .. }) {
        return effects;
    }
    effects.push(Effect::ShowStatus { task: task() });
    let begins = matches!(event, Event::Authorised);
    if begins || before.state.words().status != after.words().status {
        let (repo, issue) = (before.request.repo_id, before.request.issue);
        effects.push(Effect::ShowLabel { repo, issue, task: task() });
    }
    if begins || after.is_final() {
        effects.push(Effect::React { task: task() });
    }
    let tells = after.is_final() && !matches!(after, State::Succeeded { .. });
    if tells {
        effects.push(Effect::TellEnd { task: task() });
    }
    effects
}

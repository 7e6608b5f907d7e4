//! Stopping a task, and running a finished one again as a new task.

use super::App;
use super::accept_command::first_step;
use super::record::Recorded;
use crate::domain::event::{Event, Stale};
use crate::domain::ids::{Attempt, TaskId};
use crate::domain::task::{Person, State, StoppedBy, Task, TextKey};
use crate::ports::Fault;
use crate::store::{Written, commit, tasks};

/// What came of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// The task has ended.
    Stopped,
    /// It had ended before.
    AlreadyEnded,
    /// Its result is being published.
    TooLate,
    /// There is no such task.
    NoTask,
}

/// What came of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// The new task.
    As(TaskId),
    /// The task has not ended.
    StillOpen,
    /// There is no such task.
    NoTask,
}

impl App<'_> {
    /// Ends a task unless it has ended or is being published.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn stop(&self, id: &TaskId, by: StoppedBy) -> Result<StopOutcome, Fault> {
        Ok(match self.record(id, Event::Stopped { by }, Vec::new()).await? {
            Recorded::Now(_) => StopOutcome::Stopped,
            Recorded::Stale(Stale::TooLate) => StopOutcome::TooLate,
            Recorded::Stale(Stale::Ended | Stale::OtherAttempt | Stale::OutOfOrder) => StopOutcome::AlreadyEnded,
            Recorded::NoTask => StopOutcome::NoTask,
        })
    }

    /// Makes a new task of what a finished one was asked, for the person who asks now. The same asking text makes one
    /// new task, however often it is carried out.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn retry(&self, id: &TaskId, asker: Person, asked_by: Option<TextKey>) -> Result<Retried, Fault> {
        let Some(old) = tasks::load(self.sql, id).await? else { return Ok(Retried::NoTask) };
        if let Some(text) = asked_by
            && let Some(made) = tasks::made_by(self.sql, old.request.repo_id, text).await?
        {
            return Ok(Retried::As(made));
        }
        if !old.state.is_final() {
            return Ok(Retried::StillOpen);
        }
        let mut request = old.request.clone();
        request.asker = asker;
        request.retry_of = Some(old.id.clone());
        if let Some(text) = asked_by {
            request.origin.text = text;
        }
        let task = Task {
            id: self.new_task_id(),
            version: 1,
            state: State::Accepted,
            credential: old.credential,
            request,
            attempt: Attempt(0),
            created_at: self.clock.now(),
            started_at: None,
            finished_at: None,
        };
        let (new, now) = (task.id.clone(), self.clock.now());
        let mut statements = tasks::insert(&first_step(task), now);
        if let Some(text) = asked_by {
            statements.push(tasks::tie(&new, old.request.repo_id, text));
        }
        match commit(self.sql, statements).await? {
            Written::Yes => Ok(Retried::As(new)),
            Written::Conflict => Err(Fault::transient("running a task again", "an id was taken")),
        }
    }
}

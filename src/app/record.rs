//! Recording an event: load the task, apply, commit; who loses the race looks again.

use super::App;
use crate::domain::event::{Event, Stale};
use crate::domain::ids::TaskId;
use crate::domain::task::Task;
use crate::ports::{Fault, Statement};
use crate::store::{Written, tasks};

/// Losing more often than this in a row means that something else is wrong.
const MOST_RACES: u32 = 8;

/// What became of an event.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// It is in the log; the task as it is now.
    Now(Box<Task>),
    /// It came too late or twice; nothing was written.
    Stale(Stale),
    /// There is no such task.
    NoTask,
}

impl App<'_> {
    /// Records an event with what belongs to it, in one batch.
    ///
    /// # Errors
    /// The database's trouble; a transient one leaves open whether the event was recorded.
    pub async fn record(&self, id: &TaskId, event: Event, also: Vec<Statement>) -> Result<Recorded, Fault> {
        for _ in 0..MOST_RACES {
            let Some(task) = tasks::load(self.sql, id).await? else { return Ok(Recorded::NoTask) };
            let now = self.clock.now();
            let step = match task.apply(event.clone(), now) {
                Ok(step) => step,
                Err(stale) => return Ok(Recorded::Stale(stale)),
            };
            match tasks::commit_step(self.sql, &step, also.clone(), now).await? {
                Written::Yes => return Ok(Recorded::Now(Box::new(step.task))),
                Written::Conflict => {}
            }
        }
        Err(Fault::transient("recording an event", "the task kept changing"))
    }
}

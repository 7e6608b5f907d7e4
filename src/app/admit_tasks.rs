//! Whose turn it is: by priority, then age, one live task an issue and a numbered seat for each of a person's.

use super::App;
use crate::domain::event::Event;
use crate::domain::ids::Attempt;
use crate::domain::task::Task;
use crate::ports::Fault;
use crate::store::{Written, live_tasks, tasks};

impl App<'_> {
    /// Begins the launch of every queued task whose turn it is. Gives how many.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn admit_tasks(&self) -> Result<usize, Fault> {
        let mut admitted = 0;
        for task in tasks::admissible(self.sql, self.config.max_running_per_user, self.clock.now()).await? {
            match self.admit(&task).await? {
                Admission::Begun => admitted += 1,
                Admission::NotNow => {}
                // Whoever was quicker goes through the same list and looks again at its end. Hundreds of requests that
                // all went on would mostly collide.
                Admission::Overtaken => break,
            }
        }
        Ok(admitted)
    }

    /// Begins a launch unless somebody else was quicker or the places are taken meanwhile.
    async fn admit(&self, task: &Task) -> Result<Admission, Fault> {
        let Some(keyring) = self.keyring() else { return Ok(Admission::NotNow) };
        let taken = live_tasks::taken_seats(self.sql, task.request.asker.id).await?;
        let Some(seat) = (1..=self.config.max_running_per_user).find(|seat| !taken.contains(seat)) else {
            return Ok(Admission::NotNow);
        };
        let now = self.clock.now();
        let attempt = Attempt(task.attempt.0.saturating_add(1));
        let Ok(step) = task.apply(Event::Admitted { attempt }, now) else { return Ok(Admission::NotNow) };
        let places = live_tasks::take_places(task, attempt, seat, keyring.newest().0, now);
        Ok(match tasks::commit_step(self.sql, &step, places, now).await? {
            Written::Yes => Admission::Begun,
            Written::Conflict => Admission::Overtaken,
        })
    }
}

/// What became of a queued task's turn.
enum Admission {
    /// Its launch has begun.
    Begun,
    /// It cannot begin: no free seat, or not the state for it.
    NotNow,
    /// Somebody else changed the task or took a place first.
    Overtaken,
}

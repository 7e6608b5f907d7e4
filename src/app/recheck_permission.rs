//! Whether the person who asked still may, while their task runs: a definite no ends it, GitHub's trouble changes nothing.

use super::App;
use super::stop_task::StopOutcome;
use crate::domain::ids::{RepoId, UserId};
use crate::domain::task::{StoppedBy, Task};
use crate::ports::{Fault, Level};
use crate::store::{live_tasks, tasks};

/// How often a live task's asker is looked at.
const PACE_S: i64 = 300;
/// Tasks that one tick looks at.
const MOST_A_TICK: u32 = 20;

/// How long one tick may take for it.
const TIME_S: i64 = 20;

/// What GitHub says of the person who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They may not: GitHub says so in as many words.
    Lost,
    /// They may, or nobody can tell at the moment.
    NotKnownToBeLost,
}

impl App<'_> {
    /// Looks again at the askers of live tasks whose turn it is.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn recheck_permissions(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let until = now.plus_seconds(TIME_S);
        for task in live_tasks::to_recheck(self.sql, now.plus_seconds(-PACE_S), MOST_A_TICK).await? {
            if self.clock.now() >= until {
                break;
            }
            live_tasks::rechecked(self.sql, &task.id, self.clock.now()).await?;
            self.stop_if_lost(&task).await?;
        }
        Ok(())
    }

    /// Somebody's role in a repository has changed: looks at what runs there in their name.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn recheck_member(&self, repo: RepoId, member: UserId) -> Result<Option<StopOutcome>, Fault> {
        let mut outcome = None;
        for task in tasks::open_of_asker(self.sql, repo, member).await? {
            outcome = self.stop_if_lost(&task).await?.or(outcome);
        }
        Ok(outcome)
    }

    async fn stop_if_lost(&self, task: &Task) -> Result<Option<StopOutcome>, Fault> {
        match self.standing(task).await {
            Standing::Lost => self.stop(&task.id, StoppedBy::PermissionLost).await.map(Some),
            Standing::NotKnownToBeLost => Ok(None),
        }
    }

    /// Whether the person who asked for a task is known to have lost their write access.
    pub async fn standing(&self, task: &Task) -> Standing {
        let asker = &task.request.asker;
        match self.repo_of(task).permission(&asker.login).await {
            // The login may be somebody else's by now.
            Ok(permission) if permission.may_command() && permission.user.id == asker.id => Standing::NotKnownToBeLost,
            Ok(_) => Standing::Lost,
            Err(error) => {
                let fault = error.into_fault("looking at a person's permission again");
                self.log_fault(Level::Info, "A permission is not known", &fault, &[("task", task.id.as_str())]);
                Standing::NotKnownToBeLost
            }
        }
    }
}

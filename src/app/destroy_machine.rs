//! Ending machines of closed launches. Only a machine positively matched to a closed launch is ever destroyed.

use super::App;
use super::launch_machine::machine_name;
use crate::clients::fly::machines::{FlyError, Machine, MachineState};
use crate::domain::effect::Effect;
use crate::domain::ids::{Attempt, MachineId, TaskId};
use crate::domain::task::{State, Task};
use crate::ports::Fault;
use crate::store::attempts::AttemptRow;
use crate::store::{attempts, commit, effects, tasks};

/// How long a create that was under way when its launch closed may still bring a machine up.
const LATE_CREATE_S: i64 = 300;
/// How long a runner that has handed over is left to end by itself, so that its last words arrive.
const OWN_END_S: i64 = 5;

impl App<'_> {
    /// Ends the machine of a closed launch, found by its id or else by name and metadata.
    ///
    /// # Errors
    /// What a repeat may cure, also while a machine may still come up.
    pub async fn destroy_machine(&self, id: &TaskId, attempt: Attempt) -> Result<(), Fault> {
        let Some(row) = attempts::load(self.sql, id, attempt).await? else { return Ok(()) };
        let Some(closed_at) = row.closed_at else { return Ok(()) };
        if row.machine_gone_at.is_some() {
            return Ok(());
        }
        let now = self.clock.now();
        if now.since(closed_at) < OWN_END_S * 1000 && row.boot_id.is_some() && self.ends_by_itself(id).await? {
            return Err(Fault {
                doing: "ending a machine",
                kind: crate::ports::FaultKind::Transient { not_before: Some(closed_at.plus_seconds(OWN_END_S)) },
                detail: "the runner may still be ending by itself".to_owned(),
            });
        }
        let machine = match &row.machine {
            Some(machine) => Some(machine.clone()),
            None => self.find_by_name(&row).await?,
        };
        match machine {
            Some(machine) => self.destroy(&machine).await?,
            None => {
                if now < closed_at.plus_seconds(LATE_CREATE_S) {
                    return Err(Fault {
                        doing: "ending a machine",
                        kind: crate::ports::FaultKind::Transient { not_before: Some(now.plus_seconds(30)) },
                        detail: "no machine is listed, and one may still come up".to_owned(),
                    });
                }
            }
        }
        commit(self.sql, vec![attempts::gone(id, attempt, now)]).await?;
        Ok(())
    }

    /// Whether the runner has handed over and is about to end; one that was cut short is not worth waiting for.
    async fn ends_by_itself(&self, id: &TaskId) -> Result<bool, Fault> {
        let task = tasks::load(self.sql, id).await?;
        let cut_short = |task: Task| matches!(task.state, State::Stopped { .. } | State::TimedOut { .. });
        Ok(!task.is_some_and(cut_short))
    }

    /// After a machine was made: if its launch was closed meanwhile, ask for its end.
    pub(super) async fn destroy_if_closed(&self, id: &TaskId, attempt: Attempt) -> Result<(), Fault> {
        let Some(row) = attempts::load(self.sql, id, attempt).await? else { return Ok(()) };
        if row.closed_at.is_some() {
            let now = self.clock.now();
            let effect = Effect::Destroy { task: id.clone(), attempt };
            commit(self.sql, vec![effects::ask(&effect, now, now)]).await?;
        }
        Ok(())
    }

    async fn destroy(&self, machine: &MachineId) -> Result<(), Fault> {
        match self.host()?.destroy(machine).await {
            Ok(()) | Err(FlyError::NotFound) => Ok(()),
            Err(error) => Err(error.into_fault("ending a machine")),
        }
    }

    async fn find_by_name(&self, row: &AttemptRow) -> Result<Option<MachineId>, Fault> {
        let list = self.host()?.list("porter_task", row.task.as_str()).await;
        let list = list.map_err(|error| error.into_fault("looking for a machine"))?;
        let name = machine_name(&row.task, row.attempt);
        let ours = |machine: &Machine| {
            machine.name == name
                && machine.metadata.get("porter_task").map(String::as_str) == Some(row.task.as_str())
                && machine.state != MachineState::Destroyed
        };
        Ok(list.into_iter().find(ours).map(|machine| machine.id))
    }
}

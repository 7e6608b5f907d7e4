//! Machines the host lists as ours, held against what is written down: those of closed launches are ended once more, a lost
//! create's answer is made good, and those nobody knows are left alone and told of. An empty list changes nothing.

use std::collections::BTreeSet;

use super::App;
use super::launch_machine::machine_name;
use crate::clients::fly::machines::{Machine, MachineState};
use crate::domain::effect::Effect;
use crate::domain::ids::{Attempt, TaskId};
use crate::ports::{Fault, Level};
use crate::store::attempts::AttemptRow;
use crate::store::{attempts, commit, effects, facts};

/// How often the host is asked.
const PACE_S: i64 = 180;
/// How long after its launch closed a machine may still be listed: the ordinary end is under way.
const GRACE_S: i64 = 120;
/// Strange machines that are remembered, so that each is told of once.
const MOST_REMEMBERED: usize = 200;

impl App<'_> {
    /// Looks at every machine that carries our label.
    ///
    /// # Errors
    /// The database's or the host's trouble.
    pub async fn end_orphans(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let Ok(host) = self.host() else { return Ok(()) };
        if !facts::take_turn(self.sql, facts::MACHINES_TURN, now.plus_seconds(-PACE_S), now).await? {
            return Ok(());
        }
        let listed = host.list("porter_instance", &self.instance()).await;
        let listed = listed.map_err(|error| error.into_fault("listing our machines"))?;
        let named: Vec<(&Machine, Option<(TaskId, Attempt)>)> =
            listed.iter().filter(|machine| is_there(machine)).map(|machine| (machine, launch_of(machine))).collect();
        let keys: Vec<(TaskId, Attempt)> = named.iter().filter_map(|(_, key)| key.clone()).collect();
        let rows = attempts::load_all(self.sql, &keys).await?;
        let mut strange = BTreeSet::new();
        for (machine, key) in named {
            let is_its =
                |row: &&AttemptRow| key.as_ref().is_some_and(|(task, n)| row.task == *task && row.attempt == *n);
            match rows.iter().find(is_its) {
                Some(row) => self.hold_against(row, machine).await?,
                None => drop(strange.insert(machine.id.as_str().to_owned())),
            }
        }
        self.tell_of_strange(strange).await
    }

    /// A closed launch's machine is to end, also one that was seen to be gone and came back with its computer. An open
    /// launch's machine is never touched; its id is written down when the answer that named it was lost.
    async fn hold_against(&self, row: &AttemptRow, machine: &Machine) -> Result<(), Fault> {
        let now = self.clock.now();
        let made = attempts::made(&row.task, row.attempt, &machine.id, self.clock.now());
        match row.closed_at {
            None if row.machine.is_none() => commit(self.sql, vec![made]).await.map(|_| ()),
            Some(closed_at) if now.since(closed_at) > GRACE_S * 1000 => {
                let fields = [("machine", machine.id.as_str()), ("task", row.task.as_str())];
                self.log.line(Level::Warning, "A machine of a closed launch is still there", &fields);
                let effect = Effect::Destroy { task: row.task.clone(), attempt: row.attempt };
                commit(self.sql, vec![made, effects::ask(&effect, now, now)]).await.map(|_| ())
            }
            None | Some(_) => Ok(()),
        }
    }

    /// Says once of each machine that it carries our label and is nobody's. It may be another Porter's with our address.
    async fn tell_of_strange(&self, strange: BTreeSet<String>) -> Result<(), Fault> {
        let known = facts::load(self.sql, facts::STRANGE_MACHINES).await?;
        let known: BTreeSet<String> = known.and_then(|fact| serde_json::from_str(&fact.value).ok()).unwrap_or_default();
        let new: BTreeSet<String> = strange.difference(&known).take(MOST_REMEMBERED).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        // An empty list forgets nobody; only a crowd makes room.
        let both: BTreeSet<&String> = known.iter().chain(&new).collect();
        let remembered = if both.len() > MOST_REMEMBERED { new.iter().collect() } else { both };
        let value = serde_json::to_string(&remembered).unwrap_or_default();
        facts::note(self.sql, facts::STRANGE_MACHINES, &value, self.clock.now()).await?;
        for id in &new {
            let message = "A machine carries our label and no launch of ours: it is left alone, look at it";
            self.log.line(Level::Error, message, &[("machine", id)]);
        }
        Ok(())
    }
}

/// The launch a machine says it belongs to: its name and its labels must both say so.
fn launch_of(machine: &Machine) -> Option<(TaskId, Attempt)> {
    let label = |name: &str| machine.metadata.get(name).map(String::as_str).unwrap_or_default();
    let task = TaskId::parse(label("porter_task")).ok()?;
    let attempt = Attempt(label("porter_attempt").parse().ok()?);
    (machine.name == machine_name(&task, attempt)).then_some((task, attempt))
}

/// Whether a machine is there to be ended or adopted.
fn is_there(machine: &Machine) -> bool {
    !matches!(machine.state, MachineState::Destroyed | MachineState::Destroying)
}

//! What holds for tasks and their events.

use std::collections::BTreeMap;

use super::Broken;
use crate::database::Database;
use crate::watch::{TaskSeen, Watch, column};

/// The final states' codes.
pub const FINAL: [&str; 6] = ["succeeded", "no_changes", "failed", "refused", "timed_out", "stopped"];

/// From where a task may go where; what is not here is not legal.
const EDGES: [(&str, &[&str]); 5] = [
    ("accepted", &["queued", "refused", "failed", "stopped"]),
    ("queued", &["launching", "failed", "stopped", "refused"]),
    ("launching", &["running", "queued", "failed", "refused", "timed_out", "stopped"]),
    ("running", &["publishing", "queued", "no_changes", "failed", "timed_out", "stopped"]),
    ("publishing", &["succeeded", "failed"]),
];

/// S1. Whoever comments once gets one run: a delivery that comes twice, by two ways, or is replayed, makes no second task.
pub fn one_task_a_command(database: &Database) -> Result<(), Broken> {
    let twice = database.ask(
        "SELECT json_extract(origin, '$.text.kind') AS kind, json_extract(origin, '$.text.id') AS id, count(*) AS n \
         FROM tasks GROUP BY repo_id, kind, id HAVING n > 1",
    );
    match twice.first() {
        Some(row) => Err(format!("{} tasks for {} {}", column(row, "n"), column(row, "kind"), column(row, "id"))),
        None => Ok(()),
    }
}

/// S1. What the issue says at the end stays true: no late message reopens or rewrites a task that has ended.
pub fn an_end_is_an_end(before: &BTreeMap<String, TaskSeen>, after: &BTreeMap<String, TaskSeen>) -> Result<(), Broken> {
    for (id, old) in before.iter().filter(|(_, old)| old.is_final()) {
        if after.get(id) != Some(old) {
            return Err(format!("task {id} had ended as {old:?} and is {:?}", after.get(id)));
        }
    }
    Ok(())
}

/// S2. The history people read has no gaps and no impossible turns: nobody runs before being allowed to.
pub fn steps_are_legal(before: &BTreeMap<String, TaskSeen>, after: &BTreeMap<String, TaskSeen>) -> Result<(), Broken> {
    for (id, new) in after {
        let Some(old) = before.get(id) else {
            if new.version != 1 || new.state != "accepted" {
                return Err(format!("task {id} began as {} at version {}", new.state, new.version));
            }
            continue;
        };
        if old == new {
            continue;
        }
        if new.version != old.version + 1 {
            return Err(format!("task {id} went from version {} to {}", old.version, new.version));
        }
        let legal =
            EDGES.iter().find(|(from, _)| *from == old.state).is_some_and(|(_, to)| to.contains(&new.state.as_str()));
        if !legal {
            return Err(format!("task {id} went from {} to {}", old.state, new.state));
        }
    }
    Ok(())
}

/// S8. What runs is what the maintainer saw when asking: editing the issue or the comment later changes nothing.
pub fn what_was_asked_stays(
    before: &BTreeMap<String, TaskSeen>,
    after: &BTreeMap<String, TaskSeen>,
) -> Result<(), Broken> {
    for (id, old) in before {
        if let Some(new) = after.get(id)
            && (new.origin != old.origin || new.asker != old.asker || new.issue != old.issue)
        {
            return Err(format!("what task {id} was asked has changed"));
        }
    }
    Ok(())
}

/// S11. Nobody's bill runs away: a person has at most so many tasks at work, and an issue one.
pub fn limits_are_kept(watch: &Watch) -> Result<(), Broken> {
    let mut people: BTreeMap<i64, usize> = BTreeMap::new();
    let mut issues: BTreeMap<i64, usize> = BTreeMap::new();
    for task in watch.tasks.values().filter(|task| task.is_live()) {
        *people.entry(task.asker).or_default() += 1;
        *issues.entry(task.issue).or_default() += 1;
    }
    if let Some((person, n)) = people.iter().find(|(_, n)| **n > watch.most_live) {
        return Err(format!("person {person} has {n} tasks running, {} are allowed", watch.most_live));
    }
    if let Some((issue, n)) = issues.iter().find(|(_, n)| **n > 1) {
        return Err(format!("issue #{issue} has {n} tasks running"));
    }
    Ok(())
}

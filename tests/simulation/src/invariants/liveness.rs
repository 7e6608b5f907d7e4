//! What comes true once the world has healed.

use porter_world::world::World;

use super::Broken;
use crate::database::Database;
use crate::host::{Host, Life};
use crate::watch::{TaskSeen, column, read_tasks};

/// L1. Nobody waits for ever: every task ends.
pub fn every_task_ends(database: &Database) -> Result<(), Broken> {
    match read_tasks(database).iter().find(|(_, task)| !task.is_final()) {
        Some((id, task)) => Err(format!("task {id} is still {}", task.state)),
        None => Ok(()),
    }
}

/// L2. Whoever asked is told how it ended, on the issue, in one status comment and, when there is no pull request, one more
/// that mentions them. Not when nobody can be told any more: the App was removed.
pub fn every_end_is_told(database: &Database, world: &World, can_speak: bool) -> Result<(), Broken> {
    if !can_speak {
        return Ok(());
    }
    for (id, task) in read_tasks(database) {
        let comments = world.comments(task.issue);
        let count = |marker: String| comments.iter().filter(|(_, text)| text.contains(&marker)).count();
        let denied = task.state == "refused" && task.attempt == 0;
        if denied {
            continue;
        }
        let stopped_early = task.attempt == 0 && task.version == 2;
        let status = count(format!("<!-- porter:task={id} -->"));
        if status != 1 && !(stopped_early && status == 0) {
            return Err(format!("task {id} ({}) has {status} status comments", task.state));
        }
        let wanted = usize::from(task.state != "succeeded");
        let ends = count(format!("<!-- porter:task={id}:final -->"));
        if ends != wanted {
            return Err(format!("task {id} ({}) has {ends} final comments", task.state));
        }
        let shown = comments.iter().find(|(_, text)| text.contains(&format!("<!-- porter:task={id} -->")));
        if let Some((_, text)) = shown
            && ["⏳", "🚀", "🛠️", "📦"].iter().any(|sign| text.starts_with(sign))
        {
            return Err(format!("the status comment of task {id} ({}) still says {text:.60}", task.state));
        }
    }
    Ok(())
}

/// L3, L5. Nothing is left that costs money or waits: no machine, no effect.
pub fn nothing_is_left(database: &Database, host: &Host) -> Result<(), Broken> {
    let mut alive = Ok(());
    host.each(|made| {
        if made.life != Life::Destroyed {
            alive = Err(format!("machine {} is {:?}", made.name, made.life));
        }
    });
    alive?;
    let pending = database.ask("SELECT key, last_error FROM effects WHERE state = 'pending'");
    match pending.first() {
        Some(row) => Err(format!("{} is pending: {}", column(row, "key"), column(row, "last_error"))),
        None => Ok(()),
    }
}

/// L4. A command is never lost, even when the Worker was down when it was written.
pub fn every_command_is_known(database: &Database, commanded: &[i64]) -> Result<(), Broken> {
    let known = database.ask("SELECT text_id FROM commands");
    let missing = commanded.iter().find(|id| !known.iter().any(|row| column(row, "text_id") == id.to_string()));
    if let Some(id) = missing {
        return Err(format!("the command in text {id} was never taken in"));
    }
    let empty = database
        .ask("SELECT text_id FROM commands WHERE task_id IS NOT NULL AND task_id NOT IN (SELECT id FROM tasks)");
    match empty.first() {
        Some(row) => Err(format!("the command in text {} was taken in and has no task", column(row, "text_id"))),
        None => Ok(()),
    }
}

/// L9. What an agent was paid for is not thrown away: a result that was taken in becomes a pull request, for in these worlds
/// GitHub never refuses one.
pub fn finished_work_is_published(database: &Database) -> Result<(), Broken> {
    let thrown_away = |task: &TaskSeen| task.state == "failed" && task.data.contains("\"publish\"");
    match read_tasks(database).iter().find(|(_, task)| thrown_away(task)) {
        Some((id, task)) => Err(format!("the finished work of task {id} was thrown away: {}", task.data)),
        None => Ok(()),
    }
}

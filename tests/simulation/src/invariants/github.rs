//! What holds for everything Porter leaves on GitHub.

use std::collections::BTreeMap;

use porter::ports::Method;
use porter_world::world::World;
use sha2::{Digest as _, Sha256};

use super::Broken;
use crate::database::Database;
use crate::watch::{Called, Watch, column};

/// What Porter has made on GitHub so far, by the marker it carries.
#[derive(Default)]
pub struct Told {
    comments: BTreeMap<String, u32>,
    pulls: BTreeMap<String, u32>,
    refs: Vec<String>,
    prompts: BTreeMap<String, String>,
}

impl Told {
    /// Learns of something that was made.
    pub(crate) fn learn(&mut self, called: &Called<'_>) {
        if called.request.method != Method::Post {
            return;
        }
        let path = called.path();
        let body = called.body();
        let word = |name: &str| body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        if path.ends_with("/comments") {
            let text = word("body");
            let marker = text.rsplit_once("<!-- ").map_or("", |(_, marker)| marker).to_owned();
            *self.comments.entry(marker).or_default() += 1;
        } else if path.ends_with("/pulls") {
            *self.pulls.entry(word("head")).or_default() += 1;
        } else if path.ends_with("/git/refs") {
            self.refs.push(word("ref"));
        }
    }

    /// S6. One command is one conversation: not two pull requests, not a row of comments, and only on the task's own branch.
    pub fn everything_once(&self) -> Result<(), Broken> {
        if let Some((marker, n)) = self.comments.iter().find(|(_, n)| **n > 1) {
            return Err(format!("{n} comments with {marker}"));
        }
        if let Some((head, n)) = self.pulls.iter().find(|(_, n)| **n > 1) {
            return Err(format!("{n} pull requests from {head}"));
        }
        match self.refs.iter().find(|name| !name.starts_with("refs/heads/porter/")) {
            Some(name) => Err(format!("a branch {name}")),
            None => Ok(()),
        }
    }

    /// S8. The prompt is written once and is what its hash says: a person can compare the receipt with what ran.
    pub fn prompt_is_pinned(&mut self, database: &Database) -> Result<(), Broken> {
        for row in database.ask("SELECT task_id, prompt, prompt_sha256 FROM jobs") {
            let (task, hash) = (column(&row, "task_id"), column(&row, "prompt_sha256"));
            if hex::encode(Sha256::digest(column(&row, "prompt").as_bytes())) != hash {
                return Err(format!("the prompt of task {task} is not what its hash says"));
            }
            let known = self.prompts.entry(task.clone()).or_insert_with(|| hash.clone());
            if *known != hash {
                return Err(format!("the prompt of task {task} has changed"));
            }
        }
        Ok(())
    }
}

/// When somebody lost the right to write; `None` while they have it.
pub type Rights = BTreeMap<i64, Option<porter::domain::time::Timestamp>>;

/// S7. Only people who may push can spend the owner's money: no machine for anybody else, for a bot, or for a text that was
/// edited into a command.
pub fn machine_only_for_writers(watch: &Watch, called: &Called<'_>) -> Result<(), Broken> {
    if called.request.method != Method::Post || !called.done() {
        return Ok(());
    }
    let body = called.body();
    let Some(task) = body.pointer("/config/metadata/porter_task").and_then(serde_json::Value::as_str) else {
        return Ok(());
    };
    let Some(seen) = watch.tasks.get(task) else { return Err(format!("a machine for no task: {task}")) };
    let began = watch.began.get(&called.invocation).map_or(called.at, |began| began.at);
    match watch.rights.get(&seen.asker) {
        None => return Err(format!("a machine for {}, who never could write", seen.asker)),
        Some(Some(lost)) if *lost < began => {
            return Err(format!("a machine for {}, who could no longer write", seen.asker));
        }
        Some(Some(_) | None) => {}
    }
    let origin: serde_json::Value = serde_json::from_str(&seen.origin).unwrap_or_default();
    let text = origin.pointer("/text/id").and_then(serde_json::Value::as_i64).unwrap_or(0);
    if watch.commanded.contains(&text) {
        Ok(())
    } else {
        Err(format!("a machine for text {text}, which commanded nothing"))
    }
}

/// S9. GitHub forgets what was answered with 2xx: it may only be told so when the command can no longer be lost.
pub fn answered_after_commit(status: u16, guid: &str, commands: bool, database: &Database) -> Result<(), Broken> {
    if !commands || !(200..300).contains(&status) {
        return Ok(());
    }
    let rows = database.ask("SELECT id FROM deliveries");
    let known = rows.iter().any(|row| column(row, "id") == guid);
    let commands_known = !database.ask("SELECT text_id FROM commands").is_empty();
    if known || (status == 200 && commands_known) {
        Ok(())
    } else {
        Err(format!("delivery {guid} was answered {status} and is not in the database"))
    }
}

/// S6, looked at on GitHub itself: whatever was deleted or edited since, people see one status comment a task.
pub fn people_see_one_of_each(world: &World) -> Result<(), Broken> {
    let issues: Vec<i64> = world.repository().issues.keys().copied().collect();
    for issue in issues {
        let mut markers: BTreeMap<String, u32> = BTreeMap::new();
        for (author, text) in world.comments(issue) {
            if (author == "porter[bot]" || author == porter_world::world::BOT)
                && let Some((_, marker)) = text.rsplit_once("<!-- ")
            {
                *markers.entry(marker.to_owned()).or_default() += 1;
            }
        }
        if let Some((marker, n)) = markers.iter().find(|(_, n)| **n > 1) {
            return Err(format!("issue #{issue} shows {n} comments with {marker}"));
        }
    }
    Ok(())
}

//! Launches of tasks: claim, signs of life, usage, machine.

use super::row::Columns;
use super::{first, json, rows};
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, MachineId, TaskId};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement};
use crate::protocol::wire::{Phase, Usage};

/// A launch of a task.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// Whose.
    pub task: TaskId,
    /// Which.
    pub attempt: Attempt,
    /// Which of the encryption keys its tokens derive from.
    pub key_version: u32,
    /// When it was admitted.
    pub created_at: Timestamp,
    /// The machine, once known.
    pub machine: Option<MachineId>,
    /// Since when it has been there.
    pub made_at: Option<Timestamp>,
    /// Since when the host has had no room for it.
    pub no_room_since: Option<Timestamp>,
    /// The boot that claimed it.
    pub boot_id: Option<String>,
    /// What keeps the agent in, as the runner said.
    pub isolation: Option<String>,
    /// When the run is over; from the claim on.
    pub deadline: Option<Timestamp>,
    /// The last sign of life, kept to within half a minute.
    pub last_seen: Timestamp,
    /// The newest report.
    pub last_seq: i64,
    /// Where the run is.
    pub phase: Option<Phase>,
    /// 0 to 100.
    pub progress: u32,
    /// What the models cost so far.
    pub usage: Option<Usage>,
    /// Bytes of log lines kept of the task, those of earlier launches included.
    pub log_bytes: i64,
    /// Since when its tokens are refused.
    pub closed_at: Option<Timestamp>,
    /// When its machine was seen to be gone.
    pub machine_gone_at: Option<Timestamp>,
}

/// What a claim binds a launch to.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The boot that claims.
    pub boot_id: String,
    /// When the run is over.
    pub deadline: Timestamp,
    /// What keeps the agent in.
    pub isolation: String,
}

/// What a report changes.
#[derive(Debug, Clone)]
pub struct Report {
    /// The report's number.
    pub seq: i64,
    /// When it came.
    pub at: Timestamp,
    /// Where the run is.
    pub phase: Option<Phase>,
    /// 0 to 100.
    pub progress: u32,
    /// What the models cost so far.
    pub usage: Option<Usage>,
    /// Bytes of log lines kept of the task, this report's included.
    pub log_bytes: i64,
}

/// Loads a launch.
pub async fn load(sql: &dyn Sql, task: &TaskId, attempt: Attempt) -> Result<Option<AttemptRow>, Fault> {
    let statement = Statement::new(
        "SELECT * FROM attempts WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into()],
    );
    first(sql, statement).await?.as_ref().map(read).transpose()
}

/// Loads several launches; those that are not written down are left out.
pub async fn load_all(sql: &dyn Sql, keys: &[(TaskId, Attempt)]) -> Result<Vec<AttemptRow>, Fault> {
    let keys: Vec<(&str, u32)> = keys.iter().map(|(task, attempt)| (task.as_str(), attempt.0)).collect();
    let statement = Statement::new(
        "SELECT a.* FROM json_each(?1) AS j CROSS JOIN attempts AS a ON a.task_id = json_extract(j.value, '$[0]') \
         AND a.attempt = json_extract(j.value, '$[1]')",
        [json(&keys)],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

/// The newest launch of a task.
pub async fn newest(sql: &dyn Sql, task: &TaskId) -> Result<Option<AttemptRow>, Fault> {
    let statement = Statement::new(
        "SELECT * FROM attempts WHERE task_id = ?1 ORDER BY attempt DESC LIMIT 1",
        [task.as_str().into()],
    );
    first(sql, statement).await?.as_ref().map(read).transpose()
}

/// The statement that binds a launch to the boot that claimed it.
#[must_use]
pub fn claim(task: &TaskId, attempt: Attempt, claim: &Claim, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE attempts SET boot_id = ?3, deadline = ?4, last_seen = ?5, isolation = ?6 WHERE task_id = ?1 AND attempt = ?2",
        [
            task.as_str().into(),
            attempt.into(),
            claim.boot_id.as_str().into(),
            claim.deadline.into(),
            now.into(),
            claim.isolation.as_str().into(),
        ],
    )
}

/// The statement that remembers the machine of a launch.
#[must_use]
pub fn made(task: &TaskId, attempt: Attempt, machine: &MachineId, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE attempts SET machine_id = ?3, made_at = coalesce(made_at, ?4), machine_gone_at = NULL \
         WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into(), machine.as_str().into(), now.into()],
    )
}

/// The statement that notes that the host has no room for the machine of a launch; the first time counts.
#[must_use]
pub fn no_room(task: &TaskId, attempt: Attempt, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE attempts SET no_room_since = coalesce(no_room_since, ?3) WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into(), now.into()],
    )
}

/// What the newest lost launch of a task was lost to.
pub async fn newest_loss(sql: &dyn Sql, task: &TaskId) -> Result<Option<Event>, Fault> {
    let statement = Statement::new(
        "SELECT data FROM task_events WHERE task_id = ?1 AND kind = 'attempt_lost' ORDER BY version DESC LIMIT 1",
        [task.as_str().into()],
    );
    first(sql, statement).await?.map(|row| row.json("data")).transpose()
}

/// The statement that notes that the machine of a launch is gone.
#[must_use]
pub fn gone(task: &TaskId, attempt: Attempt, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE attempts SET machine_gone_at = ?3 WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into(), now.into()],
    )
}

/// The statement that takes a report in; an older or repeated one changes nothing.
#[must_use]
pub fn report(task: &TaskId, attempt: Attempt, report: &Report) -> Statement {
    Statement::new(
        "UPDATE attempts SET last_seq = ?3, last_seen = ?4, phase = coalesce(?5, phase), progress = max(progress, ?6), \
         usage = coalesce(?7, usage), log_bytes = ?8 WHERE task_id = ?1 AND attempt = ?2 AND last_seq < ?3",
        [
            task.as_str().into(),
            attempt.into(),
            report.seq.into(),
            report.at.into(),
            report.phase.map(Phase::word).into(),
            report.progress.into(),
            report.usage.as_ref().map(json).unwrap_or(crate::ports::Value::Null),
            report.log_bytes.into(),
        ],
    )
}

/// The statement that notes that an open launch's machine is handing over.
#[must_use]
pub fn handing_over(task: &TaskId, attempt: Attempt, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE attempts SET phase = ?3, last_seen = ?4 WHERE task_id = ?1 AND attempt = ?2 AND closed_at IS NULL",
        [task.as_str().into(), attempt.into(), Phase::HandingOver.word().into(), now.into()],
    )
}

/// The statement that notes a sign of life that says nothing new.
#[must_use]
pub fn seen(task: &TaskId, attempt: Attempt, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE attempts SET last_seen = max(last_seen, ?3) WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into(), now.into()],
    )
}

/// The statement that keeps a final account of the models' cost.
#[must_use]
pub fn account(task: &TaskId, attempt: Attempt, usage: &Usage) -> Statement {
    Statement::new(
        "UPDATE attempts SET usage = ?3 WHERE task_id = ?1 AND attempt = ?2",
        [task.as_str().into(), attempt.into(), json(usage)],
    )
}

/// Closed launches of these tasks whose machine has not been seen to be gone.
pub async fn to_destroy(sql: &dyn Sql, closed_before: Timestamp) -> Result<Vec<AttemptRow>, Fault> {
    let statement = Statement::new(
        "SELECT * FROM attempts WHERE closed_at IS NOT NULL AND closed_at < ?1 AND machine_gone_at IS NULL LIMIT 50",
        [closed_before.into()],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

fn read(row: &Columns) -> Result<AttemptRow, Fault> {
    let phase = match row.maybe_text("phase")? {
        None => None,
        Some(word) => Some(
            serde_json::from_value(serde_json::Value::String(word))
                .map_err(|error| Fault::permanent("reading a launch", error.to_string()))?,
        ),
    };
    let machine = row
        .maybe_text("machine_id")?
        .map(|id| MachineId::parse(&id))
        .transpose()
        .map_err(|error| Fault::permanent("reading a launch", error.to_string()))?;
    let created_at = row.time("created_at")?;
    // A version before this one wrote the machine down without the moment.
    let made_at = row.maybe_time("made_at")?.or(machine.as_ref().map(|_| created_at));
    Ok(AttemptRow {
        task: row.parsed("task_id", TaskId::parse)?,
        attempt: Attempt(row.small("attempt")?),
        key_version: row.small("key_version")?,
        created_at,
        machine,
        made_at,
        no_room_since: row.maybe_time("no_room_since")?,
        boot_id: row.maybe_text("boot_id")?,
        isolation: row.maybe_text("isolation")?,
        deadline: row.maybe_time("deadline")?,
        last_seen: row.time("last_seen")?,
        last_seq: row.int("last_seq")?,
        phase,
        progress: row.small("progress")?,
        usage: row.maybe_json("usage")?,
        log_bytes: row.int("log_bytes")?,
        closed_at: row.maybe_time("closed_at")?,
        machine_gone_at: row.maybe_time("machine_gone_at")?,
    })
}

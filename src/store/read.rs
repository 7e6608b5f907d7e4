//! Reading for pages and the API: lists, one task with its story, numbers.

use super::row::Columns;
use super::tasks::{read as read_task, task_columns};
use super::{first, rows};
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, TaskId};
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement, Value};

/// What a list of tasks is filtered by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A status as shown: `queued`, `running`, `success`, `failed`, `timed_out`, `stopped`.
    pub status: Option<String>,
    /// `owner/name`.
    pub repo: Option<String>,
    /// An agent's word.
    pub agent: Option<String>,
    /// Only those that have ended.
    pub ended: bool,
    /// Words of title, repository, number, agent or login.
    pub words: Option<String>,
    /// After this task of the previous page.
    pub after: Option<(Timestamp, TaskId)>,
    /// How many.
    pub limit: u32,
}

/// One entry of a task's history.
#[derive(Debug, Clone)]
pub struct HistoryEntry {
    /// Its number within the task.
    pub version: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// Lines of one report.
#[derive(Debug, Clone)]
pub struct LogBatch {
    /// Which launch.
    pub attempt: Attempt,
    /// Which report.
    pub seq: i64,
    /// When Porter took it in.
    pub at: Timestamp,
    /// The lines as JSON, as the runner sent them.
    pub lines: String,
}

/// Later than any task; below 2^53, as every number that is bound.
const END_OF_TIME: i64 = 1 << 52;

/// The newest tasks that fit a filter.
pub async fn tasks(sql: &dyn Sql, filter: &Filter) -> Result<Vec<Task>, Fault> {
    let (at, id) = match &filter.after {
        Some((at, id)) => (Value::from(*at), Value::from(id.as_str())),
        None => (Value::from(END_OF_TIME), Value::from("")),
    };
    let words = filter.words.as_ref().map(|words| words.to_lowercase());
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE (created_at, id) < (?1, ?2) \
             AND (?3 IS NULL OR ?3 = CASE state WHEN 'accepted' THEN 'queued' WHEN 'launching' THEN 'running' \
             WHEN 'publishing' THEN 'running' WHEN 'succeeded' THEN 'success' WHEN 'no_changes' THEN 'success' \
             WHEN 'refused' THEN 'failed' ELSE state END) \
             AND (?4 IS NULL OR lower(repo_name) = lower(?4)) AND (?5 IS NULL OR agent = ?5) \
             AND (?6 IS NULL OR instr(search, ?6) > 0) AND (?8 = 0 OR finished_at IS NOT NULL) ORDER BY created_at DESC, id DESC LIMIT ?7"
        ),
        [
            at,
            id,
            filter.status.as_deref().into(),
            filter.repo.as_deref().into(),
            filter.agent.as_deref().into(),
            words.into(),
            filter.limit.into(),
            i64::from(filter.ended).into(),
        ],
    );
    rows(sql, statement).await?.iter().map(read_task).collect()
}

/// A task's history from after a version on.
pub async fn history(sql: &dyn Sql, task: &TaskId, after: i64) -> Result<Vec<HistoryEntry>, Fault> {
    let statement = Statement::new(
        "SELECT version, at, data FROM task_events WHERE task_id = ?1 AND version > ?2 ORDER BY version LIMIT 200",
        [task.as_str().into(), after.into()],
    );
    rows(sql, statement).await?.iter().map(entry).collect()
}

/// A task's log from after a report of a launch on.
pub async fn log(sql: &dyn Sql, task: &TaskId, after: (Attempt, i64)) -> Result<Vec<LogBatch>, Fault> {
    let statement = Statement::new(
        "SELECT attempt, seq, at, lines FROM log_batches WHERE task_id = ?1 AND (attempt, seq) > (?2, ?3) \
         ORDER BY attempt, seq LIMIT 100",
        [task.as_str().into(), after.0.into(), after.1.into()],
    );
    let batch = |row: &Columns| {
        Ok(LogBatch {
            attempt: Attempt(row.small("attempt")?),
            seq: row.int("seq")?,
            at: row.time("at")?,
            lines: row.text("lines")?,
        })
    };
    rows(sql, statement).await?.iter().map(batch).collect()
}

/// The lines of a task's newest report.
pub async fn last_lines(sql: &dyn Sql, task: &TaskId) -> Result<Option<String>, Fault> {
    let statement = Statement::new(
        "SELECT lines FROM log_batches WHERE task_id = ?1 ORDER BY attempt DESC, seq DESC LIMIT 1",
        [task.as_str().into()],
    );
    first(sql, statement).await?.map(|row| row.text("lines")).transpose()
}

/// How many tasks stand in each state.
pub async fn counts(sql: &dyn Sql) -> Result<Vec<(String, i64)>, Fault> {
    let statement = Statement::new(
        "SELECT state, count(*) AS n FROM tasks WHERE finished_at IS NULL GROUP BY state \
         UNION ALL SELECT state, count(*) FROM tasks WHERE finished_at IS NOT NULL GROUP BY state ORDER BY state",
        [],
    );
    rows(sql, statement).await?.iter().map(|row| Ok((row.text("state")?, row.int("n")?))).collect()
}

/// Whether the tables are there.
pub async fn is_migrated(sql: &dyn Sql) -> bool {
    first(sql, Statement::new("SELECT count(*) AS n FROM facts", [])).await.is_ok()
}

fn entry(row: &Columns) -> Result<HistoryEntry, Fault> {
    Ok(HistoryEntry { version: row.int("version")?, at: row.time("at")?, event: row.json("data")? })
}

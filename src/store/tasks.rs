//! Tasks and their events. The event log's primary key is the compare-and-swap of every change.

use super::row::Columns;
use super::{Written, commit, effects, first, json, rows};
use crate::domain::agent::Agent;
use crate::domain::event::{Event, Step};
use crate::domain::ids::{Attempt, IssueNumber, RepoId, RepoName, TaskId, UserId};
use crate::domain::task::{Chosen, Person, Request, State, Task, TextKey};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Sql, Statement, Value};

/// Every column that makes a [`Task`], in words for `SELECT`.
macro_rules! task_columns {
    () => {
        "id, repo_id, repo_name, credential, issue_number, origin, asker_id, asker_login, agent, agent_named, flags, retry_of, \
         created_at, version, state_data, attempt, started_at, finished_at"
    };
}
pub(super) use task_columns;

/// The statements that write a new task with its first event and effects.
#[must_use]
pub fn insert(step: &Step, now: Timestamp) -> Vec<Statement> {
    let task = &step.task;
    let request = &task.request;
    let search = format!(
        "{} #{} {} {} {}",
        request.repo,
        request.issue,
        request.origin.title.raw(),
        request.agent.word(),
        request.asker.login
    )
    .to_lowercase();
    let mut statements = vec![Statement::new(
        "INSERT INTO tasks (id, repo_id, repo_name, credential, issue_number, origin, asker_id, asker_login, agent, \
         flags, priority, retry_of, created_at, version, state, state_data, attempt, search, agent_named) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 0, ?17, ?18)",
        [
            task.id.as_str().into(),
            request.repo_id.0.into(),
            request.repo.as_str().into(),
            json(&task.credential),
            request.issue.0.into(),
            json(&request.origin),
            request.asker.id.0.into(),
            request.asker.login.as_str().into(),
            request.agent.word().into(),
            json(&request.flags),
            request.flags.priority.number().into(),
            request.retry_of.as_ref().map(TaskId::as_str).into(),
            task.created_at.into(),
            task.version.into(),
            task.state.words().code.into(),
            json(&task.state),
            search.into(),
            i64::from(request.chosen == Chosen::ByCommand).into(),
        ],
    )];
    statements.push(append(&task.id, task.version, &step.event, now));
    statements.extend(step.effects.iter().map(|effect| effects::ask(effect, now, now)));
    statements
}

/// The statements that write a step: event, task, effects, and what its event means to other tables.
#[must_use]
pub fn update(step: &Step, now: Timestamp) -> Vec<Statement> {
    let task = &step.task;
    let mut statements = vec![
        append(&task.id, task.version, &step.event, now),
        Statement::new(
            "UPDATE tasks SET version = ?2, state = ?3, state_data = ?4, attempt = ?5, started_at = ?6, \
             finished_at = ?7 WHERE id = ?1",
            [
                task.id.as_str().into(),
                task.version.into(),
                task.state.words().code.into(),
                json(&task.state),
                task.attempt.0.into(),
                task.started_at.into(),
                task.finished_at.into(),
            ],
        ),
    ];
    if let Some(attempt) = step.closed {
        statements.push(Statement::new(
            "UPDATE attempts SET closed_at = ?3 WHERE task_id = ?1 AND attempt = ?2 AND closed_at IS NULL",
            [task.id.as_str().into(), attempt.0.into(), now.into()],
        ));
        statements.push(Statement::new("DELETE FROM live_tasks WHERE task_id = ?1", [task.id.as_str().into()]));
    }
    statements.extend(step.effects.iter().map(|effect| effects::ask(effect, now, now)));
    statements
}

fn append(task: &TaskId, version: u32, event: &Event, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO task_events (task_id, version, at, kind, data) VALUES (?1, ?2, ?3, ?4, ?5)",
        [task.as_str().into(), version.into(), now.into(), event.kind().into(), json(event)],
    )
}

/// Commits a step with what belongs to it. [`Written::Conflict`]: somebody else changed the task first; load it again.
///
/// # Errors
/// The database's trouble; a transient one leaves open whether the step was committed.
pub async fn commit_step(sql: &dyn Sql, step: &Step, also: Vec<Statement>, now: Timestamp) -> Result<Written, Fault> {
    let mut statements = update(step, now);
    statements.extend(also);
    commit(sql, statements).await
}

/// Loads a task.
pub async fn load(sql: &dyn Sql, id: &TaskId) -> Result<Option<Task>, Fault> {
    let statement =
        Statement::new(concat!("SELECT ", task_columns!(), " FROM tasks WHERE id = ?1"), [id.as_str().into()]);
    first(sql, statement).await?.as_ref().map(read).transpose()
}

/// The task that speaks for an issue: the live one, else the newest. Commands that were denied do not count.
pub async fn newest_of_issue(sql: &dyn Sql, repo: RepoId, issue: IssueNumber) -> Result<Option<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE repo_id = ?1 AND issue_number = ?2 AND NOT (state = 'refused' AND attempt = 0) \
             ORDER BY finished_at IS NOT NULL, state IN ('accepted', 'queued'), created_at DESC, id DESC LIMIT 1"
        ),
        [repo.0.into(), issue.0.into()],
    );
    first(sql, statement).await?.as_ref().map(read).transpose()
}

/// The tasks of an issue that have not ended, oldest first.
pub async fn open_of_issue(sql: &dyn Sql, repo: RepoId, issue: IssueNumber) -> Result<Vec<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE repo_id = ?1 AND issue_number = ?2 AND finished_at IS NULL \
             ORDER BY created_at, id LIMIT 50"
        ),
        [repo.0.into(), issue.0.into()],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

/// Tasks that succeeded on a number: on a pull request of Porter's own, those that followed it up.
pub async fn succeeded_on(sql: &dyn Sql, repo: RepoId, number: IssueNumber) -> Result<Vec<TaskId>, Fault> {
    let statement = Statement::new(
        "SELECT id FROM tasks WHERE repo_id = ?1 AND issue_number = ?2 AND state = 'succeeded' \
         ORDER BY created_at DESC LIMIT 20",
        [repo.0.into(), number.0.into()],
    );
    rows(sql, statement).await?.iter().map(|row| row.parsed("id", TaskId::parse)).collect()
}

/// Queued tasks that may start now: due, nothing else live on their issue, a free seat for their asker; by priority, then age.
pub async fn admissible(sql: &dyn Sql, seats: u32, now: Timestamp) -> Result<Vec<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks AS t WHERE state = 'queued' AND finished_at IS NULL \
             AND json_extract(state_data, '$.not_before') <= ?1 \
             AND NOT EXISTS (SELECT 1 FROM live_tasks AS l WHERE l.repo_id = t.repo_id AND l.issue_number = t.issue_number) \
             AND (SELECT count(*) FROM live_tasks AS l WHERE l.asker_id = t.asker_id) < ?2 \
             ORDER BY priority DESC, created_at, id LIMIT 20"
        ),
        [now.into(), seats.into()],
    );
    Ok(readable(&rows(sql, statement).await?))
}

/// The statement that ties a retry to the text that asked for it; it conflicts when that text has made a task already.
#[must_use]
pub fn tie(task: &TaskId, repo: RepoId, text: TextKey) -> Statement {
    Statement::new(
        "INSERT INTO retries (repo_id, text_kind, text_id, task_id) VALUES (?1, ?2, ?3, ?4)",
        [repo.0.into(), text.kind.word().into(), text.id.into(), task.as_str().into()],
    )
}

/// The task that a text has asked to run again, if it has made one.
pub async fn made_by(sql: &dyn Sql, repo: RepoId, text: TextKey) -> Result<Option<TaskId>, Fault> {
    let statement = Statement::new(
        "SELECT task_id FROM retries WHERE repo_id = ?1 AND text_kind = ?2 AND text_id = ?3",
        [repo.0.into(), text.kind.word().into(), text.id.into()],
    );
    first(sql, statement).await?.map(|row| row.parsed("task_id", TaskId::parse)).transpose()
}

/// Tasks whose launch, run or publishing may be overdue, with what is known of the launch.
pub async fn live(sql: &dyn Sql) -> Result<Vec<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE finished_at IS NULL AND state IN ('launching', 'running', 'publishing') \
             ORDER BY created_at LIMIT 500"
        ),
        [],
    );
    Ok(readable(&rows(sql, statement).await?))
}

/// The tasks that can be read: one broken row must not hold up the others. The sweep tells of those that are left out.
pub(super) fn readable(rows: &[Columns]) -> Vec<Task> {
    rows.iter().filter_map(|row| read(row).ok()).collect()
}

/// Tasks of a person in a repository that have not ended. The sign keeps SQLite from reading every task of the repository.
pub async fn open_of_asker(sql: &dyn Sql, repo: RepoId, asker: UserId) -> Result<Vec<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE +repo_id = ?1 AND asker_id = ?2 AND finished_at IS NULL \
             AND state IN ('accepted', 'queued', 'launching', 'running', 'publishing') LIMIT 50"
        ),
        [repo.0.into(), asker.0.into()],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

/// Tasks that have not ended, of every repository of an installation or of one repository.
pub async fn open_of_installation(sql: &dyn Sql, installation: i64) -> Result<Vec<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE finished_at IS NULL AND json_extract(credential, '$.installation') = ?1 LIMIT 500"
        ),
        [installation.into()],
    );
    rows(sql, statement).await?.iter().map(read).collect()
}

/// Live issues and pull requests of a repository, for the poller to look at again.
pub async fn open_issues(sql: &dyn Sql, repo: RepoId) -> Result<Vec<IssueNumber>, Fault> {
    let statement = Statement::new(
        "SELECT DISTINCT issue_number FROM tasks WHERE repo_id = ?1 AND finished_at IS NULL LIMIT 20",
        [repo.0.into()],
    );
    rows(sql, statement).await?.iter().map(|row| row.int("issue_number").map(IssueNumber)).collect()
}

/// Reads a task from its columns.
pub(super) fn read(row: &Columns) -> Result<Task, Fault> {
    let agent = |word: &str| Agent::parse(word).ok_or("not an agent");
    let state: State = row.json("state_data")?;
    Ok(Task {
        id: row.parsed("id", TaskId::parse)?,
        version: row.small("version")?,
        state,
        credential: row.json("credential")?,
        request: Request {
            repo_id: RepoId(row.int("repo_id")?),
            repo: row.parsed("repo_name", RepoName::parse)?,
            issue: IssueNumber(row.int("issue_number")?),
            origin: row.json("origin")?,
            asker: Person { id: UserId(row.int("asker_id")?), login: row.text("asker_login")? },
            agent: row.parsed("agent", agent)?,
            chosen: if row.int("agent_named")? == 1 { Chosen::ByCommand } else { Chosen::ByDefault },
            flags: row.json("flags")?,
            retry_of: row
                .maybe_text("retry_of")?
                .map(|id| TaskId::parse(&id))
                .transpose()
                .map_err(|error| Fault::permanent("reading a task", error.to_string()))?,
        },
        attempt: Attempt(row.small("attempt")?),
        created_at: row.time("created_at")?,
        started_at: row.maybe_time("started_at")?,
        finished_at: row.maybe_time("finished_at")?,
    })
}

/// A number as a bound value.
impl From<Attempt> for Value {
    fn from(attempt: Attempt) -> Self {
        attempt.0.into()
    }
}

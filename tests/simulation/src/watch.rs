//! The watch: sees every committed write, every call and every answer of a simulated world, and holds them against the
//! promises at once. What each promise means is in `invariants`.

use std::collections::{BTreeMap, BTreeSet};

use porter::domain::time::Timestamp;
use porter::ports::{HttpRequest, HttpResponse, Method, Row, Statement, Value};

use crate::database::Database;
use crate::host::Host;
use crate::invariants::{Broken, effects, github, machines, secrets, tasks};

/// One call that a server has seen.
pub struct Called<'a> {
    /// Who called.
    pub invocation: u64,
    /// When.
    pub at: Timestamp,
    /// What was sent.
    pub request: &'a HttpRequest,
    /// What came back, whether it arrived or not.
    pub response: &'a HttpResponse,
}

impl Called<'_> {
    /// Whether it asks for a change.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.request.method != Method::Get
    }

    /// Whether the server did what was asked.
    #[must_use]
    pub fn done(&self) -> bool {
        self.response.status < 300
    }

    /// The address below the API's root: `/repos/acme/demo/issues/1/comments`.
    #[must_use]
    pub fn path(&self) -> &str {
        let path = self.request.url.split_once("://").map_or("", |(_, rest)| rest);
        path.find('/').and_then(|at| path.get(at..)).unwrap_or_default()
    }

    /// The body as JSON.
    #[must_use]
    pub fn body(&self) -> serde_json::Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
    }
}

/// A committed write.
pub struct Wrote<'a> {
    /// Whose.
    pub invocation: u64,
    /// What.
    pub statements: &'a [Statement],
    /// How many rows it changed.
    pub changed: u64,
}

/// A task as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSeen {
    /// The newest event's number.
    pub version: i64,
    /// The state's flat code.
    pub state: String,
    /// The state's data.
    pub data: String,
    /// Launches so far.
    pub attempt: i64,
    /// Who asked.
    pub asker: i64,
    /// On which issue.
    pub issue: i64,
    /// What was asked, fixed at accept.
    pub origin: String,
    /// Which older task it runs again.
    pub retry_of: Option<String>,
}

impl TaskSeen {
    /// Whether it has ended.
    #[must_use]
    pub fn is_final(&self) -> bool {
        tasks::FINAL.contains(&self.state.as_str())
    }

    /// Whether it holds a place.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.state.as_str(), "launching" | "running" | "publishing")
    }
}

/// A launch as the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchSeen {
    /// When it was closed.
    pub closed_at: Option<i64>,
    /// By which invocation's write it was seen closed.
    pub closed_in: Option<u64>,
}

/// An invocation of the Worker.
#[derive(Debug, Clone, Copy)]
pub struct Began {
    /// When it began.
    pub at: Timestamp,
    /// How many writes had been committed then.
    pub writes: u64,
}

/// What a broken promise looks like.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Its number in the list of invariants, as `S3`.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// What has been seen so far.
#[derive(Default)]
pub struct Watch {
    /// Tasks by id.
    pub tasks: BTreeMap<String, TaskSeen>,
    /// Launches by task and number.
    pub launches: BTreeMap<(String, i64), LaunchSeen>,
    /// Every effect that was ever committed, by key.
    pub asked: BTreeSet<String>,
    /// Invocations by number.
    pub began: BTreeMap<u64, Began>,
    /// Writes committed so far.
    pub writes: u64,
    /// In which write a launch was closed.
    pub closed_at_write: BTreeMap<(String, i64), u64>,
    /// What secrets look like.
    pub secrets: secrets::Secrets,
    /// What the machines were told.
    pub machines: machines::Told,
    /// What GitHub was told.
    pub github: github::Told,
    /// Limits that servers have named.
    pub limits: effects::Limits,
    /// The repository's number.
    pub repo: i64,
    /// Who may write, and since when no longer.
    pub rights: github::Rights,
    /// Texts that commanded something, in the order of writing.
    pub commanded: Vec<i64>,
    /// The most launches a task may have.
    pub most_launches: i64,
    /// The most live tasks of a person.
    pub most_live: usize,
    /// Changes that servers have carried out.
    pub changes_outside: u64,
    /// The first broken promise.
    pub violation: Option<Violation>,
}

impl Watch {
    /// Notes whether a promise holds.
    pub(crate) fn hold(&mut self, invariant: &'static str, outcome: Result<(), Broken>) {
        if let (Err(what), None) = (outcome, &self.violation) {
            self.violation = Some(Violation { invariant, what });
        }
    }

    /// An invocation begins.
    pub(crate) fn begins(&mut self, invocation: u64, at: Timestamp) {
        self.began.insert(invocation, Began { at, writes: self.writes });
    }

    /// An invocation is over: `in_order` when it came to its end and the database never failed it.
    pub(crate) fn ends(&mut self, invocation: u64, in_order: bool) {
        self.limits.ends(invocation, in_order.then_some(self.writes));
    }

    /// A write was committed, whatever its caller learns of it.
    pub(crate) fn wrote(&mut self, wrote: &Wrote<'_>, database: &Database) {
        let Wrote { invocation, statements, .. } = *wrote;
        self.writes += 1;
        let changed = statements.iter().map(|statement| table_of(statement.sql)).collect::<BTreeSet<_>>();
        for statement in statements {
            if table_of(statement.sql) == "effects" && statement.sql.starts_with("INSERT") {
                self.asked.extend(text(statement, 0));
            }
        }
        let secret = self.secrets.in_statements(statements);
        self.hold("X1", secret);
        if changed.contains("task_events") {
            self.tasks_changed(invocation, database);
            let committed = effects::come_with_their_event(self, statements);
            self.hold("S5", committed);
        }
        if changed.contains("effects") {
            let settled = effects::settled_by_the_holder(wrote, database);
            self.hold("S14", settled);
        }
        if changed.contains("jobs") {
            let pinned = self.github.prompt_is_pinned(database);
            self.hold("S8", pinned);
        }
    }

    fn tasks_changed(&mut self, invocation: u64, database: &Database) {
        let before = std::mem::take(&mut self.tasks);
        self.tasks = read_tasks(database);
        for (key, launch) in read_launches(database) {
            let known = self.launches.entry(key.clone()).or_insert(launch);
            if known.closed_at.is_none() && launch.closed_at.is_some() {
                *known = LaunchSeen { closed_in: Some(invocation), ..launch };
                self.closed_at_write.insert(key, self.writes);
            }
        }
        let checks = [
            ("S1", tasks::one_task_a_command(database)),
            ("S1", tasks::an_end_is_an_end(&before, &self.tasks)),
            ("S2", tasks::steps_are_legal(&before, &self.tasks)),
            ("S3", machines::launches_are_counted(self)),
            ("S8", tasks::what_was_asked_stays(&before, &self.tasks)),
            ("S11", tasks::limits_are_kept(self)),
        ];
        for (invariant, outcome) in checks {
            self.hold(invariant, outcome);
        }
    }

    /// A server has seen a call.
    pub(crate) fn called(&mut self, called: &Called<'_>, host: &Host) {
        let to_host = called.request.url.starts_with(crate::host::HOST_URL);
        let paced = effects::limits_are_respected(self, called);
        self.hold("S10", paced);
        let secret = self.secrets.in_call(called, to_host);
        self.hold("X1", secret);
        let address = secrets::addresses_are_clean(called);
        self.hold("X6", address);
        if called.changes() && called.done() {
            self.changes_outside += u64::from(!called.path().contains("access_tokens"));
            let asked = effects::was_asked_for(self, called, host);
            self.hold("S5", asked);
        }
        if to_host {
            let allowed = github::machine_only_for_writers(self, called);
            self.hold("S7", allowed);
            let one = machines::one_machine_a_launch(host);
            self.hold("S3", one);
            let closed = machines::only_closed_launches_are_destroyed(self, called, host);
            self.hold("S12", closed);
        } else if called.changes() && called.done() {
            self.github.learn(called);
            let once = self.github.everything_once();
            self.hold("S6", once);
        }
    }
}

/// Which table a statement changes; empty for a question.
fn table_of(sql: &'static str) -> &'static str {
    let mut words = sql.split_ascii_whitespace();
    match words.next() {
        Some("INSERT" | "DELETE") => {
            words.find(|word| !matches!(*word, "INTO" | "FROM" | "OR" | "IGNORE")).unwrap_or("")
        }
        Some("UPDATE") => words.next().unwrap_or(""),
        Some(_) | None => "",
    }
}

/// A statement's bound text.
pub(crate) fn text(statement: &Statement, at: usize) -> Option<String> {
    match statement.params.get(at) {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(Value::Int(_) | Value::Null) | None => None,
    }
}

/// A text column.
pub(crate) fn column(row: &Row, name: &str) -> String {
    match row.iter().find(|(key, _)| key == name) {
        Some((_, Value::Text(text))) => text.clone(),
        Some((_, Value::Int(number))) => number.to_string(),
        Some((_, Value::Null)) | None => String::new(),
    }
}

/// A number column; `None` for `NULL`.
pub(crate) fn number(row: &Row, name: &str) -> Option<i64> {
    match row.iter().find(|(key, _)| key == name) {
        Some((_, Value::Int(number))) => Some(*number),
        Some((_, Value::Text(_) | Value::Null)) | None => None,
    }
}

/// Every task of the database.
pub(crate) fn read_tasks(database: &Database) -> BTreeMap<String, TaskSeen> {
    let rows = database
        .ask("SELECT id, version, state, state_data, attempt, asker_id, issue_number, origin, retry_of FROM tasks");
    let seen = |row: &Row| TaskSeen {
        version: number(row, "version").unwrap_or(0),
        state: column(row, "state"),
        data: column(row, "state_data"),
        attempt: number(row, "attempt").unwrap_or(0),
        asker: number(row, "asker_id").unwrap_or(0),
        issue: number(row, "issue_number").unwrap_or(0),
        origin: column(row, "origin"),
        retry_of: Some(column(row, "retry_of")).filter(|id| !id.is_empty()),
    };
    rows.iter().map(|row| (column(row, "id"), seen(row))).collect()
}

fn read_launches(database: &Database) -> Vec<((String, i64), LaunchSeen)> {
    let rows = database.ask("SELECT task_id, attempt, closed_at FROM attempts");
    let read = |row: &Row| {
        let key = (column(row, "task_id"), number(row, "attempt").unwrap_or(0));
        (key, LaunchSeen { closed_at: number(row, "closed_at"), closed_in: None })
    };
    rows.iter().map(read).collect()
}

//! The hot queries find their rows by an index. The statements are those the store really sends.

use std::cell::RefCell;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use porter::domain::ids::{Attempt, IssueNumber, RepoId, TaskId, UserId};
use porter::domain::task::{TextKey, TextKind};
use porter::domain::time::Timestamp;
use porter::ports::{Row, Sql, SqlError, Statement};
use porter::store::read::Filter;
use porter::store::{
    attempts, effects, intake, live_tasks, logs, missed_deliveries, pull_requests, read, refusals, stuck, tasks,
};

use super::sqlite::{MIGRATIONS, Sqlite};

const AT: Timestamp = Timestamp::from_millis(1_771_407_200_000);

/// A database that writes down what it is asked.
struct Recorder {
    sql: Sqlite,
    asked: RefCell<Vec<&'static str>>,
}

#[async_trait(?Send)]
impl Sql for Recorder {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        self.asked.borrow_mut().push(statement.sql);
        self.sql.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, SqlError> {
        self.asked.borrow_mut().extend(statements.iter().map(|statement| statement.sql));
        self.sql.batch(statements).await
    }
}

/// The lines of the plans of everything `work` asks.
fn plan(work: impl AsyncFnOnce(&Recorder)) -> Vec<String> {
    let recorder = Recorder { sql: Sqlite::migrated(), asked: RefCell::default() };
    work(&recorder).now_or_never().expect("SQLite does not wait");
    let connection = super::open();
    for migration in MIGRATIONS {
        connection.execute_batch(migration).expect("applies");
    }
    let asked = recorder.asked.borrow();
    assert!(!asked.is_empty(), "nothing was asked");
    let mut lines = Vec::new();
    for sql in asked.iter() {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a good query");
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().expect("a row") {
            lines.push(row.get::<_, String>("detail").expect("a detail"));
        }
    }
    lines
}

/// Panics when a plan reads a whole table, or lacks the index that is expected.
fn finds_by(lines: &[String], index: &str) {
    let scans: Vec<&String> = lines
        .iter()
        .filter(|line| {
            line.starts_with("SCAN ")
                && !line.contains("VIRTUAL TABLE")
                && !line.contains("json_each")
                && *line != "SCAN CONSTANT ROW"
                && !line.starts_with("SCAN (subquery")
        })
        .collect();
    assert!(scans.is_empty(), "reads a whole table: {lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("SEARCH ") && line.contains(index)), "not by {index}: {lines:#?}");
}

fn id() -> TaskId {
    TaskId::parse("01khr1bge0r5e052fc5m592szc").expect("an id")
}

#[test]
fn the_outbox_is_not_scanned() {
    let next = plan(async |sql| drop(effects::lease_next(sql, 45).await.expect("works")));
    finds_by(&next, "effects_due");
    let one = plan(async |sql| drop(effects::lease_key(sql, "k", 45).await.expect("works")));
    finds_by(&one, "sqlite_autoindex_effects_1");
    finds_by(&plan(async |sql| assert!(!effects::are_due(sql, 50).await.expect("works"))), "effects_due");
    let stuck = plan(async |sql| drop(stuck::undriven(sql).await.expect("works")));
    finds_by(&stuck, "tasks_open");
    finds_by(&stuck, "sqlite_autoindex_effects_1");
}

#[test]
fn admission_looks_at_open_tasks_only() {
    finds_by(&plan(async |sql| drop(tasks::admissible(sql, 5, AT).await.expect("works"))), "tasks_open");
    finds_by(&plan(async |sql| drop(tasks::live(sql).await.expect("works"))), "tasks_open");
    finds_by(&plan(async |sql| drop(live_tasks::taken_seats(sql, UserId(1)).await.expect("works"))), "live_tasks");
}

#[test]
fn a_sweep_reads_no_table() {
    // The places of live tasks are few: their table is the list.
    let recheck = plan(async |sql| drop(live_tasks::to_recheck(sql, AT, 20).await.expect("works")));
    let scans: Vec<&String> = recheck.iter().filter(|line| line.starts_with("SCAN ")).collect();
    assert!(scans.iter().all(|line| line.starts_with("SCAN l")), "{recheck:#?}");
    let (repo, asker) = (RepoId(1), UserId(1));
    finds_by(&plan(async |sql| drop(tasks::open_of_asker(sql, repo, asker).await.expect("works"))), "tasks_open");
    let due = plan(async |sql| drop(missed_deliveries::due(sql, 30, AT).await.expect("works")));
    let settle = plan(async |sql| drop(sql.batch(vec![missed_deliveries::settle_known(AT)]).await.expect("works")));
    for lines in [due, settle] {
        assert!(lines.iter().any(|line| line.contains("missed_deliveries_open")), "{lines:#?}");
    }
    let forget = plan(async |sql| missed_deliveries::forget_before(sql, AT).await.expect("works"));
    finds_by(&forget, "missed_deliveries_by_time");
    finds_by(&plan(async |sql| effects::forget_before(sql, AT).await.expect("works")), "effects_done");
    finds_by(&plan(async |sql| refusals::forget_before(sql, AT).await.expect("works")), "refusals_by_time");
}

#[test]
fn numbers_are_counted_in_indexes() {
    let tasks = plan(async |sql| drop(read::counts(sql).await.expect("works")));
    let effects = plan(async |sql| drop(effects::counts(sql).await.expect("works")));
    for line in tasks.iter().chain(&effects).filter(|line| line.contains(" tasks") || line.contains(" effects")) {
        // Open tasks are few.
        assert!(line.contains("COVERING INDEX") || line.contains("tasks_open"), "{line}");
    }
}

#[test]
fn an_issues_tasks_are_found_by_the_issue() {
    let (repo, issue) = (RepoId(1), IssueNumber(1));
    finds_by(&plan(async |sql| drop(tasks::newest_of_issue(sql, repo, issue).await.expect("works"))), "tasks_by_issue");
    finds_by(&plan(async |sql| drop(tasks::open_of_issue(sql, repo, issue).await.expect("works"))), "tasks_by_issue");
    finds_by(&plan(async |sql| drop(tasks::open_issues(sql, repo).await.expect("works"))), "tasks_by_issue");
}

#[test]
fn every_page_of_a_list_begins_where_the_last_one_ended() {
    for after in [None, Some((AT, id()))] {
        let filter = Filter { after, limit: 50, ..Filter::default() };
        let lines = plan(async |sql| drop(read::tasks(sql, &filter).await.expect("works")));
        finds_by(&lines, "tasks_by_time");
        assert!(!lines.iter().any(|line| line.contains("TEMP B-TREE")), "sorts: {lines:#?}");
    }
}

#[test]
fn a_run_and_its_story_are_found_by_their_keys() {
    finds_by(&plan(async |sql| drop(tasks::load(sql, &id()).await.expect("works"))), "sqlite_autoindex_tasks_1");
    finds_by(&plan(async |sql| drop(attempts::newest(sql, &id()).await.expect("works"))), "PRIMARY KEY");
    let keys = [(id(), Attempt(1))];
    finds_by(&plan(async |sql| drop(attempts::load_all(sql, &keys).await.expect("works"))), "PRIMARY KEY");
    let pulls = [(RepoId(1), IssueNumber(2))];
    finds_by(&plan(async |sql| drop(pull_requests::states_of(sql, &pulls).await.expect("works"))), "PRIMARY KEY");
    finds_by(&plan(async |sql| drop(read::history(sql, &id(), 3).await.expect("works"))), "PRIMARY KEY");
    finds_by(&plan(async |sql| drop(read::log(sql, &id(), (Attempt(1), 3)).await.expect("works"))), "PRIMARY KEY");
    finds_by(&plan(async |sql| drop(attempts::to_destroy(sql, AT).await.expect("works"))), "attempts_to_destroy");
    let ours = plan(async |sql| drop(pull_requests::load(sql, RepoId(1), IssueNumber(1)).await.expect("works")));
    finds_by(&ours, "PRIMARY KEY");
}

#[test]
fn intake_and_forgetting_go_by_index() {
    let text = TextKey { kind: TextKind::IssueComment, id: 1 };
    finds_by(&plan(async |sql| assert!(!intake::is_known(sql, RepoId(1), text).await.expect("works"))), "PRIMARY KEY");
    finds_by(&plan(async |sql| intake::forget_deliveries(sql, AT).await.expect("works")), "deliveries_by_time");
    finds_by(&plan(async |sql| logs::forget_before(sql, AT).await.expect("works")), "log_batches_by_time");
    let key = (RepoId(1), IssueNumber(1), UserId(1));
    let earn = plan(async |sql| drop(sql.batch(vec![refusals::earn(key, text, AT)]).await.expect("works")));
    finds_by(&earn, "refusals_by_hour");
}

//! The cron trigger was missing, or old rows have piled up: a few ticks later everything is as if nothing had been.

use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::machine::file;
use crate::stage::sqlite::SqlTrouble;

#[test]
fn a_missing_hour_of_cron_is_caught_up() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RETRIES", Some("1"));
    stage.tick_after(60);
    let (overdue, silent, unborn, waits, lost) =
        (stage.issue(), stage.issue(), stage.issue(), stage.issue(), stage.issue());
    stage.set("MAX_RUNNING_PER_USER", Some("3"));
    let ask = |issue: i64| stage.ask("bob", issue, "@porter claude fix it");
    let running = ask(overdue);
    let mut machine = stage.boot();
    machine.report("working", &["at it"]);
    let quiet = ask(silent);
    drop(stage.boot());
    let never = ask(unborn);
    let queued = ask(waits);
    stage.sql.trouble(&[SqlTrouble::Refused]);
    assert_eq!(stage.comment("alice", lost, "@porter claude fix it").status, 503);
    let status = |task: &str| stage.task(task)["state"].as_str().unwrap_or("?").to_owned();
    assert_eq!(
        [&running, &quiet, &never, &queued].map(|task| status(task)),
        ["running", "running", "launching", "queued"]
    );

    // An hour without cron, and then one tick.
    stage.tick_after(3600);
    assert_eq!(status(&running), "timed_out");
    assert_eq!(status(&quiet), "timed_out");
    assert!(matches!(status(&never).as_str(), "launching" | "queued"), "another launch: {}", status(&never));
    stage.tick_after(10);
    stage.deliver_all();
    assert_eq!(status(&never), "launching");
    assert_eq!(status(&queued), "launching", "there is room now");
    let tasks = stage.request("GET", "/api/tasks", &[], b"").json();
    let missed =
        tasks["tasks"].as_array().and_then(|all| all.iter().find(|task| task["createdBy"] == "alice").cloned());
    let missed = missed.expect("what was answered with 503 came again");
    assert_eq!(missed["state"], "launching");
    assert_eq!(stage.boot().hand_over(&json!([file("a.txt", "new\n")])).json()["status"], "success");
    for task in [never, queued] {
        stage.end(&task);
    }
    stage.tick_after(600);
    assert!(stage.host.alive().is_empty());
}

#[test]
fn a_mountain_of_old_rows_goes_in_batches() {
    let stage = Stage::new(Mode::QuickApp);
    stage.rows(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO log_batches SELECT 'old', 1, i, 1000, '[]' FROM n",
    );
    stage.rows(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO deliveries SELECT 'd' || i, 'issues', 1000 FROM n",
    );
    stage.rows(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO refusals SELECT 1, i, 1, 'issue_comment', i, 1000 FROM n",
    );
    stage.rows(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO effects SELECT 'k' || i, 'react', '{}', NULL, 2, 'done', 0, 1, 0, 0, 0, NULL, 1000 FROM n",
    );
    stage.rows(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO missed_deliveries SELECT 'd' || i, '1', 'issues', 1000, 1000, 0, 0 FROM n",
    );
    let left = || {
        ["log_batches", "deliveries", "refusals", "effects", "missed_deliveries"].map(|table| match table {
            "log_batches" => stage.rows("SELECT 1 AS one FROM log_batches").len(),
            "deliveries" => stage.rows("SELECT 1 AS one FROM deliveries").len(),
            "refusals" => stage.rows("SELECT 1 AS one FROM refusals").len(),
            "effects" => stage.rows("SELECT 1 AS one FROM effects").len(),
            _ => stage.rows("SELECT 1 AS one FROM missed_deliveries").len(),
        })
    };
    for expected in [1500, 500, 0] {
        stage.tick_after(60);
        assert_eq!(left(), [expected; 5]);
    }
}

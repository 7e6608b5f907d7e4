//! The last minutes of a run: who is handing over is not cut off, who is quiet is not taken for dead, and logs have one cap.

use porter_world::github::Trouble;
use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::stage::machine::{Machine, file};

fn running(stage: &Stage) -> (String, Machine<'_>) {
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    (task, stage.boot())
}

fn files() -> Value {
    json!([file("a.txt", "new\n")])
}

/// Lets a run go on until so many seconds before its deadline (600 s), alive.
fn until_before_the_deadline(stage: &Stage, machine: &mut Machine<'_>, seconds: i64) {
    for _ in 0..9 {
        stage.world.clock.advance_ms(60_000);
        machine.report("working", &["at it"]);
    }
    stage.world.clock.advance_ms((60 - seconds) * 1000);
}

#[test]
fn whoever_hands_over_when_the_deadline_strikes_has_a_little_longer() {
    for phase in ["collecting", "handing_over"] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, mut machine) = running(&stage);
        until_before_the_deadline(&stage, &mut machine, 5);
        machine.report(phase, &[]);
        stage.tick_after(60);
        assert_eq!(stage.task(&task)["status"], "running", "{phase}");
        assert_eq!(stage.host.alive().len(), 1, "{phase}");
        assert_eq!(machine.hand_over(&files()).json()["status"], "success", "{phase}");
        stage.tick_after(60);
    }
}

#[test]
fn the_little_longer_ends_too_and_is_not_for_the_agents_work() {
    for (phase, still) in [("working", 0), ("handing_over", 85)] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, mut machine) = running(&stage);
        until_before_the_deadline(&stage, &mut machine, 0);
        machine.report(phase, &[]);
        stage.tick_after(still);
        assert_eq!(stage.task(&task)["status"], "running", "{phase}");
        machine.report(phase, &["more"]);
        stage.tick_after(6);
        assert_eq!(stage.task(&task)["status"], "timed_out", "{phase}");
        assert_eq!(machine.hand_over(&files()).status, 410, "{phase}");
        stage.tick_after(60);
    }
}

#[test]
fn a_result_that_came_in_time_is_not_cut_off_while_it_is_taken_in() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, mut machine) = running(&stage);
    until_before_the_deadline(&stage, &mut machine, 1);
    // It is known to be there; what it means could not be said yet.
    stage.github_trouble("GET", "/git/trees/", 1, Trouble::Status(404));
    assert_eq!(machine.hand_over(&files()).status, 500);
    stage.tick_after(20);
    assert_eq!(stage.task(&task)["status"], "running");
    assert_eq!(machine.hand_over(&files()).json()["status"], "success");
    stage.tick_after(60);
}

#[test]
fn a_result_whose_tree_is_being_made_is_not_lost() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, machine) = running(&stage);
    stage.github_trouble("POST", "/git/trees", 1, Trouble::Status(502));
    assert_eq!(machine.hand_over(&files()).status, 503);
    stage.world.clock.advance_ms(590_000);
    // Somebody has it in hand until 20 s after the ten minutes.
    stage.rows("UPDATE results SET lease_until = received_at + 620000");
    stage.tick_after(15);
    assert_eq!(stage.task(&task)["state"], "publishing");
    stage.rows("UPDATE results SET lease_until = 0");
    stage.tick_after(1);
    assert_eq!(stage.task(&task)["status"], "failed");
    stage.tick_after(60);
}

#[test]
fn the_same_bytes_again_cost_one_look_at_the_result() {
    let stage = Stage::new(Mode::QuickApp);
    let (_, machine) = running(&stage);
    stage.github_trouble("POST", "/git/trees", 1, Trouble::Status(502));
    assert_eq!(machine.hand_over(&files()).status, 503);
    stage.rows("UPDATE results SET lease_until = received_at + 60000");
    let before = stage.sql.calls.calls();
    assert_eq!(machine.hand_over(&files()).status, 503);
    // The launch, the task, the result, the lease.
    assert_eq!(stage.sql.calls.calls() - before, 4);
    stage.world.clock.advance_ms(61_000);
    assert_eq!(machine.hand_over(&files()).json()["status"], "success");
    stage.tick_after(60);
}

#[test]
fn reports_that_come_again_are_signs_of_life() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, machine) = running(&stage);
    let report = json!({"seq": 1, "phase": "working", "lines": []});
    for _ in 0..8 {
        assert_eq!(machine.report_raw(&report).status, 200);
        stage.tick_after(60);
        assert_eq!(stage.task(&task)["attempt"], 1, "the machine is heard");
    }
    stage.end(&task);
}

#[test]
fn silence_is_counted_from_the_last_report_whether_it_was_written_down_or_not() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, machine) = running(&stage);
    let report = |seq: u64| machine.report_raw(&json!({"seq": seq, "phase": "working", "lines": []}));
    report(1);
    stage.world.clock.advance_ms(29_000);
    report(2);
    stage.tick_after(89);
    assert_eq!(stage.task(&task)["attempt"], 1, "89 s of silence are none");
    assert_eq!(stage.task(&task)["state"], "running");
    stage.tick_after(32);
    assert_ne!(stage.task(&task)["state"], "running", "121 s are");
    stage.end(&task);
}

#[test]
fn the_cap_of_the_log_is_the_tasks_and_not_the_launchs() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, machine) = running(&stage);
    let wide = "x".repeat(250 * 1024);
    let lines = json!([{"at": "2026-02-18T09:30:00Z", "level": "info", "text": wide}]);
    for seq in 1..=30 {
        assert_eq!(machine.report_raw(&json!({"seq": seq, "lines": lines})).status, 200);
    }
    for _ in 0..4 {
        stage.tick_after(61);
    }
    assert_eq!(stage.task(&task)["attempt"], 2, "the machine fell silent");
    let machine = stage.boot();
    for seq in 1..=30 {
        assert_eq!(machine.report_raw(&json!({"seq": seq, "lines": lines})).status, 200);
    }
    let kept =
        stage.rows("SELECT sum(length(lines)) AS n, sum(lines LIKE '%has reached 10 MiB%') AS said FROM log_batches");
    let number = |at: usize| match &kept[0][at].1 {
        porter::ports::Value::Int(number) => *number,
        other @ (porter::ports::Value::Null | porter::ports::Value::Text(_)) => unreachable!("{other:?}"),
    };
    assert!(number(0) < 11 * 1024 * 1024, "{}", number(0));
    assert_eq!(number(1), 1);
    stage.end(&task);
}

//! Nothing is lost and nothing happens twice: the main job again and again, each time with another call gone wrong.

use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::line::Break;
use crate::stage::machine::{Machine, file};

/// The main job as GitHub and a patient runner carry it on: whatever gets no answer is sent again.
fn main_job(stage: &Stage, what: &str) {
    let issue = stage.world.issue("alice", "Greet the world", "It says hello only.");
    stage.world.take_deliveries();
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    let command = stage.newest_comment("bob", issue);
    let taken = (0..5).any(|_| matches!(stage.deliver(&delivery).status, 200 | 202));
    assert!(taken, "{what}: the delivery is taken in");
    let handed = (0..12).any(|_| hand_over(stage));
    assert!(handed, "{what}: the result is taken in");
    for _ in 0..8 {
        stage.tick_after(61);
    }
    assert_eq!(stage.rows("SELECT id FROM tasks").len(), 1, "{what}");
    let tasks = stage.request("GET", "/api/tasks", &[], b"").json();
    let task = &tasks["tasks"][0];
    assert_eq!(task["status"], "success", "{what}: {task}");
    assert_eq!(stage.world.pull_requests().len(), 1, "{what}");
    let id = task["id"].as_str().expect("an id");
    assert_eq!(stage.world.messages(&format!("porter/{id}")).len(), 2, "{what}");
    assert!(stage.status_comment(issue, id).contains("Done"), "{what}: {}", stage.status_comment(issue, id));
    assert_eq!(stage.ours(issue).len(), 1, "{what}: {:?}", stage.ours(issue));
    assert_eq!(stage.world.labels(issue), ["porter:done"], "{what}");
    let reactions: Vec<String> = stage.world.reactions(command).into_iter().map(|(_, content)| content).collect();
    assert_eq!(reactions, ["eyes", "rocket"], "{what}");
    assert!(stage.host.alive().is_empty(), "{what}: {:?}", stage.host.alive());
}

/// Boots the newest machine there is and hands a result over; whether it was taken in.
fn hand_over(stage: &Stage) -> bool {
    let Some(made) = stage.host.alive().pop() else {
        stage.tick_after(61);
        return false;
    };
    let machine = Machine::boot(stage, &made);
    if machine.start.status != 200 {
        stage.tick_after(61);
        return false;
    }
    machine.report_raw(&json!({"seq": 1, "phase": "working", "lines": []}));
    for _ in 0..5 {
        let seen = machine.hand_over(&json!([file("a.txt", "new\n")]));
        if seen.status == 200 {
            assert_eq!(seen.json()["status"], "success");
            return true;
        }
        assert!(matches!(seen.status, 410 | 500 | 503), "{}", seen.status);
        stage.tick_after(20);
    }
    false
}

#[test]
fn whichever_call_outside_goes_wrong() {
    let stage = Stage::new(Mode::QuickApp);
    main_job(&stage, "no fault");
    let calls = stage.calls.calls();
    assert!(calls > 40, "{calls}");
    for how in [Break::Before, Break::After] {
        for number in 0..calls {
            let stage = Stage::new(Mode::QuickApp);
            stage.calls.break_at(number, how);
            main_job(&stage, &format!("{how:?} call {number}"));
        }
    }
}

#[test]
fn whichever_question_to_the_database_goes_wrong() {
    let stage = Stage::new(Mode::QuickApp);
    main_job(&stage, "no fault");
    // The last ticks only look around; every third of theirs stands for the others.
    let calls = stage.sql.calls.calls();
    assert!(calls > 100, "{calls}");
    for how in [Break::Before, Break::After] {
        for number in (0..calls).filter(|number| *number < 160 || number % 3 == 0) {
            let stage = Stage::new(Mode::QuickApp);
            stage.sql.calls.break_at(number, how);
            main_job(&stage, &format!("{how:?} question {number}"));
        }
    }
}

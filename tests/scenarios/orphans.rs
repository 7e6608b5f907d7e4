//! Machines without a task: what comes back after its launch closed is ended again, what nobody knows is left alone.

use porter::ports::Level;
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::host::Trouble;

/// The machine of a stopped task, destroyed and seen to be gone.
fn over(stage: &Stage) -> (String, String) {
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let machine = stage.boot();
    stage.end(&task);
    stage.tick_after(60);
    assert!(stage.host.alive().is_empty());
    assert_eq!(stage.rows("SELECT task_id FROM attempts WHERE machine_gone_at IS NULL").len(), 0);
    (task, machine.made.id.clone())
}

fn errors(stage: &Stage, about: &str) -> usize {
    let is = |line: &&porter_world::ports::Line| line.0 == Level::Error && line.1.contains(about);
    stage.log.lines().iter().filter(is).count()
}

#[test]
fn a_machine_that_comes_back_with_its_computer_is_ended_again() {
    let stage = Stage::new(Mode::QuickApp);
    let (_, machine) = over(&stage);
    stage.host.revive(&machine);
    for _ in 0..5 {
        stage.tick_after(60);
    }
    assert!(stage.host.alive().is_empty(), "{:?}", stage.host.alive());
    assert_eq!(stage.rows("SELECT task_id FROM attempts WHERE machine_gone_at IS NULL").len(), 0);
}

#[test]
fn a_machine_nobody_knows_is_left_alone_and_told_of_once() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _) = over(&stage);
    let labelled = |task: &str, attempt: &str| json!({"metadata": {"porter_instance": "127.0.0.1:8787", "porter_task": task, "porter_attempt": attempt}});
    let unknown = "01khr1bge0r5e052fc5m592szz";
    stage.host.put("x1", &format!("porter-{unknown}-1"), labelled(unknown, "1"));
    stage.host.put("x2", "somebody-elses-name", labelled(&task, "1"));
    stage.host.put("x3", &format!("porter-{task}-7"), labelled(&task, "7"));
    stage.host.put("x4", "no-label", json!({"metadata": {}}));
    for tick in 0..20 {
        stage.host.hide((6..12).contains(&tick));
        stage.tick_after(60);
    }
    let alive: Vec<String> = stage.host.alive().into_iter().map(|made| made.id).collect();
    assert_eq!(alive, ["x1", "x2", "x3", "x4"]);
    assert_eq!(errors(&stage, "carries our label"), 3, "one line a machine");
}

#[test]
fn an_open_launch_keeps_its_machine_and_learns_an_id_it_never_heard() {
    let stage = Stage::new(Mode::QuickApp);
    stage.host.trouble(&[Trouble::LostReply]);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    // Nobody repeats the create: the effect is in another isolate's hands.
    stage.rows("UPDATE effects SET lease_until = 9000000000000 WHERE kind = 'launch'");
    assert_eq!(stage.rows("SELECT task_id FROM attempts WHERE machine_id IS NULL").len(), 1);
    stage.tick_after(60);
    assert_eq!(stage.rows("SELECT task_id FROM attempts WHERE machine_id IS NULL").len(), 0);
    let mut machine = stage.boot();
    for _ in 0..8 {
        machine.report("working", &[]);
        stage.tick_after(60);
    }
    assert_eq!(stage.host.alive().len(), 1, "an open launch's machine is never touched");
    stage.rows("UPDATE effects SET lease_until = 0 WHERE kind = 'launch'");
    stage.end(&task);
}

#[test]
fn an_empty_or_failing_list_changes_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let mut machine = stage.boot();
    machine.report("working", &[]);
    let attempts = || stage.rows("SELECT task_id, machine_id, closed_at, machine_gone_at FROM attempts");
    let before = attempts();
    stage.host.trouble(&[Trouble::Status(500)]);
    stage.tick_after(60);
    machine.report("working", &[]);
    stage.host.hide(true);
    for _ in 0..4 {
        stage.tick_after(60);
        machine.report("working", &[]);
    }
    assert_eq!(attempts(), before);
    assert_eq!(stage.task(&task)["status"], "running");
    stage.host.hide(false);
    stage.end(&task);
}

#[test]
fn the_host_is_asked_every_few_minutes_only() {
    let stage = Stage::new(Mode::QuickApp);
    for _ in 0..30 {
        stage.tick_after(60);
    }
    let lists = stage.host.heard().iter().filter(|line| line.contains("porter_instance")).count();
    assert!((9..=11).contains(&lists), "{lists}");
}

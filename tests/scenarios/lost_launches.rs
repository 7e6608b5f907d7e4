//! Launches that come to nothing: which causes get another one, which end the task, and that the comment says which.

use porter_world::github::Trouble as GithubTrouble;
use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::stage::host::Trouble;
use crate::stage::machine::{Machine, file};

/// A machine that has claimed its job.
fn running(stage: &Stage) -> (String, i64, Machine<'_>) {
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let machine = stage.boot();
    (task, issue, machine)
}

/// The status comment has all of these words.
fn says(stage: &Stage, issue: i64, task: &str, words: &[&str]) {
    let comment = stage.status_comment(issue, task);
    for words in words {
        assert!(comment.contains(words), "{words:?} is not in: {comment}");
    }
}

#[test]
fn no_room_is_waited_for_and_then_tried_again_later() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.host.trouble(&[Trouble::NoRoom; 60]);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    for _ in 0..3 {
        stage.tick_after(60);
        assert_eq!(stage.task(&task)["attempt"], 1, "a moment without room costs no launch");
    }
    for _ in 0..3 {
        stage.tick_after(60);
        if stage.task(&task)["status"] == "queued" {
            break;
        }
    }
    let words = ["Queued again", "the machine host had no room", "Launch 2 of 4"];
    says(&stage, issue, &task, &words);
    assert_eq!(stage.world.labels(issue), ["porter:queued"]);
    while stage.host.mend() {}
    stage.tick_after(61);
    assert_eq!(stage.task(&task)["attempt"], 2);
    says(&stage, issue, &task, &["launch 2 of 4 because the machine host had no room"]);
    let machine = stage.boot();
    assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n")])).json()["status"], "success");
    stage.tick_after(400);
}

#[test]
fn no_room_at_the_last_launch_is_the_reason_of_the_end() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RETRIES", Some("0"));
    let issue = stage.issue();
    stage.host.trouble(&[Trouble::NoRoom; 60]);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    for _ in 0..8 {
        stage.tick_after(60);
    }
    assert_eq!(stage.task(&task)["status"], "failed");
    says(&stage, issue, &task, &["The machine host had no room"]);
    assert!(stage.replies(issue)[0].contains("retry"), "{:?}", stage.replies(issue));
    while stage.host.mend() {}
    stage.tick_after(400);
}

#[test]
fn an_outage_while_launching_is_no_lost_machine() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("GET", "/git/trees", 10_000, GithubTrouble::Status(502));
    let task = stage.ask("bob", issue, "@porter claude fix it");
    for _ in 0..30 {
        stage.tick_after(60);
    }
    assert_eq!((&stage.task(&task)["status"], &stage.task(&task)["attempt"]), (&json!("running"), &json!(1)));
    stage.world.github.borrow_mut().limits.faults.clear();
    for _ in 0..6 {
        stage.tick_after(60);
    }
    assert_eq!((stage.host.all().len(), &stage.task(&task)["attempt"]), (1, &json!(1)));
    stage.end(&task);
}

#[test]
fn an_outage_of_more_than_an_hour_ends_the_task_with_the_true_reason() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("GET", "/git/trees", 10_000, GithubTrouble::Status(502));
    let task = stage.ask("bob", issue, "@porter claude fix it");
    for _ in 0..70 {
        stage.tick_after(60);
    }
    assert_eq!((&stage.task(&task)["status"], &stage.task(&task)["attempt"]), (&json!("failed"), &json!(1)));
    says(&stage, issue, &task, &["waited an hour", "status 502"]);
    assert!(!stage.status_comment(issue, &task).contains("machine was lost"));
    assert!(stage.host.all().is_empty());
    for _ in 0..8 {
        stage.tick_after(60);
    }
}

#[test]
fn what_another_machine_would_do_too_ends_the_task_at_once() {
    for (exit, words) in [
        (json!({"exit_code": 137, "oom_killed": true}), "ran out of memory"),
        (json!({"exit_code": 3}), "exit code 3"),
        (json!({"exit_code": 0, "signal": -1}), "exit code 0"),
    ] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, issue, machine) = running(&stage);
        stage.host.ends(&machine.made.id, exit.clone());
        stage.tick_after(45);
        let end = stage.task(&task);
        assert_eq!((&end["status"], &end["attempt"]), (&json!("failed"), &json!(1)), "{exit}");
        says(&stage, issue, &task, &[words, "no second launch"]);
        assert!(stage.replies(issue)[0].starts_with("@bob"), "{exit}");
        stage.tick_after(60);
    }
}

#[test]
fn a_machine_that_was_taken_away_is_replaced_at_once() {
    let killed: [(Option<Value>, &str); 4] = [
        (None, "the machine host has removed it"),
        (Some(json!({"exit_code": 137, "signal": 9})), "it was killed"),
        (Some(json!({"exit_code": 143})), "it was killed"),
        (Some(json!({"exit_code": 1, "requested_stop": true})), "somebody stopped it"),
    ];
    for (exit, words) in killed {
        let stage = Stage::new(Mode::QuickApp);
        let (task, issue, machine) = running(&stage);
        match exit {
            Some(exit) => stage.host.ends(&machine.made.id, exit),
            None => stage.host.removes(&machine.made.id),
        }
        stage.tick_after(45);
        says(&stage, issue, &task, &["Queued again", "the machine was lost", words, "Launch 2 of 4"]);
        stage.tick_after(60);
        assert_eq!(stage.task(&task)["attempt"], 2, "{words}");
        stage.end(&task);
    }
}

#[test]
fn a_machine_that_ends_before_it_claims_is_noticed_at_once() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    stage.host.ends(&stage.host.newest().id, json!({"exit_code": 127}));
    stage.tick_after(45);
    assert_eq!(stage.task(&task)["status"], "failed");
    says(&stage, issue, &task, &["exit code 127", "WORKER_IMAGE"]);
    stage.tick_after(60);
}

#[test]
fn a_busy_machine_is_not_asked_after() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, mut machine) = running(&stage);
    let looks =
        || stage.host.heard().iter().filter(|heard| heard.starts_with("GET ") && heard.contains("/machines/")).count();
    let before = looks();
    for _ in 0..5 {
        stage.world.clock.advance_ms(30_000);
        machine.report("working", &[]);
        stage.tick_after(1);
    }
    assert_eq!(looks(), before);
    stage.end(&task);
}

#[test]
fn a_provider_outage_is_tried_again_and_the_agents_own_failure_never() {
    let outage = json!({"outcome": "failed", "reason": "Anthropic is failing (529)", "cause": "provider_outage"});
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RETRIES", Some("1"));
    let (task, issue, machine) = running(&stage);
    let answer = machine.complete(&outage);
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("failed")));
    says(&stage, issue, &task, &["Queued again", "the model provider was not available", "Launch 2 of 2"]);
    assert_eq!(machine.complete(&outage).body, answer.body, "the same answer for ever");
    stage.tick_after(30);
    assert_eq!(stage.task(&task)["status"], "queued", "an outage is given time");
    stage.tick_after(60);
    let second = stage.boot();
    assert_ne!(second.made.name, machine.made.name);
    assert_eq!(second.complete(&outage).status, 200);
    assert_eq!(stage.task(&task)["status"], "failed");
    says(&stage, issue, &task, &["The model provider was not available", "529"]);
    stage.tick_after(60);

    for cause in [json!(null), json!("bad_luck")] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, _, machine) = running(&stage);
        assert_eq!(machine.complete(&json!({"outcome": "failed", "reason": "no", "cause": cause})).status, 200);
        let end = stage.task(&task);
        assert_eq!((&end["status"], &end["attempt"]), (&json!("failed"), &json!(1)), "{cause}");
        stage.tick_after(60);
    }
}

#[test]
fn a_stopped_machine_is_ended_without_waiting() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, _machine) = running(&stage);
    assert_eq!(stage.change("POST", &format!("/api/tasks/{task}/stop"), "").status, 202);
    assert!(stage.host.alive().is_empty(), "the person has stopped paying");
}

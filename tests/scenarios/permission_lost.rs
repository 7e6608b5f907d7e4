//! Whoever loses their write access loses their running tasks; GitHub's trouble takes nothing from anybody.

use porter_world::github::{Role, Trouble};
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::machine::file;

const WORDS: &str = "because the person who asked may no longer write to this repository";

fn asked(stage: &Stage) -> usize {
    stage.world.github.borrow().record.count("GET", "/permission")
}

/// `member` as GitHub sends it to an App that may read members.
fn member(stage: &Stage, action: &str, login: &str) -> Vec<u8> {
    let account = json!({"login": login, "id": stage.world.user(login), "node_id": "U", "type": "User"});
    json!({"action": action, "member": account, "sender": account, "changes": {},
        "repository": {"id": stage.world.repo, "name": "demo", "full_name": "acme/demo", "private": false}})
    .to_string()
    .into_bytes()
}

#[test]
fn a_running_task_ends_when_its_asker_loses_access() {
    for role in [Some(Role::Read), Some(Role::Triage), None] {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        let task = stage.ask("bob", issue, "@porter claude fix it");
        let mut machine = stage.boot();
        stage.world.role("bob", role);
        let mut minutes = 0;
        while stage.task(&task)["status"] == "running" && minutes < 8 {
            machine.report("working", &[]);
            stage.tick_after(60);
            minutes += 1;
        }
        assert_eq!(stage.task(&task)["status"], "stopped", "{role:?}");
        assert!((5..=6).contains(&minutes), "{minutes}");
        assert!(stage.status_comment(issue, &task).contains(WORDS));
        assert!(machine.report("working", &[]).json()["stop"].is_object());
        stage.tick_after(60);
        assert!(stage.host.alive().is_empty());
        assert_eq!(stage.world.labels(issue), ["porter:failed"]);
    }
}

#[test]
fn each_live_task_is_looked_at_every_five_minutes_and_trouble_stops_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("TASK_TIMEOUT_S", Some("3600"));
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let mut machine = stage.boot();
    let before = asked(&stage);
    for _ in 0..21 {
        machine.report("working", &[]);
        stage.tick_after(60);
    }
    assert_eq!(asked(&stage) - before, 4);
    for trouble in [Trouble::Status(500), Trouble::Status(404), Trouble::Status(403), Trouble::Status(401)] {
        stage.github_trouble("GET", "/permission", 1, trouble.clone());
        for _ in 0..5 {
            machine.report("working", &[]);
            stage.tick_after(60);
        }
        assert_eq!(stage.task(&task)["status"], "running", "{trouble:?}");
    }
    stage.end(&task);
}

#[test]
fn nothing_is_published_for_somebody_who_lost_access() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let machine = stage.boot();
    stage.world.role("bob", Some(Role::Read));
    let files = json!([file("a.txt", "new\n")]);
    let seen = machine.hand_over(&files);
    assert_eq!((seen.status, &seen.json()["status"]), (200, &json!("failed")));
    assert_eq!(stage.task(&task)["status"], "stopped");
    assert!(stage.world.pull_requests().is_empty());
    assert!(stage.world.head(&format!("porter/{task}")).is_none());
    assert_eq!(machine.hand_over(&files).body, seen.body, "the same answer for ever");
    assert!(stage.status_comment(issue, &task).contains(WORDS));
    stage.tick_after(60);
}

#[test]
fn a_result_is_taken_in_while_nobody_can_tell() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let machine = stage.boot();
    stage.github_trouble("GET", "/permission", 1, Trouble::Status(502));
    assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n")])).json()["status"], "success");
    assert_eq!(stage.task(&task)["status"], "success");
    stage.tick_after(60);
}

#[test]
fn github_telling_of_it_is_quicker() {
    let stage = Stage::new(Mode::QuickApp);
    let (one, two) = (stage.issue(), stage.issue());
    let (running, waits) = {
        stage.set("MAX_RUNNING_PER_USER", Some("1"));
        (stage.ask("bob", one, "@porter claude fix it"), stage.ask("bob", two, "@porter claude fix it"))
    };
    let others = stage.ask("alice", stage.issue(), "@porter claude fix it");
    // Still allowed: GitHub is asked, and its word counts, not the delivery's.
    assert_eq!(stage.deliver_raw("member", "m-1", &member(&stage, "edited", "bob")).status, 200);
    assert_eq!(stage.task(&running)["status"], "running");
    stage.world.role("bob", None);
    assert_eq!(stage.deliver_raw("member", "m-2", &member(&stage, "removed", "bob")).status, 202);
    for task in [&running, &waits] {
        assert_eq!(stage.task(task)["status"], "stopped");
    }
    assert_eq!(stage.task(&others)["status"], "running");
    assert_eq!(stage.deliver_raw("member", "m-3", &member(&stage, "added", "bob")).status, 204);
    stage.end(&others);
}

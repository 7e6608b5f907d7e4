//! Installations: kept up to date, and what runs where Porter is no longer let in is stopped.

use porter_world::github::Trouble;
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::machine::file;

/// An installation event as GitHub sends it, of the world's one installation.
fn event(stage: &Stage, action: &str, more: &serde_json::Value) -> Vec<u8> {
    let github = stage.world.github.borrow();
    let (id, one) = github.installations.iter().next().expect("installed");
    let account = json!({"login": "acme", "id": one.account, "node_id": "O", "type": "Organization"});
    let mut body = json!({"action": action, "sender": account,
        "installation": {"id": id, "account": account, "app_id": 4242, "target_type": "Organization"}});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body.to_string().into_bytes()
}

fn demo(stage: &Stage) -> serde_json::Value {
    json!([{"id": stage.world.repo, "node_id": "R", "name": "demo", "full_name": "acme/demo", "private": false}])
}

fn state(stage: &Stage) -> Vec<Vec<(String, porter::ports::Value)>> {
    stage.rows("SELECT state FROM installations")
}

#[test]
fn an_installation_is_written_down_and_followed() {
    let stage = Stage::new(Mode::QuickApp);
    let is = |word: &str| vec![vec![("state".to_owned(), porter::ports::Value::Text(word.to_owned()))]];
    let created = event(&stage, "created", &json!({"repositories": demo(&stage)}));
    let seen = stage.deliver_raw("installation", "d-1", &created);
    assert_eq!((seen.status, seen.json()), (202, json!({"task_id": null})));
    assert_eq!(state(&stage), is("active"));
    assert_eq!(stage.rows("SELECT id FROM repositories WHERE installation_id IS NOT NULL").len(), 1);
    let suspend = event(&stage, "suspend", &json!({}));
    assert_eq!(stage.deliver_raw("installation", "d-2", &suspend).status, 202);
    assert_eq!(state(&stage), is("suspended"));
    let unsuspend = event(&stage, "unsuspend", &json!({}));
    assert_eq!(stage.deliver_raw("installation", "d-3", &unsuspend).status, 202);
    assert_eq!(stage.deliver_raw("installation", "d-2", &suspend).status, 200, "a delivery that comes again is known");
    assert_eq!(state(&stage), is("active"), "and suspends nothing a second time");
    assert_eq!(stage.deliver_raw("installation", "d-4", &event(&stage, "deleted", &json!({}))).status, 202);
    assert_eq!(state(&stage), is("deleted"));
}

#[test]
fn a_suspended_installation_stops_its_tasks() {
    for (event_name, action) in
        [("installation", "suspend"), ("installation", "deleted"), ("installation_repositories", "removed")]
    {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        let task = stage.ask("bob", issue, "@porter claude fix it");
        let machine = stage.boot();
        let more = json!({"repositories_removed": demo(&stage), "repositories_added": [],
            "repository_selection": "selected", "repositories": demo(&stage)});
        assert_eq!(stage.deliver_raw(event_name, "d-1", &event(&stage, action, &more)).status, 202, "{action}");
        assert_eq!(stage.task(&task)["status"], "stopped", "{action}");
        let told = machine.report_raw(&json!({"seq": 1, "lines": []}));
        assert!(told.json()["stop"].is_object(), "{action}: {:?}", told.json());
        stage.tick_after(60);
        assert!(stage.host.alive().is_empty(), "{action}");
    }
}

#[test]
fn removing_another_repository_stops_nothing_here() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let other = json!([{"id": 99_999, "node_id": "R", "name": "other", "full_name": "acme/other", "private": false}]);
    let more = json!({"repositories_removed": other, "repositories_added": []});
    assert_eq!(stage.deliver_raw("installation_repositories", "d-1", &event(&stage, "removed", &more)).status, 202);
    assert_eq!(stage.task(&task)["status"], "running");
    stage.end(&task);
}

#[test]
fn an_uninstalled_app_ends_its_task_though_nobody_can_be_told() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let installation = *stage.world.github.borrow().installations.keys().next().expect("installed");
    let now = porter::ports::Clock::now(&*stage.world.clock);
    stage.world.github.borrow_mut().uninstall(now, installation);
    stage.deliver_all();
    assert_eq!(stage.task(&task)["status"], "stopped");
    // The isolate may still hold a token that GitHub no longer knows.
    for _ in 0..3 {
        stage.tick_after(600);
    }
    assert!(stage.host.alive().is_empty());
}

#[test]
fn whatever_is_open_ends_with_the_installation() {
    for state in ["accepted", "queued", "launching", "running", "publishing"] {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        if state == "queued" {
            stage.ask("alice", issue, "@porter codex fix it");
        }
        if state == "accepted" {
            stage.github_trouble("GET", "/permission", 1, Trouble::Status(502));
        }
        stage.world.clock.advance_ms(1000);
        let task = stage.ask("bob", issue, "@porter claude fix it");
        if state == "running" {
            stage.boot();
        }
        if state == "publishing" {
            let machine = stage.boot();
            stage.github_trouble("POST", "/pulls", 1, Trouble::Status(502));
            assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n")])).status, 503);
        }
        assert_eq!(stage.task(&task)["state"], state);
        let installation = *stage.world.github.borrow().installations.keys().next().expect("installed");
        let now = porter::ports::Clock::now(&*stage.world.clock);
        stage.world.github.borrow_mut().uninstall(now, installation);
        stage.deliver_all();
        for _ in 0..15 {
            stage.tick_after(60);
        }
        let status = if state == "publishing" { "failed" } else { "stopped" };
        assert_eq!(stage.task(&task)["status"], status, "{state}");
        assert!(stage.rows("SELECT key FROM effects WHERE state = 'pending'").is_empty(), "{state}: nothing hangs");
        assert!(stage.host.alive().is_empty(), "{state}");
    }
}

#[test]
fn an_uninstall_that_was_never_delivered_is_asked_for_again() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let mut machine = stage.boot();
    let installation = *stage.world.github.borrow().installations.keys().next().expect("installed");
    let now = porter::ports::Clock::now(&*stage.world.clock);
    stage.world.github.borrow_mut().uninstall(now, installation);
    for delivery in stage.world.take_deliveries() {
        stage.world.answered(delivery, 0);
    }
    for _ in 0..6 {
        machine.report("working", &[]);
        stage.tick_after(60);
        stage.deliver_all();
    }
    assert_eq!(stage.task(&task)["status"], "stopped");
    stage.tick_after(600);
}

//! Lists, their filters and pages, and making, stopping and repeating tasks through the API.

use std::collections::BTreeSet;

use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::description::{NOBODY, hold};
use crate::stage::{Seen, Stage};

fn get(stage: &Stage, address: &str) -> Seen {
    let seen = stage.request("GET", address, &[], b"");
    hold("GET", address.split('?').next().unwrap_or_default(), &seen);
    seen
}

fn change(stage: &Stage, method: &str, path: &str, body: &Value) -> Seen {
    let seen = stage.change(method, path, &body.to_string());
    hold(method, path, &seen);
    seen
}

fn make(stage: &Stage, body: &Value) -> String {
    let seen = change(stage, "POST", "/api/tasks", body);
    assert_eq!(seen.status, 202, "{}", String::from_utf8_lossy(&seen.body));
    seen.json()["task_id"].as_str().expect("a task").to_owned()
}

fn ids(page: &Value) -> Vec<String> {
    let tasks = page["tasks"].as_array().expect("tasks");
    tasks.iter().map(|task| task["id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Stops every task that has not ended, so that the stage may be left.
fn stop_all(stage: &Stage) {
    for id in ids(&get(stage, "/api/tasks?limit=100").json()) {
        let seen = change(stage, "POST", &format!("/api/tasks/{id}/stop"), &json!({}));
        assert!([202, 409].contains(&seen.status));
    }
    stage.tick_after(1);
    stage.deliver_all();
}

/// A stage with tasks that were all made in the same millisecond.
fn stage_with(count: usize) -> (Stage, Vec<String>) {
    let stage = Stage::new(Mode::Token);
    let made = (0..count)
        .map(|number| {
            let issue = stage.world.issue("alice", &format!("Issue {number}"), "Please.");
            let agent = if number % 2 == 0 { "claude" } else { "codex" };
            make(&stage, &json!({"repo": "acme/demo", "issueNumber": issue, "agent": agent}))
        })
        .collect();
    stage.deliver_all();
    (stage, made)
}

#[test]
fn a_task_is_made_run_stopped_and_repeated() {
    let stage = Stage::new(Mode::Token);
    let issue = stage.world.issue("alice", "Greet the world", "It says hello only.");
    let body = json!({"repo": "acme/demo", "issueNumber": issue, "agent": "claude-code", "instructions": "greet it",
        "priority": 2, "model": "claude-sonnet-4-5", "unknown": true});
    let id = make(&stage, &body);
    let task = get(&stage, &format!("/api/tasks/{id}")).json();
    assert_eq!(task["agent"], "claude");
    assert_eq!(task["priority"], 2);
    assert_eq!(task["status"], "running", "{task:#}");
    assert_eq!(task, get(&stage, &format!("/api/tasks/{id}/status")).json());
    let mut machine = stage.boot();
    assert_eq!(machine.job()["agent"]["model"], "claude-sonnet-4-5");
    assert!(machine.job()["prompt"].as_str().is_some_and(|prompt| prompt.contains("greet it")));

    let early = change(&stage, "POST", &format!("/api/tasks/{id}/retry"), &json!({}));
    assert_eq!((early.status, &early.json()["error"]["code"]), (409, &json!("conflict")));
    assert_eq!(change(&stage, "DELETE", &format!("/api/tasks/{id}"), &json!({})).status, 202);
    assert_eq!(change(&stage, "POST", &format!("/api/tasks/{id}/stop"), &json!({})).status, 409);
    assert!(machine.report("working", &["still here"]).json()["stop"].is_object());
    assert_eq!(get(&stage, &format!("/api/tasks/{id}")).json()["status"], "stopped");

    let again = change(&stage, "PUT", &format!("/api/tasks/{id}/retry"), &json!({})).json();
    let again = again["task_id"].as_str().expect("a new task").to_owned();
    assert_ne!(again, id);
    assert_eq!(get(&stage, &format!("/api/tasks/{again}")).json()["retryOf"], json!(id));
    stop_all(&stage);
}

#[test]
fn what_is_wrong_with_a_new_task_is_named() {
    let stage = Stage::new(Mode::Token);
    let issue = stage.world.issue("alice", "Greet the world", "");
    stage.deliver_all();
    let good = json!({"repo": "acme/demo", "issueNumber": issue});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let table = [
        (json!({"issueNumber": 1}), "repo"),
        (json!({"repo": "acme/demo"}), "issueNumber"),
        (json!([]), "body"),
        (with("repo", json!(7)), "repo"),
        (with("repo", json!("demo")), "repo"),
        (with("repo", json!("acme/..")), "repo"),
        (with("repo", json!("mallory/other")), "repo"),
        (with("issueNumber", json!("1")), "issueNumber"),
        (with("issueNumber", json!(1.5)), "issueNumber"),
        (with("issueNumber", json!(0)), "issueNumber"),
        (with("issueNumber", json!(-1)), "issueNumber"),
        (with("issueNumber", json!(999)), "issueNumber"),
        (with("agent", json!("copilot")), "agent"),
        (with("agent", json!(["claude"])), "agent"),
        (with("priority", json!(3)), "priority"),
        (with("priority", json!("high")), "priority"),
        (with("model", json!("")), "model"),
        (with("model", json!("--dangerous")), "model"),
        (with("model", json!("a b")), "model"),
        (with("model", json!("x".repeat(101))), "model"),
        (with("instructions", json!({})), "instructions"),
    ];
    for (body, field) in table {
        let seen = change(&stage, "POST", "/api/tasks", &body);
        let message = seen.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(seen.status, 422, "{body}: {message}");
        assert!(message.contains(field), "{body}: {message}");
    }
    assert_eq!(stage.rows("SELECT id FROM tasks").len(), 0);
}

#[test]
fn lists_are_filtered() {
    let (stage, made) = stage_with(4);
    change(&stage, "POST", &format!("/api/tasks/{}/stop", made[0]), &json!({}));
    let expected = |wanted: &[usize]| wanted.iter().map(|index| made[*index].clone()).collect::<BTreeSet<_>>();
    let table: [(&str, &[usize]); 16] = [
        ("", &[0, 1, 2, 3]),
        ("?status=stopped", &[0]),
        ("?status=running", &[1, 2, 3]),
        ("?status=success", &[]),
        ("?status=", &[0, 1, 2, 3]),
        ("?repo=acme/demo", &[0, 1, 2, 3]),
        ("?repo=ACME%2FDemo", &[0, 1, 2, 3]),
        ("?repo=acme/other", &[]),
        ("?agent=claude", &[0, 2]),
        ("?agent=claude-code", &[0, 2]),
        ("?agent=nobody", &[]),
        ("?q=issue+3", &[3]),
        ("?q=Issue%203", &[3]),
        ("?q=%25", &[]),
        ("?agent=claude&status=running", &[2]),
        ("?unknown=1&agent=codex", &[1, 3]),
    ];
    for (query, wanted) in table {
        let page = get(&stage, &format!("/api/tasks{query}")).json();
        assert_eq!(ids(&page).into_iter().collect::<BTreeSet<_>>(), expected(wanted), "{query}");
    }
    let history = get(&stage, "/api/tasks/history").json();
    assert_eq!(ids(&history), [made[0].clone()]);
    stop_all(&stage);
}

#[test]
fn pages_have_every_task_once_though_all_are_of_one_moment() {
    let (stage, made) = stage_with(5);
    for id in [&made[1], &made[3]] {
        change(&stage, "POST", &format!("/api/tasks/{id}/stop"), &json!({}));
    }
    for (path, wanted) in [("/api/tasks", made.clone()), ("/api/tasks/history", vec![made[1].clone(), made[3].clone()])]
    {
        for limit in 1..=6 {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = get(&stage, &format!("{path}?limit={limit}{cursor}")).json();
                let found = ids(&page);
                assert!(
                    found.len() <= limit && (!found.is_empty() || page["next"].is_null()),
                    "{path}: a page is filled"
                );
                seen.extend(found);
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice: {seen:?}");
            assert_eq!(seen.iter().collect::<BTreeSet<_>>(), wanted.iter().collect(), "{path} by {limit}");
        }
    }
    stop_all(&stage);
}

#[test]
fn wrong_parameters_are_named() {
    let stage = Stage::new(Mode::Token);
    let table = [
        ("status=done", "status"),
        ("status=%00", "status"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=1.x", "cursor"),
        ("cursor=x.01aaaaaaaaaaaaaaaaaaaaaaaa", "cursor"),
        ("cursor=1", "cursor"),
        ("cursor=%27%3B--", "cursor"),
    ];
    for path in ["/api/tasks", "/api/tasks/history"] {
        for (query, field) in table {
            let seen = get(&stage, &format!("{path}?{query}"));
            let message = seen.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
            assert_eq!(seen.status, 422, "{query}: {message}");
            assert!(message.starts_with(&format!("{field}: ")), "{query}: {message}");
        }
    }
}

#[test]
fn a_task_that_is_not_there_is_not_found() {
    let stage = Stage::new(Mode::Token);
    for id in [NOBODY, "x", "..", "%2e%2e", "01AAAAAAAAAAAAAAAAAAAAAAAA", "history%2Fx", &"a".repeat(5000)] {
        for (method, rest) in
            [("GET", ""), ("GET", "/status"), ("GET", "/events"), ("POST", "/stop"), ("POST", "/retry"), ("DELETE", "")]
        {
            let path = format!("/api/tasks/{id}{rest}");
            assert_eq!(stage.change(method, &path, "{}").status, 404, "{method} {path}");
        }
    }
    for name in ["nobody", "", "claude/x"] {
        assert_eq!(get(&stage, &format!("/api/agents/{name}")).status, 404, "{name}");
    }
    assert_eq!(get(&stage, "/api/agents/claude-code").json()["name"], "claude");
    let agents = get(&stage, "/api/agents").json();
    let available = |name: &str| {
        agents["agents"].as_array().into_iter().flatten().any(|it| it["name"] == name && it["status"] == "available")
    };
    assert!(available("claude") && available("codex") && !available("gemini"), "{agents:#}");
}

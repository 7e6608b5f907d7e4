//! Every kind of answer through a task's whole life, held to the description; and no answer that shows a key.

use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::description::hold;
use crate::stage::machine::{Machine, file};
use crate::stage::{Seen, Stage};

const LOOKS: [&str; 7] = [
    "/api/tasks",
    "/api/tasks/history",
    "/api/agents",
    "/api/startup/check",
    "/api/openapi.json",
    "/healthz",
    "/metrics",
];

fn get(stage: &Stage, path: &str) -> Seen {
    let seen = stage.request("GET", path, &[], b"");
    hold("GET", path, &seen);
    seen
}

fn callback(what: &str, seen: &Seen) {
    hold("POST", &format!("/api/callbacks/{what}"), seen);
}

/// A stage with an issue, and the id of the task that a comment on it made.
fn asked(mode: Mode) -> (Stage, String) {
    let stage = Stage::new(mode);
    let issue = stage.world.issue("alice", "Greet the world", "It says hello only.");
    stage.deliver_all();
    let seen = stage.comment("bob", issue, "@porter claude please greet the world");
    hold("POST", "/api/webhooks/github", &seen);
    let id = seen.json()["task_id"].as_str().expect("a task").to_owned();
    (stage, id)
}

fn status(stage: &Stage, id: &str) -> Value {
    get(stage, &format!("/api/tasks/{id}")).json()["status"].clone()
}

#[test]
fn the_main_jobs_answers_are_as_described() {
    let (stage, id) = asked(Mode::QuickApp);
    let mut machine = stage.boot();
    callback("start", &machine.start);
    callback("start", &Machine::boot_as(&stage, &machine.made, "another boot").start);
    callback("events", &machine.report("working", &["reading src/main.rs"]));
    assert_eq!(status(&stage, &id), "running");
    let (address, session) = ("acme/demo.git/info/refs?service=git-upload-pack", machine.session());
    hold("GET", "/api/callbacks/git/acme/demo.git/info/refs", &machine.git("GET", address, &session));
    hold("GET", "/api/callbacks/git/acme/demo.git/info/refs", &machine.git("GET", address, "wrong"));
    let files = json!([file("src/main.rs", "fn main() {}\n")]);
    let done = machine.hand_over(&files);
    callback("complete", &done);
    callback("complete", &machine.hand_over(&json!([file("other.rs", "")])));
    callback("events", &machine.report("working", &["late"]));
    assert_eq!(done.json()["status"], "success");
    let task = get(&stage, &format!("/api/tasks/{id}")).json();
    assert!(task["readiness"].is_u64() && task["usage"]["costMicros"] == 5000, "{task:#}");
    assert_eq!(get(&stage, "/api/tasks/history").json()["tasks"][0]["prNumber"], task["prNumber"]);
    for path in LOOKS {
        get(&stage, path);
    }
    stage.tick_after(60);
    assert!(String::from_utf8_lossy(&get(&stage, "/metrics").body).contains("porter_tasks{state=\"succeeded\"} 1"));
}

#[test]
fn other_ends_are_as_described() {
    let ends = [
        (json!({"outcome": "no_changes", "reason": "It is fine as it is."}), "success"),
        (json!({"outcome": "failed", "reason": "The model said no."}), "failed"),
        (json!({"outcome": "changes"}), "running"),
        (json!({"outcome": "perhaps"}), "running"),
        (
            json!({"outcome": "changes", "change_set": {"base_sha": "x", "message": "m",
            "files": [{"path": "../up", "deleted": true}]}}),
            "failed",
        ),
    ];
    for (rest, expected) in ends {
        let (stage, id) = asked(Mode::QuickApp);
        let machine = stage.boot();
        callback("complete", &machine.complete(&rest));
        assert_eq!(status(&stage, &id), expected, "{rest}");
        stage.change("POST", &format!("/api/tasks/{id}/stop"), "{}");
        stage.tick_after(60);
    }
}

#[test]
fn deliveries_are_answered_as_described() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.world.issue("alice", "Greet the world", "");
    stage.deliver_all();
    for text in ["just talk", "@porter help", "@porter status", "@porter cluade fix it"] {
        hold("POST", "/api/webhooks/github", &stage.comment("bob", issue, text));
    }
    let delivery = stage.world.comment("bob", issue, "@porter help");
    let first = stage.deliver(&delivery);
    let again = stage.deliver(&delivery);
    stage.world.answered(delivery, first.status);
    for (seen, status) in [(&first, 202), (&again, 200)] {
        hold("POST", "/api/webhooks/github", seen);
        assert_eq!(seen.status, status);
    }
}

#[test]
fn what_is_missing_is_named_without_its_value() {
    let stage = Stage::new(Mode::Token);
    for name in ["FLY_API_TOKEN", "ENCRYPTION_KEYS"] {
        stage.set(name, None);
    }
    stage.set("ANTHROPIC_API_KEY", Some("your-key-here"));
    let seen = get(&stage, "/api/startup/check");
    assert_eq!(seen.status, 503);
    let answer = seen.json();
    assert_eq!(answer["missing"], json!(["ENCRYPTION_KEYS", "FLY_API_TOKEN"]));
    let text = answer.to_string();
    assert!(text.contains("ANTHROPIC_API_KEY") && !text.contains("your-key-here"), "{text}");
}

#[test]
fn the_page_of_npm_start_gets_its_token_and_nothing_else_that_is_secret() {
    let stage = Stage::new(Mode::Token);
    assert_eq!(get(&stage, "/api/local").status, 404);
    stage.set("PORTER_LOCAL", Some(r#"{"mode":"demo","comment_url":"http://127.0.0.1:9/secret-path"}"#));
    let seen = get(&stage, "/api/local");
    assert_eq!(
        seen.json(),
        json!({"mode": "demo", "comment_url": "/api/local/comment", "start_token": crate::stage::START_TOKEN})
    );
}

/// Every secret the instance is set to.
fn secrets(stage: &Stage) -> Vec<(String, String)> {
    let named = |name: &str| ["KEY", "TOKEN", "SECRET"].iter().any(|word| name.contains(word));
    stage.settings.borrow().iter().filter(|(name, _)| named(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn shows_none(secrets: &[(String, String)], what: &str, text: &str) {
    for (name, value) in secrets {
        assert!(!text.contains(value.as_str()), "{what} shows {name}");
        for part in value.split([':', '\n']).filter(|part| part.len() >= 16) {
            assert!(!text.contains(part), "{what} shows a part of {name}");
        }
    }
}

#[test]
fn no_answer_shows_a_key() {
    for mode in [Mode::QuickApp, Mode::Token] {
        for outcome in ["failed", "no_changes", "changes"] {
            let (stage, id) = asked(mode);
            let secrets = secrets(&stage);
            assert!(secrets.len() >= 6, "{secrets:?}");
            let mut machine = stage.boot();
            let (session, claim) = (machine.session(), machine.made.env("CLAIM_TOKEN"));
            // What a runner should never send: every key, as its log, its summary, its file and its reason.
            let all: Vec<&str> = secrets.iter().map(|(_, value)| value.as_str()).collect();
            let mut answers = vec![("report".to_owned(), machine.report("working", &all))];
            let base = machine.job()["repository"]["base_sha"].clone();
            let said = all.join(" ");
            let result = json!({"outcome": outcome, "reason": said, "summary": said, "usage": {"model": said}, "change_set":
            {"base_sha": base, "message": format!("Greet {said}\n\n{said}"), "files": [file("new.md", "Hello.\n")]}});
            let done = machine.complete(&result);
            callback("complete", &done);
            assert_eq!(done.status, 200);
            answers.push(("complete".to_owned(), done));
            for path in LOOKS.map(str::to_owned).into_iter().chain([format!("/api/tasks/{id}")]) {
                answers.push((path.clone(), get(&stage, &path)));
            }
            for (what, seen) in &answers {
                let text = format!("{:?} {}", seen.headers, String::from_utf8_lossy(&seen.body));
                shows_none(&secrets, what, &text);
                assert!(!text.contains(&session) && !text.contains(&claim), "{what} shows a machine's token");
            }
            let task = porter::domain::ids::TaskId::parse(&id).expect("an id");
            let story = stage.with(async |app| porter::http::events::next(app, &task, 0).await).expect("a story");
            shows_none(
                &secrets,
                "the story",
                &story.iter().map(porter::http::events::ServerSent::text).collect::<String>(),
            );
            for (author, text) in stage.world.comments(1) {
                shows_none(&secrets, &format!("a comment by {author}"), &text);
            }
            for pull in stage.world.pull_requests() {
                shows_none(&secrets, "a pull request", &format!("{pull:?}"));
            }
            for table in [
                "SELECT * FROM tasks",
                "SELECT * FROM task_events",
                "SELECT * FROM attempts",
                "SELECT * FROM results",
                "SELECT * FROM effects",
                "SELECT * FROM log_batches",
                "SELECT * FROM facts",
                "SELECT * FROM jobs",
            ] {
                shows_none(&secrets, table, &format!("{:?}", stage.rows(table)));
            }
            for line in stage.log.lines() {
                shows_none(&secrets, "the log", &format!("{line:?}"));
            }
            stage.tick_after(60);
        }
    }
}

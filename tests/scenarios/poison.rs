//! Effects and rows that can never work: each ends with an alert and a reason, and none holds up the others.

use porter::ports::{Level, Value};
use porter_world::github::Trouble;
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;

fn alerts(stage: &Stage, message: &str) -> Vec<Vec<(String, String)>> {
    let lines = stage.log.lines().into_iter();
    lines.filter(|(level, text, _)| *level == Level::Error && text == message).map(|(_, _, fields)| fields).collect()
}

fn text(stage: &Stage, address: &str) -> String {
    String::from_utf8_lossy(&stage.request("GET", address, &[], b"").body).into_owned()
}

#[test]
fn a_row_that_nobody_can_read_is_buried_and_the_others_go_on() {
    let stage = Stage::new(Mode::QuickApp);
    let (first, second) = (stage.issue(), stage.issue());
    stage.github_trouble("GET", "/permission", 1, Trouble::Status(502));
    let broken = stage.ask("bob", first, "@porter claude fix it");
    stage.rows("UPDATE effects SET payload = '{' WHERE kind = 'authorise'");
    let task = stage.ask("alice", second, "@porter claude fix it");
    assert_eq!(stage.task(&task)["status"], "running", "not held up");
    stage.tick_after(60);
    stage.tick_after(60);
    assert_eq!(stage.task(&broken)["status"], "failed");
    let comment = stage.status_comment(first, &broken);
    assert!(comment.contains("gave up while asking GitHub whether you may ask"), "{comment}");
    let told = stage.replies(first);
    assert!(told.len() == 1 && told[0].starts_with("@bob") && told[0].contains("retry"), "{told:?}");

    let alerts = alerts(&stage, "An effect is given up");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(alerts[0].iter().any(|(name, value)| name == "effect" && *value == format!("authorise:{broken}")));
    assert!(text(&stage, "/metrics").contains("porter_effects{state=\"dead\"} 1"));
    stage.comment("bob", second, "@porter doctor");
    let doctor = stage.replies(second).pop().expect("an answer");
    assert!(doctor.contains("effects given up") && doctor.contains("1 in the last seven days"), "{doctor}");
    assert!(doctor.contains("authorise") && doctor.contains("mend the cause"), "{doctor}");
    stage.end(&task);
}

#[test]
fn an_effect_whose_tries_never_end_is_given_up() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("GET", "/git/trees", 1, Trouble::Status(502));
    let task = stage.ask("bob", issue, "@porter claude fix it");
    // As if each holder of its lease had died.
    stage.rows("UPDATE effects SET tries = 80, created_at = 0 WHERE kind = 'launch'");
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["status"], "failed");
    assert!(stage.status_comment(issue, &task).contains("gave up while carrying it out"));
    assert!(stage.host.all().is_empty());
    for _ in 0..8 {
        stage.tick_after(60);
    }
}

#[test]
fn a_task_whose_driving_effect_is_dead_is_ended_with_the_reason() {
    for (kind, words) in [("launch", "making a machine"), ("publish", "did not take the result")] {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        let path = if kind == "launch" { "/git/trees" } else { "/git/commits" };
        let method = if kind == "launch" { "GET" } else { "POST" };
        stage.github_trouble(method, path, 10_000, Trouble::Status(502));
        let task = stage.ask("bob", issue, "@porter claude fix it");
        if kind == "publish" {
            let files = json!([crate::stage::machine::file("a.txt", "new\n")]);
            assert_eq!(stage.boot().hand_over(&files).status, 503);
        }
        // A version of Porter that buried it and died before the end was written down.
        stage.rows("UPDATE effects SET state = 'dead' WHERE kind IN ('launch', 'publish') AND state = 'pending'");
        stage.tick_after(60);
        assert_eq!(stage.task(&task)["status"], "failed", "{kind}");
        let comment = stage.status_comment(issue, &task);
        assert!(comment.contains(words), "{kind}: {comment}");
        for _ in 0..8 {
            stage.tick_after(60);
        }
    }
}

#[test]
fn a_task_that_nobody_can_read_does_not_hold_up_the_others() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("1"));
    let first = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let broken = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let third = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let [row] = &stage.rows("SELECT id FROM tasks WHERE state = 'queued' ORDER BY created_at, id LIMIT 1")[..] else {
        panic!("one row");
    };
    assert_eq!(row[0].1, Value::Text(broken.clone()));
    let sql = format!("UPDATE tasks SET origin = '{{' WHERE id = '{broken}'");
    stage.rows(sql.leak());
    stage.end(&first);
    assert_eq!(stage.task(&third)["status"], "running", "the next in the queue");
    // Nor may it hide that the third one's machine falls silent.
    stage.boot();
    stage.tick_after(125);
    stage.tick_after(60);
    assert_eq!(stage.task(&third)["attempt"], 2);
    assert!(!alerts(&stage, "A task cannot be read").is_empty());
    stage.end(&third);
    stage.rows("UPDATE tasks SET finished_at = 1 WHERE origin = '{'");
    stage.rows("UPDATE effects SET state = 'done' WHERE state = 'pending'");
}

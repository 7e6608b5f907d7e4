//! Intake: what is not for Porter leaves no trace, what is for it is kept once, and trouble is said in time.

use porter_world::github::UserKind;
use porter_world::world::{Mode, WEBHOOK_SECRET};
use serde_json::json;

use crate::stage::sqlite::SqlTrouble;
use crate::stage::{Stage, signature};

#[test]
fn talk_leaves_the_database_byte_equal() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let before = stage.dump();
    for text in [
        "nice work",
        "I asked @porter yesterday",
        "> @porter claude fix it",
        "```\n@porter claude fix it\n```",
        "    @porter claude fix it",
        "see `@porter claude` in the docs",
        "<!-- @porter claude fix it -->",
        "@porters claude fix it",
        "me@porter claude fix it",
        "[@porter claude](https://example.com)",
        "@porter claude fix it\n<!-- porter:task=abc -->",
    ] {
        let seen = stage.comment("bob", issue, text);
        assert_eq!(seen.status, 200, "{text:?}");
        assert_eq!(stage.dump(), before, "{text:?}");
    }
    assert!(stage.ours(issue).is_empty());
}

#[test]
fn a_bot_or_an_edit_commands_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.world.github.borrow_mut().add_user("helper[bot]", UserKind::Bot);
    stage.world.role("helper[bot]", Some(porter_world::github::Role::Admin));
    let before = stage.dump();
    assert_eq!(stage.comment("helper[bot]", issue, "@porter claude fix it").status, 200);
    assert_eq!(stage.dump(), before);

    let comment = stage.world.comment_quietly("bob", issue, "hello");
    stage.deliver_all();
    stage.world.edit_comment(comment, "@porter claude fix it");
    for delivery in stage.world.take_deliveries() {
        assert_eq!(stage.deliver(&delivery).status, 204, "an edit");
    }
    assert_eq!(stage.dump(), before);
}

#[test]
fn a_text_brought_by_somebody_else_commands_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    let mut body: serde_json::Value = serde_json::from_slice(&delivery.body).expect("JSON");
    body["sender"]["id"] = json!(stage.world.user("alice"));
    body["sender"]["login"] = json!("alice");
    let before = stage.dump();
    assert_eq!(stage.deliver_raw("issue_comment", "d-1", body.to_string().as_bytes()).status, 200);
    for action in ["edited", "deleted"] {
        body["action"] = json!(action);
        assert_eq!(stage.deliver_raw("issue_comment", "d-2", body.to_string().as_bytes()).status, 204, "{action}");
    }
    assert_eq!(stage.dump(), before);
}

#[test]
fn unknown_events_and_pings_are_answered() {
    let stage = Stage::new(Mode::QuickApp);
    let before = stage.dump();
    assert_eq!(stage.deliver_raw("push", "d-1", b"{\"ref\":\"refs/heads/main\"}").status, 204);
    assert_eq!(stage.deliver_raw("workflow_run", "d-2", b"{\"action\":\"completed\"}").status, 204);
    assert_eq!(stage.deliver_raw("ping", "d-3", b"{\"zen\":\"Keep it logically awesome.\"}").status, 200);
    assert_eq!(stage.dump(), before);
}

#[test]
fn a_bad_signature_is_answered_before_anything_else() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    let body: &[u8] = &delivery.body;
    let good = signature(WEBHOOK_SECRET, body);
    let before = stage.dump();
    let wrong = signature("another secret", body);
    let cut = good.get(..good.len() - 2).expect("ASCII").to_owned();
    let upper = good.replace("sha256=", "sha1=");
    for value in ["", "sha256=", "sha256=zz", &wrong, &cut, &upper] {
        let headers = [("x-github-event", "issue_comment"), ("x-github-delivery", "d"), ("x-hub-signature-256", value)];
        let seen = stage.request("POST", "/api/webhooks/github", &headers, body);
        assert_eq!((seen.status, stage.dump() == before), (401, true), "{value:?}");
    }
    let sha1_only = [("x-github-event", "issue_comment"), ("x-github-delivery", "d"), ("x-hub-signature", "sha1=00")];
    assert_eq!(stage.request("POST", "/api/webhooks/github", &sha1_only, body).status, 401);
    // A body that is no JSON and an event nobody knows are told nothing either.
    assert_eq!(stage.request("POST", "/api/webhooks/github", &[("x-github-event", "push")], b"not json").status, 401);

    stage.set("GITHUB_WEBHOOK_SECRET", None);
    assert_eq!(stage.deliver(&delivery).status, 401, "without a secret every delivery is refused");
    assert_eq!(stage.dump(), before);
}

#[test]
fn what_is_no_delivery_is_named() {
    let stage = Stage::new(Mode::QuickApp);
    let before = stage.dump();
    assert_eq!(stage.deliver_raw("issue_comment", "d-1", b"this is @porter, not JSON").status, 400);
    assert_eq!(stage.deliver_raw("issue_comment", "d-1", b"{\"body\": \"@porter\", }").status, 400);
    assert_eq!(stage.deliver_raw("issues", "d-1", b"{not json}").status, 400);

    let issue = stage.world.issue("alice", "A", "B");
    stage.world.take_deliveries();
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    let mut body: serde_json::Value = serde_json::from_slice(&delivery.body).expect("JSON");
    body["comment"]["id"] = json!("a text");
    let seen = stage.deliver_raw("issue_comment", "d-2", body.to_string().as_bytes());
    assert_eq!(seen.status, 422);
    assert!(String::from_utf8_lossy(&seen.body).contains("comment.id"), "{:?}", String::from_utf8_lossy(&seen.body));

    let large = vec![b' '; 25 * 1024 * 1024 + 1];
    assert_eq!(stage.deliver_raw("issue_comment", "d-3", &large).status, 413);
    assert_eq!(stage.dump(), before);
}

#[test]
fn a_database_in_trouble_asks_for_the_delivery_again() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    let before = stage.dump();
    stage.sql.trouble(&[SqlTrouble::Refused]);
    let seen = stage.deliver(&delivery);
    assert_eq!(seen.status, 503);
    assert!(seen.headers.iter().any(|(name, _)| *name == "retry-after"));
    assert_eq!(stage.dump(), before, "nothing was kept");
    assert!(!String::from_utf8_lossy(&seen.body).contains("trouble on the stage"), "a fault's text is for the log");

    let again = stage.deliver(&delivery);
    assert_eq!(again.status, 202);
    stage.end(again.json()["task_id"].as_str().expect("a task"));
}

#[test]
fn a_lost_answer_of_the_database_makes_no_second_task() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    stage.sql.trouble(&[SqlTrouble::LostReply]);
    assert_eq!(stage.deliver(&delivery).status, 503);
    assert_eq!(stage.deliver(&delivery).status, 200, "it was kept after all");
    let tasks = stage.request("GET", "/api/tasks", &[], b"").json();
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(1));
    stage.tick_after(60);
    stage.end(tasks["tasks"][0]["id"].as_str().expect("a task"));
}

#[test]
fn the_same_text_makes_one_task_whoever_brings_it() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    let first = stage.deliver(&delivery);
    assert_eq!(first.status, 202);
    assert_eq!(stage.deliver(&delivery).status, 200, "the same delivery");
    assert_eq!(stage.deliver_raw("issue_comment", "another", &delivery.body).status, 200, "the same text");
    assert_eq!(stage.rows("SELECT id FROM tasks").len(), 1);
    stage.end(first.json()["task_id"].as_str().expect("a task"));
}

#[test]
fn commands_without_a_task_name_the_one_they_concern() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    for text in ["@porter help", "@porter doctor", "@porter status", "@porter stop", "@porter retry", "@porter --nope"]
    {
        let seen = stage.comment("bob", issue, text);
        assert_eq!((seen.status, seen.json()), (202, json!({"task_id": null})), "{text}");
    }
    let task = stage.ask("bob", issue, "@porter claude fix it");
    for text in ["@porter status", "@porter stop"] {
        let seen = stage.comment("bob", issue, text);
        assert_eq!((seen.status, seen.json()), (202, json!({"task_id": task})), "{text}");
    }
    stage.tick_after(60);
}

#[test]
fn the_word_people_write_can_be_another_one() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MENTION", Some("@acme-porter"));
    let issue = stage.issue();
    assert_eq!(stage.comment("bob", issue, "@porter claude fix it").status, 200);
    let task = stage.ask("bob", issue, "@ACME-Porter claude fix it");
    stage.end(&task);
    assert!(stage.replies(issue)[0].contains("@acme-porter retry"), "{:?}", stage.replies(issue));
}

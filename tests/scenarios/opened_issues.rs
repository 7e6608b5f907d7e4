//! Opened issues: a command in the body, and repositories that ask for every issue to be run. Reviews command, too.

use porter_world::github::Change;
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;

/// Gives the repository a configuration.
fn configure(stage: &Stage, text: &str) {
    stage.world.push_commit("alice", "main", "Configure", &[Change::Write(".porter/config.json", text)]);
    stage.world.take_deliveries();
}

/// Opens an issue and brings the delivery.
fn open(stage: &Stage, author: &str, body: &str) -> (i64, u16, serde_json::Value) {
    let issue = stage.world.issue(author, "Greet the world", body);
    let delivery = stage.world.take_deliveries().pop().expect("a delivery");
    let seen = stage.deliver(&delivery);
    (issue, seen.status, seen.json())
}

#[test]
fn the_body_of_an_opened_issue_commands() {
    let stage = Stage::new(Mode::QuickApp);
    let (issue, status, answer) = open(&stage, "bob", "The greeting is wrong.\n\n@porter codex fix it");
    assert_eq!(status, 202);
    let task = answer["task_id"].as_str().expect("a task").to_owned();
    let machine = stage.boot();
    assert_eq!(machine.job()["agent"]["name"], "codex");
    assert!(machine.job()["prompt"].as_str().is_some_and(|prompt| prompt.contains("fix it")));
    let repository = stage.world.repository();
    let eyes = |one: &&porter_world::github::Reaction| {
        one.subject == porter_world::github::Subject::Issue(issue) && one.content == "eyes"
    };
    assert_eq!(repository.reactions.values().filter(eyes).count(), 1, "the issue itself carries the reaction");
    drop(repository);
    stage.end(&task);
}

#[test]
fn without_configuration_an_opened_issue_is_not_for_us() {
    let stage = Stage::new(Mode::QuickApp);
    let before = stage.dump();
    assert_eq!(open(&stage, "bob", "Please fix it").1, 200);
    configure(&stage, "{\"auto_run\": false}");
    assert_eq!(open(&stage, "bob", "Please fix it").1, 200);
    configure(&stage, "{this is not JSON");
    assert_eq!(open(&stage, "bob", "Please fix it").1, 200);
    assert_eq!(stage.dump(), before);
}

#[test]
fn a_repository_may_ask_for_every_issue_to_be_run() {
    let stage = Stage::new(Mode::QuickApp);
    configure(&stage, "{\"auto_run\": true, \"agent\": \"codex\", \"skip_labels\": [\"question\"]}");
    let (issue, status, answer) = open(&stage, "bob", "Please fix it");
    assert_eq!(status, 202);
    let task = answer["task_id"].as_str().expect("a task").to_owned();
    assert_eq!(stage.boot().job()["agent"]["name"], "codex", "as the repository prefers");
    assert_eq!(stage.world.labels(issue), ["porter:running"]);
    stage.end(&task);
}

#[test]
fn skip_labels_are_respected() {
    let stage = Stage::new(Mode::QuickApp);
    configure(&stage, "{\"auto_run\": true, \"skip_labels\": [\"Question\"]}");
    stage.world.issue("bob", "How does it work?", "I wonder.");
    let delivery = stage.world.take_deliveries().pop().expect("a delivery");
    let mut body: serde_json::Value = serde_json::from_slice(&delivery.body).expect("JSON");
    body["issue"]["labels"] = json!([{"id": 1, "node_id": "L", "url": "https://api.github.com/l", "name": "question",
        "color": "ffffff", "default": false, "description": null}]);
    let before = stage.dump();
    assert_eq!(stage.deliver_raw("issues", "d-1", body.to_string().as_bytes()).status, 200);
    assert_eq!(stage.dump(), before);
}

#[test]
fn a_stranger_who_opens_an_issue_starts_nothing_and_is_not_talked_at() {
    let stage = Stage::new(Mode::QuickApp);
    configure(&stage, "{\"auto_run\": true}");
    let (issue, _, _) = open(&stage, "mallory", "Please fix it");
    stage.tick_after(60);
    assert!(stage.host.all().is_empty(), "no machine");
    assert!(stage.world.labels(issue).is_empty());
    // Nothing was asked of Porter, so a refusal would be talk at a stranger who reported a bug.
    assert!(stage.ours(issue).is_empty(), "{:?}", stage.ours(issue));
}

#[test]
fn reviews_and_line_comments_command() {
    let stage = Stage::new(Mode::QuickApp);
    stage.world.push_commit("bob", "topic", "Work", &[Change::Write("src/new.rs", "fn new() {}\n")]);
    let pull = stage.world.open_pull("bob", None, "topic", "A topic");
    stage.world.take_deliveries();
    stage.world.review("bob", pull, "COMMENTED", "@porter claude make it shorter");
    let delivery = stage.world.take_deliveries().pop().expect("a delivery");
    let seen = stage.deliver(&delivery);
    assert_eq!(seen.status, 202);
    let first = seen.json()["task_id"].as_str().expect("a task").to_owned();
    assert!(stage.boot().job()["prompt"].as_str().is_some_and(|prompt| prompt.contains("make it shorter")));
    assert_eq!(stage.deliver(&delivery).status, 200, "known");
    stage.end(&first);

    stage.world.line_comment("bob", pull, "src/new.rs", 1, "@porter claude rename this");
    let seen = stage.deliver(&stage.world.take_deliveries().pop().expect("a delivery"));
    assert_eq!(seen.status, 202);
    let second = seen.json()["task_id"].as_str().expect("a task").to_owned();
    let prompt = stage.boot().job()["prompt"].as_str().expect("a prompt").to_owned();
    assert!(prompt.contains("rename this") && prompt.contains("src/new.rs"), "{prompt}");
    stage.end(&second);
    assert_eq!(
        stage.deliver_raw("pull_request_review", "d-9", b"{\"action\":\"dismissed\",\"x\":\"@porter\"}").status,
        204
    );
}

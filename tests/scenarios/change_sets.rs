//! Change sets: what breaks a rule is refused with its path, what is protected becomes a draft, and bytes and modes arrive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::stage::machine::file;

fn with_mode(path: &str, mode: &str, content: &str) -> Value {
    json!({"path": path, "mode": mode, "encoding": "utf-8", "content": content})
}

#[test]
fn a_broken_rule_is_refused_with_its_path_and_the_answer_stays() {
    let table = [
        (json!([file(".github/workflows/ci.yml", "on: push")]), ".github/workflows/ci.yml"),
        (json!([file(".GitHub/Actions/x/action.yml", "x")]), ".GitHub/Actions/x/action.yml"),
        (json!([file("../etc/passwd", "x")]), "../etc/passwd"),
        (json!([file("/etc/passwd", "x")]), "/etc/passwd"),
        (json!([file("a//b", "x")]), "a//b"),
        (json!([file("a\\b", "x")]), "a\\b"),
        (json!([file(".git/config", "x")]), ".git/config"),
        (json!([file("sub/.GIT /hooks", "x")]), "sub/.GIT /hooks"),
        (json!([file("GIT~1/config", "x")]), "GIT~1/config"),
        (json!([file(".g\u{200c}it/config", "x")]), ".g\u{200c}it/config"),
        (json!([file("a", "x"), file("a", "y")]), "a"),
        (json!([file("Read.md", "x"), file("read.md", "y")]), "read.md"),
        (json!([file("a", "x"), file("a/b", "y")]), "a/b"),
        (json!([{"path": "not-there.rs", "deleted": true}]), "not-there.rs"),
        (json!([with_mode("a", "160000", "x")]), "a"),
        (json!([with_mode("link", "120000", "/etc/passwd")]), "link"),
        (json!([with_mode("link", "120000", "../../outside")]), "link"),
        (json!([with_mode("link", "120000", ".git/config")]), "link"),
    ];
    let stage = Stage::new(Mode::QuickApp);
    for (files, path) in table {
        let issue = stage.issue();
        let task = stage.ask("bob", issue, "@porter claude fix it");
        let machine = stage.boot();
        let seen = machine.hand_over(&files);
        assert_eq!(seen.status, 422, "{path}");
        let answer = seen.json();
        assert_eq!(answer["error"]["code"], "change_set_refused", "{path}");
        let details = answer["error"]["details"].as_array().expect("details").clone();
        assert!(details.iter().any(|one| one["path"] == *path && one["rule"].is_string()), "{path}: {details:?}");
        assert_eq!(machine.hand_over(&files).body, seen.body, "{path}: stored as the answer");
        assert_eq!(stage.task(&task)["status"], "failed", "{path}");
        assert!(stage.replies(issue)[0].starts_with("@bob"), "{path}");
        assert!(stage.status_comment(issue, &task).contains("rules"), "{path}");
    }
    stage.tick_after(60);
    assert!(stage.world.pull_requests().is_empty());
    assert!(stage.world.repository().git.refs.keys().all(|name| !name.contains("porter/")), "nothing was pushed");
}

#[test]
fn limits_and_base_are_held_to() {
    let many: Vec<Value> = (0..301).map(|n| file(&format!("f{n}"), "x")).collect();
    let blob = |n: u8| json!({"path": format!("b{n}"), "mode": "100644", "encoding": "base64", "content": STANDARD.encode([0, n])});
    let binary: Vec<Value> = (0..21).map(blob).collect();
    let large = file("large.txt", &"x".repeat(4 * 1024 * 1024 + 1));
    for files in [json!(many), json!(binary), json!([large])] {
        let stage = Stage::new(Mode::QuickApp);
        stage.ask("bob", stage.issue(), "@porter claude fix it");
        assert_eq!(stage.boot().hand_over(&files).json()["error"]["code"], "change_set_refused");
    }
    let stage = Stage::new(Mode::QuickApp);
    stage.ask("bob", stage.issue(), "@porter claude fix it");
    let machine = stage.boot();
    let mut result = machine.changes("Title", "Summary", &json!([file("a", "x")]));
    result["change_set"]["base_sha"] = json!("0000000000000000000000000000000000000000");
    assert_eq!(machine.complete(&result).status, 422);
}

#[test]
fn what_steers_agents_makes_a_draft_with_a_warning() {
    for path in [
        "AGENTS.md",
        "docs/claude.md",
        ".porter/config.json",
        ".claude/settings.json",
        "opencode.jsonc",
        ".github/CODEOWNERS",
        ".github/copilot-instructions.md",
        "sub/.mcp.json",
    ] {
        let stage = Stage::new(Mode::QuickApp);
        stage.ask("bob", stage.issue(), "@porter claude fix it");
        assert_eq!(stage.boot().hand_over(&json!([file(path, "x\n")])).json()["status"], "success", "{path}");
        let pull = stage.world.pull_requests().pop().expect("a pull request");
        assert!(pull.pull.as_ref().is_some_and(|pull| pull.draft), "{path}");
        assert_eq!(stage.world.labels(pull.number), ["porter:protected"], "{path}");
        let body = pull.body.unwrap_or_default();
        assert!(body.contains("[!WARNING]") && body.contains(path), "{path}: {body}");
        stage.tick_after(60);
    }
}

#[test]
fn the_repository_protects_more() {
    use porter_world::github::Change;
    let stage = Stage::new(Mode::QuickApp);
    let config = "{\"protected_paths\": [\"deploy/**\"]}";
    stage.world.push_commit("alice", "main", "Configure", &[Change::Write(".porter/config.json", config)]);
    stage.ask("bob", stage.issue(), "@porter claude fix it");
    assert_eq!(stage.boot().hand_over(&json!([file("deploy/prod.yml", "x\n")])).json()["status"], "success");
    let pull = stage.world.pull_requests().pop().expect("a pull request");
    assert!(pull.pull.is_some_and(|pull| pull.draft));
    stage.tick_after(60);
}

#[test]
fn bytes_modes_and_deletions_arrive_as_they_are() {
    use porter_world::github::objects::Mode as FileMode;
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let bytes = [0_u8, 159, 146, 150, 13, 10, 255];
    let files = json!([
        {"path": "logo.png", "mode": "100644", "encoding": "base64", "content": STANDARD.encode(bytes)},
        with_mode("run.sh", "100755", "#!/bin/sh\n"),
        with_mode("docs/link", "120000", "../README.md"),
        with_mode("umlaut-ä.txt", "100644", "Grüße\r\nohne Ende"),
        {"path": "src/main.rs", "deleted": true},
    ]);
    assert_eq!(stage.boot().hand_over(&files).json()["status"], "success");
    let repository = stage.world.repository();
    let head = repository.git.branch(&format!("porter/{task}")).expect("a branch");
    let tree = repository.git.tree_of(head).expect("a tree");
    let mode = |path: &str| repository.git.at(tree, path).map(|entry| entry.mode);
    let content =
        |path: &str| repository.git.blob(repository.git.at(tree, path).expect("there").oid).expect("a blob").to_vec();
    assert_eq!(content("logo.png"), bytes);
    assert_eq!(mode("run.sh"), Some(FileMode::Executable));
    assert_eq!((mode("docs/link"), content("docs/link")), (Some(FileMode::Link), b"../README.md".to_vec()));
    assert_eq!(content("umlaut-ä.txt"), "Grüße\r\nohne Ende".as_bytes());
    assert_eq!(mode("src/main.rs"), None, "deleted");
    assert!(mode("README.md").is_some(), "the rest stays");
    drop(repository);
    let record = &stage.world.github.borrow().record;
    assert_eq!(record.count("POST", "/git/blobs"), 1, "a blob only for what is no text");
    assert_eq!(record.count("POST", "/git/trees"), 1);
}

#[test]
fn a_file_with_a_key_of_porters_is_refused_and_named() {
    for file in [
        file("notes/env.txt", "ANTHROPIC_API_KEY=canary-anthropic-key-0001\n"),
        json!({"path": "image.png", "mode": "100644", "encoding": "base64",
            "content": STANDARD.encode(b"\x00\x01 canary-openai-key-0001 \x02")}),
        file("canary-github-0001.txt", "the name is enough\n"),
    ] {
        let stage = Stage::new(Mode::Token);
        let issue = stage.issue();
        let task = stage.ask("bob", issue, "@porter claude fix it");
        let machine = stage.boot();
        let seen = machine.hand_over(&json!([file]));
        assert_eq!(seen.status, 422, "{file}");
        assert_eq!(seen.json()["error"]["details"][0]["rule"], "secret");
        assert_eq!(stage.task(&task)["errorCode"], "change_set_refused");
        assert!(stage.world.pull_requests().is_empty());
        let comment = stage.status_comment(issue, &task);
        assert!(comment.contains("no file may hold one of Porter's own keys"), "{comment}");
        assert!(!comment.contains("canary"), "{comment}");
        stage.tick_after(60);
    }
}

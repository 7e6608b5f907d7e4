//! The main job: a comment becomes a pull request, and the issue says what happened.

use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::machine::file;

#[test]
fn a_comment_becomes_a_pull_request() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.world.issue("alice", "Greet the world", "It says hello only. See src/main.rs.");
    stage.deliver_all();
    let seen = stage.comment("bob", issue, "@porter claude please greet the world");
    assert_eq!(seen.status, 202);
    let id = seen.json()["task_id"].as_str().expect("a task").to_owned();
    assert_eq!(stage.world.labels(issue), ["porter:running"]);

    let mut machine = stage.boot();
    assert_eq!(machine.start.status, 200, "{:?}", String::from_utf8_lossy(&machine.start.body));
    let job = machine.job();
    assert_eq!(job["agent"], json!({"name": "claude", "model": null}));
    assert!(job["prompt"].as_str().is_some_and(|prompt| prompt.contains("please greet the world")));
    assert_eq!(machine.report("working", &["reading src/main.rs"]).json(), json!({"continue": true}));

    let answer = machine.hand_over(&json!([file("src/main.rs", "fn main() {\n    println!(\"hello, world\");\n}\n")]));
    assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.json()["status"], "success");

    let pulls = stage.world.pull_requests();
    assert_eq!(pulls.len(), 1);
    assert_eq!(
        stage.world.file_at(&format!("porter/{id}"), "src/main.rs").as_deref(),
        Some("fn main() {\n    println!(\"hello, world\");\n}\n")
    );
    assert_eq!(stage.world.labels(issue), ["porter:done"]);
    let comments = stage.world.comments(issue);
    let ours: Vec<&(String, String)> = comments.iter().filter(|(author, _)| author == "porter[bot]").collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert!(ours.iter().all(|(_, text)| text.contains("made pull request #2")), "{ours:?}");
    assert_eq!(stage.task(&id)["status"], "success");
    stage.tick_after(60);
    assert!(stage.host.alive().is_empty(), "the machine is gone");
}

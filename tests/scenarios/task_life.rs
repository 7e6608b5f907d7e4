//! The whole life of a task as people see it: every state, and whatever can be asked or happen in it. The table is what is read
//! on GitHub: the reply, the status comment, the label; and the API's status code for the same wish.

use porter_world::github::{Role, Trouble};
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::machine::file;

/// The states, by the words of the first column.
const STATES: [&str; 12] = [
    "accepted",
    "queued behind another",
    "queued at the limit",
    "launching",
    "running",
    "publishing",
    "success",
    "no changes",
    "failed",
    "refused",
    "timed out",
    "stopped",
];

/// What is asked or happens, by the words of the second column.
const ACTS: [&str; 7] = ["stop", "retry", "status", "second command", "issue closed", "permission lost", "uninstalled"];

/// A task of bob's in a state.
struct Scene {
    stage: Stage,
    issue: i64,
    task: String,
}

impl Scene {
    fn new(state: &str) -> Self {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        match state {
            "accepted" => stage.github_trouble("GET", "/collaborators/bob/permission", 1, Trouble::Status(502)),
            "queued behind another" => drop(stage.ask("alice", issue, "@porter codex first")),
            "queued at the limit" => {
                stage.set("MAX_RUNNING_PER_USER", Some("1"));
                stage.ask("bob", stage.issue(), "@porter codex first");
            }
            "refused" => stage.set("ANTHROPIC_API_KEY", None),
            _ => {}
        }
        stage.world.clock.advance_ms(1000);
        let task = stage.ask("bob", issue, "@porter claude fix it");
        let scene = Self { stage, issue, task };
        scene.go_on(state);
        scene.stage.set("ANTHROPIC_API_KEY", Some("canary-anthropic-key-0001"));
        assert_eq!(scene.status(), state_words(state), "{state}");
        scene
    }

    fn go_on(&self, state: &str) {
        let stage = &self.stage;
        match state {
            "running" => drop(stage.boot().report("working", &["reading src/main.rs"])),
            "publishing" => {
                let machine = stage.boot();
                stage.github_trouble("POST", "/pulls", 1, Trouble::Status(502));
                assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n")])).status, 503);
            }
            "success" => drop(stage.boot().hand_over(&json!([file("a.txt", "new\n")]))),
            "no changes" => {
                drop(
                    stage.boot().complete(&json!({"outcome": "no_changes", "reason": "All is well.", "summary": null})),
                );
            }
            "failed" => {
                drop(stage.boot().complete(&json!({"outcome": "failed", "reason": "No idea.", "summary": null})));
            }
            "timed out" => {
                stage.set("HEARTBEAT_TIMEOUT_S", Some("3600"));
                drop(stage.boot());
                stage.tick_after(601);
            }
            "stopped" => drop(stage.change("POST", &format!("/api/tasks/{}/stop", self.task), "")),
            _ => {}
        }
        stage.deliver_all();
    }

    fn status(&self) -> String {
        let task = self.stage.task(&self.task);
        task["state"].as_str().unwrap_or("?").to_owned()
    }

    /// Does it, and says what people see.
    fn act(&self, act: &str) -> String {
        let stage = &self.stage;
        let before = stage.replies(self.issue).len();
        match act {
            "stop" => drop(stage.comment("alice", self.issue, "@porter stop")),
            "retry" => drop(stage.comment("alice", self.issue, "@porter retry")),
            "status" => drop(stage.comment("alice", self.issue, "@porter status")),
            "second command" => drop(stage.comment("alice", self.issue, "@porter codex and this")),
            "issue closed" => {
                stage.world.close("alice", self.issue);
                stage.deliver_all();
            }
            "permission lost" => {
                stage.world.role("bob", Some(Role::Read));
                self.wait();
            }
            _ => {
                let now = porter::ports::Clock::now(&*stage.world.clock);
                let installation = *stage.world.github.borrow().installations.keys().next().expect("installed");
                stage.world.github.borrow_mut().uninstall(now, installation);
                stage.deliver_all();
            }
        }
        let replies = stage.replies(self.issue);
        let told: Vec<&str> = replies.iter().skip(before).map(|text| first_line(text)).collect();
        let others = |text: &&String| text.contains("<!-- porter:task=") && !text.contains(":final -->");
        let comments: Vec<String> =
            stage.ours(self.issue).iter().filter(others).map(|text| first_line(text).to_owned()).collect();
        let labels = stage.world.labels(self.issue).join("+");
        let told = if told.is_empty() { "-".to_owned() } else { told.join(" // ") };
        self.anonymous(&format!("{told} | {} | {labels}", comments.join(" // ")))
    }

    /// Ids as letters, in the order the tasks were made.
    fn anonymous(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (row, letter) in self.stage.rows("SELECT id FROM tasks ORDER BY rowid").iter().zip(["A", "B", "C", "D"]) {
            if let Some((_, porter::ports::Value::Text(id))) = row.first() {
                text = text.replace(&format!("[`{id}`](http://127.0.0.1:8787/tasks/{id})"), letter).replace(id, letter);
            }
        }
        text
    }

    /// Minutes pass; whoever runs reports.
    fn wait(&self) {
        let machine = self.status().eq("running").then(|| self.stage.boot());
        for seq in 2..9 {
            if let Some(machine) = &machine {
                machine.report_raw(&json!({"seq": seq, "lines": []}));
            }
            self.stage.tick_after(60);
            self.stage.deliver_all();
        }
    }

    fn over(self) {
        for _ in 0..3 {
            for row in self.stage.rows("SELECT id FROM tasks WHERE finished_at IS NULL") {
                if let Some((_, porter::ports::Value::Text(id))) = row.first() {
                    self.stage.end(id);
                }
            }
        }
        self.stage.tick_after(600);
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn state_words(state: &str) -> &'static str {
    match state {
        "accepted" => "accepted",
        "queued behind another" | "queued at the limit" => "queued",
        "launching" => "launching",
        "running" => "running",
        "publishing" => "publishing",
        "success" => "succeeded",
        "no changes" => "no_changes",
        "failed" => "failed",
        "refused" => "refused",
        "timed out" => "timed_out",
        _ => "stopped",
    }
}

/// Compares line by line, so that a failure shows what people would read instead.
fn compare(name: &str, seen: &[String], expected: &str) {
    let expected: Vec<&str> = expected.lines().collect();
    for (seen, expected) in seen.iter().zip(&expected) {
        assert_eq!(seen, expected, "{name}");
    }
    assert_eq!(seen.len(), expected.len(), "{name}:\n{}", seen.join("\n"));
}

#[test]
fn what_people_read_in_every_state() {
    let mut seen = Vec::new();
    for state in STATES {
        for act in ACTS {
            let scene = Scene::new(state);
            seen.push(format!("{state} | {act} | {}", scene.act(act)));
            scene.over();
        }
    }
    compare("comments and labels", &seen, include_str!("task_life/comments.txt"));
}

#[test]
fn what_the_api_answers_in_every_state() {
    let mut seen = Vec::new();
    for state in STATES {
        let mut codes = Vec::new();
        for (method, end) in
            [("GET", ""), ("GET", "/status"), ("POST", "/stop"), ("DELETE", ""), ("POST", "/retry"), ("PUT", "/retry")]
        {
            let scene = Scene::new(state);
            let status = scene.stage.change(method, &format!("/api/tasks/{}{end}", scene.task), "").status;
            codes.push(format!("{method}{} {status}", end.replace('/', " ")));
            scene.over();
        }
        seen.push(format!("{state} | {}", codes.join(" | ")));
    }
    compare("status codes", &seen, include_str!("task_life/codes.txt"));
}

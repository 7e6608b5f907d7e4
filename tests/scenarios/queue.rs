//! Waiting, stopping, running again, asking: one live task an issue, a limit a person, everything said.

use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::machine::file;

#[test]
fn a_second_command_on_the_same_issue_waits_and_says_so() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let first = stage.ask("bob", issue, "@porter claude fix it");
    stage.world.clock.advance_ms(1000);
    let second = stage.ask("alice", issue, "@porter codex fix it");
    assert_eq!(stage.task(&second)["status"], "queued");
    assert!(stage.status_comment(issue, &second).contains("when the task before it on this issue has ended"));
    assert_eq!(stage.world.labels(issue), ["porter:running"], "the live task's");
    stage.boot().complete(&json!({"outcome": "no_changes", "reason": "Nothing to do.", "summary": null}));
    assert_eq!(stage.task(&first)["status"], "success");
    assert_eq!(stage.task(&second)["status"], "running", "its turn has come");
    assert_eq!(stage.world.labels(issue), ["porter:running"]);
    stage.end(&second);
    assert_eq!(stage.world.labels(issue), ["porter:failed"], "the newest task's");
}

#[test]
fn a_person_has_so_many_places() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("2"));
    let tasks: Vec<String> = (0..3).map(|_| stage.ask("bob", stage.issue(), "@porter claude fix it")).collect();
    let other = stage.ask("alice", stage.issue(), "@porter claude fix it");
    let status = |id: &String| stage.task(id)["status"].as_str().expect("a status").to_owned();
    assert_eq!(tasks.iter().map(status).collect::<Vec<_>>(), ["running", "running", "queued"]);
    assert_eq!(status(&other), "running", "another person's places are their own");
    stage.end(&tasks[0]);
    assert_eq!(status(&tasks[2]), "running");
    for task in [&tasks[1], &tasks[2], &other] {
        stage.end(task);
    }
}

#[test]
fn a_full_house_is_told_with_its_numbers() {
    let stage = Stage::new(Mode::QuickApp);
    let mut tasks: Vec<String> = (0..5).map(|_| stage.ask("bob", stage.issue(), "@porter claude fix it")).collect();
    let (sixth, seventh, urgent) = (stage.issue(), stage.issue(), stage.issue());
    for (issue, words) in [(sixth, ""), (seventh, ""), (urgent, "--priority=high ")] {
        stage.world.clock.advance_ms(1000);
        tasks.push(stage.ask("bob", issue, &format!("@porter claude {words}fix it")));
    }
    let said = |issue: i64, task: usize| stage.status_comment(issue, &tasks[task]);
    assert!(said(sixth, 5).starts_with("⏳ **Queued:** you have 5 tasks running, the limit here is 5.\n"));
    assert!(said(seventh, 6).contains("the limit here is 5. One more queued task goes first."), "{}", said(seventh, 6));
    assert!(said(urgent, 7).contains("the limit here is 5.\n"), "{}", said(urgent, 7));
    stage.world.clock.advance_ms(180_000);
    stage.comment("alice", seventh, "@porter status");
    let told = stage.replies(seventh).pop().expect("an answer");
    for words in
        ["bob has 5 tasks running, the limit here is 5. 2 more queued tasks go first.", "Waiting for 3 min 1 s."]
    {
        assert!(told.contains(words), "{told}");
    }
    for task in tasks.iter().rev() {
        stage.end(task);
    }
}

#[test]
fn a_younger_task_of_the_issue_is_not_what_an_older_one_waits_for() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("1"));
    let running = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let issue = stage.issue();
    let older = stage.ask("bob", issue, "@porter claude fix it");
    stage.world.clock.advance_ms(1000);
    let younger = stage.ask("bob", issue, "@porter codex fix it");
    stage.rows("UPDATE effects SET state = 'pending', generation = generation + 1 WHERE kind = 'show_status'");
    stage.tick_after(10);
    let told = stage.status_comment(issue, &older);
    assert!(told.contains("you have 1 task running, the limit here is 1."), "{told}");
    assert!(stage.status_comment(issue, &younger).contains(&format!("has ended: [`{older}`]")));
    for task in [&younger, &older, &running] {
        stage.end(task);
    }
}

#[test]
fn by_priority_then_by_age() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("1"));
    let running = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let mut waiting = Vec::new();
    for flag in ["--priority=low", "", "--priority=high", ""] {
        stage.world.clock.advance_ms(1000);
        waiting.push(stage.ask("bob", stage.issue(), &format!("@porter claude {flag} fix it")));
    }
    let mut order = Vec::new();
    let mut now = running;
    for _ in 0..4 {
        stage.end(&now);
        let next = waiting.iter().find(|id| stage.task(id)["status"] == "running").expect("one runs");
        order.push(waiting.iter().position(|id| id == next).expect("one of them"));
        now.clone_from(next);
    }
    stage.end(&now);
    assert_eq!(order, [2, 1, 3, 0]);
}

#[test]
fn what_waits_can_be_stopped() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("1"));
    let running = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let issue = stage.issue();
    let waiting = stage.ask("bob", issue, "@porter claude fix it");
    let command = stage.newest_comment("bob", issue);
    stage.comment("alice", issue, "@porter stop");
    assert_eq!(stage.task(&waiting)["status"], "stopped");
    assert!(stage.status_comment(issue, &waiting).contains("by alice"));
    let told = stage.replies(issue);
    assert!(told.len() == 1 && told[0].starts_with("@bob"), "whoever asked is told: {told:?}");
    assert_eq!(stage.world.labels(issue), ["porter:failed"]);
    let reactions: Vec<String> = stage.world.reactions(command).into_iter().map(|(_, content)| content).collect();
    assert_eq!(reactions, ["eyes", "confused"]);
    stage.end(&running);
    assert_eq!(stage.host.all().len(), 1, "it never had a machine");
}

#[test]
fn what_runs_can_be_stopped_and_its_machine_is_told() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let mut machine = stage.boot();
    assert_eq!(machine.report("working", &["at it"]).json(), json!({"continue": true}));
    stage.comment("bob", issue, "@porter stop");
    assert_eq!(stage.task(&task)["status"], "stopped");
    let told = machine.report("working", &["still at it"]);
    assert_eq!(told.status, 200);
    assert!(told.json()["stop"]["reason"].is_string(), "{:?}", told.json());
    assert_eq!(machine.hand_over(&json!([file("a.txt", "late")])).status, 410);
    assert_eq!(machine.git("GET", "acme/demo.git/info/refs?service=git-upload-pack", &machine.session()).status, 403);
    assert!(stage.world.pull_requests().is_empty());
    stage.tick_after(60);
    assert!(stage.host.alive().is_empty());
}

#[test]
fn what_is_being_published_is_too_late_to_stop() {
    use porter_world::github::Trouble;
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let machine = stage.boot();
    stage.github_trouble("POST", "/pulls", 1, Trouble::Status(502));
    let files = json!([file("a.txt", "new\n")]);
    assert_eq!(machine.hand_over(&files).status, 503);
    assert_eq!(stage.task(&task)["state"], "publishing");
    stage.comment("bob", issue, "@porter stop");
    assert!(stage.replies(issue).iter().any(|text| text.contains("too late")), "{:?}", stage.replies(issue));
    assert_eq!(stage.change("POST", &format!("/api/tasks/{task}/stop"), "").status, 409);
    stage.world.close("alice", issue);
    stage.deliver_all();
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["status"], "success");
    assert_eq!(machine.hand_over(&files).json()["status"], "success");
}

#[test]
fn a_closed_issue_stops_its_tasks() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let (running, waiting) =
        (stage.ask("bob", issue, "@porter claude fix it"), stage.ask("alice", issue, "@porter codex fix it"));
    stage.world.close("alice", issue);
    stage.deliver_all();
    for task in [&running, &waiting] {
        assert_eq!(stage.task(task)["status"], "stopped");
        assert!(stage.status_comment(issue, task).contains("the issue was closed"));
    }
    stage.tick_after(60);
    let before = stage.dump();
    let other = stage.issue();
    stage.world.close("alice", other);
    stage.deliver_all();
    assert_eq!(stage.dump(), before, "an issue without tasks is not for us");
}

#[test]
fn a_retry_is_a_new_task() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let first = stage.ask("bob", issue, "@porter codex --model=gpt-x please fix it");
    stage.comment("bob", issue, "@porter retry");
    assert!(stage.replies(issue)[0].contains("has not ended yet"), "{:?}", stage.replies(issue));
    stage.end(&first);
    let seen = stage.comment("alice", issue, "@porter retry");
    assert_eq!(seen.json()["task_id"], first.as_str(), "the task concerned");
    let tasks = stage.request("GET", "/api/tasks", &[], b"").json();
    let second = tasks["tasks"][0].clone();
    assert_eq!((&second["retryOf"], &second["createdBy"]), (&json!(first), &json!("alice")));
    let machine = stage.boot();
    assert_eq!(machine.job()["agent"], json!({"name": "codex", "model": "gpt-x"}));
    assert!(machine.job()["prompt"].as_str().is_some_and(|prompt| prompt.contains("please fix it")));
    assert_eq!(stage.task(&first)["status"], "stopped", "a final state never changes");
    let id = second["id"].as_str().expect("an id").to_owned();
    assert_ne!(id, first);
    stage.end(&id);
    assert_eq!(stage.change("POST", &format!("/api/tasks/{id}/retry"), "").status, 202);
    let third =
        stage.request("GET", "/api/tasks", &[], b"").json()["tasks"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(stage.change("POST", &format!("/api/tasks/{third}/retry"), "").status, 409);
    stage.end(&third);
}

#[test]
fn a_repeated_retry_makes_one_task() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let first = stage.ask("bob", issue, "@porter claude fix it");
    stage.end(&first);
    stage.comment("bob", issue, "@porter retry");
    stage.rows("UPDATE effects SET state = 'pending', lease_until = 0, not_before = 0 WHERE kind = 'answer'");
    stage.tick_after(60);
    assert_eq!(stage.rows("SELECT id FROM tasks").len(), 2);
    assert_eq!(stage.replies(issue).len(), 1, "the first task's end only: {:?}", stage.replies(issue));
    let newest = stage.request("GET", "/api/tasks", &[], b"").json()["tasks"][0]["id"].as_str().expect("id").to_owned();
    stage.end(&newest);
}

#[test]
fn status_says_where_it_stands() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.comment("carol", issue, "talk");
    stage.comment("bob", issue, "@porter status");
    assert!(stage.replies(issue)[0].contains("there is no task"));
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let mut machine = stage.boot();
    machine.report("working", &["reading src/main.rs", "editing src/main.rs"]);
    stage.comment("bob", issue, "@porter status");
    let said = stage.replies(issue).pop().expect("an answer");
    for word in ["@bob", "working", "40 %", "1200 tokens in", "$0.0043", "editing src/main.rs", task.as_str()] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("reading src/main.rs"));
    stage.end(&task);
}

#[test]
fn what_became_of_a_pull_request_is_shown() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    stage.boot().hand_over(&json!([file("a.txt", "new\n")]));
    stage.deliver_all();
    let pull = stage.world.pull_requests()[0].number;
    let shown = || {
        let list = stage.request("GET", "/api/tasks", &[], b"").json()["tasks"].clone();
        let of_list = list.as_array().into_iter().flatten().find(|one| one["id"] == *task).cloned().unwrap_or_default();
        assert_eq!(of_list["prState"], stage.task(&task)["prState"]);
        (
            stage.task(&task)["prState"].clone(),
            stage.status_comment(issue, &task).lines().next().unwrap_or("").to_owned(),
        )
    };
    let done = |more: &str| format!("✅ **Done:** Claude Code made pull request #{pull}{more}.");
    assert_eq!(shown(), (json!("open"), done("")));
    let follow_up = stage.ask("bob", pull, "@porter claude more");
    stage.boot().hand_over(&json!([file("a.txt", "newer\n")]));
    stage.world.close("alice", pull);
    stage.deliver_all();
    assert_eq!(shown(), (json!("closed"), done(" (closed)")));
    assert!(stage.status_comment(pull, &follow_up).contains(&format!("to pull request #{pull} (closed).")));
    stage.world.open_again("alice", pull);
    stage.deliver_all();
    assert_eq!(shown(), (json!("open"), done("")));
    stage.world.merge("alice", pull);
    stage.deliver_all();
    assert_eq!(shown(), (json!("merged"), done(" (merged)")));
    assert_eq!(stage.task(&follow_up)["prState"], "merged");
    assert_eq!(stage.world.labels(issue), ["porter:done"]);
    let other = stage.ask("bob", stage.issue(), "@porter claude fix it");
    assert!(stage.task(&other)["prState"].is_null());
    stage.end(&other);
}

//! Follow-ups: one more commit on Porter's own pull request, never by force; beside it when that cannot be; stacked on others'.

use porter_world::github::{Change, Trouble, UserKind};
use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::stage::machine::{Machine, file};

/// Porter's own pull request: its number and branch.
fn own_pull(stage: &Stage) -> (i64, String) {
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    assert_eq!(stage.boot().hand_over(&json!([file("a.txt", "one\n")])).status, 200);
    stage.deliver_all();
    stage.tick_after(60);
    stage.deliver_all();
    (stage.world.pull_requests().pop().expect("a pull request").number, format!("porter/{task}"))
}

/// A follow-up on it, running.
fn follow_up<'a>(stage: &'a Stage, pull: i64) -> (String, Machine<'a>) {
    let task = stage.ask("bob", pull, "@porter claude make it two");
    (task, stage.boot())
}

fn two() -> Value {
    json!([file("a.txt", "two\n")])
}

#[test]
fn a_command_on_porters_pull_request_adds_a_commit() {
    let stage = Stage::new(Mode::QuickApp);
    let (pull, branch) = own_pull(&stage);
    let head = stage.world.head(&branch).expect("a head");
    let (task, machine) = follow_up(&stage, pull);
    let job = machine.job();
    assert_eq!(
        (&job["branch"], &job["repository"]["base_ref"], &job["repository"]["base_sha"]),
        (&json!(branch), &json!(branch), &json!(head))
    );
    let answer = machine.hand_over(&two());
    assert_eq!(answer.json()["pull_request"]["number"], pull);
    assert_eq!(stage.world.pull_requests().len(), 1);
    let messages = stage.world.messages(&branch);
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].contains(&format!("Porter-Task: {task}")));
    assert_eq!(stage.world.file_at(&branch, "a.txt").as_deref(), Some("two\n"));
    assert!(stage.status_comment(pull, &task).contains("added commit"));
    assert_eq!(stage.world.labels(pull), ["porter:done"]);
    assert_eq!(stage.world.github.borrow().record.received("\"force\":true"), Vec::<String>::new());
    stage.tick_after(60);
}

#[test]
fn a_head_that_moved_in_other_files_takes_the_commit() {
    let stage = Stage::new(Mode::QuickApp);
    let (pull, branch) = own_pull(&stage);
    let (_, machine) = follow_up(&stage, pull);
    stage.world.push_commit(
        "alice",
        &branch,
        "Other work",
        &[Change::Write("b.txt", "b\n"), Change::Delete("README.md")],
    );
    let files = json!([file("a.txt", "two\n"), {"path": "src/main.rs", "deleted": true},
        {"path": "run.sh", "mode": "100755", "encoding": "utf-8", "content": "x\n"}]);
    assert_eq!(machine.hand_over(&files).json()["pull_request"]["number"], pull);
    let at = |path: &str| stage.world.file_at(&branch, path);
    assert_eq!((at("a.txt").as_deref(), at("b.txt").as_deref()), (Some("two\n"), Some("b\n")));
    assert_eq!((at("README.md"), at("src/main.rs"), at("run.sh").as_deref()), (None, None, Some("x\n")));
    assert_eq!(stage.world.messages(&branch).len(), 4, "on top, not in place of");
    stage.tick_after(60);
}

#[test]
fn a_head_that_moved_in_the_same_files_gets_a_pull_request_into_it() {
    let stage = Stage::new(Mode::QuickApp);
    let (pull, branch) = own_pull(&stage);
    let (task, machine) = follow_up(&stage, pull);
    let moved = stage.world.push_commit("alice", &branch, "Same file", &[Change::Write("a.txt", "alice's\n")]);
    assert_eq!(machine.hand_over(&two()).json()["status"], "success");
    assert_eq!(stage.world.head(&branch), Some(moved), "nothing was forced");
    let new = stage.world.pull_requests().pop().expect("a pull request");
    assert_ne!(new.number, pull);
    let inner = new.pull.expect("a pull request");
    assert_eq!((inner.base, inner.head), (branch, format!("porter/{task}")));
    assert!(stage.status_comment(pull, &task).contains("same files"), "{}", stage.status_comment(pull, &task));
    stage.tick_after(60);
}

#[test]
fn a_pull_request_that_is_gone_is_followed_by_a_new_one() {
    for gone in ["merged", "closed", "branch"] {
        let stage = Stage::new(Mode::QuickApp);
        let (pull, branch) = own_pull(&stage);
        let (task, machine) = follow_up(&stage, pull);
        match gone {
            "merged" => stage.world.merge("alice", pull),
            "closed" => stage.world.close("alice", pull),
            _ => stage.world.delete_branch("alice", &branch),
        }
        stage.deliver_all();
        stage.tick_after(60);
        let answer = machine.hand_over(&two());
        assert_eq!(answer.json()["status"], "success", "{gone}: {:?}", answer.json());
        let new = stage.world.pull_requests().pop().expect("a pull request");
        let inner = new.pull.expect("a pull request");
        assert_eq!((inner.base.as_str(), inner.head), ("main", format!("porter/{task}")), "{gone}");
        assert!(stage.status_comment(pull, &task).contains("this is a new one"), "{gone}");
        stage.tick_after(60);
    }
}

#[test]
fn a_lost_answer_of_the_push_adds_no_second_commit() {
    for trouble in [Trouble::LostReply, Trouble::Status(502)] {
        let stage = Stage::new(Mode::QuickApp);
        let (pull, branch) = own_pull(&stage);
        let (_, machine) = follow_up(&stage, pull);
        stage.github_trouble("PATCH", "/git/refs/", 1, trouble.clone());
        assert_eq!(machine.hand_over(&two()).status, 503, "{trouble:?}");
        stage.world.clock.advance_ms(5000);
        assert_eq!(machine.hand_over(&two()).json()["pull_request"]["number"], pull, "{trouble:?}");
        assert_eq!(stage.world.messages(&branch).len(), 3, "{trouble:?}");
        stage.tick_after(60);
    }
}

#[test]
fn a_push_that_was_built_upon_before_it_was_seen_is_not_published_twice() {
    let stage = Stage::new(Mode::QuickApp);
    let (pull, branch) = own_pull(&stage);
    let (_, machine) = follow_up(&stage, pull);
    stage.github_trouble("PATCH", "/git/refs/", 1, Trouble::LostReply);
    assert_eq!(machine.hand_over(&two()).status, 503);
    stage.world.push_commit("alice", &branch, "On top", &[Change::Write("b.txt", "b\n")]);
    stage.world.clock.advance_ms(5000);
    assert_eq!(machine.hand_over(&two()).json()["pull_request"]["number"], pull);
    assert_eq!(stage.world.pull_requests().len(), 1);
    assert_eq!(stage.world.messages(&branch).len(), 4);
    stage.tick_after(60);
}

#[test]
fn somebody_elses_pull_request_gets_one_stacked_on_it() {
    let stage = Stage::new(Mode::QuickApp);
    stage.world.push_commit("alice", "topic", "Work", &[Change::Write("t.txt", "t\n")]);
    let pull = stage.world.open_pull("alice", None, "topic", "A topic");
    stage.world.take_deliveries();
    let task = stage.ask("bob", pull, "@porter claude fix it");
    let machine = stage.boot();
    assert_eq!(machine.job()["repository"]["base_ref"], "topic");
    assert_eq!(machine.hand_over(&two()).json()["status"], "success");
    let new = stage.world.pull_requests().pop().expect("a pull request");
    let inner = new.pull.expect("a pull request");
    assert_eq!((inner.base.as_str(), inner.head), ("topic", format!("porter/{task}")));
    assert!(!new.body.unwrap_or_default().contains("Closes #"));
    stage.tick_after(60);
}

#[test]
fn a_branch_that_only_looks_like_ours_is_somebody_elses() {
    let stage = Stage::new(Mode::QuickApp);
    stage.world.push_commit("alice", "porter/looks-like-ours", "Work", &[Change::Write("t.txt", "t\n")]);
    let pull = stage.world.open_pull("alice", None, "porter/looks-like-ours", "A topic");
    stage.world.take_deliveries();
    let task = stage.ask("bob", pull, "@porter claude fix it");
    assert_eq!(stage.boot().job()["branch"], format!("porter/{task}"), "a row says whose it is, never a name");
    stage.end(&task);
}

#[test]
fn a_fork_is_refused_with_the_reason() {
    let stage = Stage::new(Mode::QuickApp);
    {
        let mut github = stage.world.github.borrow_mut();
        let owner = github.add_user("forker", UserKind::User);
        github.fork(stage.world.repo, owner).expect("a fork");
    }
    let there = stage.world.in_repo("forker/demo");
    there.push_commit("forker", "topic", "Work", &[Change::Write("t.txt", "t\n")]);
    let pull = stage.world.open_pull("forker", Some("forker/demo"), "topic", "From outside");
    stage.world.take_deliveries();
    let task = stage.ask("bob", pull, "@porter claude fix it");
    assert_eq!(stage.task(&task)["status"], "failed");
    assert!(stage.status_comment(pull, &task).contains("comes from a fork"));
    assert!(stage.replies(pull)[0].starts_with("@bob"));
    assert!(stage.host.all().is_empty());
}

#[test]
fn how_a_pull_request_ended_is_recorded() {
    for (merged, word) in [(true, "merged"), (false, "closed")] {
        let stage = Stage::new(Mode::QuickApp);
        let (pull, _) = own_pull(&stage);
        if merged {
            stage.world.merge("alice", pull)
        } else {
            stage.world.close("alice", pull)
        }
        stage.deliver_all();
        let state = stage.rows("SELECT state FROM pull_requests");
        assert_eq!(state, [vec![("state".to_owned(), porter::ports::Value::Text(word.to_owned()))]]);
    }
}

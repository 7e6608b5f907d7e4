//! Publishing that is interrupted while others push, merge and delete: what was made is found again, and made only once.

use porter_world::github::{Change, Trouble};
use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::stage::machine::{Machine, file};

fn running(stage: &Stage) -> (String, i64, Machine<'_>) {
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    (task, issue, stage.boot())
}

fn files() -> Value {
    json!([file("a.txt", "new\n")])
}

fn commits_made(stage: &Stage) -> usize {
    stage.world.github.borrow().record.count("POST", "/git/commits")
}

#[test]
fn a_bot_that_pushed_before_the_pull_request_was_recorded_is_in_nobodys_way() {
    for path in ["/git/refs", "/pulls"] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, _, machine) = running(&stage);
        let branch = format!("porter/{task}");
        stage.github_trouble("POST", path, 1, Trouble::LostReply);
        assert_eq!(machine.hand_over(&files()).status, 503, "{path}");
        for n in ["one", "two"] {
            stage.world.push_commit("alice", &branch, "Formatted", &[Change::Write(n, "x\n")]);
        }
        stage.world.clock.advance_ms(5000);
        assert_eq!(machine.hand_over(&files()).json()["status"], "success", "{path}");
        assert_eq!(stage.world.pull_requests().len(), 1, "{path}");
        assert_eq!(stage.world.messages(&branch).len(), 4, "{path}");
        assert_eq!(commits_made(&stage), 1, "{path}: nothing is made that nobody needs");
        stage.tick_after(60);
    }
}

#[test]
fn a_pull_request_that_was_merged_before_it_was_recorded_is_the_one() {
    for ended in ["merged", "closed"] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, issue, machine) = running(&stage);
        stage.github_trouble("POST", "/pulls", 1, Trouble::LostReply);
        assert_eq!(machine.hand_over(&files()).status, 503);
        let pull = stage.world.pull_requests().pop().expect("a pull request").number;
        if ended == "merged" {
            stage.world.merge("alice", pull);
        } else {
            stage.world.close("alice", pull);
        }
        stage.world.delete_branch("alice", &format!("porter/{task}"));
        stage.world.take_deliveries();
        stage.world.clock.advance_ms(5000);
        assert_eq!(machine.hand_over(&files()).json()["pull_request"]["number"], pull, "{ended}");
        assert_eq!(stage.world.pull_requests().len(), 1, "{ended}");
        assert!(stage.status_comment(issue, &task).contains("Done"), "{ended}");
        let state = stage.rows("SELECT state FROM pull_requests");
        assert_eq!(state, [vec![("state".to_owned(), porter::ports::Value::Text(ended.to_owned()))]]);
        stage.tick_after(60);
    }
}

#[test]
fn a_merge_commit_on_top_hides_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    let branch = format!("porter/{task}");
    stage.github_trouble("POST", "/pulls", 1, Trouble::LostReply);
    assert_eq!(machine.hand_over(&files()).status, 503);
    stage.world.push_commit("alice", "main", "Meanwhile", &[Change::Write("m.txt", "m\n")]);
    stage.world.merge_branch("alice", &branch, "main");
    stage.world.clock.advance_ms(5000);
    assert_eq!(machine.hand_over(&files()).json()["status"], "success");
    assert_eq!(stage.world.pull_requests().len(), 1);
    stage.tick_after(60);
}

#[test]
fn a_repeat_looks_before_it_makes_a_commit() {
    for path in ["/git/refs", "/pulls"] {
        let stage = Stage::new(Mode::QuickApp);
        let (_, _, machine) = running(&stage);
        stage.github_trouble("POST", path, 1, Trouble::LostReply);
        assert_eq!(machine.hand_over(&files()).status, 503, "{path}");
        stage.world.clock.advance_ms(5000);
        assert_eq!(machine.hand_over(&files()).json()["status"], "success", "{path}");
        assert_eq!(commits_made(&stage), 1, "{path}");
        stage.tick_after(60);
    }
}

#[test]
fn a_list_that_does_not_show_the_pull_request_yet_fails_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let (_, _, machine) = running(&stage);
    stage.github_trouble("POST", "/pulls", 1, Trouble::LostReply);
    assert_eq!(machine.hand_over(&files()).status, 503);
    stage.world.clock.advance_ms(5000);
    // The list before the look, and the one after "already exists".
    stage.github_trouble("GET", "/pulls", 2, Trouble::EmptyList);
    assert_eq!(machine.hand_over(&files()).status, 503);
    stage.tick_after(61);
    assert_eq!(machine.hand_over(&files()).json()["status"], "success");
    assert_eq!(stage.world.pull_requests().len(), 1);
    stage.tick_after(60);
}

/// Porter's own pull request: its number and branch.
fn own_pull(stage: &Stage) -> (i64, String) {
    let (task, _, machine) = running(stage);
    assert_eq!(machine.hand_over(&json!([file("a.txt", "one\n")])).status, 200);
    stage.deliver_all();
    stage.tick_after(60);
    stage.deliver_all();
    (stage.world.pull_requests().pop().expect("a pull request").number, format!("porter/{task}"))
}

#[test]
fn a_follow_up_that_arrived_before_the_merge_is_not_published_twice() {
    let stage = Stage::new(Mode::QuickApp);
    let (pull, branch) = own_pull(&stage);
    stage.ask("bob", pull, "@porter claude make it two");
    let machine = stage.boot();
    let before = commits_made(&stage);
    stage.github_trouble("PATCH", "/git/refs/", 1, Trouble::LostReply);
    let two = json!([file("a.txt", "two\n")]);
    assert_eq!(machine.hand_over(&two).status, 503);
    stage.world.merge("alice", pull);
    stage.world.delete_branch("alice", &branch);
    stage.deliver_all();
    stage.world.clock.advance_ms(5000);
    assert_eq!(machine.hand_over(&two).json()["pull_request"]["number"], pull);
    assert_eq!(stage.world.pull_requests().len(), 1);
    assert_eq!(commits_made(&stage), before + 1);
    stage.tick_after(60);
}

#[test]
fn a_base_that_is_gone_is_replaced_by_the_default_branch_and_the_comment_says_so() {
    for lost_reply in [false, true] {
        let stage = Stage::new(Mode::QuickApp);
        stage.world.push_commit("alice", "topic", "Work", &[Change::Write("t.txt", "t\n")]);
        let pull = stage.world.open_pull("alice", None, "topic", "A topic");
        stage.world.take_deliveries();
        let task = stage.ask("bob", pull, "@porter claude fix it");
        let machine = stage.boot();
        stage.world.merge("alice", pull);
        stage.world.delete_branch("alice", "topic");
        stage.world.take_deliveries();
        if lost_reply {
            stage.github_trouble("POST", "/pulls", 2, Trouble::LostReply);
            assert_eq!(machine.hand_over(&files()).status, 503);
            stage.tick_after(61);
        }
        assert_eq!(machine.hand_over(&files()).json()["status"], "success", "{lost_reply}");
        let new = stage.world.pull_requests().pop().and_then(|pull| pull.pull).expect("a pull request");
        assert_eq!((new.base.as_str(), new.head), ("main", format!("porter/{task}")));
        let comment = stage.status_comment(pull, &task);
        assert!(comment.contains("`topic` is gone") && comment.contains("`main`"), "{comment}");
        stage.tick_after(60);
    }
}

#[test]
fn a_branch_where_somebody_put_another_commit_with_our_trailer_is_not_ours() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    let message = format!("Squat\n\nPorter-Task: {task}");
    stage.world.push_commit("bob", &format!("porter/{task}"), &message, &[Change::Write("x", "y")]);
    assert_eq!(machine.hand_over(&files()).json()["status"], "failed");
    assert!(stage.world.pull_requests().is_empty());
    assert!(stage.status_comment(issue, &task).contains("is not this task"));
    stage.tick_after(60);
}

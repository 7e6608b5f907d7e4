//! What people see stays right and single: comments under lost replies and lagging lists, labels set by two at once, and ends
//! that are told although a comment, an issue or the right to write is gone.

use std::sync::Arc;

use porter::ports::Method;
use porter_world::github::{Repository, Trouble};
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;

const COULD_NOT: &str = "It is too hard.";

/// Boots the newest machine and fails its task.
fn fail(stage: &Stage) {
    let seen = stage.boot().complete(&json!({"outcome": "failed", "reason": COULD_NOT, "summary": null}));
    assert_eq!(seen.status, 200);
}

/// Changes GitHub behind everybody's back.
fn with_repository(stage: &Stage, change: impl FnOnce(&mut Repository)) {
    let mut github = stage.world.github.borrow_mut();
    change(Arc::make_mut(github.repositories.get_mut(&stage.world.repo).expect("there")));
}

fn posted(stage: &Stage) -> usize {
    stage.world.github.borrow().record.count("POST", "/comments")
}

#[test]
fn a_comment_that_the_list_does_not_show_yet_is_not_written_again() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("POST", "/comments", 1, Trouble::LostReply);
    stage.github_trouble("GET", "/comments", 1000, Trouble::EmptyList);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    assert_eq!(posted(&stage), 1);
    // GitHub's list lags behind for some seconds, and Porter looks in between.
    for _ in 0..3 {
        stage.tick_after(4);
    }
    assert_eq!(posted(&stage), 1);
    stage.world.github.borrow_mut().limits.faults.clear();
    stage.tick_after(60);
    stage.status_comment(issue, &task);
    fail(&stage);
    assert_eq!(stage.ours(issue).len(), 2, "{:?}", stage.ours(issue));
    stage.tick_after(60);
}

#[test]
fn of_two_comments_under_one_marker_the_later_one_goes() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("POST", "/comments", 1, Trouble::LostReply);
    stage.github_trouble("GET", "/comments", 1000, Trouble::EmptyList);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    stage.world.github.borrow_mut().limits.faults.clear();
    let first = stage.newest_comment("porter[bot]", issue);
    let text = stage.ours(issue)[0].clone();
    stage.world.comment_quietly("porter[bot]", issue, &text);
    // Somebody's words about it are not ours to remove, whoever wrote them.
    stage.world.comment_quietly("bob", issue, &text);
    stage.world.comment_quietly("porter[bot]", issue, &format!("> {}\n\nWhat is this?", text.replace('\n', "\n> ")));
    stage.tick_after(61);
    assert_eq!(stage.ours(issue).len(), 2, "{:?}", stage.ours(issue));
    assert!(stage.world.repository().comments.contains_key(&first), "the first one stays");
    assert!(stage.ours(issue)[1].starts_with('>'));
    assert_eq!(stage.world.comments(issue).len(), 4);
    stage.end(&task);
}

#[test]
fn two_at_one_label_leave_the_newest_state() {
    let stage: &'static Stage = Box::leak(Box::new(Stage::new(Mode::QuickApp)));
    let issue = stage.issue();
    let labels = format!("/issues/{issue}/labels");
    // While the first one is about to write "running", its lease runs out, and the task ends in somebody else's hands.
    stage.calls.meanwhile(Method::Post, &labels.clone(), move || {
        stage.calls.meanwhile(Method::Post, &labels, move || {
            stage.world.clock.advance_ms(60_000);
            fail(stage);
            assert_eq!(stage.world.labels(issue).last().map(String::as_str), Some("porter:failed"));
        });
    });
    stage.ask("bob", issue, "@porter claude fix it");
    stage.tick_after(60);
    assert_eq!(stage.world.labels(issue), ["porter:failed"]);
    stage.tick_after(60);
    assert_eq!(stage.world.labels(issue), ["porter:failed"]);
}

#[test]
fn a_label_that_a_person_puts_on_meanwhile_stays() {
    let stage: &'static Stage = Box::leak(Box::new(Stage::new(Mode::QuickApp)));
    let issue = stage.issue();
    stage.calls.meanwhile(Method::Post, &format!("/issues/{issue}/labels"), move || {
        stage.world.label("alice", issue, &["urgent"]);
    });
    stage.ask("bob", issue, "@porter claude fix it");
    assert_eq!(stage.world.labels(issue), ["urgent", "porter:running"]);
}

#[test]
fn commands_in_quick_succession_have_one_status_and_one_end_each() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let tasks = [
        stage.ask("bob", issue, "@porter claude fix it"),
        stage.ask("bob", issue, "@porter codex --base=nowhere fix it"),
        stage.ask("alice", issue, "@porter claude --base=nowhere fix it"),
    ];
    fail(&stage);
    for _ in 0..3 {
        stage.tick_after(60);
    }
    for task in &tasks {
        stage.status_comment(issue, task);
        let end = format!("<!-- porter:task={task}:final -->");
        assert_eq!(stage.ours(issue).iter().filter(|text| text.contains(&end)).count(), 1, "{task}");
    }
    assert_eq!(stage.ours(issue).len(), 6, "{:?}", stage.ours(issue));
    assert_eq!(stage.world.labels(issue), ["porter:failed"]);
}

#[test]
fn commands_that_are_denied_get_one_reply_and_no_label() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    for text in ["@porter claude fix it", "@porter codex fix it"] {
        stage.ask("carol", issue, text);
    }
    stage.tick_after(60);
    assert_eq!(stage.ours(issue).len(), 1, "{:?}", stage.ours(issue));
    assert!(stage.world.labels(issue).is_empty());
}

#[test]
fn an_end_is_told_and_shown_although_the_status_comment_is_gone() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let comment = stage.newest_comment("porter[bot]", issue);
    with_repository(&stage, |repository| assert!(repository.comments.remove(&comment).is_some()));
    fail(&stage);
    assert!(stage.status_comment(issue, &task).contains("Failed"));
    assert!(stage.replies(issue)[0].starts_with("@bob"));
    assert_eq!(stage.world.labels(issue), ["porter:failed"]);
    stage.tick_after(60);
}

/// What the doctor shows of the last trouble.
fn last_fault(stage: &Stage) -> String {
    format!("{:?}", stage.rows("SELECT value FROM facts WHERE name = 'last_fault'"))
}

#[test]
fn an_issue_that_takes_no_comments_any_more_is_left_with_the_reason_and_its_label() {
    for (status, reason) in [(403, "forbidden"), (410, "gone"), (404, "not found")] {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        let task = stage.ask("bob", issue, "@porter claude fix it");
        stage.github_trouble("PATCH", "/issues/comments/", 1000, Trouble::Status(status));
        stage.github_trouble("POST", "/comments", 1000, Trouble::Status(status));
        fail(&stage);
        // The sweep's own look at the list of deliveries is no try.
        let tries = || {
            let github = stage.world.github.borrow();
            github.record.asked.iter().filter(|one| one.path != "/app/hook/deliveries").count()
        };
        let asked = tries();
        for _ in 0..5 {
            stage.tick_after(60);
        }
        assert_eq!(stage.task(&task)["status"], "failed", "{status}");
        assert_eq!(stage.world.labels(issue), ["porter:failed"], "{status}");
        assert!(last_fault(&stage).contains(reason), "{status}: {}", last_fault(&stage));
        assert_eq!(tries(), asked, "{status}: nobody tries for ever");
    }
}

#[test]
fn an_issue_that_was_deleted_ends_its_task_quietly() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    with_repository(&stage, |repository| {
        assert!(repository.issues.remove(&issue).is_some());
        repository.comments.retain(|_, comment| comment.issue != issue);
    });
    fail(&stage);
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["status"], "failed");
    assert!(last_fault(&stage).contains("not found"), "{}", last_fault(&stage));
}

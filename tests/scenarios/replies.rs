//! Replies: mistakes are answered with the right form, once, and start nothing.

use porter_world::github::Trouble;
use porter_world::world::Mode;

use crate::stage::Stage;

#[test]
fn a_mistake_gets_exactly_one_answer_and_no_task() {
    let table = [
        ("@porter claud fix it", "claude"),
        ("@porter statsu", "status"),
        ("@porter claude --nope=1 fix it", "--nope"),
        ("@porter claude --priority=urgent fix it", "--priority"),
        ("@porter claude --budget=lots fix it", "--budget"),
        ("@porter claude --branch=../../etc fix it", "--branch"),
        ("@porter claude fix it\n@porter codex fix it, too", "one"),
        ("@porter help", "@porter"),
    ];
    for (text, word) in table {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        assert_eq!(stage.comment("bob", issue, text).status, 202, "{text:?}");
        stage.tick_after(60);
        let said = stage.ours(issue);
        assert!(said.len() == 1 && said[0].starts_with("@bob ") && said[0].contains(word), "{text:?}: {said:?}");
        assert!(stage.rows("SELECT id FROM tasks").is_empty(), "{text:?}");
        assert!(stage.world.labels(issue).is_empty(), "{text:?}");
        assert!(stage.host.all().is_empty(), "{text:?}");
    }
}

#[test]
fn an_answer_whose_acknowledgement_was_lost_is_not_said_twice() {
    for text in ["@porter help", "@porter claud fix it", "@porter status", "@porter doctor"] {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        stage.github_trouble("POST", "/comments", 1, Trouble::LostReply);
        assert_eq!(stage.comment("bob", issue, text).status, 202);
        stage.tick_after(60);
        stage.tick_after(60);
        assert_eq!(stage.ours(issue).len(), 1, "{text}: {:?}", stage.ours(issue));
    }
}

#[test]
fn an_answer_waits_for_github() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("POST", "/comments", 3, Trouble::Status(502));
    stage.comment("bob", issue, "@porter help");
    assert!(stage.ours(issue).is_empty());
    for _ in 0..4 {
        stage.tick_after(60);
    }
    assert_eq!(stage.ours(issue).len(), 1);
}

#[test]
fn a_repeated_stop_does_not_contradict_itself() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    stage.comment("alice", issue, "@porter stop");
    // A crash between the stop and its settling: the effect is carried out again.
    let again = "UPDATE effects SET state = 'pending', lease_until = 0, not_before = 0 WHERE kind = 'answer'";
    stage.rows(again);
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["status"], "stopped");
    let said = stage.replies(issue);
    assert!(said.len() == 1 && said[0].contains("stopped by alice"), "{said:?}");
}

#[test]
fn doctor_says_what_it_can_see_and_shows_no_secret() {
    let stage = Stage::new(Mode::QuickApp);
    stage.tick_after(60);
    let issue = stage.issue();
    stage.comment("bob", issue, "@porter doctor");
    let said = stage.ours(issue).join("\n");
    for word in ["porter", "ANTHROPIC_API_KEY", "porter-worker:tests", "machine host", "cron"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("canary"), "{said}");
}

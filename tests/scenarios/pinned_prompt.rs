//! The prompt is what stood there when the command was written: later edits never reach it, and later launches reuse it.

use porter_world::world::Mode;

use crate::stage::Stage;

#[test]
fn later_edits_never_reach_the_prompt() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("1"));
    let running = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let issue = stage.world.issue("alice", "First title", "First body");
    stage.deliver_all();
    let early = stage.world.comment_quietly("alice", issue, "An early remark");
    let changed = stage.world.comment_quietly("alice", issue, "A remark that will change");
    stage.world.comment_quietly("mallory", issue, "A stranger's remark");
    stage.deliver_all();
    stage.world.clock.advance_ms(5000);
    let task = stage.ask("bob", issue, "@porter claude first instructions");
    let command = stage.newest_comment("bob", issue);
    assert_eq!(stage.task(&task)["status"], "queued");

    stage.world.clock.advance_ms(5000);
    stage.world.edit_comment(command, "@porter claude other instructions");
    stage.world.edit_comment(changed, "An injected remark");
    stage.world.comment_quietly("alice", issue, "A late remark");
    {
        let mut github = stage.world.github.borrow_mut();
        let repository = std::sync::Arc::make_mut(github.repositories.get_mut(&stage.world.repo).expect("there"));
        let one = repository.issues.get_mut(&issue).expect("there");
        (one.title, one.body) = ("Other title".into(), Some("Other body".into()));
    }
    stage.deliver_all();
    stage.end(&running);
    let prompt = stage.boot().job()["prompt"].as_str().expect("a prompt").to_owned();
    for there in ["First title", "First body", "first instructions", "An early remark"] {
        assert!(prompt.contains(there), "{there}: {prompt}");
    }
    for not in ["Other", "other instructions", "injected", "late remark", "stranger"] {
        assert!(!prompt.contains(not), "{not}: {prompt}");
    }
    assert!(early > 0);

    // A machine is lost: the next one gets the same bytes, whatever is there now.
    let hash = stage.task(&task)["promptHash"].clone();
    stage.tick_after(121);
    stage.tick_after(30);
    assert_eq!(stage.task(&task)["attempt"], 2);
    assert_eq!(stage.boot().job()["prompt"].as_str(), Some(prompt.as_str()));
    assert_eq!(stage.task(&task)["promptHash"], hash);
    stage.end(&task);
}

#[test]
fn the_base_is_fixed_at_the_first_launch() {
    use porter_world::github::Change;
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let base = stage.boot().job()["repository"]["base_sha"].clone();
    stage.world.push_commit("alice", "main", "Meanwhile", &[Change::Write("m.txt", "m\n")]);
    stage.tick_after(121);
    stage.tick_after(30);
    let second = stage.boot();
    assert_eq!(second.job()["repository"]["base_sha"], base);
    stage.end(&task);
}

//! What each token may do, and where none may be: the stand-in's record of every token, and canaries everywhere else.

use std::collections::BTreeMap;

use porter_world::world::{Mode, TOKEN};
use serde_json::json;

use crate::stage::Stage;
use crate::stage::machine::file;

/// The whole main job with everything Porter can be asked on the way.
fn everything(stage: &Stage) -> String {
    let issue = stage.issue();
    for text in ["@porter help", "@porter doctor", "@porter status"] {
        stage.comment("bob", issue, text);
    }
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let mut machine = stage.boot();
    machine.report("working", &["at it"]);
    let session = machine.session();
    machine.git("GET", "acme/demo.git/info/refs?service=git-upload-pack", &session);
    assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n"), file("AGENTS.md", "x\n")])).status, 200);
    stage.tick_after(60);
    task
}

#[test]
fn every_token_is_for_the_one_repository_and_little_else() {
    let stage = Stage::new(Mode::QuickApp);
    let acme = stage.world.user("acme");
    let now = porter::ports::Clock::now(&*stage.world.clock);
    stage.world.github.borrow_mut().add_repository(now, acme, "secret", true, &[("x", "y")]);
    everything(&stage);
    let github = stage.world.github.borrow();
    assert!(!github.record.minted.is_empty());
    let mut sets: Vec<BTreeMap<String, String>> = Vec::new();
    for minted in &github.record.minted {
        assert_eq!(minted.repositories.as_deref(), Some(&["acme/demo".to_owned()][..]));
        let permissions = minted.permissions.clone().expect("narrowed");
        assert!(permissions.len() <= 2, "{permissions:?}");
        sets.push(permissions);
    }
    // One right a use; publishing is one use that needs two. Reading the code never comes with a right to write.
    let publishing = [("contents", "write"), ("pull_requests", "write")];
    for set in &sets {
        let set: Vec<(&str, &str)> = set.iter().map(|(name, level)| (name.as_str(), level.as_str())).collect();
        let known = ["metadata", "contents", "issues", "pull_requests"].contains(&set[0].0);
        assert!(set == publishing || (set.len() == 1 && known && set[0] != ("contents", "write")), "{set:?}");
    }
    let reads_code =
        sets.iter().filter(|set| set.len() == 1 && set.get("contents").is_some_and(|level| level == "read"));
    assert!(reads_code.count() > 0, "a clone's token only reads");
    let refused = github.record.asked.iter().filter(|asked| asked.status == 403).count();
    assert_eq!(refused, 0, "and it is enough");
}

#[test]
fn no_github_token_and_no_key_is_where_it_does_not_belong() {
    for mode in [Mode::QuickApp, Mode::Token] {
        let stage = Stage::new(mode);
        let task = everything(&stage);
        let heard = stage.host.heard().join("\n");
        let database = stage.dump();
        let page = stage.task(&task).to_string() + &stage.request("GET", "/metrics", &[], b"").json().to_string();
        let comments: String = stage.world.comments(1).into_iter().map(|(_, text)| text).collect();
        for secret in [TOKEN, "ghs_", "canary-", "webhook-secret-for-tests", "quick-app-key", "AQEBAQEB"] {
            for (place, text) in
                [("machine host", &heard), ("database", &database), ("API", &page), ("comments", &comments)]
            {
                assert!(!text.contains(secret), "{mode:?}: {secret} in the {place}");
            }
            assert!(!stage.log.contains(secret), "{mode:?}: {secret} in the log");
        }
        let github = stage.world.github.borrow();
        for secret in ["canary-anthropic", "canary-openai", "canary-host", "AQEBAQEB"] {
            assert!(github.record.received(secret).is_empty(), "{mode:?}: {secret} went to GitHub");
        }
    }
}

#[test]
fn the_session_token_is_nowhere_but_with_its_machine() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let machine = stage.boot();
    let session = machine.session();
    let derived = session.rsplit('.').next().expect("a part").to_owned();
    let claim = machine.made.env("CLAIM_TOKEN");
    let database = stage.dump();
    assert!(!database.contains(&derived) && !database.contains(&claim), "tokens are derived, not stored");
    assert!(!stage.log.contains(&derived) && !stage.log.contains(&claim));
    stage.end(&task);
}

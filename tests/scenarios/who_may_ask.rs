//! Who may ask: people with write access, here and now, in repositories this instance serves. An error means no.

use porter_world::github::{Role, Trouble, UserKind};
use porter_world::world::Mode;

use crate::stage::Stage;

const ONLY_WRITERS: &str = "Only people with write access";

#[test]
fn exactly_people_with_write_access_start_a_machine() {
    let roles =
        [None, Some(Role::Read), Some(Role::Triage), Some(Role::Write), Some(Role::Maintain), Some(Role::Admin)];
    for role in roles {
        for kind in [UserKind::User, UserKind::Bot, UserKind::Organization] {
            for status in [200, 403, 404, 500] {
                let stage = Stage::new(Mode::QuickApp);
                let issue = stage.issue();
                let asker = stage.world.github.borrow_mut().add_user("dana", kind);
                stage.world.github.borrow_mut().set_role(stage.world.repo, asker, role);
                if status != 200 {
                    stage.github_trouble("GET", "/collaborators/", 100, Trouble::Status(status));
                }
                let seen = stage.comment("dana", issue, "@porter claude fix it");
                let runs = role >= Some(Role::Write) && kind == UserKind::User && status == 200;
                let what = format!("{role:?} {kind:?} {status}");
                assert_eq!(stage.host.all().len(), usize::from(runs), "{what}");
                assert_eq!(seen.status, if kind == UserKind::User { 202 } else { 200 }, "{what}");
                stage.world.github.borrow_mut().limits.faults.clear();
                if runs {
                    stage.end(seen.json()["task_id"].as_str().expect("a task"));
                } else if status == 500 && kind == UserKind::User {
                    // GitHub's trouble is waited out; with it over, the answer is the permission's.
                    stage.tick_after(60);
                    let now_runs = role >= Some(Role::Write);
                    assert_eq!(stage.host.all().len(), usize::from(now_runs), "{what}, later");
                    stage.tick_after(60);
                    if now_runs {
                        stage.end(seen.json()["task_id"].as_str().expect("a task"));
                    }
                }
            }
        }
    }
}

#[test]
fn a_permission_that_is_never_answered_is_a_no() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("GET", "/collaborators/", 1000, Trouble::Status(502));
    let seen = stage.comment("bob", issue, "@porter claude fix it");
    for _ in 0..60 {
        stage.tick_after(300);
    }
    assert!(stage.host.all().is_empty(), "no machine");
    let task = stage.task(seen.json()["task_id"].as_str().expect("a task"));
    assert_eq!(task["status"], "failed");
    let told = stage.replies(issue);
    assert!(told.len() == 1 && told[0].contains("@bob"), "{told:?}");
}

#[test]
fn a_permission_lost_before_the_launch_makes_no_machine() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("1"));
    let (first, second) = (stage.issue(), stage.issue());
    let running = stage.ask("bob", first, "@porter claude fix it");
    let waiting = stage.ask("bob", second, "@porter claude fix it");
    assert_eq!(stage.task(&waiting)["status"], "queued");
    stage.world.role("bob", Some(Role::Read));
    stage.end(&running);
    let task = stage.task(&waiting);
    assert_eq!(task["status"], "failed");
    assert!(task["errorMessage"].as_str().is_some_and(|words| words.contains(ONLY_WRITERS)), "{task}");
    assert_eq!(stage.host.all().len(), 1, "the first task's only");
    assert!(stage.status_comment(second, &waiting).contains(ONLY_WRITERS));
    assert_eq!(stage.world.labels(second), ["porter:failed"]);
    let told = stage.replies(second);
    assert!(told.len() == 1 && told[0].starts_with("@bob") && told[0].contains(ONLY_WRITERS), "{told:?}");
}

#[test]
fn a_login_that_belongs_to_somebody_else_now_may_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let delivery = stage.world.comment("carol", issue, "@porter claude fix it");
    // Carol gives her name up, and somebody with write access takes it.
    {
        let mut github = stage.world.github.borrow_mut();
        let carol = github.user_named("carol").expect("carol").id;
        github.users.get_mut(&carol).expect("carol").login = "carol-was".into();
        let new = github.add_user("carol", UserKind::User);
        github.set_role(stage.world.repo, new, Some(Role::Admin));
    }
    assert_eq!(stage.deliver(&delivery).status, 202);
    assert!(stage.host.all().is_empty());
}

#[test]
fn a_refusal_is_said_once_and_touches_no_label() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    for text in ["@porter claude fix it", "@porter codex fix it", "@porter help", "@porter stop", "@porter --nope"] {
        assert_eq!(stage.comment("carol", issue, text).status, 202);
    }
    stage.tick_after(60);
    let said = stage.ours(issue);
    assert!(said.len() == 1 && said[0].contains(ONLY_WRITERS) && said[0].starts_with("@carol"), "{said:?}");
    assert!(stage.world.labels(issue).is_empty());
    assert!(stage.host.all().is_empty());
    let comment = stage.newest_comment("carol", issue);
    assert!(stage.world.reactions(comment).is_empty(), "no reaction either");
}

#[test]
fn at_most_five_refusals_an_hour_and_repository() {
    let stage = Stage::new(Mode::QuickApp);
    let issues: Vec<i64> = (0..7).map(|_| stage.issue()).collect();
    for issue in &issues {
        stage.comment("mallory", *issue, "@porter claude fix it");
    }
    let said = || issues.iter().map(|issue| stage.ours(*issue).len()).sum::<usize>();
    assert_eq!(said(), 5, "beyond that, silence");
    stage.tick_after(3601);
    assert_eq!(said(), 5, "and no answer later");
    let another = stage.issue();
    stage.comment("mallory", another, "@porter claude fix it");
    assert_eq!(stage.ours(another).len(), 1, "an hour later there is room");
}

#[test]
fn only_repositories_of_the_owners_are_served() {
    // (PORTER_OWNERS, PORTER_POLL) and whether acme/demo is served.
    let table = [
        (None, None, true, "the App's owner is the default"),
        (Some("acme"), None, true, "named"),
        (Some("Other, ACME"), None, true, "named in another case"),
        (Some("other"), None, false, "another owner"),
        (Some("other"), Some("acme/demo"), true, "polled"),
        (Some("other"), Some("acme/else"), false, "another one is polled"),
    ];
    for (owners, poll, served, what) in table {
        let stage = Stage::new(Mode::QuickApp);
        stage.set("PORTER_OWNERS", owners);
        stage.set("PORTER_POLL", poll);
        let issue = stage.issue();
        let seen = stage.comment("bob", issue, "@porter claude fix it");
        assert_eq!(stage.host.all().len(), usize::from(served), "{what}");
        if served {
            stage.end(seen.json()["task_id"].as_str().expect("a task"));
        } else {
            let said = stage.ours(issue);
            assert!(said.len() == 1 && said[0].contains("PORTER_OWNERS"), "{what}: {said:?}");
        }
    }
}

#[test]
fn by_a_token_only_polled_repositories_are_the_default() {
    for (poll, served) in [(None, false), (Some("acme/demo"), true)] {
        let stage = Stage::new(Mode::Token);
        stage.set("PORTER_OWNERS", None);
        stage.set("PORTER_POLL", poll);
        let issue = stage.issue();
        let seen = stage.comment("bob", issue, "@porter claude fix it");
        assert_eq!(stage.host.all().len(), usize::from(served), "{poll:?}");
        if served {
            stage.end(seen.json()["task_id"].as_str().expect("a task"));
        }
    }
}

//! Publishing: one commit and one pull request whatever is lost on the way, in words that cannot do harm.

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

/// The one pull request, after looking that it is the only one and stands on one commit.
fn only_pull(stage: &Stage, task: &str) -> porter_world::github::Issue {
    let mut pulls = stage.world.pull_requests();
    assert_eq!(pulls.len(), 1);
    assert_eq!(stage.world.messages(&format!("porter/{task}")).len(), 2, "one commit on the first one");
    pulls.pop().expect("one")
}

#[test]
fn the_commit_says_whose_it_is() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    let message = "Greet the world, @everyone, and fixes #7\n\nBecause it was asked for. Closes #9.\n\nSigned-off-by: root <root@example.com>\nCo-authored-by: Mallory <m@example.com>\nPorter-Task: 01somebodyelsestask00000";
    let summary = "I greeted @everyone. Closes #3\n\n![beacon](https://evil.example/x.png)";
    assert_eq!(machine.complete(&machine.changes(message, summary, &files())).status, 200);

    let commit = stage.world.messages(&format!("porter/{task}")).remove(0);
    let bob = stage.world.user("bob");
    assert!(
        commit.ends_with(&format!("Porter-Task: {task}\nCo-authored-by: bob <{bob}+bob@users.noreply.github.com>")),
        "{commit}"
    );
    for harm in ["Signed-off-by", "Mallory", "01somebodyelse", "fixes #7", "Closes #9", " @everyone"] {
        assert!(!commit.contains(harm), "{harm}: {commit}");
    }
    let pull = only_pull(&stage, &task);
    assert!(!pull.title.contains(" @everyone") && !pull.title.contains("fixes #7"), "{}", pull.title);
    let body = pull.body.clone().unwrap_or_default();
    for word in [&format!("Closes #{issue}"), "Claude", "`m`", "2000 tokens in", "$0.0050", "| Files | 1 |", &task] {
        assert!(body.contains(word), "{word}: {body}");
    }
    let hash = stage.task(&task)["promptHash"].as_str().expect("a hash").get(..12).expect("long").to_owned();
    assert!(body.contains(&hash));
    for harm in [" @everyone", "Closes #3", "![beacon]"] {
        assert!(!body.contains(harm), "{harm}: {body}");
    }
    let pull = pull.pull.expect("a pull request");
    assert_eq!(
        (pull.head.as_str(), pull.base.as_str(), pull.draft),
        (format!("porter/{task}").as_str(), "main", false)
    );
    assert_eq!(pull.requested_reviewers, [bob]);
    stage.tick_after(60);
}

#[test]
fn a_title_has_at_most_120_characters() {
    for message in ["ä".repeat(300), "word ".repeat(60), String::new(), "\n\n  \nSecond line".to_owned()] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, _, machine) = running(&stage);
        assert_eq!(machine.complete(&machine.changes(&message, "", &files())).status, 200, "{message:?}");
        let title = only_pull(&stage, &task).title;
        assert!((1..=120).contains(&title.chars().count()), "{title:?}");
        stage.tick_after(60);
    }
}

#[test]
fn success_is_shown_and_told_by_the_pull_request_alone() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, mut machine) = running(&stage);
    let command = stage.newest_comment("bob", issue);
    machine.report("working", &["at it"]);
    assert_eq!(machine.hand_over(&files()).status, 200);
    let pull = only_pull(&stage, &task);
    assert!(stage.status_comment(issue, &task).contains(&format!("#{}", pull.number)));
    assert!(stage.replies(issue).is_empty(), "{:?}", stage.replies(issue));
    assert_eq!(stage.world.labels(issue), ["porter:done"]);
    let reactions: Vec<String> = stage.world.reactions(command).into_iter().map(|(_, content)| content).collect();
    assert_eq!(reactions, ["eyes", "rocket"]);
    let shown = stage.task(&task);
    assert_eq!(
        (&shown["status"], &shown["prNumber"], &shown["progress"]),
        (&json!("success"), &json!(pull.number), &json!(100))
    );
    stage.tick_after(60);
}

#[test]
fn labels_of_people_are_left_alone() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.world.label("alice", issue, &["bug", "porter:failed"]);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    assert_eq!(stage.world.labels(issue), ["bug", "porter:running"]);
    stage.end(&task);
}

/// Every call of publishing, by method and a part of its path.
const CALLS: [(&str, &str); 7] = [
    ("GET", "/git/trees/"),
    ("GET", "/git/commits/"),
    ("POST", "/git/trees"),
    ("POST", "/git/commits"),
    ("POST", "/git/refs"),
    ("POST", "/pulls"),
    ("POST", "/requested_reviewers"),
];

#[test]
fn whatever_is_lost_there_is_one_pull_request() {
    for (method, path) in CALLS {
        for trouble in [Trouble::LostReply, Trouble::Status(502), Trouble::SecondaryLimit { retry_after_s: 60 }] {
            let stage = Stage::new(Mode::QuickApp);
            let (task, issue, machine) = running(&stage);
            stage.github_trouble(method, path, 1, trouble.clone());
            let mut answer = machine.hand_over(&files());
            for _ in 0..5 {
                if answer.status == 200 {
                    break;
                }
                assert_eq!(answer.status, 503, "{method} {path} {trouble:?}");
                stage.tick_after(61);
                answer = machine.hand_over(&files());
            }
            assert_eq!(answer.json()["status"], "success", "{method} {path} {trouble:?}");
            let pull = only_pull(&stage, &task);
            assert_eq!(answer.json()["pull_request"]["number"], pull.number);
            assert_eq!(stage.world.file_at(&format!("porter/{task}"), "a.txt").as_deref(), Some("new\n"));
            stage.tick_after(60);
            assert_eq!(stage.ours(issue).len(), 1, "{method} {path} {trouble:?}");
        }
    }
}

#[test]
fn a_machine_that_died_after_the_tree_is_finished_by_the_sweep() {
    for (method, path) in [("POST", "/git/commits"), ("POST", "/git/refs"), ("POST", "/pulls")] {
        let stage = Stage::new(Mode::QuickApp);
        let (task, _, machine) = running(&stage);
        stage.github_trouble(method, path, 1, Trouble::LostReply);
        assert_eq!(machine.hand_over(&files()).status, 503, "{path}");
        stage.tick_after(61);
        assert_eq!(stage.task(&task)["status"], "success", "{path}");
        only_pull(&stage, &task);
        stage.tick_after(60);
    }
}

#[test]
fn an_impatient_machine_does_not_use_up_the_tries() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    stage.github_trouble("POST", "/git/commits", 40, Trouble::Status(502));
    for _ in 0..40 {
        assert_eq!(machine.hand_over(&files()).status, 503);
        stage.world.clock.advance_ms(3000);
    }
    assert_eq!(machine.hand_over(&files()).json()["status"], "success");
    only_pull(&stage, &task);
    stage.tick_after(60);
}

#[test]
fn an_outage_that_does_not_end_fails_the_task() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    stage.github_trouble("POST", "/git/commits", 10_000, Trouble::Status(502));
    assert_eq!(machine.hand_over(&files()).status, 503);
    for _ in 0..40 {
        stage.tick_after(60);
    }
    assert_eq!(stage.task(&task)["status"], "running", "finished work is not given up for half an hour's outage");
    for _ in 0..40 {
        stage.tick_after(60);
    }
    assert_eq!(stage.task(&task)["status"], "failed");
    assert!(stage.replies(issue)[0].starts_with("@bob"));
}

#[test]
fn a_branch_that_a_stranger_took_is_not_ours_to_use() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    stage.world.push_commit("bob", &format!("porter/{task}"), "Squat", &[Change::Write("x", "y")]);
    let head = stage.world.head(&format!("porter/{task}"));
    let answer = machine.hand_over(&files());
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("failed")));
    assert_eq!(stage.world.head(&format!("porter/{task}")), head);
    assert!(stage.world.pull_requests().is_empty());
    assert!(stage.status_comment(issue, &task).contains("is not this task"), "{}", stage.status_comment(issue, &task));
    stage.tick_after(60);
}

#[test]
fn flags_choose_base_and_branch() {
    let stage = Stage::new(Mode::QuickApp);
    stage.world.push_commit("bob", "develop", "Work", &[Change::Write("dev.txt", "x\n")]);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude --base=develop --branch=feature/greeting fix it");
    let machine = stage.boot();
    assert_eq!(machine.job()["branch"], "feature/greeting");
    assert_eq!(machine.job()["repository"]["base_ref"], "develop");
    assert_eq!(machine.hand_over(&files()).status, 200);
    let pull = stage.world.pull_requests().pop().and_then(|pull| pull.pull).expect("a pull request");
    assert_eq!((pull.head.as_str(), pull.base.as_str()), ("feature/greeting", "develop"));
    assert_eq!(stage.task(&task)["branch"], "feature/greeting");
    for (text, word) in [("--base=nowhere", "nowhere"), ("--branch=develop", "exists already")] {
        let issue = stage.issue();
        let task = stage.ask("bob", issue, &format!("@porter claude {text} fix it"));
        assert_eq!(stage.task(&task)["status"], "failed", "{text}");
        assert!(stage.status_comment(issue, &task).contains(word), "{text}");
    }
    stage.tick_after(60);
}

#[test]
fn comments_and_labels_survive_lost_answers() {
    for (method, path) in [
        ("POST", "/comments"),
        ("PATCH", "/issues/comments/"),
        ("POST", "/labels"),
        ("DELETE", "/labels/"),
        ("POST", "/reactions"),
        ("GET", "/comments"),
    ] {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        stage.github_trouble(method, path, 2, Trouble::LostReply);
        let task = stage.ask("bob", issue, "@porter claude fix it");
        stage.tick_after(61);
        let machine = stage.boot();
        machine.complete(&json!({"outcome": "failed", "reason": "It is too hard.", "summary": null}));
        for _ in 0..4 {
            stage.tick_after(61);
        }
        stage.status_comment(issue, &task);
        assert_eq!(stage.ours(issue).len(), 2, "{method} {path}: {:?}", stage.ours(issue));
        assert_eq!(stage.world.labels(issue), ["porter:failed"], "{method} {path}");
    }
}

#[test]
fn no_deadline_ends_what_is_being_published() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, mut machine) = running(&stage);
    for _ in 0..9 {
        stage.world.clock.advance_ms(60_000);
        machine.report("working", &["on it"]);
    }
    stage.github_trouble("POST", "/git/trees", 8, Trouble::Status(502));
    for _ in 0..8 {
        assert_eq!(machine.hand_over(&files()).status, 503);
        stage.tick_after(60);
        assert_eq!(stage.task(&task)["state"], "publishing");
        assert_eq!(stage.host.alive().len(), 1, "the machine is the holder of the change set");
    }
    assert_eq!(machine.hand_over(&files()).json()["status"], "success");
    stage.tick_after(60);
    assert!(stage.host.alive().is_empty());
}

#[test]
fn a_status_comment_that_somebody_deleted_is_written_again() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    let comment = stage.newest_comment("porter[bot]", issue);
    {
        let mut github = stage.world.github.borrow_mut();
        let repository = std::sync::Arc::make_mut(github.repositories.get_mut(&stage.world.repo).expect("there"));
        repository.comments.remove(&comment);
    }
    assert_eq!(machine.hand_over(&files()).status, 200);
    assert!(stage.status_comment(issue, &task).contains("Done"));
    stage.tick_after(60);
}

#[test]
fn a_repository_that_was_renamed_meanwhile_gets_its_pull_request() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    stage.world.github.borrow_mut().rename(stage.world.repo, "demo-renamed");
    assert_eq!(machine.hand_over(&files()).json()["status"], "success");
    only_pull(&stage, &task);
    assert!(stage.status_comment(issue, &task).contains("Done"));
    stage.tick_after(60);
}

//! Silence that GitHub and the machine host ask for: nobody calls before its time, nothing is lost by waiting, and what only
//! decorates gives way.

use porter_world::github::Trouble;
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::Stage;
use crate::stage::host::Trouble as HostTrouble;
use crate::stage::machine::file;

/// Calls that were made under the installation's tokens so far.
fn calls(stage: &Stage) -> usize {
    let github = stage.world.github.borrow();
    github.record.asked.iter().filter(|asked| asked.caller.starts_with("installation")).count()
}

/// Calls that GitHub refused for a used-up limit.
fn refused(stage: &Stage) -> usize {
    stage.world.github.borrow().record.asked.iter().filter(|asked| matches!(asked.status, 403 | 429)).count()
}

/// Lets time pass, a tick a minute, in which nobody may call GitHub.
fn is_silent(stage: &Stage, minutes: u32) {
    let before = calls(stage);
    for minute in 1..=minutes {
        stage.tick_after(60);
        assert_eq!(calls(stage), before, "in minute {minute}");
    }
}

#[test]
fn after_a_secondary_limit_nobody_calls_before_its_time() {
    let stage = Stage::new(Mode::QuickApp);
    let (first, second) = (stage.issue(), stage.issue());
    stage.github_trouble("GET", "/permission", 1, Trouble::SecondaryLimit { retry_after_s: 300 });
    let one = stage.ask("bob", first, "@porter claude fix it");
    assert_eq!(refused(&stage), 1);
    // Another command comes in meanwhile: it is taken in, and its effects wait as well.
    let before = calls(&stage);
    let two = stage.ask("alice", second, "@porter claude fix it");
    assert_eq!(calls(&stage), before);
    is_silent(&stage, 4);
    assert_eq!(stage.task(&one)["status"], "queued");
    stage.tick_after(61);
    for (issue, task) in [(first, one), (second, two)] {
        assert_eq!(stage.task(&task)["status"], "running");
        assert!(stage.status_comment(issue, &task).contains("Starting"));
        stage.end(&task);
    }
    assert_eq!(refused(&stage), 1, "one refusal was enough");
}

#[test]
fn a_used_up_hour_is_waited_for_and_costs_no_launch() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    // The permission is read twice: at accept, and again at launch, which is what fails here.
    stage.github_trouble("GET", "/git/trees", 1, Trouble::PrimaryLimit);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    assert!(stage.host.all().is_empty());
    is_silent(&stage, 58);
    assert_eq!((&stage.task(&task)["status"], &stage.task(&task)["attempt"]), (&json!("running"), &json!(1)));
    stage.tick_after(180);
    stage.tick_after(60);
    assert_eq!(stage.host.all().len(), 1, "as soon as the hour is over");
    assert_eq!(stage.task(&task)["attempt"], 1, "waiting is no lost machine");
    assert!(stage.status_comment(issue, &task).contains("Starting"));
    let machine = stage.boot();
    assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n")])).json()["status"], "success");
    stage.tick_after(60);
}

#[test]
fn the_last_call_of_an_hour_is_not_followed_by_a_refused_one() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.world.github.borrow_mut().limits.an_hour = 6;
    let task = stage.ask("bob", issue, "@porter claude fix it");
    is_silent(&stage, 50);
    assert_eq!(refused(&stage), 0, "an answer said that nothing remains");
    stage.world.github.borrow_mut().limits.an_hour = 5000;
    stage.tick_after(900);
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["attempt"], 1);
    stage.end(&task);
}

#[test]
fn a_limited_machine_host_is_left_alone_by_everyone() {
    let stage = Stage::new(Mode::QuickApp);
    stage.host.trouble(&[HostTrouble::Limited(150)]);
    let one = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let two = stage.ask("alice", stage.issue(), "@porter claude fix it");
    stage.tick_after(60);
    stage.tick_after(60);
    assert_eq!(stage.host.heard().len(), 1, "{:?}", stage.host.heard());
    stage.tick_after(60);
    assert_eq!(stage.host.all().len(), 2);
    for task in [one, two] {
        assert_eq!(stage.task(&task)["attempt"], 1);
        stage.end(&task);
    }
}

#[test]
fn a_hand_over_waits_for_the_end_of_a_pause() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let mut machine = stage.boot();
    stage.github_trouble("PATCH", "/issues/comments", 1, Trouble::SecondaryLimit { retry_after_s: 90 });
    machine.report("working", &["on it"]);
    let before = calls(&stage);
    let body = machine.changes("Greet", "I did.", &json!([file("a.txt", "new\n")]));
    for _ in 0..4 {
        assert_eq!(machine.complete(&body).status, 503, "the machine holds it and comes again");
        stage.world.clock.advance_ms(20_000);
    }
    assert_eq!(calls(&stage), before);
    stage.world.clock.advance_ms(15_000);
    assert_eq!(machine.complete(&body).json()["status"], "success");
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["status"], "success");
}

#[test]
fn a_pause_is_no_try_and_labels_follow_in_their_newest_form() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let machine = stage.boot();
    stage.github_trouble("", "/labels", 20, Trouble::SecondaryLimit { retry_after_s: 60 });
    // The first real failure: were the pauses tries, it would be one too many.
    stage.github_trouble("", "/labels", 1, Trouble::Status(502));
    assert_eq!(machine.complete(&json!({"outcome": "no_changes", "reason": "Nothing to do."})).status, 200);
    for _ in 0..19 {
        stage.tick_after(61);
    }
    assert_eq!(stage.world.labels(issue), ["porter:running"]);
    for _ in 0..4 {
        stage.tick_after(61);
    }
    assert_eq!(stage.world.labels(issue), ["porter:done"]);
    let added = |asked: &&std::sync::Arc<porter_world::github::record::Asked>| {
        asked.method == "POST"
            && asked.path.ends_with("/labels")
            && asked.path.contains("/issues/")
            && asked.status < 300
    };
    assert_eq!(
        stage.world.github.borrow().record.asked.iter().filter(added).count(),
        3,
        "queued, running, and the end once"
    );
    assert_eq!(stage.task(&task)["status"], "success");
}

#[test]
fn eyes_give_way_and_the_end_is_still_shown() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("POST", "/comments", 1, Trouble::SecondaryLimit { retry_after_s: 120 });
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let command = stage.newest_comment("bob", issue);
    for _ in 0..4 {
        stage.tick_after(60);
    }
    assert_eq!(stage.world.labels(issue), ["porter:running"]);
    assert!(stage.world.reactions(command).is_empty(), "a reaction of an intermediate state is dropped");
    let machine = stage.boot();
    assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n")])).json()["status"], "success");
    stage.tick_after(60);
    let reactions: Vec<String> = stage.world.reactions(command).into_iter().map(|(_, content)| content).collect();
    assert_eq!(reactions, ["rocket"]);
    assert_eq!(stage.task(&task)["status"], "success");
}

#[test]
fn a_long_outbox_drops_eyes_too() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    // Due with the task's own effects, and after them.
    for number in 0..50 {
        let sql = format!(
            "INSERT INTO effects SELECT 'x:{number}', 'react', '{{\"kind\":\"react\",\"task\":\"01khr1bge0r5e052fc5m592sz{}\"}}', NULL, 2, \
             'pending', 0, 0, CAST(round(unixepoch('subsec') * 1000) AS INTEGER), 0, 0, NULL, 9000000000000",
            if number % 2 == 0 { "a" } else { "b" }
        );
        stage.rows(sql.leak());
    }
    let task = stage.ask("bob", issue, "@porter claude fix it");
    stage.tick_after(60);
    assert!(stage.world.reactions(stage.newest_comment("bob", issue)).is_empty());
    assert_eq!(stage.world.labels(issue), ["porter:running"]);
    stage.end(&task);
}

#[test]
fn a_host_in_trouble_is_not_hammered() {
    let stage = Stage::new(Mode::QuickApp);
    let tasks: Vec<String> =
        (0..5).map(|_| stage.issue()).map(|issue| stage.ask("bob", issue, "@porter claude x")).collect();
    for _ in 0..3 {
        stage.tick_after(60);
    }
    stage.github_trouble("", "", 10_000, Trouble::Status(502));
    for task in &tasks {
        stage.change("POST", &format!("/api/tasks/{task}/stop"), "");
    }
    let before = calls(&stage);
    stage.tick_after(600);
    let made = calls(&stage) - before;
    assert!(
        (1..=10).contains(&made),
        "fifteen effects are due, and {made} calls were made before the rest was put off"
    );
    stage.world.github.borrow_mut().limits.faults.clear();
    for _ in 0..8 {
        stage.tick_after(120);
    }
}

#[test]
fn isolates_whose_clocks_are_off_do_not_take_one_lease_twice() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.github_trouble("GET", "/comments", 100, Trouble::Status(502));
    let task = stage.ask("bob", issue, "@porter claude fix it");
    stage.world.github.borrow_mut().limits.faults.clear();
    // Somebody has it in hand at this moment.
    stage.rows("UPDATE effects SET not_before = 0, lease_until = (SELECT 45000 + CAST(round(unixepoch('subsec') * 1000) AS INTEGER)) WHERE kind = 'show_status'");
    for skew_s in [-300, 300] {
        stage.skew_ms.set(skew_s * 1000);
        stage.with(async |app| app.drain().await);
        assert!(stage.ours(issue).is_empty(), "{skew_s}");
    }
    stage.world.clock.advance_ms(46_000);
    stage.skew_ms.set(-300_000);
    stage.with(async |app| app.drain().await);
    assert_eq!(stage.ours(issue).len(), 1, "a lease that ran out is taken, whatever our own clock says");
    stage.skew_ms.set(0);
    stage.end(&task);
}

#[test]
fn a_pause_means_the_same_to_isolates_whose_clocks_are_off() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.skew_ms.set(-240_000);
    stage.github_trouble("GET", "/permission", 1, Trouble::SecondaryLimit { retry_after_s: 120 });
    let task = stage.ask("bob", issue, "@porter claude fix it");
    stage.skew_ms.set(240_000);
    is_silent(&stage, 1);
    stage.world.clock.advance_ms(61_000);
    stage.with(async |app| app.drain().await);
    assert_eq!(stage.task(&task)["status"], "running");
    stage.skew_ms.set(0);
    stage.end(&task);
}

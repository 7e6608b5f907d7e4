//! The machine host: one machine a launch, nothing secret in it but the claim, and none left over.

use porter::ports::Method;
use porter_world::world::Mode;
use serde_json::json;

use crate::stage::host::Trouble;
use crate::stage::machine::{Machine, call, file};
use crate::stage::{PORTER, Stage};

#[test]
fn a_machine_is_ordered_exactly_as_the_protocol_says() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it secret-words-of-the-prompt");
    assert!((20..=26).contains(&task.len()) && task.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    let made = stage.host.newest();
    assert_eq!(made.name, format!("porter-{task}-1"));
    let claim = made.env("CLAIM_TOKEN");
    assert!(claim.len() >= 32);
    assert_eq!(
        made.config,
        json!({
            "image": "porter-worker:tests",
            "auto_destroy": true,
            "restart": {"policy": "no"},
            "guest": {"cpu_kind": "shared", "cpus": 2, "memory_mb": 2048},
            "metadata": {"porter_task": task, "porter_attempt": "1", "porter_instance": "127.0.0.1:8787"},
            "env": {"TASK_ID": task, "ATTEMPT": "1", "REPO_FULL_NAME": "acme/demo", "AGENT": "claude",
                "BRANCH": format!("porter/{task}"), "CALLBACK_URL": format!("{PORTER}/api/callbacks"), "CLAIM_TOKEN": claim},
        })
    );
    stage.boot();
    stage.end(&task);
    let heard = stage.host.heard().join("\n");
    for secret in ["canary", "secret-words-of-the-prompt", "ghs_", "AQEBAQEB", "webhook-secret"] {
        assert!(!heard.contains(secret), "{secret}: {heard}");
    }
}

#[test]
fn a_lost_answer_is_adopted_not_doubled() {
    let stage = Stage::new(Mode::QuickApp);
    stage.host.trouble(&[Trouble::LostReply]);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    stage.tick_after(60);
    assert_eq!(stage.host.all().len(), 1);
    assert_eq!(stage.rows("SELECT machine_id FROM attempts WHERE machine_id IS NOT NULL").len(), 1, "adopted");
    assert_eq!(stage.boot().start.status, 200, "with the same claim");
    assert_eq!(stage.task(&task)["attempt"], 1);
    stage.end(&task);
    assert!(stage.host.alive().is_empty());
}

#[test]
fn somebody_elses_machine_of_our_name_is_left_alone() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RUNNING_PER_USER", Some("1"));
    let first = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let config = json!({"image": "x", "env": {}, "metadata": {"porter_task": "somebody-else"}});
    stage.host.put("mforeign000001", &format!("porter-{task}-1"), config);
    stage.end(&first);
    assert_eq!(stage.task(&task)["status"], "failed");
    assert!(stage.status_comment(issue, &task).contains("not ours"), "{}", stage.status_comment(issue, &task));
    for _ in 0..10 {
        stage.tick_after(120);
    }
    assert!(stage.host.alive().iter().any(|made| made.id == "mforeign000001"), "it is not ours to end");
}

#[test]
fn an_overloaded_host_is_asked_again() {
    for status in [429, 500, 503] {
        let stage = Stage::new(Mode::QuickApp);
        stage.host.trouble(&[Trouble::Status(status), Trouble::Status(status)]);
        let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
        assert!(stage.host.all().is_empty(), "{status}");
        stage.tick_after(61);
        stage.tick_after(61);
        assert_eq!(stage.host.all().len(), 1, "{status}");
        assert_eq!(stage.task(&task)["attempt"], 1, "{status}");
        stage.end(&task);
    }
}

#[test]
fn a_host_that_refuses_us_ends_the_task_with_the_reason() {
    for status in [401, 404, 422] {
        let stage = Stage::new(Mode::QuickApp);
        let issue = stage.issue();
        stage.host.trouble(&[Trouble::Status(status)]);
        let task = stage.ask("bob", issue, "@porter claude fix it");
        stage.tick_after(60);
        assert_eq!(stage.task(&task)["status"], "failed", "{status}");
        assert!(stage.status_comment(issue, &task).contains("did not make a machine"), "{status}");
        let told = stage.replies(issue);
        assert!(told.len() == 1 && told[0].starts_with("@bob"), "{status}: {told:?}");
    }
}

#[test]
fn what_is_not_set_up_is_named() {
    for name in ["WORKER_IMAGE", "FLY_API_TOKEN", "FLY_APP_NAME", "ANTHROPIC_API_KEY"] {
        let stage = Stage::new(Mode::QuickApp);
        stage.set(name, None);
        let issue = stage.issue();
        let task = stage.ask("bob", issue, "@porter claude fix it");
        assert_eq!(stage.task(&task)["status"], "failed", "{name}");
        assert!(stage.status_comment(issue, &task).contains(name), "{name}: {}", stage.status_comment(issue, &task));
        assert!(stage.host.all().is_empty(), "{name}");
    }
}

#[test]
fn a_machine_that_never_comes_up_is_made_again_and_then_given_up() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("MAX_RETRIES", Some("2"));
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let first = stage.host.newest();
    for attempt in 1..=3 {
        assert_eq!(stage.task(&task)["attempt"], attempt);
        stage.tick_after(181);
        stage.tick_after(60);
    }
    let end = stage.task(&task);
    assert_eq!((&end["status"], &end["attempt"]), (&json!("timed_out"), &json!(3)));
    assert_eq!(stage.host.all().len(), 3);
    let told = stage.replies(issue);
    assert!(told.len() == 1 && told[0].contains("No machine came up in time"), "{told:?}");
    assert_eq!(Machine::boot(&stage, &first).start.status, 410, "a late boot is turned away");
    stage.tick_after(600);
    assert!(stage.host.alive().is_empty());
}

#[test]
fn a_machine_that_falls_silent_is_replaced_with_the_same_job() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let mut machine = stage.boot();
    let job = machine.job();
    for _ in 0..4 {
        stage.tick_after(60);
        machine.report("working", &[]);
    }
    assert_eq!(stage.task(&task)["attempt"], 1, "signs of life keep it");
    stage.tick_after(121);
    assert_eq!(machine.report("working", &["I was only slow"]).status, 410);
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["attempt"], 2);
    let second = stage.boot();
    assert_eq!(second.job()["prompt"], job["prompt"]);
    assert_ne!(second.job()["session_token"], job["session_token"]);
    assert_eq!(machine.hand_over(&json!([file("a.txt", "late")])).status, 410);
    assert_eq!(second.hand_over(&json!([file("a.txt", "new\n")])).json()["status"], "success");
    stage.tick_after(60);
    assert!(stage.host.alive().is_empty());
}

#[test]
fn a_run_ends_at_its_deadline() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let mut machine = stage.boot();
    for _ in 0..11 {
        stage.tick_after(55);
        machine.report("working", &["on it"]);
    }
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["status"], "timed_out");
    assert!(stage.status_comment(issue, &task).contains("Timed out"));
    assert!(stage.replies(issue)[0].starts_with("@bob"));
    stage.tick_after(60);
    assert!(stage.host.alive().is_empty());
}

#[test]
fn a_runner_that_ends_its_run_at_the_deadline_has_timed_out() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let mut machine = stage.boot();
    for _ in 0..10 {
        stage.world.clock.advance_ms(60_000);
        machine.report("working", &["on it"]);
    }
    let over = json!({"outcome": "failed", "reason": "the run took longer than its limit of 600 seconds"});
    assert_eq!(machine.complete(&over).json()["status"], "failed");
    assert_eq!(stage.task(&task)["status"], "timed_out", "as if the cron trigger had been quicker");
    stage.tick_after(60);
}

#[test]
fn one_boot_has_the_launch() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let made = stage.host.newest();
    let first = Machine::boot_as(&stage, &made, "boot-1");
    let before = stage.dump();
    assert_eq!(Machine::boot_as(&stage, &made, "boot-1").start.json(), first.start.json(), "the same answer");
    assert_eq!(Machine::boot_as(&stage, &made, "boot-2").start.status, 409);
    assert_eq!(stage.dump(), before);
    stage.end(&task);
    assert_eq!(Machine::boot_as(&stage, &made, "boot-1").start.status, 410);
}

#[test]
fn wrong_tokens_are_told_nothing_and_change_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let (first, second) = (
        stage.ask("bob", stage.issue(), "@porter claude fix it"),
        stage.ask("bob", stage.issue(), "@porter claude fix it"),
    );
    let machines = stage.host.all();
    let (one, other) = (&machines[0], &machines[1]);
    let claim = one.env("CLAIM_TOKEN");
    let cut = claim.get(..claim.len() - 1).expect("ASCII").to_owned();
    let body = json!({"task_id": one.env("TASK_ID"), "attempt": 1, "boot_id": "b", "runner": {}});
    let unknown = json!({"task_id": "01hzzzzzzzzzzzzzzzzzzzzzzz", "attempt": 1, "boot_id": "b", "runner": {}});
    let late = json!({"task_id": one.env("TASK_ID"), "attempt": 2, "boot_id": "b", "runner": {}});
    let before = stage.dump();
    let mut bodies = Vec::new();
    for (token, body) in [
        ("", &body),
        ("wrong", &body),
        (cut.as_str(), &body),
        (other.env("CLAIM_TOKEN").as_str(), &body),
        (claim.as_str(), &unknown),
        (claim.as_str(), &late),
    ] {
        let seen = call(&stage, "start", token, body);
        assert_eq!(seen.status, 401, "{token}");
        bodies.push(seen.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "a refusal has the same body");
    assert_eq!(stage.dump(), before);

    let (mine, theirs) = (Machine::boot(&stage, one), Machine::boot(&stage, other));
    let before = stage.dump();
    let report = json!({"task_id": one.env("TASK_ID"), "attempt": 1, "seq": 1, "phase": "working", "lines": []});
    let result = json!({"task_id": one.env("TASK_ID"), "attempt": 1, "outcome": "no_changes", "reason": "x"});
    for token in ["", claim.as_str(), &theirs.session(), mine.session().get(..40).expect("long")] {
        assert_eq!(call(&stage, "events", token, &report).status, 401);
        assert_eq!(call(&stage, "complete", token, &result).status, 401);
    }
    assert_eq!(stage.dump(), before);
    stage.end(&first);
    stage.end(&second);
}

#[test]
fn tokens_end_a_while_after_the_deadline() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let made = stage.host.newest();
    let machine = Machine::boot(&stage, &made);
    let answer = machine.complete(&json!({"outcome": "no_changes", "reason": "Nothing to do."}));
    stage.tick_after(600 + 14 * 60);
    assert_eq!(machine.complete(&json!({"outcome": "no_changes", "reason": "Nothing to do."})).body, answer.body);
    stage.tick_after(120);
    assert_eq!(machine.complete(&json!({"outcome": "no_changes", "reason": "Nothing to do."})).status, 401);
    assert_eq!(Machine::boot(&stage, &made).start.status, 401);
    assert_eq!(stage.task(&task)["status"], "success");
}

#[test]
fn an_empty_list_is_no_proof_that_nothing_runs() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    // The create is done and its answer lost; the issue is closed before anybody can adopt.
    stage.host.trouble(&[Trouble::LostReply]);
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let made = stage.host.newest();
    stage.world.close("alice", issue);
    stage.deliver_all();
    assert_eq!(stage.task(&task)["status"], "stopped");
    for _ in 0..12 {
        stage.tick_after(60);
    }
    assert!(!stage.host.alive().iter().any(|alive| alive.id == made.id), "found by name and ended");
}

#[test]
fn a_launch_that_ends_while_it_is_repeated_gets_no_second_machine() {
    let stage: &'static Stage = Box::leak(Box::new(Stage::new(Mode::QuickApp)));
    stage.host.trouble(&[Trouble::LostReply]);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    // While the launch is repeated, the machine of the first try does everything and goes: its name is free again.
    stage.calls.meanwhile(Method::Get, "/collaborators/bob/permission", || {
        let seen = stage.boot().complete(&json!({"outcome": "failed", "reason": "It is too hard.", "summary": null}));
        assert_eq!(seen.status, 200);
        stage.tick_after(60);
        assert!(stage.host.alive().is_empty());
    });
    stage.tick_after(60);
    assert_eq!(stage.task(&task)["status"], "failed");
    assert_eq!(stage.host.all().len(), 1);
}

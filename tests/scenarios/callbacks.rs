//! A machine's calls: reports in order and within bounds, one result for ever, and no other door to the code.

use porter_world::github::Trouble;
use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::stage::machine::{Machine, call, file};
use crate::stage::{PORTER, Stage};

/// A task that runs, and its machine.
fn running(stage: &Stage) -> (String, i64, Machine<'_>) {
    let issue = stage.issue();
    let task = stage.ask("bob", issue, "@porter claude fix it");
    let machine = stage.boot();
    assert_eq!(machine.start.status, 200);
    (task, issue, machine)
}

fn line(text: &str) -> Value {
    json!({"at": "2026-02-18T09:30:00Z", "level": "info", "text": text})
}

fn log(stage: &Stage) -> String {
    stage.rows("SELECT lines FROM log_batches ORDER BY seq").into_iter().map(|row| format!("{row:?}\n")).collect()
}

#[test]
fn the_job_is_as_the_protocol_says() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    let job = machine.job();
    let main = stage.world.head("main").expect("a head");
    assert_eq!(
        job["repository"],
        json!({"full_name": "acme/demo", "clone_url": format!("{PORTER}/api/callbacks/git/acme/demo.git"),
            "base_ref": "main", "base_sha": main})
    );
    assert_eq!(job["branch"], format!("porter/{task}"));
    assert_eq!(job["keys"], json!({"ANTHROPIC_API_KEY": "canary-anthropic-key-0001"}), "the agent's key and no other");
    assert_eq!(job["upstreams"]["anthropic"], "https://api.anthropic.com");
    assert_eq!(
        job["limits"],
        json!({"deadline_s": 600, "budget_micros": null, "max_files": 300, "max_binary_files": 20, "max_bytes": 4_194_304})
    );
    assert!(job["report_every_s"].is_u64());
    assert!(!job.to_string().contains("ghs_") && !job.to_string().contains("canary-github"), "no GitHub token");
    stage.end(&task);
}

#[test]
fn older_and_repeated_reports_are_answered_and_ignored() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    let report = |seq: u64, phase: &str, text: &str| {
        machine.report_raw(&json!({"seq": seq, "phase": phase, "progress": seq * 10, "lines": [line(text)]}))
    };
    assert_eq!(report(5, "working", "five").json(), json!({"continue": true}));
    for (seq, text) in [(5, "five again"), (3, "three")] {
        assert_eq!(report(seq, "cloning", text).json(), json!({"continue": true}));
    }
    assert!(log(&stage).contains("five") && !log(&stage).contains("again") && !log(&stage).contains("three"));
    let shown = stage.task(&task);
    assert_eq!((&shown["phase"], &shown["progress"]), (&json!("working"), &json!(50)));
    assert_eq!(machine.report_raw(&json!({"seq": 6, "phase": "dreaming"})).status, 422);
    assert_eq!(machine.report_raw(&json!({"seq": "7"})).status, 422);
    stage.end(&task);
}

#[test]
fn usage_is_cumulative_and_unknown_is_not_zero() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    let usage = json!({"calls": 1, "input_tokens": 10, "output_tokens": null, "cache_read_tokens": null,
        "cost_micros": null, "model": "m"});
    machine.report_raw(&json!({"seq": 1, "phase": "working", "usage": usage}));
    machine.report_raw(&json!({"seq": 2, "lines": [line("x")], "usage": null}));
    let shown = stage.task(&task)["usage"].clone();
    assert_eq!(
        (&shown["inputTokens"], &shown["outputTokens"], &shown["costMicros"]),
        (&json!(10), &Value::Null, &Value::Null)
    );
    stage.end(&task);
}

#[test]
fn a_report_has_bounds() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    let before = stage.dump();
    let many: Vec<Value> = (0..501).map(|_| line("x")).collect();
    assert_eq!(machine.report_raw(&json!({"seq": 1, "lines": many})).status, 422);
    let wide = "x".repeat(256 * 1024 + 1);
    assert_eq!(machine.report_raw(&json!({"seq": 1, "lines": [line(&wide)]})).status, 422);
    assert_eq!(stage.dump(), before);
    let most: Vec<Value> = (0..500).map(|_| line("x")).collect();
    assert_eq!(machine.report_raw(&json!({"seq": 1, "lines": most})).status, 200);
    stage.end(&task);
}

#[test]
fn the_log_of_a_task_is_capped_and_says_so_once() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    let wide = "x".repeat(250 * 1024);
    for seq in 1..=50 {
        let lines = json!([line(&wide), line("and more")]);
        assert_eq!(machine.report_raw(&json!({"seq": seq, "lines": lines})).status, 200);
    }
    let kept = log(&stage);
    assert!(kept.len() < 11 * 1024 * 1024, "{}", kept.len());
    assert_eq!(kept.matches("has reached 10 MiB").count(), 1);
    stage.end(&task);
}

#[test]
fn keys_in_lines_and_words_are_removed() {
    let stage = Stage::new(Mode::QuickApp);
    let (_, issue, mut machine) = running(&stage);
    let session = machine.session();
    let canary = "canary-anthropic-key-0001";
    machine.report(
        "working",
        &[&format!("ANTHROPIC_API_KEY={canary}"), "canary-host-token-0001 and webhook-secret-for-tests"],
    );
    let reason = format!("The provider said: bad key {canary}");
    assert_eq!(machine.complete(&json!({"outcome": "failed", "reason": reason, "summary": null})).status, 200);
    stage.tick_after(60);
    let kept = stage.dump();
    for secret in ["canary-", "webhook-secret-for-tests", session.as_str()] {
        assert!(!kept.contains(secret), "{secret} is in the database");
        assert!(!stage.ours(issue).join("\n").contains(secret), "{secret} is in a comment");
        assert!(!stage.log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn the_same_bytes_get_the_same_answer_for_ever() {
    let stage = Stage::new(Mode::QuickApp);
    let (_, _, machine) = running(&stage);
    let files = json!([file("a.txt", "new\n")]);
    let first = machine.hand_over(&files);
    assert_eq!(first.status, 200);
    stage.tick_after(60);
    assert_eq!(machine.hand_over(&files).body, first.body, "also after the end");
    assert_eq!(machine.hand_over(&json!([file("a.txt", "other\n")])).status, 409);
    assert_eq!(stage.world.pull_requests().len(), 1);
    assert_eq!(machine.report_raw(&json!({"seq": 9})).status, 410);
}

#[test]
fn other_bytes_are_a_conflict_while_somebody_publishes() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    stage.github_trouble("POST", "/git/trees", 1, Trouble::Status(502));
    let files = json!([file("a.txt", "new\n")]);
    let busy = machine.hand_over(&files);
    assert_eq!(busy.status, 503);
    assert!(busy.headers.iter().any(|(name, _)| *name == "retry-after"));
    assert_eq!(machine.hand_over(&json!([file("a.txt", "other\n")])).status, 409);
    assert_eq!(machine.report_raw(&json!({"seq": 1, "phase": "handing_over"})).json(), json!({"continue": true}));
    assert_eq!(machine.hand_over(&files).json()["status"], "success");
    assert_eq!(stage.task(&task)["status"], "success");
}

#[test]
fn a_result_that_is_too_large_fails_the_task_with_that_reason() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    let seen = machine.hand_over(&json!([file("a.txt", &"x".repeat(9 * 1024 * 1024))]));
    assert_eq!(seen.status, 413);
    assert_eq!(stage.task(&task)["status"], "failed");
    assert!(stage.status_comment(issue, &task).contains("8 MiB"));
    assert!(stage.replies(issue)[0].contains("8 MiB"));
    assert_eq!(machine.hand_over(&json!([file("a.txt", &"x".repeat(9 * 1024 * 1024))])).status, 413);
    stage.tick_after(60);
}

#[test]
fn a_second_result_that_is_too_large_does_not_end_a_publication() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    stage.github_trouble("POST", "/pulls", 1, Trouble::Status(502));
    let files = json!([file("a.txt", "new\n")]);
    assert_eq!(machine.hand_over(&files).status, 503);
    machine.hand_over(&json!([file("a.txt", &"x".repeat(9 * 1024 * 1024))]));
    assert_eq!(machine.hand_over(&files).json()["status"], "success");
    assert_eq!(stage.task(&task)["status"], "success");
}

#[test]
fn a_lost_result_is_told_as_lost() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, issue, machine) = running(&stage);
    let files = json!([file("a.txt", "new\n")]);
    stage.github_trouble("POST", "/git/trees", 1, Trouble::Status(502));
    assert_eq!(machine.hand_over(&files).status, 503);
    // The machine dies before it can hand over again.
    for _ in 0..11 {
        stage.tick_after(60);
    }
    assert_eq!(stage.task(&task)["status"], "failed");
    assert!(stage.status_comment(issue, &task).contains("could not be published"));
    let late = machine.hand_over(&files);
    assert_eq!((late.status, late.json()), (200, json!({"status": "failed", "pull_request": null})));
    assert!(stage.world.pull_requests().is_empty());
}

#[test]
fn no_changes_and_failures_end_with_the_agents_words() {
    for (outcome, status, label, reaction) in
        [("no_changes", "success", "porter:done", "rocket"), ("failed", "failed", "porter:failed", "confused")]
    {
        let stage = Stage::new(Mode::QuickApp);
        let (task, issue, machine) = running(&stage);
        let command = stage.newest_comment("bob", issue);
        let reason = "It is fine as it is, @everyone. Fixes #1";
        let seen = machine.complete(&json!({"outcome": outcome, "reason": reason, "summary": null}));
        assert_eq!(seen.json()["status"], status);
        assert_eq!(stage.task(&task)["status"], status);
        assert_eq!(stage.world.labels(issue), [label]);
        let reactions: Vec<String> = stage.world.reactions(command).into_iter().map(|(_, content)| content).collect();
        assert_eq!(reactions, ["eyes", reaction]);
        let comment = stage.status_comment(issue, &task);
        assert!(comment.contains("It is fine as it is"), "{comment}");
        assert!(!comment.contains(" @everyone") && !comment.contains("Fixes #1"), "neutralised: {comment}");
        let told = stage.replies(issue);
        assert!(told.len() == 1 && told[0].starts_with("@bob"), "{told:?}");
        stage.tick_after(60);
        assert!(stage.host.alive().is_empty());
    }
}

#[test]
fn the_gateway_hands_on_one_repository_for_reading() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    let session = machine.session();
    let refs = "acme/demo.git/info/refs?service=git-upload-pack";
    assert_eq!(
        machine.git("GET", refs, &session).forwarded.as_deref(),
        Some("https://github.com/acme/demo.git/info/refs?service=git-upload-pack")
    );
    assert_eq!(
        machine.git("POST", "acme/demo.git/git-upload-pack", &session).forwarded.as_deref(),
        Some("https://github.com/acme/demo.git/git-upload-pack")
    );
    let anonymous = stage.request("GET", &format!("/api/callbacks/git/{refs}"), &[], b"");
    assert_eq!(anonymous.status, 401);
    let challenge = ("www-authenticate", "Basic realm=\"porter\"".to_owned());
    assert!(anonymous.headers.contains(&challenge), "{:?}", anonymous.headers);
    for (method, address, password) in [
        ("GET", refs, "wrong"),
        ("GET", refs, &machine.made.env("CLAIM_TOKEN")),
        ("GET", "acme/other.git/info/refs?service=git-upload-pack", &session),
        ("GET", "acme/demo.git/info/refs?service=git-receive-pack", &session),
        ("GET", "acme/demo.git/info/refs", &session),
        ("POST", "acme/demo.git/git-receive-pack", &session),
        ("GET", "acme/demo.git/HEAD", &session),
        ("GET", "acme/demo.git/../other.git/info/refs?service=git-upload-pack", &session),
        ("POST", "acme/demo.git/info/refs?service=git-upload-pack", &session),
    ] {
        let seen = machine.git(method, address, password);
        assert_eq!((seen.status, seen.forwarded.is_none()), (403, true), "{method} {address}");
    }
    stage.end(&task);
    assert_eq!(machine.git("GET", refs, &session).status, 403);
}

#[test]
fn what_is_no_result_is_named_and_may_be_sent_again() {
    let stage = Stage::new(Mode::QuickApp);
    let (task, _, machine) = running(&stage);
    assert_eq!(machine.complete(&json!({"outcome": "changes", "change_set": null})).status, 422);
    assert_eq!(machine.complete(&json!({"outcome": "perhaps"})).status, 422);
    let seen = machine.complete(&json!({"outcome": "changes", "change_set": {"base_sha": 1}}));
    assert!(String::from_utf8_lossy(&seen.body).contains("change_set"), "{:?}", String::from_utf8_lossy(&seen.body));
    assert_eq!(call(&stage, "complete", &machine.session(), &json!("text")).status, 422);
    assert_eq!(stage.task(&task)["status"], "running");
    assert_eq!(machine.hand_over(&json!([file("a.txt", "new\n")])).status, 200);
    stage.tick_after(60);
}

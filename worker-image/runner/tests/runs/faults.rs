//! What can go wrong between the runner, Porter, the provider and the agent, and how each run ends.

use std::time::{Duration, Instant};

use porter::protocol::wire::{Outcome, StartAnswer};

use crate::model::Mood;
use crate::porter::Fault;
use crate::run::{DONE, Stage};

async fn played(script: &str, shape: impl FnOnce(&mut StartAnswer)) -> Stage {
    let mut stage = Stage::set_with("claude", "bwrap", Mood::Silent, shape).await;
    stage.play_claude(script);
    stage
}

#[tokio::test]
async fn a_lost_start_is_repeated_with_the_same_boot_id() {
    let stage = played(DONE, |_| {}).await;
    stage.porter.desk.lock().unwrap().start_faults = [Fault::Status(503), Fault::LoseReply].into();
    // The answer that was lost half way is a success of HTTP that cannot be read; the claim must survive it.
    assert!(stage.finish().await.success());
    let boots: Vec<String> = stage.porter.desk.lock().unwrap().boots.iter().map(|boot| boot.boot_id.clone()).collect();
    assert_eq!(boots.len(), 2);
    assert_eq!(boots[0], boots[1]);
    assert_eq!(stage.porter.result().outcome, Outcome::NoChanges);
}

#[tokio::test]
async fn a_task_that_is_not_ours_ends_quietly() {
    for (status, quiet) in [(409, true), (410, true), (401, false)] {
        let stage = played(DONE, |_| {}).await;
        stage.porter.desk.lock().unwrap().start_faults = [Fault::Status(status)].into();
        assert_eq!(stage.finish().await.success(), quiet, "{status}");
        let desk = stage.porter.desk.lock().unwrap();
        assert!(desk.events.is_empty() && desk.results.is_empty());
    }
}

#[tokio::test]
async fn a_result_is_repeated_to_the_byte_until_it_is_answered() {
    let stage = played(&format!("echo x > new; {DONE}"), |_| {}).await;
    stage.porter.desk.lock().unwrap().complete_faults =
        [Fault::LoseReply, Fault::Status(503), Fault::Status(429)].into();
    assert!(stage.finish().await.success());
    assert_eq!(stage.porter.desk.lock().unwrap().results.len(), 4);
    assert_eq!(stage.porter.result().outcome, Outcome::Changes);
}

#[tokio::test]
async fn a_refused_result_is_not_sent_again() {
    for status in [409, 410, 413, 422] {
        let stage = played(&format!("echo x > new; {DONE}"), |_| {}).await;
        stage.porter.desk.lock().unwrap().complete_faults = [Fault::Status(status)].into();
        assert!(stage.finish().await.success());
        assert_eq!(stage.porter.desk.lock().unwrap().results.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn stop_ends_the_agent_and_hands_over_nothing() {
    let stage = played("echo started; sleep 100", |_| {}).await;
    let mut child = stage.start();
    wait_for(|| stage.porter.log().contains("started")).await;
    stage.porter.desk.lock().unwrap().stop = true;
    let status = tokio::time::timeout(Duration::from_secs(15), child.wait()).await.expect("it did not stop");
    assert!(status.unwrap().success());
    assert!(stage.porter.desk.lock().unwrap().results.is_empty());
    stage.assert_clean();
}

#[tokio::test]
async fn an_agent_that_ignores_sigterm_is_killed_at_the_deadline() {
    let script = "trap '' TERM; (trap '' TERM; sleep 4321.5) & while true; do sleep 1; done";
    for boxed in ["bwrap", "off"] {
        let shape = |job: &mut StartAnswer| job.limits.deadline_s = 4;
        let mut stage = Stage::set_with("claude", boxed, Mood::Silent, shape).await;
        stage.play_claude(script);
        let began = Instant::now();
        assert!(stage.finish().await.success());
        let took = began.elapsed();
        assert!(took > Duration::from_secs(8) && took < Duration::from_secs(16), "{boxed}: {took:?}");
        let result = stage.porter.result();
        assert_eq!(result.outcome, Outcome::Failed);
        assert!(result.reason.unwrap().contains("limit of 4 seconds"));
        assert!(!running("4321.5"), "{boxed}: something survived");
    }
}

#[tokio::test]
async fn the_heartbeat_goes_on_while_nothing_is_said() {
    let stage = played(&format!("sleep 4; {DONE}"), |_| {}).await;
    assert!(stage.finish().await.success());
    let beats = stage.porter.desk.lock().unwrap().events.len();
    assert!(beats >= 4, "{beats} reports in more than 4 seconds");
}

#[tokio::test]
async fn a_machine_that_is_shut_down_says_so_and_leaves_nothing() {
    let stage = played("echo started; sleep 4322.5", |_| {}).await;
    let mut child = stage.start();
    wait_for(|| stage.porter.log().contains("started")).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = tokio::time::timeout(Duration::from_secs(15), child.wait()).await.expect("it did not end");
    assert_eq!(status.unwrap().code(), Some(143), "as a program that the signal killed");
    assert!(stage.porter.log().contains("being shut down"));
    assert!(stage.porter.desk.lock().unwrap().results.is_empty());
    assert!(!running("4322.5"));
    stage.assert_clean();
}

#[tokio::test]
async fn a_killed_runner_takes_its_box_with_it() {
    let stage = played("echo started; sleep 4323.5", |_| {}).await;
    let mut child = stage.start();
    wait_for(|| stage.porter.log().contains("started")).await;
    child.kill().await.unwrap();
    wait_for(|| !running("4323.5")).await;
}

#[tokio::test]
async fn a_flood_of_output_neither_stops_the_run_nor_exceeds_the_limits() {
    let flood = "head -c 25000000 /dev/zero | tr '\\0' x; echo; yes 'many short lines, one after the other' | head -c 25000000; echo";
    let stage = played(&format!("{flood}; echo x > new; {DONE}"), |_| {}).await;
    assert!(stage.finish().await.success());
    assert_eq!(stage.porter.result().outcome, Outcome::Changes);
    let log = stage.porter.log();
    assert!(log.contains("The log is full"));
    assert!(log.len() < 11 * 1024 * 1024);
}

#[tokio::test]
async fn a_bad_end_is_told_in_words() {
    for (script, words) in [
        ("exit 0", "without saying that it was done"),
        ("exit 3", "ended with status 3"),
        ("kill -9 $$", "killed"),
        (r#"echo '{"type":"result","subtype":"success","is_error":true,"result":"API Error: boom"}'"#, "boom"),
        (
            r#"echo '{"type":"result","subtype":"success","is_error":false,"result":"ok","permission_denials":[{"tool_name":"Write"}]}'"#,
            "not allowed to use Write",
        ),
    ] {
        let stage = played(script, |_| {}).await;
        assert!(stage.finish().await.success());
        let result = stage.porter.result();
        assert_eq!(result.outcome, Outcome::Failed, "{script}");
        let reason = result.reason.unwrap();
        assert!(reason.contains(words), "{script}: {reason}");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_run_says_why() {
    let no_keys = |job: &mut StartAnswer| job.keys.clear();
    let wrong_sha = |job: &mut StartAnswer| job.repository.base_sha = "0".repeat(40);
    let stage = Stage::set_with("claude", "bwrap", Mood::Silent, no_keys).await;
    assert_fails(&stage, "ANTHROPIC_API_KEY").await;
    let stage = Stage::set_with("claude", "bwrap", Mood::Silent, wrong_sha).await;
    assert_fails(&stage, "could not be cloned").await;
    for (agent, words) in
        [("gemini", "not yet supported"), ("amp", "not yet supported"), ("perl", "no agent named perl")]
    {
        assert_fails(&Stage::set(agent, "bwrap", Mood::Silent).await, words).await;
    }
    let mut stage = Stage::set("claude", "bwrap", Mood::Silent).await;
    stage.agents = stage.directory.path().to_owned();
    assert_fails(&stage, "does not have the agent installed").await;
}

#[tokio::test]
async fn a_refused_key_is_named_with_every_real_agent() {
    for (agent, key) in
        [("claude", "ANTHROPIC_API_KEY"), ("opencode", "ANTHROPIC_API_KEY"), ("codex", "OPENAI_API_KEY")]
    {
        let stage = Stage::set(agent, "bwrap", Mood::Fails(401)).await;
        assert_fails(&stage, &format!("refused the key (401); check {key}")).await;
        assert_eq!(stage.porter.result().cause, None, "no other launch would have another key");
    }
}

#[tokio::test]
async fn an_agent_that_never_stops_trying_is_ended() {
    let mut stage = Stage::set("claude", "bwrap", Mood::Fails(500)).await;
    let call = r#"exec 3<>/dev/tcp/127.0.0.1/47113; printf 'POST /anthropic/v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}' "$ANTHROPIC_API_KEY" >&3; cat <&3 > /dev/null"#;
    stage.play_claude(&format!("while true; do {call}; done"));
    assert_fails(&stage, "Anthropic is failing (500), 12 times in a row").await;
    assert_eq!(stage.porter.result().cause.as_deref(), Some("provider_outage"), "another launch may cure it");
    let calls = stage.model.calls().len();
    assert!(calls < 40, "{calls} calls");
}

#[tokio::test]
async fn an_agent_that_fails_for_its_provider_is_told_apart() {
    let call = r#"exec 3<>/dev/tcp/127.0.0.1/47113; printf 'POST /anthropic/v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}' "$ANTHROPIC_API_KEY" >&3; cat <&3 > /dev/null"#;
    for (status, cause) in [(529, Some("provider_outage")), (429, Some("provider_outage")), (400, None)] {
        let mut stage = Stage::set("claude", "bwrap", Mood::Fails(status)).await;
        stage.play_claude(&format!("{call}; exit 1"));
        assert_fails(&stage, &status.to_string()).await;
        assert_eq!(stage.porter.result().cause.as_deref(), cause, "{status}");
    }
    let stage = played("exit 3", |_| {}).await;
    assert_fails(&stage, "ended with status 3").await;
    assert_eq!(stage.porter.result().cause, None, "the agent's own failure");
}

async fn assert_fails(stage: &Stage, words: &str) {
    assert!(stage.finish().await.success());
    let result = stage.porter.result();
    assert_eq!(result.outcome, Outcome::Failed);
    let reason = result.reason.unwrap();
    assert!(reason.contains(words), "{reason}\n{}", stage.porter.log());
}

async fn wait_for(mut there: impl FnMut() -> bool) {
    for _ in 0..200 {
        if there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not come");
}

/// Whether any process of this computer has this word on its command line.
pub(crate) fn running(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .any(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()))
}

//! What becomes of processes, directories and secrets.

use super::*;
use nix::sys::signal::Signal;

/// A runner with a child in its group and a grandchild in a session of its own, none of which minds SIGTERM.
const STUBBORN: &str = r#"trap '' TERM
bash -c "trap '' TERM; setsid bash -c 'trap \"\" TERM; echo \$\$ > grandchild; while :; do sleep 1; done' & echo \$\$ > child; while :; do sleep 1; done" &
echo $$ > leader; echo "$1" > argument
while :; do sleep 1; done"#;

async fn stubborn(world: &World, name: &str, config: Value) -> (String, Vec<String>) {
    let id = world.create(name, config).await["id"].as_str().unwrap().to_owned();
    let mut pids = Vec::new();
    for file in ["leader", "child", "grandchild"] {
        pids.push(world.written(&id, file).await);
    }
    assert!(pids.iter().all(|pid| lives(pid)));
    (id, pids)
}

#[tokio::test]
async fn a_stop_kills_everything_in_the_machine_when_its_patience_ends() {
    let world = World::new(STUBBORN, &[]);
    let (id, pids) = stubborn(&world, "porter-g-1", staying()).await;
    assert_eq!(world.written(&id, "argument").await, "start");
    assert_eq!(world.call(Method::POST, &format!("/machines/{id}/stop"), json!({"timeout": "300ms"})).await.0, 200);
    assert!(pids.iter().all(|pid| lives(pid)), "SIGTERM alone ends none of them");
    let machine = world.until(&id, "stopped").await;
    assert!(pids.iter().all(|pid| !lives(pid)), "{pids:?}");
    let exit = &machine["events"][0]["request"]["exit_event"];
    assert_eq!((&exit["exit_code"], &exit["signal"], &exit["requested_stop"]), (&json!(137), &json!(9), &json!(true)));
    assert_eq!(exit["oom_killed"], false);
    assert!(world.machine_dir(&id).exists(), "a stopped machine keeps its directory");
    assert_eq!(
        world.call(Method::POST, &format!("/machines/{id}/start"), Value::Null).await.1["previous_state"],
        "stopped"
    );
    world.until(&id, "started").await;
}

#[tokio::test]
async fn a_polite_runner_gets_its_signal_and_its_exit_code_is_told() {
    let world = World::new("trap 'exit 3' TERM; echo $$ > leader; while :; do sleep 0.1; done", &[]);
    let id = world.create("porter-h-1", config()).await["id"].as_str().unwrap().to_owned();
    world.written(&id, "leader").await;
    world.call(Method::POST, &format!("/machines/{id}/stop"), Value::Null).await;
    let machine = world.until(&id, "destroyed").await;
    let exit = &machine["events"][1]["request"]["exit_event"];
    assert_eq!((&exit["exit_code"], &exit["signal"]), (&json!(3), &json!(-1)));
}

#[tokio::test]
async fn what_ends_by_itself_and_destroys_itself_leaves_a_tombstone_without_its_claim() {
    let world = World::new("(setsid sleep 300 & echo $! > lost); cp lost ../../../lost; exit 7", &[]);
    let id = world.create("porter-i-1", config()).await["id"].as_str().unwrap().to_owned();
    let machine = world.until(&id, "destroyed").await;
    assert_eq!(machine["events"][1]["request"]["exit_event"]["exit_code"], 7);
    assert_eq!(machine["config"]["env"], json!({}));
    assert!(!world.machine_dir(&id).exists());
    let orphan = std::fs::read_to_string(world.dir.path().join("state/lost")).unwrap();
    assert!(!lives(orphan.trim()), "an orphan that left the session ends with its machine");
    assert_eq!(world.call(Method::GET, "/machines", Value::Null).await.1, json!([]));
    let (_, all) = world.call(Method::GET, "/machines?include_deleted=true", Value::Null).await;
    assert_eq!(all[0]["state"], "destroyed");
    assert_eq!(files_with(world.dir.path().join("state").as_path(), "canary"), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_failing_machine_without_a_policy_is_started_again_as_flys_is() {
    let world = World::new("echo x >> runs; [ $(wc -l < runs) -ge 3 ]", &[]);
    let id = world.create("porter-j-1", json!({"image": "i"})).await["id"].as_str().unwrap().to_owned();
    let machine = world.until(&id, "stopped").await;
    assert_eq!(world.written(&id, "runs").await.lines().count(), 3);
    assert_eq!(machine["events"][0]["request"]["restart_count"], 2);
}

#[tokio::test]
async fn a_machine_sees_its_own_environment_and_nothing_of_ours() {
    let world = World::new(
        "env -0 | sort -z | tr '\\0' '\\n' > ../seen; mv ../seen environment; sleep 60",
        &["--agents-dir", "/opt/agents"],
    );
    let id = world.create("porter-k-1", config()).await["id"].as_str().unwrap().to_owned();
    let seen = world.written(&id, "environment").await;
    let names: Vec<&str> = seen.lines().map(|line| line.split('=').next().unwrap()).collect();
    // The shell that plays the runner adds PWD, SHLVL and _ itself.
    let expected =
        ["CLAIM_TOKEN", "HOME", "PATH", "PORTER_AGENTS_DIR", "PORTER_BOX", "PORTER_MACHINE", "PORTER_WORK_DIR"];
    let ours: Vec<&str> =
        names.iter().copied().filter(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name)).collect();
    assert_eq!(ours, [&expected[..], &["TASK_ID", "TMPDIR"]].concat());
    assert!(!seen.contains("canary-anthropic") && !seen.contains("canary-github") && !seen.contains(TOKEN));
    assert!(seen.contains(&format!("HOME={}", world.machine_dir(&id).join("home").display())));
}

#[tokio::test]
async fn what_is_kept_on_disk_holds_no_secret_but_the_claim_and_is_for_its_owner_only() {
    let world = World::new("echo $$ > leader; sleep 60", &[]);
    let id = world.create("porter-l-1", config()).await["id"].as_str().unwrap().to_owned();
    world.written(&id, "leader").await;
    let state = world.dir.path().join("state");
    for canary in ["canary-anthropic-0001", "canary-github-0001", TOKEN] {
        assert_eq!(files_with(&state, canary), Vec::<PathBuf>::new(), "{canary}");
    }
    let record = state.join("records").join(format!("{id}.json"));
    assert_eq!(files_with(&state, "canary-claim-0001"), std::slice::from_ref(&record));
    assert_eq!(std::fs::metadata(record).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(world.machine_dir(&id)).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn the_host_takes_its_machines_with_it() {
    let mut world = World::new(STUBBORN, &[]);
    let (_, going) = stubborn(&world, "porter-m-1", config()).await;
    let (staying, stopped) = stubborn(&world, "porter-m-2", staying()).await;
    world.end(Signal::SIGTERM);
    assert!(going.iter().chain(&stopped).all(|pid| !lives(pid)));
    world.restart();
    assert_eq!(world.until(&staying, "stopped").await["name"], "porter-m-2");
}

#[tokio::test]
async fn after_a_crash_the_next_host_knows_its_machines_and_ends_what_was_left_running() {
    let mut world = World::new(STUBBORN, &[]);
    let (going, left) = stubborn(&world, "porter-n-1", config()).await;
    let mut stranger =
        Command::new("setsid").args(["sleep", "300"]).current_dir(world.machine_dir(&going)).spawn().unwrap();
    world.end(Signal::SIGKILL);
    assert!(left.iter().all(|pid| lives(pid)), "a crash leaves them");
    world.restart();
    let machine = world.until(&going, "destroyed").await;
    assert!(left.iter().all(|pid| !lives(pid)));
    assert_eq!(machine["events"][1]["request"]["exit_event"]["requested_stop"], false);
    assert_eq!(stranger.try_wait().unwrap(), None, "a process that is not the machine's is let be");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn what_was_accepted_before_a_crash_boots_after_it() {
    let mut world = World::new("echo $$ > leader; sleep 60", &[]);
    world.faults(json!({"boot_delay_ms": 60_000})).await;
    let id = world.create("porter-o-1", config()).await["id"].as_str().unwrap().to_owned();
    world.end(Signal::SIGKILL);
    world.restart();
    world.until(&id, "started").await;
}

#[tokio::test]
async fn a_machine_can_be_called_off_before_it_boots() {
    let world = World::new("touch ../../../../booted; sleep 60", &["--boot-delay-ms", "60000"]);
    for (name, end) in [("porter-p-1", "stop"), ("porter-p-2", "destroy")] {
        let id = world.create(name, config()).await["id"].as_str().unwrap().to_owned();
        let (method, tail) = if end == "stop" { (Method::POST, "/stop") } else { (Method::DELETE, "?force=true") };
        assert_eq!(world.call(method, &format!("/machines/{id}{tail}"), Value::Null).await.0, 200);
        world.until(&id, "destroyed").await;
    }
    assert!(!world.dir.path().join("booted").exists());
}

#[tokio::test]
async fn a_state_directory_has_one_host_at_a_time() {
    let world = World::new("sleep 60", &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_porter-machines"));
    command.args(["--port", "0", "--runner", "/bin/true", "--state"]).arg(world.dir.path().join("state"));
    let output = command.env("FLY_API_TOKEN", "t").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("in use by another"));
}

/// The files under a directory that hold this text.
fn files_with(dir: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
        {
            found.push(path);
        }
    }
    found
}

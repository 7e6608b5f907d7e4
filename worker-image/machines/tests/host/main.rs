//! The machine host as its callers meet it: the real program, real processes, a shell script as the runner.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where its world is not as expected")]

mod api;
mod processes;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

const TOKEN: &str = "canary-host-token-0001";

/// A machine host of its own for one test.
struct World {
    dir: TempDir,
    arguments: Vec<&'static str>,
    host: Child,
    address: String,
    client: reqwest::Client,
}

impl World {
    /// A host whose runner is this shell script (`$1` is `start`).
    fn new(script: &str, arguments: &[&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runner = dir.path().join("runner");
        std::fs::write(&runner, format!("#!/bin/bash\n{script}\n")).unwrap();
        std::fs::set_permissions(&runner, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (host, address) = launch(dir.path(), arguments);
        Self { dir, arguments: arguments.to_vec(), host, address, client: reqwest::Client::new() }
    }

    /// Sends a request under the app; gives status and body.
    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request =
            self.client.request(method, format!("{}/v1/apps/porter-local{path}", self.address)).bearer_auth(TOKEN);
        let response = if body.is_null() { request.send() } else { request.json(&body).send() }.await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    /// Creates a machine and gives it.
    async fn create(&self, name: &str, config: Value) -> Value {
        let (status, machine) = self.call(Method::POST, "/machines", json!({"name": name, "config": config})).await;
        assert_eq!(status, 200, "{machine}");
        machine
    }

    /// Looks until a machine is in this state.
    async fn until(&self, id: &str, state: &str) -> Value {
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let (_, machine) = self.call(Method::GET, &format!("/machines/{id}"), Value::Null).await;
            if machine["state"] == state {
                return machine;
            }
            assert!(Instant::now() < patience, "not {state}: {machine}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Switches faults on.
    async fn faults(&self, faults: Value) {
        let request = self.client.post(format!("{}/_machines/faults", self.address)).bearer_auth(TOKEN).json(&faults);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }

    fn machine_dir(&self, id: &str) -> PathBuf {
        self.dir.path().join("state/machines").join(id)
    }

    /// A file that the runner wrote in its working directory, once it is there.
    async fn written(&self, id: &str, file: &str) -> String {
        let path = self.machine_dir(id).join("work").join(file);
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            match std::fs::read_to_string(&path) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => assert!(Instant::now() < patience, "{} is not there", path.display()),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the host with this signal and waits for it.
    fn end(&mut self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.host.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
        self.host.wait().unwrap();
    }

    /// Starts a host again on the same state.
    fn restart(&mut self) {
        (self.host, self.address) = launch(self.dir.path(), &self.arguments);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Ok(None) = self.host.try_wait() {
            self.end(nix::sys::signal::Signal::SIGTERM);
        }
    }
}

fn launch(dir: &Path, arguments: &[&str]) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porter-machines"));
    command.args(["--port", "0", "--box", "off", "--state"]).arg(dir.join("state"));
    command.arg("--runner").arg(dir.join("runner")).arg("--faults").args(arguments);
    command.env("FLY_API_TOKEN", TOKEN).env_remove("FLY_APP_NAME");
    command.env("ANTHROPIC_API_KEY", "canary-anthropic-0001").env("GITHUB_TOKEN", "canary-github-0001");
    let mut host = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("ready ").unwrap().to_owned();
    assert!(address.starts_with("http://127.0.0.1:"));
    (host, address)
}

/// A configuration as Porter sends it.
fn config() -> Value {
    json!({
        "image": "registry.fly.io/porter-worker:latest", "auto_destroy": true, "restart": {"policy": "no"},
        "guest": {"cpu_kind": "shared", "cpus": 2, "memory_mb": 2048},
        "metadata": {"porter_task": "abcdefghij0123456789", "porter_attempt": "1", "porter_instance": "i"},
        "env": {"TASK_ID": "abcdefghij0123456789", "CLAIM_TOKEN": "canary-claim-0001"},
    })
}

/// The same, but it stays when it ends.
fn staying() -> Value {
    let mut config = config();
    config["auto_destroy"] = json!(false);
    config
}

/// Whether a process with this number lives (a zombie does not).
fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

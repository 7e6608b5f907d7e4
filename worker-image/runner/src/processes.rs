//! Ending processes for good: the agent's own, those it started, and those that tried to leave.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// How long processes get between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// Sends SIGTERM to every descendant, gives them five seconds, and kills what is left. `done` tells when nothing needs killing.
pub(crate) async fn end_descendants(done: impl Future<Output = ()>) {
    signal_all(Signal::SIGTERM);
    if tokio::time::timeout(GRACE, done).await.is_err() {
        signal_all(Signal::SIGKILL);
    }
}

/// Kills every descendant that is left, daemons that gave up their parents included: the runner is their reaper.
pub(crate) async fn sweep() {
    for _ in 0..50 {
        let left = descendants();
        if left.is_empty() {
            return;
        }
        for pid in left {
            // One that is gone needs no kill, one that is not our own child no reaping: the next round looks again.
            if kill(pid, Signal::SIGKILL).is_ok() {
                waitpid(pid, Some(WaitPidFlag::WNOHANG)).ok();
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!("porter-runner: a process of the agent could not be ended");
}

fn signal_all(signal: Signal) {
    // The box's watcher ends the box at once when it ends; its inhabitants are asked first, by name of the watcher.
    let asked = |pid: &Pid| signal == Signal::SIGKILL || name_of(*pid).as_deref() != Some("bwrap");
    for pid in descendants().into_iter().filter(asked) {
        // A process that ended meanwhile needs no signal.
        kill(pid, signal).ok();
    }
}

/// Every process below this one, nearest first.
fn descendants() -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        if let Some(parent) = parent_of(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![nix::unistd::getpid().as_raw()];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(children.remove(&parent).unwrap_or_default());
        at += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

/// The fourth field of `/proc/PID/stat`, after a name that may hold anything.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

fn name_of(pid: Pid) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .ok()
        .map(|name| name.trim_end().to_owned())
}

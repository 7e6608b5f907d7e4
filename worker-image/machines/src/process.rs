//! The processes of a machine: how one is started with nothing of ours in its environment, how it is known again after a
//! restart, and how everything in it is ended. Reads Linux's `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::settings::Settings;

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// The leader of the machine's session and process group.
    pub(crate) pid: i32,
    /// When it began, in clock ticks since the computer's boot.
    pub(crate) began: u64,
    /// Which boot of the computer it belongs to: the first half of the kernel's random boot id.
    pub(crate) boot: u64,
}

/// One line of `/proc/PID/stat`, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    zombie: bool,
    parent: i32,
    group: i32,
    session: i32,
    began: u64,
}

/// Starts the runner in a session of its own. `env` is all it gets besides the local settings, which win.
pub(crate) fn start(
    settings: &Settings,
    id: &str,
    directory: &Path,
    env: &BTreeMap<String, String>,
) -> io::Result<Child> {
    let (work, home, scratch) = (directory.join("work"), directory.join("home"), directory.join("tmp"));
    for made in [&work, &home, &scratch] {
        fs::create_dir_all(made)?;
    }
    let log = File::options().create(true).append(true).open(directory.join("log"))?;
    // `setsid` changes its own session and becomes the runner: the same pid, without unsafe code between fork and exec.
    let mut command = Command::new("setsid");
    command.arg(&settings.runner).arg("start").current_dir(&work).env_clear().envs(env);
    command.env("PORTER_WORK_DIR", &work).env("PORTER_BOX", settings.boxing.word()).env("PORTER_MACHINE", id);
    command.env("PATH", &settings.path).env("HOME", &home).env("TMPDIR", &scratch);
    if let Some(agents) = &settings.agents_dir {
        command.env("PORTER_AGENTS_DIR", agents);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn()
}

impl Process {
    /// The identity of a living process.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, began: stat(pid)?.began, boot: boot()? })
    }

    /// Whether the very same process still lives.
    pub(crate) fn lives(self) -> bool {
        boot() == Some(self.boot) && stat(self.pid).is_some_and(|stat| stat.began == self.began && !stat.zombie)
    }

    /// Sends a signal to the machine's main process, as Fly does; nothing happens when it is gone.
    pub(crate) fn signal(self, signal: Signal) {
        if self.lives() {
            send(self.pid, signal);
        }
    }
}

/// Kills everything in a machine and returns when none of it is left (or, after five seconds, says what is). `leader` is
/// the main process if its number is surely still the machine's own.
pub(crate) async fn end(id: &str, leader: Option<i32>) {
    let marker = format!("PORTER_MACHINE={id}");
    let mut known = BTreeSet::new();
    for _ in 0..100 {
        let left = members(&marker, leader, &mut known);
        if left.is_empty() {
            return;
        }
        left.iter().for_each(|pid| send(*pid, Signal::SIGKILL));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("porter-machines: machine {id} still has processes that do not end: {known:?}");
}

/// The living processes of a machine: of its session or group, with its marker, or started by one of those. `known` holds
/// those seen before as (pid, began), so that a child whose parent was killed is not lost.
fn members(marker: &str, leader: Option<i32>, known: &mut BTreeSet<(i32, u64)>) -> Vec<i32> {
    let all: BTreeMap<i32, Stat> = processes().filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let ours = |pid: i32, stat: &Stat| {
        leader.is_some_and(|leader| [pid, stat.group, stat.session].contains(&leader)) || has_marker(pid, marker)
    };
    let mut found: BTreeSet<i32> = all.iter().filter(|(pid, stat)| ours(**pid, stat)).map(|(pid, _)| *pid).collect();
    found.extend(
        known.iter().filter(|(pid, began)| all.get(pid).is_some_and(|s| s.began == *began)).map(|(pid, _)| *pid),
    );
    loop {
        let children = all.iter().filter(|(pid, stat)| found.contains(&stat.parent) && !found.contains(*pid));
        let children: Vec<i32> = children.map(|(pid, _)| *pid).collect();
        if children.is_empty() {
            break;
        }
        found.extend(children);
    }
    known.extend(found.iter().filter_map(|pid| Some((*pid, all.get(pid)?.began))));
    found.into_iter().filter(|pid| all.get(pid).is_some_and(|stat| !stat.zombie)).collect()
}

fn send(pid: i32, signal: Signal) {
    if let Err(reason) = kill(Pid::from_raw(pid), signal)
        && reason != nix::Error::ESRCH
    {
        eprintln!("porter-machines: cannot send {signal} to process {pid}: {reason}");
    }
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn has_marker(pid: i32, marker: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes())
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The fields after the command's name, which may itself hold spaces and parentheses.
fn parse_stat(line: &str) -> Option<Stat> {
    let mut fields = line.get(line.rfind(')')?.checked_add(2)?..)?.split(' ');
    let zombie = matches!(fields.next()?, "Z" | "X");
    let mut number = || fields.next()?.parse::<i32>().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    Some(Stat { zombie, parent, group, session, began: fields.nth(15)?.parse().ok()? })
}

fn boot() -> Option<u64> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.replace('-', "");
    u64::from_str_radix(id.get(..16)?, 16).ok()
}

/// How many processes the kernel has ended for want of memory since the computer's boot.
pub(crate) fn oom_kills() -> u64 {
    let counters = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let line = counters.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) Z (b) S 7 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2";
        let expected = Stat { zombie: false, parent: 7, group: 40, session: 39, began: 987_654 };
        assert_eq!(parse_stat(line), Some(expected));
        assert_eq!(parse_stat("42 (x"), None);
    }

    #[test]
    fn another_process_with_the_same_number_is_not_taken_for_ours() {
        let me = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.lives());
        assert!(!Process { began: me.began - 1, ..me }.lives());
        assert!(!Process { began: me.began + 1, ..me }.lives());
        assert!(!Process { boot: me.boot ^ 1, ..me }.lives());
    }
}

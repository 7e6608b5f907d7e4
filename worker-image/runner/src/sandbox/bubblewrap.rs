//! The box on a person's own computer, by bubblewrap: namespaces of its own for users, mounts, processes and network, no
//! host file but the tools (read-only) and the checkout, and no way out but the gateway's socket.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::inside;
use crate::places::Places;
use crate::settings::Settings;

/// The agent's home in the box, in memory.
pub(super) const HOME: &str = "/home/agent";
/// The agents' directory in the box.
pub(super) const AGENTS: &str = "/opt/porter/agents";
/// This program in the box.
pub(super) const RUNNER: &str = "/run/porter/runner";
/// The checkout in the box.
const TREE: &str = "/work";
/// Where Node is in the box when the host has it elsewhere than in `/usr`.
const NODE: &str = "/opt/node";
/// The agent's user and group number in the box. Not root, even if the runner is.
const USER: &str = "1000";

/// Namespaces and privileges, the same for every use.
const APART: [&str; 11] = [
    "--unshare-all",
    "--die-with-parent",
    "--new-session",
    // `inside` is the box's init: it passes signals on and takes everything with it when the agent is done.
    "--as-pid-1",
    "--cap-drop",
    "ALL",
    "--uid",
    USER,
    "--gid",
    USER,
    "--hostname",
];
/// Read-only parts of the system that tools need; each only if the host has it.
const SYSTEM: [&str; 7] = [
    "/usr",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
];
/// Links into `/usr` on a merged system, directories of their own on an older one.
const ROOTS: [&str; 5] = ["/bin", "/sbin", "/lib", "/lib64", "/lib32"];

/// bubblewrap's arguments up to the command. There is nothing secret in them: other users can read them.
pub(super) fn arguments(settings: &Settings, places: &Places) -> Result<Vec<OsString>, String> {
    let mut words = system()?;
    let etc = made_up_etc(&places.private)?;
    for name in ["passwd", "group", "hosts", "nsswitch.conf"] {
        bind(&mut words, "--ro-bind", &etc.join(name), &format!("/etc/{name}"));
    }
    bind(&mut words, "--ro-bind", &settings.agents_dir, AGENTS);
    bind(&mut words, "--ro-bind", &places.socket, inside::SOCKET);
    bind(&mut words, "--bind", &places.tree, TREE);
    words.extend(["--chdir", TREE].map(OsString::from));
    Ok(words)
}

/// `PATH` in the box.
pub(super) fn path() -> OsString {
    let system = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
    match node_elsewhere() {
        Some(_) => format!("{NODE}/bin:{system}").into(),
        None => system.into(),
    }
}

/// Everything but the task's own parts.
fn system() -> Result<Vec<OsString>, String> {
    let mut words: Vec<OsString> = APART.map(OsString::from).to_vec();
    words.extend(["porter", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"].map(OsString::from));
    words.extend(["--tmpfs", "/home", "--dir", HOME, "--dir", "/run/porter", "--dir", "/var/tmp"].map(OsString::from));
    for path in SYSTEM.iter().filter(|path| Path::new(path).exists()) {
        bind(&mut words, "--ro-bind", Path::new(path), path);
    }
    for root in ROOTS {
        match fs::read_link(root) {
            Ok(target) => words.extend(["--symlink".into(), target.into_os_string(), root.into()]),
            Err(_) if Path::new(root).exists() => bind(&mut words, "--ro-bind", Path::new(root), root),
            Err(_) => {}
        }
    }
    if let Some(node) = node_elsewhere() {
        bind(&mut words, "--ro-bind", &node, &format!("{NODE}/bin/node"));
    }
    let runner = std::env::current_exe().map_err(|error| format!("the runner cannot find itself: {error}"))?;
    bind(&mut words, "--ro-bind", &runner, RUNNER);
    Ok(words)
}

fn bind(words: &mut Vec<OsString>, how: &str, from: &Path, to: &str) {
    words.extend([how.into(), from.as_os_str().to_owned(), to.into()]);
}

/// Node's program when it is not in `/usr`. Only the file: what lies beside it may be somebody's home directory.
fn node_elsewhere() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let node = std::env::split_paths(&path).map(|dir| dir.join("node")).find(|node| node.is_file())?;
    let node = fs::canonicalize(node).ok()?;
    (!node.starts_with("/usr")).then_some(node)
}

/// The few files of `/etc` that programs ask for, without the host's names in them.
fn made_up_etc(private: &Path) -> Result<PathBuf, String> {
    let etc = private.join("etc");
    let files = [
        ("passwd", format!("agent:x:{USER}:{USER}:agent:{HOME}:/bin/bash\n")),
        ("group", format!("agent:x:{USER}:\n")),
        ("hosts", "127.0.0.1 localhost porter\n".to_owned()),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
    ];
    let written = fs::create_dir_all(&etc)
        .and_then(|()| files.iter().try_for_each(|(name, text)| fs::write(etc.join(name), text)));
    written.map(|()| etc).map_err(|error| format!("the box could not be prepared: {error}"))
}

/// Tries the box with a harmless command; gives what worked, or why it did not and the remedy.
pub(super) async fn examine() -> Result<String, String> {
    let mut words = system()?;
    words.extend(["--", RUNNER, "--version"].map(OsString::from));
    let output = match Command::new("bwrap").args(words).env_clear().env("PATH", path_of_host()).output().await {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("bubblewrap is not installed; install it with: sudo apt-get install bubblewrap".to_owned());
        }
        Err(error) => return Err(format!("bubblewrap could not be started: {error}")),
    };
    if output.status.success() {
        return Ok("the agent can be boxed by bubblewrap".to_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let restricted = fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    let remedy = if restricted.is_ok_and(|value| value.trim() == "1") {
        "AppArmor forbids it; allow it with: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    } else {
        "this system does not let it make namespaces (often so inside a container); use Docker or a virtual machine"
    };
    Err(format!("bubblewrap is installed but failed: {}; {remedy}", words.trim()))
}

fn path_of_host() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into())
}

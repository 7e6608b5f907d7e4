//! `porter-runner start`: reads the configuration, claims the task and runs it.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use porter::protocol::wire::{RunnerInfo, StartRequest};

use crate::callbacks::{Callbacks, Claimed};
use crate::entropy;
use crate::run::Run;
use crate::settings::Settings;

/// The name of the claim in the environment.
const CLAIM: &str = "CLAIM_TOKEN";
/// Set when the claim is on standard input instead.
const CLAIM_ON_STDIN: &str = "PORTER_CLAIM_ON_STDIN";

/// Runs to the end on one thread: the box dies with the thread that made it, and this one lives as long as the program.
pub(crate) fn main() -> ExitCode {
    if let Some(claim) = std::env::var_os(CLAIM) {
        return complain(&start_without(&claim).to_string());
    }
    let mut claim = String::new();
    if std::env::var_os(CLAIM_ON_STDIN).is_some()
        && let Err(error) = io::stdin().take(4096).read_to_string(&mut claim)
    {
        return complain(&error.to_string());
    }
    let settings = match Settings::read(|name| match name {
        CLAIM => Some(claim.clone()),
        other => std::env::var(other).ok(),
    }) {
        Ok(settings) => settings,
        Err(wrong) => return complain(&wrong),
    };
    // Not readable by others of the same user, and the parent of whatever the agent leaves behind.
    let hidden = nix::sys::prctl::set_dumpable(false).and_then(|()| nix::sys::prctl::set_child_subreaper(true));
    if let Err(errno) = hidden {
        return complain(&format!("this system cannot keep the runner apart: {errno}"));
    }
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(start(&settings)),
        Err(error) => complain(&error.to_string()),
    }
}

/// Becomes this program again with the claim on standard input: a process cannot take a word back out of the environment
/// that others see it with. Comes back only when that fails.
fn start_without(claim: &OsStr) -> io::Error {
    let begun = io::pipe().and_then(|(reader, mut writer)| {
        writer.write_all(claim.as_bytes())?;
        let mut again = Command::new(std::env::current_exe()?);
        Ok(again.arg("start").env_remove(CLAIM).env(CLAIM_ON_STDIN, "1").stdin(reader).exec())
    });
    begun.unwrap_or_else(|error| error)
}

async fn start(settings: &Settings) -> ExitCode {
    let callbacks = match Callbacks::new(settings.callback_url.clone()) {
        Ok(callbacks) => callbacks,
        Err(error) => return complain(&error.to_string()),
    };
    let boot_id = match entropy::token() {
        Ok(boot_id) => boot_id,
        Err(error) => return complain(&error.to_string()),
    };
    let runner = RunnerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        os: std::env::consts::OS.to_owned(),
        isolation: settings.box_kind.word().to_owned(),
    };
    let request = StartRequest { task_id: settings.task_id.clone(), attempt: settings.attempt, boot_id, runner };
    let job = match callbacks.start(&settings.claim, &request).await {
        Claimed::Job(job) => *job,
        Claimed::NotOurs => return ExitCode::SUCCESS,
        Claimed::Failed(why) => return complain(&why),
    };
    let stand_in = match entropy::token() {
        Ok(token) => format!("porter-task-{token}"),
        Err(error) => return complain(&error.to_string()),
    };
    Run::new(settings, callbacks, job, stand_in).finish().await
}

/// Says on the machine's own log what went wrong; the exit status of a run that Porter heard nothing of.
pub(crate) fn complain(words: &str) -> ExitCode {
    eprintln!("porter-runner: {words}");
    ExitCode::FAILURE
}

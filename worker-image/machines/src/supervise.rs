//! The life of one machine: boot, run, stop or exit, start again or go. One task a machine, and the only place that starts
//! or ends its processes.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::host::{Host, plan};
use crate::machine::{ExitEvent, ExitRequest, Machine, Source, State, now};
use crate::order::{Plan, Restarts, Stop};
use crate::process::{self, Process};
use crate::records::private_directory;

/// How long a machine that is started again stays down.
const BETWEEN_RESTARTS: Duration = Duration::from_millis(500);

/// What a supervisor can be told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    /// End it as asked; it may be started again.
    Stop(Stop),
    /// Kill it and remove it.
    Destroy,
}

/// How one run ended.
struct Ending {
    process: Option<Process>,
    exit_code: i32,
    signal: i32,
    oom_killed: bool,
    /// What had been asked for, if anything.
    asked: Option<Command>,
}

/// What came of a boot.
enum Run {
    /// It was called off before there was a process.
    CalledOff(Command),
    /// It ran, or could not.
    Ended(Ending),
}

/// Runs a machine until it is stopped or gone.
pub(crate) async fn live(host: Arc<Host>, id: String, mut orders: UnboundedReceiver<Command>) {
    let mut restarts = 0;
    while let Ok(machine) = host.machine(&id) {
        let plan = match plan(&machine) {
            Ok(plan) => plan,
            Err(problem) => {
                eprintln!("porter-machines: machine {id}: {}", problem.text);
                host.finish(&id, State::Stopped, "stop", Source::Host, None);
                return;
            }
        };
        match one_run(&host, &machine, &plan, &mut orders).await {
            Run::CalledOff(Command::Stop(_)) if !plan.auto_destroy => {
                host.finish(&id, State::Stopped, "stop", Source::User, None);
                return;
            }
            Run::CalledOff(_) => return remove(&host, &id, Source::User).await,
            Run::Ended(ending) if starts_again(plan.restarts, &ending, restarts) => {
                host.enter(&id, State::Starting, "exit", Source::Host, Some(ending.request(true, restarts)));
                restarts += 1;
                tokio::time::sleep(BETWEEN_RESTARTS).await;
            }
            Run::Ended(ending) => {
                say_last_words(&host, &machine, &ending);
                return settle(&host, &id, &ending, plan.auto_destroy, restarts).await;
            }
        }
    }
}

/// Boots the machine and waits for its end.
async fn one_run(host: &Host, machine: &Machine, plan: &Plan, orders: &mut UnboundedReceiver<Command>) -> Run {
    tokio::select! {
        biased;
        Some(command) = orders.recv() => return Run::CalledOff(command),
        () = tokio::time::sleep(host.boot_delay()) => {}
    }
    host.enter(&machine.id, State::Starting, "start", Source::Host, None);
    let directory = host.directory(&machine.id);
    let oom_before = process::oom_kills();
    let started = private_directory(&directory)
        .and_then(|()| process::start(&host.settings, &machine.id, &directory, &plan.env))
        .and_then(|child| Ok((child.id().and_then(known).ok_or(std::io::ErrorKind::NotFound)?, child)));
    let (process, mut child) = match started {
        Ok(started) => started,
        Err(reason) => {
            eprintln!("porter-machines: machine {} ({}) cannot start: {reason}", machine.id, machine.name);
            return Run::Ended(Ending { process: None, exit_code: -1, signal: -1, oom_killed: false, asked: None });
        }
    };
    host.enter(&machine.id, State::Started(process), "start", Source::Host, None);
    let (status, asked) = until_exit(&machine.id, &mut child, process, orders).await;
    // As when a real machine's main process ends: nothing in it survives.
    process::end(&machine.id, Some(process.pid)).await;
    let signal = status.and_then(|status| status.signal()).unwrap_or(-1);
    let exit_code = status.and_then(|status| status.code()).unwrap_or(if signal > 0 { 128 + signal } else { -1 });
    let oom_killed = signal == Signal::SIGKILL as i32 && asked.is_none() && process::oom_kills() > oom_before;
    Run::Ended(Ending { process: Some(process), exit_code, signal, oom_killed, asked })
}

fn known(pid: u32) -> Option<Process> {
    Process::of(i32::try_from(pid).ok()?)
}

/// Waits for the main process to end, carrying out what is asked meanwhile.
async fn until_exit(
    id: &str,
    child: &mut Child,
    process: Process,
    orders: &mut UnboundedReceiver<Command>,
) -> (Option<ExitStatus>, Option<Command>) {
    let mut asked = None;
    let mut patience: Option<Instant> = None;
    loop {
        let out_of_patience = async {
            match patience {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = child.wait() => {
                let status = status.inspect_err(|e| eprintln!("porter-machines: machine {id}: {e}")).ok();
                return (status, asked);
            }
            Some(command) = orders.recv() => {
                asked = Some(command);
                match command {
                    Command::Stop(stop) => {
                        process.signal(stop.signal);
                        patience = Some(Instant::now() + stop.grace);
                    }
                    Command::Destroy => process::end(id, Some(process.pid)).await,
                }
            }
            () = out_of_patience => {
                patience = None;
                process::end(id, Some(process.pid)).await;
            }
        }
    }
}

fn starts_again(restarts: Restarts, ending: &Ending, so_far: u32) -> bool {
    let by_itself = ending.asked.is_none();
    match restarts {
        Restarts::No => false,
        Restarts::OnFailure(most) => by_itself && ending.exit_code != 0 && so_far < most,
        Restarts::Always => by_itself,
    }
}

impl Ending {
    /// The exit as Fly's event shows it.
    fn request(&self, restarting: bool, restart_count: u32) -> ExitRequest {
        let exit_event = ExitEvent {
            exit_code: self.exit_code,
            guest_exit_code: self.exit_code,
            guest_signal: self.signal,
            signal: self.signal,
            oom_killed: self.oom_killed,
            requested_stop: self.asked.is_some(),
            restarting,
            exited_at: now().rfc3339(),
        };
        ExitRequest { exit_event, restart_count }
    }
}

/// What becomes of a machine that has ended: gone if it was destroyed or destroys itself, else stopped.
async fn settle(host: &Host, id: &str, ending: &Ending, auto_destroy: bool, restarts: u32) {
    let exit = Some(ending.request(false, restarts));
    let destroyed = matches!(ending.asked, Some(Command::Destroy));
    if destroyed || auto_destroy {
        host.enter(id, State::Destroying(ending.process), "exit", Source::Host, exit);
        remove(host, id, if destroyed { Source::User } else { Source::Host }).await;
    } else {
        host.finish(id, State::Stopped, "exit", Source::Host, exit);
    }
}

/// Removes a machine's directory, then says that it is destroyed.
pub(crate) async fn remove(host: &Host, id: &str, source: Source) {
    let directory = host.directory(id);
    if let Err(reason) = tokio::fs::remove_dir_all(&directory).await
        && reason.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("porter-machines: cannot remove {}: {reason}", directory.display());
    }
    host.finish(id, State::Destroyed, "destroy", source, None);
}

/// Ends what is left of a machine whose supervisor is gone, and brings its record up to date. Only processes that carry the
/// machine's marker, or whose number and beginning are on record, are touched.
pub(crate) async fn clear_leftovers(host: &Host, machine: &Machine) {
    let process = machine.state.process();
    process::end(&machine.id, process.filter(|process| process.lives()).map(|process| process.pid)).await;
    let asked = match machine.state {
        State::Destroying(None) => return remove(host, &machine.id, Source::Host).await,
        State::Destroying(Some(_)) => Some(Command::Destroy),
        State::Started(_) | State::Stopping(_) => None,
        State::Created | State::Launching | State::Starting | State::Stopped | State::Destroyed => {
            return;
        }
    };
    let ending = Ending { process, exit_code: 137, signal: 9, oom_killed: false, asked };
    let auto_destroy = plan(machine).is_ok_and(|plan| plan.auto_destroy);
    settle(host, &machine.id, &ending, auto_destroy, 0).await;
}

/// Shows the end of a failed machine's log on our own output, since its directory may be about to go.
fn say_last_words(host: &Host, machine: &Machine, ending: &Ending) {
    if ending.exit_code != 0 && ending.asked.is_none() {
        let words = tail(&host.directory(&machine.id).join("log"), 2048).unwrap_or_default();
        let (id, name, code) = (&machine.id, &machine.name, ending.exit_code);
        eprintln!("porter-machines: machine {id} ({name}) ended with code {code}; its last words:\n{words}");
    }
}

fn tail(path: &Path, most: u64) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

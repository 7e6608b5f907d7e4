//! The box's first process: carries the agent's model calls from loopback to the gateway's socket, runs the agent, and
//! ends the box with it. Plain threads: a process that is PID 1 must reap everyone's children, which tokio does not allow.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

/// The port the agent finds the gateway on; the box has a loopback of its own, so it is always free.
pub(crate) const PORT: u16 = 47113;
/// The gateway's socket in the box.
pub(super) const SOCKET: &str = "/run/porter/gateway.sock";
/// How long everything in the box gets between SIGTERM and the end.
const GRACE: Duration = Duration::from_secs(5);

/// Runs `words` as the agent; its exit status becomes ours, 128 and the number for a signal.
pub(crate) fn main(words: Vec<OsString>) -> ExitCode {
    if nix::unistd::getpid() != Pid::from_raw(1) {
        eprintln!("porter-runner inside is the first process of a box, and this is none");
        return ExitCode::from(2);
    }
    match run(words) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("porter-runner inside: {error}");
            ExitCode::from(125)
        }
    }
}

fn run(words: Vec<OsString>) -> io::Result<u8> {
    // Blocked before any thread exists, so that only the waiting thread below sees it.
    let mut term = SigSet::empty();
    term.add(Signal::SIGTERM);
    term.thread_block()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT))?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || carry(&connection));
        }
    });
    let mut words = words.into_iter();
    let program = words.next().ok_or_else(|| io::Error::other("no command"))?;
    // A child inherits what is blocked. Should the signal come in this moment it is lost, and SIGKILL follows in its time.
    term.thread_unblock()?;
    let agent = Command::new(program).args(words).spawn();
    term.thread_block()?;
    let agent = agent?;
    thread::spawn(move || end_on(term));
    let agent = i32::try_from(agent.id())
        .map(Pid::from_raw)
        .map_err(io::Error::other)?;
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, status)) if pid == agent => {
                return Ok(u8::try_from(status).unwrap_or(1));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == agent => {
                return Ok(u8::try_from(128 + signal as i32).unwrap_or(128));
            }
            Err(errno) if errno != Errno::EINTR => return Err(errno.into()),
            Ok(_) | Err(_) => {}
        }
    }
}

/// When asked to end: everyone in the box gets SIGTERM, and after the grace the box ends with this process.
fn end_on(term: SigSet) {
    if term.wait().is_ok() {
        let everyone = Pid::from_raw(-1);
        if let Err(errno) = kill(everyone, Signal::SIGTERM) {
            eprintln!("porter-runner inside: {errno}");
        }
        thread::sleep(GRACE);
        std::process::exit(128 + Signal::SIGKILL as i32);
    }
}

/// Copies both ways until both sides are done.
fn carry(agent: &TcpStream) {
    let carried = UnixStream::connect(SOCKET).and_then(|gateway| {
        let (mut from_agent, mut to_gateway) = (agent.try_clone()?, gateway.try_clone()?);
        agent.set_nodelay(true)?;
        let up = thread::spawn(move || {
            let copied = io::copy(&mut from_agent, &mut to_gateway);
            copied.and(to_gateway.shutdown(Shutdown::Write))
        });
        let (mut from_gateway, mut to_agent) = (gateway, agent);
        io::copy(&mut from_gateway, &mut to_agent)?;
        agent.shutdown(Shutdown::Both)?;
        up.join().unwrap_or(Ok(()))
    });
    // A connection that one side cut is ordinary; the agent sees it on its own side.
    drop(carried);
}

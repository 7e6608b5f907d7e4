//! `porter-machines`: the Fly Machines API v1 on your own computer. Each machine is a process group of Porter's runner in a
//! directory of its own. It binds 127.0.0.1 only, demands its bearer token, and takes its machines with it when it ends.

mod api;
mod fault;
mod host;
mod machine;
mod order;
mod pace;
mod problem;
mod process;
mod records;
mod settings;
mod supervise;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use host::Host;
use settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("porter-machines: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal ends it. The error is a sentence for the person who started it.
async fn run() -> Result<(), String> {
    let settings = Settings::read(std::env::args().skip(1), |name| std::env::var(name).ok())?;
    // A machine's processes run as the same user: without this they could read the token from our environment in /proc.
    nix::sys::prctl::set_dumpable(false).map_err(|e| format!("cannot hide the token from other processes: {e}"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port))
        .await
        .map_err(|e| format!("cannot listen on 127.0.0.1:{}: {e}", settings.port))?;
    let address = listener.local_addr().map_err(|e| format!("cannot tell the port: {e}"))?;
    let host = Arc::new(Host::open(settings)?);
    host.recover().await;

    let mut terminate = signal(SignalKind::terminate()).map_err(|e| format!("cannot wait for SIGTERM: {e}"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| format!("cannot wait for SIGINT: {e}"))?;
    let mut hangup = signal(SignalKind::hangup()).map_err(|e| format!("cannot wait for SIGHUP: {e}"))?;
    println!("ready http://{address}");
    let served = tokio::select! {
        served = axum::serve(listener, api::router(Arc::clone(&host))) => served.map_err(|e| format!("stopped serving: {e}")),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    };
    host.end_all().await;
    served
}

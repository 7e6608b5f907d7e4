//! The program in the machine: claims a task from Porter, runs its coding agent without giving it a key, and hands over what changed.
//!
//! `porter-runner start` does a task, configured by environment variables only. `porter-runner doctor` says whether the
//! agent can be boxed on this computer. `porter-runner inside` is the box's first process and not for people.

mod agents;
mod callbacks;
mod checkout;
mod collect;
mod committed;
mod doctor;
mod entropy;
mod findings;
mod gateway;
mod git;
mod interrupt;
mod places;
mod processes;
mod redact;
mod report;
mod sandbox;
mod settings;
mod start;
mod supervise;
mod verdict;

use std::process::ExitCode;

const USAGE: &str = "usage: porter-runner start | doctor | --version";

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next().as_deref().and_then(|word| word.to_str()) {
        Some("start") => start::main(),
        Some("doctor") => doctor::main(),
        Some("inside") => sandbox::inside::main(words.collect()),
        Some("--version") => {
            println!("porter-runner {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

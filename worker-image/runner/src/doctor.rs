//! `porter-runner doctor`: whether this computer can box an agent. Exit status 0 when it can, 1 when not.

use std::process::ExitCode;

use crate::sandbox;

/// Says it in one line.
pub(crate) fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("porter-runner: {error}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(sandbox::examine()) {
        Ok(words) => {
            println!("box: yes: {words}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("box: no: {why}");
            ExitCode::FAILURE
        }
    }
}

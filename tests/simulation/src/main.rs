//! `npm run simulate`: plays many seeds, shows how far it is, and replays one that fails.

use porter_simulation::play::{Beginning, play};
use porter_simulation::trace::Trace;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (seeds, first) = (number("--seeds", 1000), number("--seed", 0));
    let Ok(beginning) = Beginning::prepared() else { return std::process::ExitCode::FAILURE };
    let begun = std::time::Instant::now();
    let (mut calls, mut tasks, mut succeeded) = (0, 0, 0);
    for seed in first..first + seeds {
        match play(&beginning, seed, &Trace::default()) {
            Ok(lived) => {
                calls += lived.calls;
                tasks += lived.tasks;
                succeeded += lived.succeeded;
            }
            Err(failure) if arguments.iter().any(|argument| argument == "--survey") => {
                println!("seed {seed}: {} {}", failure.violation.invariant, failure.violation.what);
            }
            Err(failure) => {
                let trace = Trace::kept();
                let again = play(&beginning, seed, &trace);
                for line in trace.lines() {
                    println!("{line}");
                }
                println!("seed {seed}: {:?} (again: {:?})", failure.violation, again.err().map(|f| f.violation));
                return std::process::ExitCode::FAILURE;
            }
        }
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{seeds} seeds in {took:.1} s, {:.0} a second, {calls} calls, {tasks} tasks, {succeeded} succeeded", seeds as f64 / took);
    std::process::ExitCode::SUCCESS
}

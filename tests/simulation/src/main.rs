//! `npm run simulate`: plays many seeds, shows how far it is, and replays the one that fails.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use porter_simulation::invariants::ALL;
use porter_simulation::many::{AfterFailure, Many, Outcome, play_many, replay};
use porter_simulation::scripted::{Failed, Progress, Thoroughness, exhaustive};

const HELP: &str = "\
npm run simulate -- [--seeds N] [--seed K] [--survey]
npm run simulate -- --exhaustive [NAME]

Plays N worlds (1000) from seed K (0) on: the real Porter on SQLite, with models of GitHub, the machine host, machines,
people and attackers, and with faults and crashes at every call. The first seed that breaks a promise is replayed with
its whole story; the same seed gives the same story. Exits with 1 when a promise was broken.

  --exhaustive [NAME]
              instead: every scripted scenario, or those whose name has NAME, with each of its calls struck in turn:
              its caller dies before it, or after it took effect; it never arrives; its answer is lost
  --seeds N   how many worlds
  --seed K    the first seed; with --seeds 1, one world
  --story     with one world: print its story even when it ends well
  --survey    go on after failures, and count them by promise
  --help      this text, and the promises";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Wanted::read(&arguments) {
        Ok(wanted) => carry_out(&wanted),
        Err(problem) => {
            eprintln!("{problem}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Help,
    Story,
    Exhaustive(Option<String>),
    Play(AfterFailure),
}

struct Wanted {
    what: What,
    seeds: u64,
    first: u64,
}

impl Wanted {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut wanted = Self { what: What::Play(AfterFailure::Stop), seeds: 1000, first: 0 };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut number = || {
                let text = rest.next().ok_or_else(|| format!("{argument} needs a number"))?;
                text.parse::<u64>().map_err(|_| format!("{argument}: {text:?} is not a number from 0 on"))
            };
            match argument.as_str() {
                "--seeds" => wanted.seeds = number()?,
                "--seed" => wanted.first = number()?,
                "--survey" => wanted.what = What::Play(AfterFailure::GoOn),
                "--story" => wanted.what = What::Story,
                "--exhaustive" => wanted.what = What::Exhaustive(rest.next().cloned()),
                "--help" | "-h" => wanted.what = What::Help,
                _ => return Err(format!("{argument} is not known")),
            }
        }
        Ok(wanted)
    }
}

fn carry_out(wanted: &Wanted) -> ExitCode {
    let after = match wanted.what {
        What::Help => {
            println!("{HELP}\n\nThe promises:");
            for (name, words) in ALL {
                println!("  {name:<4} {words}");
            }
            return ExitCode::SUCCESS;
        }
        What::Story => return tell(wanted.first),
        What::Exhaustive(ref filter) => return strike(filter.as_deref()),
        What::Play(after) => after,
    };
    let begun = Instant::now();
    let bar = Bar { begun, total: wanted.seeds, shown: std::io::stderr().is_terminal(), what: "seeds" };
    let outcome = play_many(Many { first: wanted.first, count: wanted.seeds, after }, &|played| bar.show(played));
    bar.clear();
    match outcome {
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
        Ok(outcome) => report(&outcome, begun, after),
    }
}

fn report(outcome: &Outcome, begun: Instant, after: AfterFailure) -> ExitCode {
    let seconds = begun.elapsed().as_secs_f64();
    let lived = outcome.lived;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = outcome.played as f64 / seconds.max(0.001);
    println!(
        "{} seeds in {seconds:.1} s, {rate:.0} a second: {} port calls, {} tasks, {} of them with a pull request",
        outcome.played, lived.calls, lived.tasks, lived.succeeded
    );
    let Some(first) = outcome.failures.values().next() else {
        println!("Every promise held.");
        return ExitCode::SUCCESS;
    };
    if after == AfterFailure::GoOn {
        for failure in outcome.failures.values() {
            println!("seed {}: {}: {}", failure.seed, failure.violation.invariant, failure.violation.what);
        }
        println!("{} seeds broke a promise.", outcome.failures.len());
        return ExitCode::FAILURE;
    }
    tell(first.seed)
}

/// Strikes every call of the scripted scenarios.
fn strike(filter: Option<&str>) -> ExitCode {
    let shown = std::io::stderr().is_terminal();
    let mut bar = Bar { begun: Instant::now(), total: 0, shown, what: "crashes" };
    let summary = exhaustive(filter, Thoroughness::EveryFate, &mut |Progress { done, of, .. }| {
        bar.total = of as u64;
        bar.show(done as u64);
    });
    bar.clear();
    summary.failures.iter().for_each(|failed| println!("{}", Failed::told(failed)));
    println!(
        "{} scenarios, {} calls struck in {:.1} s, {} failures",
        summary.scenarios,
        summary.crashes,
        summary.took.as_secs_f64(),
        summary.failures.len()
    );
    if summary.failures.is_empty() && summary.scenarios > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays a seed again and prints its story.
fn tell(seed: u64) -> ExitCode {
    match replay(seed) {
        Ok((lived, story)) => {
            story.iter().for_each(|line| println!("{line}"));
            println!("Seed {seed}: {} port calls, {} tasks. Every promise held.", lived.calls, lived.tasks);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            failure.trace.iter().for_each(|line| println!("{line}"));
            let name = failure.violation.invariant;
            let promise = ALL.iter().find(|(known, _)| *known == name).map_or("", |(_, words)| words);
            println!("\nSeed {seed} broke {name}, \"{promise}\":\n  {}", failure.violation.what);
            println!("Replay: npm run simulate -- --seeds 1 --seed {seed}");
            ExitCode::FAILURE
        }
    }
}

/// How far it is, on a terminal.
struct Bar {
    begun: Instant,
    total: u64,
    shown: bool,
    what: &'static str,
}

impl Bar {
    fn show(&self, played: u64) {
        if !self.shown || (self.what == "seeds" && !played.is_multiple_of(50) && played != self.total) {
            return;
        }
        let width = 40;
        let done = usize::try_from(played * width / self.total.max(1)).unwrap_or(0);
        let seconds = self.begun.elapsed().as_secs().max(1);
        let rate = played / seconds;
        let left = (self.total - played) / rate.max(1);
        let bar = "█".repeat(done);
        let Self { total, what, .. } = self;
        eprint!("\r{bar:·<40} {played} of {total} {what}, {rate} a second, {left} s to go \x1b[K");
        // A bar that cannot be drawn is no reason to stop.
        std::io::stderr().flush().unwrap_or_default();
    }

    fn clear(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

//! Every scenario with every fate at every call, over several threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Scenario, Thoroughness, Went, all, fates, replay, run};
use crate::gate::Fate;
use crate::play::Beginning;
use crate::sim::Planned;
use crate::trace::Trace;
use crate::watch::Violation;

/// How many crashes a thread takes at once.
const HANDFUL: usize = 16;
/// How many failures are told with their story.
const MOST_STORIES: usize = 5;
/// How much of a story is told.
const LAST_LINES: usize = 60;

/// A crash after which something was not as promised.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Which scenario.
    pub scenario: &'static str,
    /// At which call; `None`: without a crash.
    pub call: Option<u64>,
    /// What became of it; `None`: its caller died before it.
    pub fate: Option<Fate>,
    /// What was not as promised.
    pub violation: Violation,
    /// The end of what happened, for the first few.
    pub story: Vec<String>,
}

impl Failed {
    /// All of it, to be printed.
    #[must_use]
    pub fn told(&self) -> String {
        let Violation { invariant, what } = &self.violation;
        let at = match (self.call, self.fate) {
            (None, _) => "without a crash".to_owned(),
            (Some(call), None) => format!("call {call}, whose caller died before it"),
            (Some(call), Some(fate)) => format!("call {call}, {fate:?}"),
        };
        format!("{}\n{} at {at}: {invariant}: {what}", self.story.join("\n"), self.scenario)
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Crashes played.
    pub done: usize,
    /// Crashes to play.
    pub of: usize,
    /// Failures so far.
    pub failed: usize,
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Scenarios played.
    pub scenarios: usize,
    /// Crashes played.
    pub crashes: usize,
    /// How long it took.
    pub took: Duration,
    /// What was not as promised, in the order of scenario and call.
    pub failures: Vec<Failed>,
}

struct Crash {
    scenario: usize,
    call: u64,
    fate: Option<Fate>,
}

/// Plays every scenario whose name contains `filter`, first as written, then with each of its calls struck in turn.
#[must_use]
pub fn exhaustive(filter: Option<&str>, thoroughness: Thoroughness, progress: &mut dyn FnMut(Progress)) -> Summary {
    let begun = Instant::now();
    let scenarios: Vec<Scenario> =
        all().into_iter().filter(|one| filter.is_none_or(|filter| one.name.contains(filter))).collect();
    let mut failures = Vec::new();
    let mut crashes = Vec::new();
    if let Ok(beginning) = Beginning::prepared() {
        for (at, scenario) in scenarios.iter().enumerate() {
            match run(&beginning, scenario, None, &Trace::default()) {
                Ok(went) => crashes.extend(crashes_of(at, &went, thoroughness)),
                Err(violation) => {
                    failures.push((
                        at,
                        Failed { scenario: scenario.name, call: None, fate: None, violation, story: Vec::new() },
                    ));
                }
            }
        }
    }
    failures.extend(play_all(&scenarios, &crashes, progress));
    failures.sort_by_key(|(at, failed)| (*at, failed.call));
    let mut failures: Vec<Failed> = failures.into_iter().map(|(_, failed)| failed).collect();
    let told = failures.iter_mut().filter(|failed| failed.call.is_some() && failed.violation.invariant != "a panic");
    for failed in told.take(MOST_STORIES) {
        let story = replay(failed.scenario, failed.call.unwrap_or(0), failed.fate);
        let skipped = story.len().saturating_sub(LAST_LINES);
        failed.story = story.into_iter().skip(skipped).collect();
    }
    Summary { scenarios: scenarios.len(), crashes: crashes.len(), took: begun.elapsed(), failures }
}

fn crashes_of(scenario: usize, went: &Went, thoroughness: Thoroughness) -> Vec<Crash> {
    let calls = went.asked.iter().zip(went.from..);
    calls
        .flat_map(|(asked, call)| {
            fates(*asked, thoroughness).iter().map(move |fate| Crash { scenario, call, fate: *fate })
        })
        .collect()
}

fn play_all(scenarios: &[Scenario], crashes: &[Crash], progress: &mut dyn FnMut(Progress)) -> Vec<(usize, Failed)> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let Ok(mut beginning) = Beginning::prepared() else { return };
                    loop {
                        let from = next.fetch_add(HANDFUL, Ordering::Relaxed);
                        let handful = crashes.iter().skip(from).take(HANDFUL);
                        if from >= crashes.len() {
                            return;
                        }
                        for crash in handful {
                            let failed = play(&mut beginning, scenarios, crash);
                            if let (Some(failed), Ok(mut failures)) = (failed, failures.lock()) {
                                failures.push((crash.scenario, failed));
                            }
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            let failed = failures.lock().map_or(0, |failures| failures.len());
            progress(Progress { done: done.load(Ordering::Relaxed), of: crashes.len(), failed });
        }
    });
    failures.into_inner().unwrap_or_default()
}

fn play(beginning: &mut Beginning, scenarios: &[Scenario], crash: &Crash) -> Option<Failed> {
    let scenario = scenarios.get(crash.scenario)?;
    let Crash { call, fate, .. } = *crash;
    let planned = Some(Planned { call, fate });
    let played = catch_unwind(AssertUnwindSafe(|| run(beginning, scenario, planned, &Trace::default())));
    let violation = match played {
        Ok(outcome) => outcome.err()?,
        Err(_) => {
            // Nobody knows in what state the panic has left the database.
            if let Ok(another) = Beginning::prepared() {
                *beginning = another;
            }
            Violation { invariant: "a panic", what: "its message was printed when it happened".to_owned() }
        }
    };
    Some(Failed { scenario: scenario.name, call: Some(call), fate, violation, story: Vec::new() })
}

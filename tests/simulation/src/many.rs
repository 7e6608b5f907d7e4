//! Many seeds over all processors, until one fails or all have been played.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::play::{Beginning, Failure, Lived, failed, play};
use crate::trace::Trace;

/// Which seeds, and what to do about a failing one.
#[derive(Debug, Clone, Copy)]
pub struct Many {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Whether to go on after a failure.
    pub after: AfterFailure,
}

/// What to do when a seed fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Stop and tell.
    Stop,
    /// Count it and go on.
    GoOn,
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Seeds played.
    pub played: u64,
    /// What they were like, added up.
    pub lived: Lived,
    /// The failures, by seed; without traces.
    pub failures: BTreeMap<u64, Failure>,
}

/// Plays them. `progress` is told of every seed: how many have been played.
///
/// # Errors
/// When the worlds cannot be prepared.
pub fn play_many(many: Many, progress: &(dyn Fn(u64) + Sync)) -> Result<Outcome, String> {
    let next = AtomicU64::new(many.first);
    let stop = AtomicBool::new(false);
    let end = many.first.saturating_add(many.count);
    let outcome = Mutex::new(Outcome::default());
    let work = || -> Result<(), String> {
        let beginning = Beginning::prepared().map_err(|error| error.to_string())?;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let result = play(&beginning, seed, &Trace::default());
            let mut outcome = outcome.lock().map_err(|error| error.to_string())?;
            outcome.played += 1;
            match result {
                Ok(lived) => outcome.lived.add(lived),
                Err(failure) => {
                    stop.store(many.after == AfterFailure::Stop, Ordering::Relaxed);
                    outcome.failures.insert(seed, *failure);
                }
            }
            progress(outcome.played);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<_> = std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        working.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    for result in results {
        result.map_err(|_| "a world panicked: play its seed alone to see where".to_owned())??;
    }
    outcome.into_inner().map_err(|error| error.to_string())
}

/// Plays one seed again and keeps what happens in it.
///
/// # Errors
/// The failure with its trace; or a word when the worlds cannot be prepared.
pub fn replay(seed: u64) -> Result<(Lived, Vec<String>), Box<Failure>> {
    let trace = Trace::kept();
    let beginning = Beginning::prepared().map_err(|error| failed(seed, "the database", &error.to_string(), &trace))?;
    play(&beginning, seed, &trace).map(|lived| (lived, trace.lines()))
}

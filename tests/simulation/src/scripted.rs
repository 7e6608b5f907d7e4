//! Scripted scenarios: each a short story in the product's words with the end that people must see, also when a crash, a lost
//! call or a lost answer hits any one port call of it.

pub mod directions;
pub mod ending;
pub mod exhaustive;
pub mod scene;

mod answers;
mod deliveries;
mod ends;
mod follow_ups;
mod machines;
mod operators;
mod polls;
mod publishing;
mod queue;
mod stops;

use porter_world::world::Mode;

pub use exhaustive::{Failed, Progress, Summary, exhaustive};

use self::directions::Asked;
use self::scene::{Scene, Step};
use crate::gate::Fate;
use crate::play::{Beginning, heal};
use crate::sim::Planned;
use crate::trace::Trace;
use crate::watch::Violation;
use crate::weather::Weather;

/// A story and its end.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name, for the command line.
    pub name: &'static str,
    /// How Porter is let in on GitHub.
    pub mode: Mode,
    /// The story.
    pub story: fn(&mut Scene<'_>) -> Step,
    /// What people see at the end (`ending::ending`): first as it is without a crash, then what else may be true after one.
    pub ends: &'static [&'static str],
}

/// Porter as an App, hearing of comments by webhook.
const fn app(name: &'static str, story: fn(&mut Scene<'_>) -> Step, ends: &'static [&'static str]) -> Scenario {
    Scenario { name, mode: Mode::QuickApp, story, ends }
}

/// Every scenario.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [
        answers::ALL,
        machines::ALL,
        stops::ALL,
        queue::ALL,
        publishing::ALL,
        follow_ups::ALL,
        deliveries::ALL,
        operators::ALL,
        polls::ALL,
    ]
    .concat()
}

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// A crash after each call.
    Crashes,
    /// That, and a crash before it, its answer lost, the call itself lost.
    EveryFate,
}

/// What goes wrong at a call, each in turn. A question that is carried out before its caller dies is a question never asked,
/// and one whose answer is lost is one that failed.
const fn fates(asked: Asked, thoroughness: Thoroughness) -> &'static [Option<Fate>] {
    match (asked, thoroughness) {
        (Asked::Answer | Asked::Change, Thoroughness::Crashes) => &[Some(Fate::CallerDies)],
        (Asked::Answer, Thoroughness::EveryFate) => &[Some(Fate::CallerDies), Some(Fate::FailsBefore)],
        (Asked::Change, Thoroughness::EveryFate) => {
            &[None, Some(Fate::CallerDies), Some(Fate::FailsAfter), Some(Fate::FailsBefore)]
        }
    }
}

/// The seed of every scripted world: what a script leaves open is the same in all of them.
const SEED: u64 = 1;

/// How a scenario went.
#[derive(Debug, Clone)]
pub struct Went {
    /// The first call worth a crash.
    pub from: u64,
    /// What the calls from there on have asked for.
    pub asked: Vec<Asked>,
    /// What people see.
    pub ending: String,
}

/// Plays a scenario, with one call going wrong or none.
///
/// # Errors
/// The promise that did not hold.
pub fn run(beginning: &Beginning, of: &Scenario, planned: Option<Planned>, trace: &Trace) -> Result<Went, Violation> {
    let broken = |invariant: &'static str, what: String| Violation { invariant, what };
    let sim = beginning.world(SEED, of.mode, Weather::calm(), trace.clone());
    let mut sim = sim.map_err(|error| broken("the database", error.to_string()))?;
    sim.planned = planned;
    let mut scene = Scene::new(&mut sim);
    let told = (of.story)(&mut scene).and_then(|()| scene.until_quiet());
    let (begun, from) = (scene.begun, scene.from);
    if let Some(violation) = sim.violation() {
        return Err(violation);
    }
    let skipped = usize::try_from(from - begun).unwrap_or(0);
    let directions = sim.directions.get_or_insert_default();
    let asked = directions.asked().iter().skip(skipped).copied().collect();
    directions.no_trouble();
    told.map_err(|what| broken("the story", what))?;
    heal(&mut sim)?;
    let ending = ending::ending(&sim);
    if of.ends.iter().any(|allowed| lines(allowed) == lines(&ending)) {
        Ok(Went { from, asked, ending })
    } else {
        Err(broken("the end", format!("people see\n{ending}")))
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// Plays one crash again and gives everything that happened.
#[must_use]
pub fn replay(name: &str, call: u64, fate: Option<Fate>) -> Vec<String> {
    let trace = Trace::kept();
    let (Some(scenario), Ok(beginning)) = (all().into_iter().find(|one| one.name == name), Beginning::prepared())
    else {
        return vec![format!("there is no scenario {name}")];
    };
    let outcome = run(&beginning, &scenario, Some(Planned { call, fate }), &trace);
    let mut story = trace.lines();
    story.push(match outcome {
        Ok(_) => "it holds".to_owned(),
        Err(violation) => format!("{}: {}", violation.invariant, violation.what),
    });
    story
}

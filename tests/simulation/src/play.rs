//! A random play: what people do in a seed's world, the plague years, the healing, and what must have come true by then.

use std::rc::Rc;

use porter_world::github::{Role, UserKind};
use porter_world::world::{Mode, World};

use crate::database::Database;
use crate::instance;
use crate::invariants::secrets::{STRANGER, Secrets};
use crate::invariants::{github, liveness};
use crate::people::Doing;
use crate::random::Random;
use crate::sim::{Happening, Sim};
use crate::trace::Trace;
use crate::watch::{Violation, number};
use crate::weather::Weather;

/// A program that may write, and must not command.
const BOT: &str = "renovate[bot]";
/// How long a world may take to come to rest once it has healed.
const REST_S: i64 = 6 * 3600;
/// More steps than any world takes: one that does is stuck.
const MOST_STEPS: u64 = 400_000;

/// A seed whose world broke a promise.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The promise.
    pub violation: Violation,
    /// What happened, when it was kept.
    pub trace: Vec<String>,
}

/// What a seed's world was like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lived {
    /// Port calls.
    pub calls: u64,
    /// Tasks.
    pub tasks: u64,
    /// Tasks that ended with a pull request.
    pub succeeded: u64,
}

impl Lived {
    /// Adds another world's.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.tasks += other.tasks;
        self.succeeded += other.succeeded;
    }
}

/// What every world of a thread starts from: a database with its tables, GitHub in both ways of being let in.
pub struct Beginning {
    database: Rc<Database>,
    app: (World, Secrets),
    token: (World, Secrets),
}

impl Beginning {
    /// Prepares it.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn prepared() -> rusqlite::Result<Self> {
        let (app, token) = (World::new(Mode::QuickApp), World::new(Mode::Token));
        for world in [&app, &token] {
            for n in 0..3 {
                let words = format!("Issue {n} {STRANGER}");
                world.issue("alice", &words, "It says hello only. See src/main.rs.");
            }
            let bot = world.github.borrow_mut().add_user(BOT, UserKind::Bot);
            world.github.borrow_mut().set_role(world.repo, bot, Some(Role::Write));
            let _ = world.take_deliveries();
        }
        let [app, token] = [app, token].map(|world| {
            let secrets = instance::secrets(&world);
            (world, secrets)
        });
        Ok(Self { database: Rc::new(Database::migrated()?), app, token })
    }

    /// An empty world of this kind.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn world(&self, seed: u64, mode: Mode, weather: Weather, trace: Trace) -> rusqlite::Result<Sim> {
        self.database.empty()?;
        let (template, secrets) = if mode == Mode::Token { &self.token } else { &self.app };
        let mut sim = Sim::new(seed, &self.database, template, secrets.clone(), trace);
        // What was written before the first poll is not heard, as the documents say.
        sim.run_for(if mode == Mode::Token { 120_000 } else { 0 });
        sim.weather = weather;
        sim.new_isolates();
        Ok(sim)
    }
}

/// Plays a seed.
///
/// # Errors
/// The promise that did not hold.
pub fn play(beginning: &Beginning, seed: u64, trace: &Trace) -> Result<Lived, Box<Failure>> {
    let random = Random::new(seed ^ 0x9d5c_f1b3);
    let weather = Weather::drawn(&random);
    let mode = if random.chance(300) { Mode::Token } else { Mode::QuickApp };
    trace.log(|| format!("seed {seed}: {mode:?}, {weather:?}"));
    let sim = beginning.world(seed, mode, weather, trace.clone());
    let mut sim = sim.map_err(|error| failed(seed, "the database", &error.to_string(), trace))?;
    let length_ms = random.between(60_000, 900_000);
    script(&mut sim, &random, length_ms);
    sim.run_for(length_ms);
    let lived = heal(&mut sim).map_err(|violation| Failure { seed, violation, trace: trace.lines() })?;
    Ok(lived)
}

/// A failure of the simulation's own.
pub(crate) fn failed(seed: u64, invariant: &'static str, what: &str, trace: &Trace) -> Box<Failure> {
    Box::new(Failure { seed, violation: Violation { invariant, what: what.to_owned() }, trace: trace.lines() })
}

/// What people do, and when.
fn script(sim: &mut Sim, random: &Random, length_ms: i64) {
    let issues = [1, 2, 3];
    let commands = random.between(1, 4);
    for _ in 0..commands {
        let doing = comment(random, &issues);
        sim.later(random.between(0, length_ms * 2 / 3), Happening::Event(doing));
    }
    for _ in 0..random.below(5) {
        let doing = trouble(random, &issues);
        sim.later(random.between(0, length_ms), Happening::Event(doing));
    }
}

fn comment(random: &Random, issues: &[i64]) -> Doing {
    let people = ["alice", "bob", "alice", "bob", "alice", "bob", "carol", "mallory", BOT];
    let who = random.pick(&people).copied().unwrap_or("bob");
    let text = match random.below(13) {
        12 => return Doing::CommentOnPull { who, text: format!("@porter claude and that too {STRANGER}") },
        0 => "@porter stop".to_owned(),
        1 => "@porter retry".to_owned(),
        2 => "@porter status".to_owned(),
        3 => "@porter clod fix it".to_owned(),
        4 => format!("@porter codex --priority=high do it {}", STRANGER),
        5 => "just talk about @porter".to_owned(),
        _ => format!("@porter claude fix it {}", STRANGER),
    };
    Doing::Comment { who, issue: random.pick(issues).copied().unwrap_or(1), text }
}

fn trouble(random: &Random, issues: &[i64]) -> Doing {
    let issue = random.pick(issues).copied().unwrap_or(1);
    match random.below(16) {
        0 => Doing::EditEverything(issue),
        1 => Doing::Close(issue),
        2 => Doing::TakeRight("bob"),
        3 => Doing::GiveRight("bob"),
        4 if random.chance(300) => Doing::Uninstall,
        5 | 6 => Doing::Deploy,
        7 => Doing::HostLies(random.between(10, 1200)),
        8 => Doing::CronStops(random.between(60, 3600)),
        9 => Doing::Resurrect,
        10 => Doing::StopAtPage,
        11 => Doing::PushToOurBranch,
        12 => Doing::EndPull { merged: random.chance(500) },
        _ => Doing::Attack,
    }
}

/// Heals the world, lets it come to rest, and looks whether everything has come true.
///
/// # Errors
/// The promise that did not hold.
pub fn heal(sim: &mut Sim) -> Result<Lived, Violation> {
    sim.weather = Weather::calm();
    sim.host.be_honest();
    sim.cron_until = None;
    sim.new_isolates();
    let until = sim.now().plus_seconds(REST_S);
    let mut steps = 0;
    while !rests(sim) && sim.violation().is_none() && sim.now() < until && steps < MOST_STEPS {
        sim.run_for(60_000);
        steps += 1;
    }
    if let Some(violation) = sim.violation() {
        return Err(violation);
    }
    let broken = |invariant: &'static str| move |what: String| Violation { invariant, what };
    let commanded = sim.watch.borrow().commanded.clone();
    let every_command =
        if sim.can_speak { liveness::every_command_is_known(&sim.database, &commanded) } else { Ok(()) };
    every_command.map_err(broken("L4"))?;
    if let Some(delivery) = sim.undelivered() {
        return Err(broken("L4")(format!("{delivery} has not arrived")));
    }
    liveness::every_task_ends(&sim.database).map_err(broken("L1"))?;
    if sim.can_speak {
        liveness::finished_work_is_published(&sim.database).map_err(broken("L9"))?;
    }
    liveness::nothing_is_left(&sim.database, &sim.host).map_err(broken("L3"))?;
    liveness::every_end_is_told(&sim.database, &sim.world, sim.can_speak).map_err(broken("L2"))?;
    github::people_see_one_of_each(&sim.world).map_err(broken("S6"))?;
    // What people did last is seen by the next polls.
    sim.run_for(120_000);
    let quiet = sim.watch.borrow().changes_outside;
    sim.run_for(180_000);
    if let Some(violation) = sim.violation() {
        return Err(violation);
    }
    if sim.watch.borrow().changes_outside != quiet {
        return Err(broken("L8")("something was changed outside after everything had come to rest".to_owned()));
    }
    let watch = sim.watch.borrow();
    let succeeded = watch.tasks.values().filter(|task| task.state == "succeeded").count();
    Ok(Lived { calls: sim.calls(), tasks: watch.tasks.len() as u64, succeeded: succeeded as u64 })
}

/// Whether nothing is under way any more.
fn rests(sim: &Sim) -> bool {
    if sim.awaits() || sim.undelivered().is_some() {
        return false;
    }
    let commanded = sim.watch.borrow().commanded.clone();
    // What happened last on GitHub is seen by the next poll, which may have been put off.
    let put_off = sim.database.ask("SELECT max(not_before) AS until FROM polls");
    let until = put_off.first().and_then(|row| number(row, "until")).unwrap_or(0);
    if until > sim.now().millis() {
        return false;
    }
    let heard = !sim.can_speak || liveness::every_command_is_known(&sim.database, &commanded).is_ok();
    heard
        && liveness::every_task_ends(&sim.database).is_ok()
        && liveness::nothing_is_left(&sim.database, &sim.host).is_ok()
}

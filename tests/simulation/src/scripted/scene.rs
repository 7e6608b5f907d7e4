//! What happens in a script, in the product's words: people write and close, operators deploy, somebody waits for what can be seen.

use porter_world::github::{Change, DeliveryFault, Role, UserKind};
use porter_world::world::Mode;

use super::directions::Directions;
use super::ending::in_order;
use crate::instance::change;
use crate::invariants::secrets::STRANGER;
use crate::people::Doing;
use crate::sim::{Caller, Happening, Sim};
use crate::watch::TaskSeen;

/// How long somebody waits before the script says that it waited in vain.
const PATIENCE_S: i64 = 3 * 3600;

/// What comes of a step: or what was waited for in vain.
pub type Step = Result<(), String>;

/// A script under way.
pub struct Scene<'a> {
    /// The world.
    pub sim: &'a mut Sim,
    /// The number of the script's first call.
    pub begun: u64,
    /// The number of the first call that is worth a crash; what came before is another script's.
    pub from: u64,
}

impl<'a> Scene<'a> {
    /// A script's beginning.
    pub fn new(sim: &'a mut Sim) -> Self {
        sim.directions = Some(Directions::default());
        let begun = sim.calls();
        Self { sim, begun, from: begun }
    }

    /// What is fixed where a random play draws.
    pub fn directions(&mut self) -> &mut Directions {
        self.sim.directions.get_or_insert_default()
    }

    /// Crashes before this moment are another script's.
    pub fn crashes_from_here(&mut self) {
        self.from = self.sim.calls();
    }

    /// A comment.
    pub fn comment(&mut self, who: &'static str, issue: i64, text: &str) {
        self.sim.carry_out(Doing::Comment { who, issue, text: text.to_owned() });
    }

    /// Bob asks for work on an issue, with a stranger's text in it.
    pub fn ask(&mut self, issue: i64) {
        self.comment("bob", issue, &format!("@porter claude fix it {STRANGER}"));
    }

    /// An issue whose own body commands.
    pub fn open_issue(&mut self, who: &str, body: &str) -> i64 {
        let number = self.sim.world.issue(who, "Another one", body);
        if body.starts_with("@porter") {
            self.sim.watch.borrow_mut().commanded.push(number);
        }
        number
    }

    /// A review with words.
    pub fn review(&mut self, who: &str, pull: i64, text: &str) {
        let id = self.sim.world.review(who, pull, "COMMENTED", text);
        self.sim.watch.borrow_mut().commanded.push(id);
    }

    /// A comment on a line of a pull request.
    pub fn line_comment(&mut self, who: &str, pull: i64, text: &str) {
        let id = self.sim.world.line_comment(who, pull, "a.txt", 1, text);
        self.sim.watch.borrow_mut().commanded.push(id);
    }

    /// Somebody pushes a file.
    pub fn push(&mut self, who: &str, branch: &str, file: &str, text: &str) {
        self.sim.world.push_commit(who, branch, "Other work", &[Change::Write(file, text)]);
    }

    /// A fork of the repository with a pull request from it.
    pub fn pull_from_a_fork(&mut self) -> i64 {
        let world = &self.sim.world;
        {
            let mut github = world.github.borrow_mut();
            let owner = github.add_user("forker", UserKind::User);
            let _ = github.fork(world.repo, owner);
        }
        let there = world.in_repo("forker/demo");
        there.push_commit("forker", "topic", "Work", &[Change::Write("t.txt", "t\n")]);
        world.open_pull("forker", Some("forker/demo"), "topic", "From outside")
    }

    /// Somebody's role changes.
    pub fn role(&mut self, who: &'static str, role: Role) {
        self.sim.carry_out(if role >= Role::Write { Doing::GiveRight(who) } else { Doing::TakeRight(who) });
    }

    /// What becomes of the next deliveries on their way, one each.
    pub fn deliveries(&mut self, faults: &[DeliveryFault]) {
        self.sim.world.github.borrow_mut().deliveries.faults.extend(faults.iter().cloned());
    }

    /// Somebody changes a task at the page: `stop` or `retry`.
    pub fn at_the_page(&mut self, task: usize, verb: &str) {
        if let Some((id, _)) = self.task(task) {
            self.sim.send(Caller::Page, verb, change("POST", &format!("/api/tasks/{id}/{verb}")));
        }
    }

    /// The newest machine's computer comes back from the dead.
    pub fn resurrect(&mut self) {
        if let Some(made) = self.sim.host.all().into_iter().find(|made| made.exit.is_some()) {
            self.sim.host.resurrect(&made.id);
            self.sim.later(100, Happening::Boot(made.id));
        }
    }

    /// The n-th task, from 1, in the order of the commands.
    #[must_use]
    pub fn task(&self, number: usize) -> Option<(String, TaskSeen)> {
        in_order(self.sim).into_iter().nth(number.saturating_sub(1))
    }

    /// The state of the n-th task.
    #[must_use]
    pub fn state(&self, number: usize) -> String {
        self.task(number).map(|(_, task)| task.state).unwrap_or_default()
    }

    /// The branch of the n-th task.
    #[must_use]
    pub fn branch(&self, number: usize) -> String {
        format!("porter/{}", self.task(number).map(|(id, _)| id).unwrap_or_default())
    }

    /// The number of the n-th task's pull request.
    #[must_use]
    pub fn pull_of(&self, number: usize) -> i64 {
        let branch = self.branch(number);
        let of = |head: &str| head == branch;
        let pulls = self.sim.world.pull_requests();
        pulls
            .iter()
            .find(|issue| issue.pull.as_ref().is_some_and(|pull| of(&pull.head)))
            .map_or(0, |issue| issue.number)
    }

    /// Time passes.
    pub fn wait_s(&mut self, seconds: i64) {
        self.sim.run_for(seconds * 1000);
    }

    /// Waits until the n-th task stands there.
    ///
    /// # Errors
    /// It never did.
    pub fn until_state(&mut self, number: usize, state: &str) -> Step {
        self.until(&format!("T{number} {state}"), |scene| scene.state(number) == state)
    }

    /// Waits until so many tasks are known and all have ended.
    ///
    /// # Errors
    /// They never did.
    pub fn until_ended(&mut self, tasks: usize) -> Step {
        self.until(&format!("{tasks} tasks have ended"), |scene| {
            let watch = scene.sim.watch.borrow();
            watch.tasks.len() >= tasks && watch.tasks.values().all(TaskSeen::is_final)
        })
    }

    /// Waits until there are so many comments of ours whose text has this word.
    ///
    /// # Errors
    /// There never were.
    pub fn until_said(&mut self, issue: i64, word: &str, times: usize) -> Step {
        self.until(&format!("{word} is said on #{issue}"), |scene| {
            let comments = scene.sim.world.comments(issue);
            comments.iter().filter(|(_, text)| text.contains("<!-- porter:") && text.contains(word)).count() >= times
        })
    }

    /// Waits until nobody is served, no machine is left and no effect waits.
    ///
    /// # Errors
    /// That never was.
    pub fn until_quiet(&mut self) -> Step {
        self.until("all is quiet", |scene| {
            !scene.sim.awaits()
                && crate::invariants::liveness::nothing_is_left(&scene.sim.database, &scene.sim.host).is_ok()
        })
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// It never held.
    pub fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Step {
        let begun = self.sim.now();
        while !holds(self) {
            let now = self.sim.now();
            if self.sim.violation().is_some() || now.since(begun) > PATIENCE_S * 1000 {
                return Err(format!("waited in vain: {what}"));
            }
            self.sim.step(now.plus_seconds(120));
        }
        Ok(())
    }

    /// Whether Porter learns by polling.
    #[must_use]
    pub fn polls(&self) -> bool {
        self.sim.world.mode() == Mode::Token
    }
}

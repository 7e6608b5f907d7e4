//! Live tasks that time has overtaken: machines that never claimed, fell silent or ended without a word, deadlines, stuck
//! publications, and tasks whose driving effect is dead.

use super::App;
use super::accept_result::done;
use super::keep_time::{is_lost, is_over, is_silent, quiet_ms};
use super::lose_launch::Lost;
use crate::clients::fly::machines::{Exit, Machine, MachineState};
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::ids::Attempt;
use crate::domain::task::{Failure, Stage, State, Task};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, Level};
use crate::protocol::wire::FinalStatus;
use crate::store::attempts::AttemptRow;
use crate::store::{attempts, commit, effects, results, stuck, tasks};

/// How much longer than a machine with nothing to say a machine is silent before the host is asked about it.
const BEYOND_QUIET_MS: i64 = 10_000;
/// How many machines the host is asked about in one tick.
const MOST_LOOKS: u32 = 20;

/// What the host says of a machine that no longer reports.
enum Gone {
    /// Its program ended, or it outgrew its memory: another machine would do the same.
    Ended(Failure),
    /// It was killed, stopped or removed, as "the machine host has removed it": another machine may live.
    Taken(&'static str),
}

impl App<'_> {
    /// Ends or repeats every live task that is overdue, or that nothing drives any more.
    ///
    /// # Errors
    /// The database's trouble.
    pub(super) async fn end_overdue(&self) -> Result<(), Fault> {
        for (id, fault) in stuck::unreadable(self.sql).await? {
            self.log_fault(Level::Error, "A task cannot be read", &fault, &[("task", &id)]);
        }
        let mut looks = MOST_LOOKS;
        for task in tasks::live(self.sql).await? {
            // One task that cannot be looked at must not keep time from the others.
            if let Err(fault) = self.end_if_overdue(&task, &mut looks).await {
                self.log_fault(Level::Error, "A task could not be looked at", &fault, &[("task", task.id.as_str())]);
            }
        }
        for task in stuck::undriven(self.sql).await? {
            self.log.line(Level::Error, "A task was stuck and is ended", &[("task", task.id.as_str())]);
            self.end_stuck(&task).await?;
        }
        Ok(())
    }

    async fn end_if_overdue(&self, task: &Task, looks: &mut u32) -> Result<(), Fault> {
        let Some(attempt) = task.state.open_attempt() else { return Ok(()) };
        let Some(row) = attempts::load(self.sql, &task.id, attempt).await? else { return Ok(()) };
        if let Some(event) = self.overdue(task, &row, looks).await? {
            // A machine that hands a lost result over again is told how it ended, for ever the same.
            let answer = results::answer(&task.id, attempt, &done(FinalStatus::Failed));
            self.record(&task.id, event, vec![answer]).await?;
        }
        Ok(())
    }

    /// What time has done to a live task.
    async fn overdue(&self, task: &Task, row: &AttemptRow, looks: &mut u32) -> Result<Option<Event>, Fault> {
        let now = self.clock.now();
        match &task.state {
            // Until the machine is there the launch effect sees to it, however long GitHub or the host keep it waiting.
            State::Launching { attempt, .. } => {
                let Some(made_at) = row.made_at else { return Ok(None) };
                if now > made_at.plus_seconds(i64::from(self.config.launch_timeout_s)) {
                    return Ok(Some(self.lost(*attempt, Lost::NeverCame)));
                }
                Ok(self.gone(row, made_at, looks).await.map(|gone| self.ended(*attempt, gone)))
            }
            State::Running { attempt, deadline } => {
                if is_over(row, *deadline, now) {
                    return Ok(Some(Event::TimedOut { attempt: *attempt, at: Stage::Run }));
                }
                if let Some(gone) = self.gone(row, row.last_seen, looks).await {
                    return Ok(Some(self.ended(*attempt, gone)));
                }
                let how = || Lost::Machine { how: "it stopped reporting".to_owned() };
                let silent = is_silent(row, self.config.heartbeat_timeout_s, now);
                Ok(silent.then(|| self.lost(*attempt, how())))
            }
            State::Publishing { attempt, since } => self.stuck_publication(task, *attempt, *since).await,
            State::Accepted
            | State::Queued { .. }
            | State::Succeeded { .. }
            | State::NoChanges { .. }
            | State::Failed { .. }
            | State::Refused { .. }
            | State::TimedOut { .. }
            | State::Stopped { .. } => Ok(None),
        }
    }

    fn ended(&self, attempt: Attempt, gone: Gone) -> Event {
        match gone {
            Gone::Ended(failure) => Event::Failed { attempt, failure },
            Gone::Taken(how) => self.lost(attempt, Lost::Machine { how: how.to_owned() }),
        }
    }

    /// Whether a machine that has said nothing for a while is known to be gone. Only what the host says plainly counts: that it
    /// does not know a machine may be a list that is late.
    async fn gone(&self, row: &AttemptRow, heard: Timestamp, looks: &mut u32) -> Option<Gone> {
        let machine = row.machine.as_ref()?;
        if self.clock.now().since(heard) <= quiet_ms(self.config.heartbeat_timeout_s) + BEYOND_QUIET_MS || *looks == 0 {
            return None;
        }
        *looks -= 1;
        match self.host().ok()?.get(machine).await.ok()? {
            Machine { exit: Some(exit), .. } => Some(how_it_ended(&exit)),
            Machine { state: MachineState::Destroyed, .. } => Some(Gone::Taken("the machine host has removed it")),
            Machine { .. } => None,
        }
    }

    /// A result that was received and not published: from a stored tree it is finished, without one it is lost.
    async fn stuck_publication(&self, task: &Task, attempt: Attempt, since: Timestamp) -> Result<Option<Event>, Fault> {
        let now = self.clock.now();
        let result = results::load(self.sql, &task.id, attempt).await?;
        if result.as_ref().is_some_and(|result| result.tree.is_some()) {
            let effect = Effect::Publish { task: task.id.clone(), attempt };
            commit(self.sql, vec![effects::ask(&effect, now, now)]).await?;
            return Ok(None);
        }
        let lost = is_lost(result.as_ref(), since, now);
        Ok(lost.then_some(Event::Failed { attempt, failure: Failure::ResultLost }))
    }

    /// Ends a task that nothing drives any more, with the step it stands at as the reason.
    async fn end_stuck(&self, task: &Task) -> Result<(), Fault> {
        let event = match task.state {
            State::Accepted => Event::GaveUp { doing: "asking GitHub whether you may ask".to_owned() },
            State::Launching { attempt, .. } => {
                Event::Failed { attempt, failure: Failure::Inside { doing: "making a machine".to_owned() } }
            }
            State::Publishing { attempt, .. } => {
                let said = Untrusted::new("Porter gave up while publishing.");
                return self.fail_publication(attempt, &task.id, said).await;
            }
            State::Queued { .. }
            | State::Running { .. }
            | State::Succeeded { .. }
            | State::NoChanges { .. }
            | State::Failed { .. }
            | State::Refused { .. }
            | State::TimedOut { .. }
            | State::Stopped { .. } => return Ok(()),
        };
        self.record(&task.id, event, Vec::new()).await.map(|_| ())
    }
}

/// Whether another machine would end the same way. A code above 128 is a signal, as shells count.
fn how_it_ended(exit: &Exit) -> Gone {
    match (exit.code, exit.signal) {
        _ if exit.oom_killed => Gone::Ended(Failure::OutOfMemory),
        _ if exit.requested_stop => Gone::Taken("somebody stopped it at the machine host"),
        (Some(code @ 0..=128), None) => Gone::Ended(Failure::MachineEnded { code }),
        (_, _) => Gone::Taken("it was killed"),
    }
}

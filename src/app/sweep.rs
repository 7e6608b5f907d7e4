//! The cron trigger's work: whatever was left, whatever is overdue, whatever was missed. Bounded, and safe to run twice at once.

use super::App;
use super::accept_result::done;
use super::keep_time::{is_lost, is_over, is_silent};
use super::run_effects::Bound;
use crate::clients::fly::machines::{FlyError, Machine, MachineState};
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::ids::Attempt;
use crate::domain::task::{Failure, Stage, State, Task};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Level};
use crate::protocol::wire::FinalStatus;
use crate::store::attempts::AttemptRow;
use crate::store::{attempts, commit, effects, facts, intake, logs, refusals, results};

/// How much one tick carries out.
const TICK_EFFECTS: u32 = 200;
/// How long one tick may take before it leaves the rest to the next one.
const TICK_S: i64 = 50;
/// How much an answered request carries out afterwards, and for how long (the platform allows 30 s).
const AFTERWARDS: (u32, i64) = (40, 25);
/// How long a closed launch's machine may linger before its end is asked for again.
const LINGER_S: i64 = 600;
/// How long log lines and settled effects are kept.
const KEEP_LOGS_S: i64 = 30 * 86_400;
/// How long deliveries are remembered; GitHub repeats them for three days.
const KEEP_DELIVERIES_S: i64 = 7 * 86_400;

impl App<'_> {
    /// Carries out what a request has just committed.
    pub async fn drain(&self) {
        let (effects, seconds) = AFTERWARDS;
        self.run_effects(Bound { effects, until: self.clock.now().plus_seconds(seconds) }).await;
    }

    /// One tick of the cron trigger.
    pub async fn tick(&self) {
        let until = self.clock.now().plus_seconds(TICK_S);
        let bound = Bound { effects: TICK_EFFECTS, until };
        self.run_effects(bound).await;
        let parts = [
            ("Overdue tasks could not be looked at", self.end_overdue().await),
            ("Lingering machines could not be looked at", self.end_lingering().await),
            ("Old rows could not be forgotten", self.forget_old().await),
        ];
        for (message, result) in parts {
            if let Err(fault) = result {
                self.log_fault(Level::Error, message, &fault, &[]);
            }
        }
        self.poll_repositories(until).await;
        self.run_effects(bound).await;
        let now = self.clock.now();
        if let Err(fault) = facts::note(self.sql, facts::LAST_TICK, "done", now).await {
            self.log_fault(Level::Error, "The tick could not be noted", &fault, &[]);
        }
    }

    async fn end_overdue(&self) -> Result<(), Fault> {
        for task in crate::store::tasks::live(self.sql).await? {
            // One task that cannot be looked at must not keep time from the others.
            if let Err(fault) = self.end_if_overdue(&task).await {
                self.log_fault(Level::Error, "A task could not be looked at", &fault, &[("task", task.id.as_str())]);
            }
        }
        Ok(())
    }

    async fn end_if_overdue(&self, task: &Task) -> Result<(), Fault> {
        let Some(attempt) = task.state.open_attempt() else { return Ok(()) };
        let Some(row) = attempts::load(self.sql, &task.id, attempt).await? else { return Ok(()) };
        if let Some(event) = self.overdue(task, &row).await? {
            // A machine that hands a lost result over again is told how it ended, for ever the same.
            let answer = results::answer(&task.id, attempt, &done(FinalStatus::Failed));
            self.record(&task.id, event, vec![answer]).await?;
        }
        Ok(())
    }

    /// What time has done to a live task.
    async fn overdue(&self, task: &Task, row: &AttemptRow) -> Result<Option<Event>, Fault> {
        let now = self.clock.now();
        match &task.state {
            State::Launching { attempt, since } => {
                let end = since.plus_seconds(i64::from(self.config.launch_timeout_s));
                Ok((now > end).then(|| self.lost(*attempt, "no machine came up in time", Stage::Launch)))
            }
            State::Running { attempt, deadline } => {
                if is_over(row, *deadline, now) {
                    return Ok(Some(Event::TimedOut { attempt: *attempt, at: Stage::Run }));
                }
                if !is_silent(row, self.config.heartbeat_timeout_s, now) {
                    return Ok(None);
                }
                let how = self.how_it_ended(row).await;
                Ok(Some(self.lost(*attempt, &how, Stage::Run)))
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

    /// Another launch, while there are any; else the end.
    fn lost(&self, attempt: Attempt, how: &str, at: Stage) -> Event {
        if attempt.0 <= self.config.max_retries {
            let not_before = self.clock.now().plus_seconds(5 * i64::from(attempt.0));
            return Event::AttemptLost { attempt, how: how.to_owned(), not_before };
        }
        match at {
            Stage::Launch => Event::TimedOut { attempt, at },
            Stage::Run => Event::Failed { attempt, failure: Failure::MachineLost { how: how.to_owned() } },
        }
    }

    /// What the host says of a machine that fell silent.
    async fn how_it_ended(&self, row: &AttemptRow) -> String {
        let silence = "it stopped reporting";
        let Some(id) = &row.machine else { return silence.to_owned() };
        let Ok(host) = self.host() else { return silence.to_owned() };
        match host.get(id).await {
            Ok(Machine { exit: Some(exit), .. }) if exit.oom_killed => "it ran out of memory".to_owned(),
            Ok(Machine { exit: Some(exit), .. }) => match exit.code {
                Some(code) => format!("its program ended with exit code {code} and without a word"),
                None => silence.to_owned(),
            },
            Ok(Machine { state: MachineState::Destroyed, .. }) | Err(FlyError::NotFound) => {
                "the machine host has removed it".to_owned()
            }
            Ok(_) | Err(_) => silence.to_owned(),
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

    /// Asks again for the end of machines whose launch closed a while ago.
    async fn end_lingering(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        for row in attempts::to_destroy(self.sql, now.plus_seconds(-LINGER_S)).await? {
            let effect = Effect::Destroy { task: row.task, attempt: row.attempt };
            commit(self.sql, vec![effects::ask(&effect, now, now)]).await?;
        }
        Ok(())
    }

    async fn forget_old(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        logs::forget_before(self.sql, now.plus_seconds(-KEEP_LOGS_S)).await?;
        effects::forget_before(self.sql, now.plus_seconds(-KEEP_LOGS_S)).await?;
        refusals::forget_before(self.sql, now.plus_seconds(-KEEP_LOGS_S)).await?;
        intake::forget_deliveries(self.sql, now.plus_seconds(-KEEP_DELIVERIES_S)).await
    }
}

//! Carrying out effects: lease, do, settle. At once after a commit, and by cron for whatever is left.

use super::App;
use crate::domain::effect::{Effect, Rank};
use crate::domain::event::Event;
use crate::domain::task::Failure;
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, FaultKind, Level};
use crate::store::effects::Leased;
use crate::store::{commit, effects, facts};

/// How long an effect may take before another may try. A launch makes some twenty calls.
const LEASE_S: i64 = 45;
/// The first pause after a failure; it doubles.
const FIRST_PAUSE_S: i64 = 2;
/// The longest pause.
const LONGEST_PAUSE_S: i64 = 300;
/// After this many tries an effect is given up, though not before it has been tried for [`LEAST_PATIENCE_S`]: a machine that
/// hands over again and again drives the tries of a publication.
const MOST_TRIES: u32 = 12;
/// How long an effect is tried at least.
const LEAST_PATIENCE_S: i64 = 600;
/// Somebody waits for an answer, or pays for a machine, however long an outage lasts.
const WORDS_PATIENCE_S: i64 = 2 * 86_400;

/// How much one invocation may do.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The most effects.
    pub effects: u32,
    /// No new one from this moment on.
    pub until: Timestamp,
}

impl App<'_> {
    /// Carries out due effects and admits queued tasks until nothing is due or the bound is reached.
    pub async fn run_effects(&self, bound: Bound) {
        let mut left = bound.effects;
        loop {
            while left > 0 && self.clock.now() < bound.until {
                match self.run_next().await {
                    Ok(true) => left -= 1,
                    Ok(false) => break,
                    Err(fault) => {
                        self.log_fault(Level::Error, "The outbox could not be read", &fault, &[]);
                        return;
                    }
                }
            }
            match self.admit_tasks().await {
                Ok(admitted) if admitted > 0 && left > 0 && self.clock.now() < bound.until => {}
                Ok(_) => return,
                Err(fault) => {
                    self.log_fault(Level::Error, "Queued tasks could not be admitted", &fault, &[]);
                    return;
                }
            }
        }
    }

    /// Carries out the next due effect. `false`: nothing is due.
    async fn run_next(&self) -> Result<bool, Fault> {
        let now = self.clock.now();
        let Some(leased) = effects::lease_next(self.sql, now, now.plus_seconds(LEASE_S)).await? else {
            return Ok(false);
        };
        self.run(&leased).await?;
        Ok(true)
    }

    /// Carries out one effect now, if it is pending and nobody else has it.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn run_effect(&self, key: &str) -> Result<(), Fault> {
        let now = self.clock.now();
        match effects::lease_key(self.sql, key, now, now.plus_seconds(LEASE_S)).await? {
            Some(leased) => self.run(&leased).await,
            None => Ok(()),
        }
    }

    async fn run(&self, leased: &Leased) -> Result<(), Fault> {
        match self.perform(&leased.effect).await {
            Ok(()) => commit(self.sql, vec![effects::done(leased)]).await.map(|_| ()),
            Err(fault) => self.put_back(leased, &fault).await,
        }
    }

    async fn perform(&self, effect: &Effect) -> Result<(), Fault> {
        match effect {
            Effect::Authorise { task } => self.authorise(task).await,
            Effect::Answer { question } => self.answer(question).await,
            Effect::Launch { task, attempt } => self.launch_machine(task, *attempt).await,
            Effect::Destroy { task, attempt } => self.destroy_machine(task, *attempt).await,
            Effect::Publish { task, attempt } => self.publish_result(task, *attempt).await,
            Effect::ShowStatus { task } => self.show_status(task).await,
            Effect::TellEnd { task } => self.tell_end(task).await,
            Effect::ShowLabel { repo, issue, .. } => self.show_label(*repo, *issue).await,
            Effect::React { task } => self.show_reaction(task).await,
        }
    }

    /// After a failure: later again, or given up with a reason that people see.
    async fn put_back(&self, leased: &Leased, fault: &Fault) -> Result<(), Fault> {
        let now = self.clock.now();
        let redacted = self.redactor().redact(&fault.to_string()).into_owned();
        let error: String = redacted.chars().take(500).collect();
        let fields = [("effect", leased.key.as_str())];
        let patience_s = match leased.effect.rank() {
            Rank::Work if !matches!(leased.effect, Effect::Destroy { .. }) => LEAST_PATIENCE_S,
            Rank::Work | Rank::Words => WORDS_PATIENCE_S,
            Rank::Cosmetic => 0,
        };
        let is_young = leased.tries < MOST_TRIES || now.since(leased.created_at) < patience_s * 1000;
        match fault.kind {
            FaultKind::Transient { not_before } if is_young || not_before.is_some() => {
                self.log_fault(Level::Info, "An effect is put back", fault, &fields);
                let doubled = FIRST_PAUSE_S.saturating_mul(1 << leased.tries.saturating_sub(1).min(10));
                let pause = now.plus_seconds(doubled.min(LONGEST_PAUSE_S));
                let later = not_before.map_or(pause, |until| until.max(now.plus_seconds(1)));
                effects::postpone(self.sql, leased, later, &error).await
            }
            FaultKind::Transient { .. } | FaultKind::Permanent => {
                self.log_fault(Level::Error, "An effect is given up", fault, &fields);
                facts::note(self.sql, facts::LAST_FAULT, &format!("{}: {error}", leased.effect.kind()), now).await?;
                // The end first: an effect that is buried and has not ended its task would be forgotten by everybody.
                self.give_up(&leased.effect, fault).await?;
                effects::bury(self.sql, leased, &error).await
            }
        }
    }

    /// What the death of an effect means for its task: an end with a reason, never silence.
    async fn give_up(&self, effect: &Effect, fault: &Fault) -> Result<(), Fault> {
        match effect {
            Effect::Authorise { task } => {
                let event = Event::GaveUp { doing: fault.doing.to_owned() };
                self.record(task, event, Vec::new()).await.map(|_| ())
            }
            Effect::Launch { task, attempt } => {
                let failure = Failure::Inside { doing: fault.doing.to_owned() };
                self.record(task, Event::Failed { attempt: *attempt, failure }, Vec::new()).await.map(|_| ())
            }
            Effect::Publish { task, attempt } => {
                let said = Untrusted::new(format!("It did not work while {}.", fault.doing));
                self.fail_publication(*attempt, task, said).await
            }
            Effect::Answer { .. }
            | Effect::Destroy { .. }
            | Effect::ShowStatus { .. }
            | Effect::TellEnd { .. }
            | Effect::ShowLabel { .. }
            | Effect::React { .. } => Ok(()),
        }
    }
}

//! Carrying out effects: lease, do, settle. At once after a commit, and by cron for whatever is left.

use super::App;
use crate::domain::credential::Credential;
use crate::domain::effect::{Again, Effect, Rank};
use crate::domain::event::Event;
use crate::domain::task::Failure;
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, FaultKind, Level};
use crate::store::effects::{Later, Leased, Taken};
use crate::store::{commit, effects, facts};

/// How long an effect may take before another may try, and before its own calls are cut off. A launch makes some twenty calls.
const LEASE_S: i64 = 60;
/// The first pause after a failure; it doubles.
const FIRST_PAUSE_S: i64 = 2;
/// The longest pause.
const LONGEST_PAUSE_S: i64 = 300;
/// After this many tries an effect is given up, though not before its patience is at an end: a machine that hands over again
/// and again drives the tries of a publication.
const MOST_TRIES: u32 = 12;
/// After this many it is not tried once more: none of them came to an end, as when it kills whoever carries it out.
const ENDLESS_TRIES: u32 = 60;
/// How long the work is tried at least: an outage is waited for, and a launch is not lost to it.
pub(super) const WORK_PATIENCE_S: i64 = 3600;
/// Somebody waits for an answer, or pays for a machine, however long an outage lasts.
const WORDS_PATIENCE_S: i64 = 2 * 86_400;

/// With so many effects due, cosmetic ones give way.
const LONG_OUTBOX: u32 = 50;

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
        let asked_at = self.clock.now();
        let Some(taken) = effects::lease_next(self.sql, LEASE_S).await? else { return Ok(false) };
        self.run(&taken, asked_at).await?;
        Ok(true)
    }

    /// Carries out one effect now, if it is pending and nobody else has it.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn run_effect(&self, key: &str) -> Result<(), Fault> {
        let asked_at = self.clock.now();
        match effects::lease_key(self.sql, key, LEASE_S).await? {
            Some(taken) => self.run(&taken, asked_at).await,
            None => Ok(()),
        }
    }

    /// Carries out what a lease took into hand. The lease is counted from before it was asked for.
    async fn run(&self, taken: &Taken, asked_at: Timestamp) -> Result<(), Fault> {
        let leased = match taken {
            Taken::Effect(leased) => leased,
            Taken::Unreadable(row) => {
                self.alert(&row.key, &row.fault).await?;
                return effects::bury_unreadable(self.sql, row).await;
            }
        };
        if leased.tries > ENDLESS_TRIES && !self.is_young(leased) {
            let fault = Fault::permanent("carrying it out", "none of its tries came to an end");
            return self.bury(leased, &fault).await;
        }
        let until = asked_at.plus_seconds(LEASE_S);
        let http = self.calls_until(until);
        match self.through(&http).perform(&leased.effect).await {
            Ok(()) => commit(self.sql, vec![effects::done(leased)]).await.map(|_| ())?,
            Err(fault) => self.put_back(leased, &fault).await?,
        }
        // The last call may have put an older word over the next holder's newer one.
        if self.clock.now() >= until && leased.effect.again() == Again::Refresh {
            commit(self.sql, vec![effects::look_again(leased)]).await?;
        }
        Ok(())
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
        let later = match fault.kind {
            // Whoever waits for a machine is told after a while why there is none, however good the reason.
            FaultKind::Transient { not_before: Some(until) }
                if !matches!(leased.effect, Effect::Launch { .. }) || self.is_young(leased) =>
            {
                Later::HeldUntil(until)
            }
            FaultKind::Transient { not_before: None } if leased.tries < MOST_TRIES || self.is_young(leased) => {
                let doubled = FIRST_PAUSE_S.saturating_mul(1 << leased.tries.saturating_sub(1).min(10));
                Later::Seconds(doubled.min(LONGEST_PAUSE_S))
            }
            FaultKind::Transient { .. } | FaultKind::Permanent => return self.bury(leased, fault).await,
        };
        self.log_fault(Level::Info, "An effect is put back", fault, &[("effect", leased.key.as_str())]);
        effects::postpone(self.sql, leased, later, &self.in_short(fault)).await
    }

    /// Whether an effect has not been tried for as long as its kind deserves.
    fn is_young(&self, leased: &Leased) -> bool {
        let patience_s = match leased.effect.rank() {
            Rank::Work if !matches!(leased.effect, Effect::Destroy { .. }) => WORK_PATIENCE_S,
            Rank::Work | Rank::Words => WORDS_PATIENCE_S,
            Rank::Cosmetic => 0,
        };
        self.clock.now().since(leased.created_at) < patience_s * 1000
    }

    /// Gives an effect up: its task ends with the reason, and the operator is told.
    async fn bury(&self, leased: &Leased, fault: &Fault) -> Result<(), Fault> {
        self.alert(&leased.key, fault).await?;
        // The end first: an effect that is buried and has not ended its task would be forgotten by everybody.
        self.give_up(&leased.effect, fault).await?;
        effects::bury(self.sql, leased, &self.in_short(fault)).await
    }

    async fn alert(&self, key: &str, fault: &Fault) -> Result<(), Fault> {
        self.log_fault(Level::Error, "An effect is given up", fault, &[("effect", key)]);
        let noted = format!("{key}: {}", self.in_short(fault));
        facts::note(self.sql, facts::LAST_FAULT, &noted, self.clock.now()).await
    }

    /// A fault for a column: without keys, and not long.
    fn in_short(&self, fault: &Fault) -> String {
        self.redactor().redact(&fault.to_string()).chars().take(500).collect()
    }

    /// Whether cosmetic effects give way: GitHub wants or wanted silence, or there is too much else to do.
    ///
    /// # Errors
    /// The database's trouble.
    pub(super) async fn is_pressed(&self, by: Credential) -> Result<bool, Fault> {
        Ok(self.was_paused(by.into()).await? || effects::are_due(self.sql, LONG_OUTBOX).await?)
    }

    /// What the death of an effect means for its task: an end with a reason, never silence.
    async fn give_up(&self, effect: &Effect, fault: &Fault) -> Result<(), Fault> {
        match effect {
            Effect::Authorise { task } => {
                let event = Event::GaveUp { doing: fault.doing.to_owned() };
                self.record(task, event, Vec::new()).await.map(|_| ())
            }
            Effect::Launch { task, attempt } => {
                let failure = match fault.kind {
                    FaultKind::Transient { .. } => Failure::Waited { said: Untrusted::new(self.in_short(fault)) },
                    FaultKind::Permanent => Failure::Inside { doing: fault.doing.to_owned() },
                };
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

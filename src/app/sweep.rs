//! The cron trigger's work: whatever was left, whatever is overdue, whatever was missed. Bounded, and safe to run twice at once.

use super::App;
use super::run_effects::Bound;
use crate::domain::effect::Effect;
use crate::ports::{Fault, Level};
use crate::store::{attempts, commit, effects, facts, intake, logs, missed_deliveries, refusals};

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
            ("Our machines could not be looked at", self.end_orphans().await),
            ("Permissions could not be looked at", self.recheck_permissions().await),
            ("Missed deliveries could not be looked at", self.redeliver_missed().await),
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
        missed_deliveries::forget_before(self.sql, now.plus_seconds(-KEEP_DELIVERIES_S)).await?;
        intake::forget_deliveries(self.sql, now.plus_seconds(-KEEP_DELIVERIES_S)).await
    }
}

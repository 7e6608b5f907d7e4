//! Keeping silent: no call under a quota that is used up, whoever found out. Read at most once an invocation, before its
//! first call out.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use async_trait::async_trait;

use super::App;
use crate::clients::quota::{Gate, Heard, Quota};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, FaultKind, Level};
use crate::store::pauses;

/// After this many failures in a row the host is in trouble, and the rest of the invocation's work waits.
const TROUBLES: u32 = 5;
/// How long that work waits.
const TROUBLE_S: i64 = 30;
/// How often the writing of a pause is tried.
const WRITES: u32 = 3;
/// For how long after a pause cosmetic effects still give way.
const AFTERMATH_S: i64 = 600;

/// What an invocation knows of pauses. Made anew for each, or it would not see what others found out.
#[derive(Default)]
pub struct Pauses {
    /// By the quota's key; `None` until they were read.
    until: RefCell<Option<BTreeMap<String, Timestamp>>>,
    /// How far the database's clock is ahead of ours.
    ahead_ms: Cell<i64>,
    /// Failures in a row, by the quota's key.
    troubles: RefCell<BTreeMap<String, u32>>,
}

impl Pauses {
    fn of(&self, key: &str) -> Option<Timestamp> {
        self.until.borrow().as_ref().and_then(|known| known.get(key).copied())
    }
}

impl App<'_> {
    async fn read_pauses(&self) -> Result<(), Fault> {
        if self.pauses.until.borrow().is_some() {
            return Ok(());
        }
        let known = pauses::load(self.sql).await?;
        self.pauses.ahead_ms.set(known.now.since(self.clock.now()));
        *self.pauses.until.borrow_mut() = Some(known.pauses.into_iter().collect());
        Ok(())
    }

    /// Whether a quota is paused, or was a moment ago.
    ///
    /// # Errors
    /// The database's trouble.
    pub(super) async fn was_paused(&self, quota: Quota) -> Result<bool, Fault> {
        self.read_pauses().await?;
        Ok(self.pauses.of(&quota.key()).is_some_and(|until| self.now().since(until) < AFTERMATH_S * 1000))
    }
}

#[async_trait(?Send)]
impl Gate for App<'_> {
    async fn closed_until(&self, quota: Quota) -> Result<Option<Timestamp>, Fault> {
        self.read_pauses().await?;
        let (key, now) = (quota.key(), self.now());
        if self.pauses.troubles.borrow().get(&key).is_some_and(|troubles| *troubles >= TROUBLES) {
            return Err(Fault {
                doing: "calling a host",
                kind: FaultKind::Transient { not_before: Some(now.plus_seconds(TROUBLE_S)) },
                detail: format!("{key}: {TROUBLES} calls in a row came to nothing"),
            });
        }
        Ok(self.pauses.of(&key).filter(|until| *until > now))
    }

    fn now(&self) -> Timestamp {
        self.clock.now().plus_millis(self.pauses.ahead_ms.get())
    }

    async fn heard(&self, quota: Quota, heard: Heard) {
        let key = quota.key();
        let until = match heard {
            Heard::Answer => {
                self.pauses.troubles.borrow_mut().remove(&key);
                return;
            }
            Heard::Trouble => {
                *self.pauses.troubles.borrow_mut().entry(key).or_default() += 1;
                return;
            }
            Heard::Silence(until) => until,
        };
        let fields = [("quota", key.as_str()), ("until", &until.rfc3339())];
        self.log.line(Level::Warning, "A host wants silence", &fields);
        if let Some(known) = self.pauses.until.borrow_mut().as_mut() {
            let kept = known.entry(key.clone()).or_insert(until);
            *kept = until.max(*kept);
        }
        // Others must know before they call; what goes wrong once may go well the next time.
        for _ in 0..WRITES {
            match pauses::pause(self.sql, &key, until).await {
                Ok(()) => return,
                Err(fault) => self.log_fault(Level::Error, "A pause could not be written down", &fault, &fields),
            }
        }
    }
}

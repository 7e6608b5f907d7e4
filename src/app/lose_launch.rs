//! What a launch that came to nothing means: another one while there are any, for causes that another one can cure; else the
//! end with its cause.

use super::App;
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::ids::Attempt;
use crate::domain::task::{Failure, Stage};
use crate::domain::untrusted::Untrusted;
use crate::protocol::wire::{CompleteRequest, Outcome, PROVIDER_OUTAGE};

/// How a launch was lost.
#[derive(Debug, Clone)]
pub(super) enum Lost {
    /// The host had no room for its machine.
    NoRoom,
    /// Its machine was made and never claimed the job.
    NeverCame,
    /// Its machine went away; what is known of it.
    Machine {
        /// As "it stopped reporting".
        how: String,
    },
    /// The model provider was not there for the agent; what the runner said.
    Provider {
        /// Its words.
        said: Untrusted,
    },
}

impl App<'_> {
    /// The event that a failed run is recorded as: the agent's own failure is never tried again, its provider's outage is.
    pub(super) fn agent_failed(&self, attempt: Attempt, request: &CompleteRequest, said: Untrusted) -> Event {
        if request.outcome == Outcome::Failed && request.cause.as_deref() == Some(PROVIDER_OUTAGE) {
            return self.lost(attempt, Lost::Provider { said });
        }
        Event::Failed { attempt, failure: Failure::Agent { said } }
    }

    /// The event that a lost launch is recorded as.
    pub(super) fn lost(&self, attempt: Attempt, lost: Lost) -> Event {
        if attempt.0 <= self.config.max_retries {
            let (cause, how) = match lost {
                Lost::NoRoom => (Cause::Capacity, String::new()),
                Lost::NeverCame => (Cause::MachineLost, "it never came up".to_owned()),
                Lost::Machine { how } => (Cause::MachineLost, how),
                Lost::Provider { .. } => (Cause::ProviderOutage, String::new()),
            };
            let not_before = self.clock.now().plus_seconds(cause.pause_s() * i64::from(attempt.0));
            return Event::AttemptLost { attempt, cause, how, not_before };
        }
        let failure = match lost {
            Lost::NeverCame => return Event::TimedOut { attempt, at: Stage::Launch },
            Lost::NoRoom => Failure::NoRoom,
            Lost::Machine { how } => Failure::MachineLost { how },
            Lost::Provider { said } => Failure::ProviderOutage { said },
        };
        Event::Failed { attempt, failure }
    }
}

//! The result on its way to Porter: what it says, its size, and that it arrives.

use std::process::ExitCode;
use std::time::Duration;

use porter::protocol::wire::{ChangeSet, CompleteRequest, LineLevel, Outcome, PROVIDER_OUTAGE, Phase};

use crate::callbacks::Delivered;
use crate::interrupt::{Interrupt, Interrupts};
use crate::run::Run;
use crate::start::complain;

/// How long after the deadline Porter still takes a result: the life of the tokens.
const TOKENS_OUTLIVE: Duration = Duration::from_secs(15 * 60);
/// The exit status of a program that SIGTERM ended, as shells count: Porter takes it for a machine taken away, not for our end.
const TERMINATED: u8 = 128 + 15;
/// The protocol's limit of a result's body.
const LARGEST_RESULT: usize = 8 * 1024 * 1024;

/// Why a run has no result of the agent.
pub(crate) enum Ended {
    /// Something went wrong; the words are for people.
    Failed(String),
    /// The agent could not work because its model provider was not there; another run may fare better.
    Outage(String),
    /// It was cut short.
    Interrupted(Interrupt),
}

impl From<String> for Ended {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<Interrupt> for Ended {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupted(interrupt)
    }
}

/// What the agent's work came to.
pub(crate) struct Work {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Why, unless there are changes.
    pub(crate) reason: Option<String>,
    /// The agent's own words.
    pub(crate) summary: Option<String>,
    /// What another run can cure.
    pub(crate) cause: Option<&'static str>,
    /// What is to change.
    pub(crate) change_set: Option<ChangeSet>,
}

impl Run<'_> {
    /// Tells Porter how it ended, with the same bytes until it answers.
    pub(crate) async fn hand_over(&self, ended: Result<Work, Ended>, mut interrupts: Interrupts) -> ExitCode {
        let work = match ended {
            Ok(work) => work,
            Err(Ended::Failed(reason)) => failed(&self.log.redact(&reason)),
            Err(Ended::Outage(reason)) => Work { cause: Some(PROVIDER_OUTAGE), ..failed(&self.log.redact(&reason)) },
            Err(Ended::Interrupted(Interrupt::Deadline)) => {
                failed(&format!("the run took longer than its limit of {} seconds", self.job.limits.deadline_s))
            }
            Err(Ended::Interrupted(Interrupt::GaveUp(reason))) => {
                let cause = self.meter.is_outage().then_some(PROVIDER_OUTAGE);
                Work { cause, ..failed(&self.log.redact(&reason)) }
            }
            Err(Ended::Interrupted(Interrupt::Stopped(_) | Interrupt::Closed)) => {
                return ExitCode::SUCCESS;
            }
            // No result: Porter decides whether to try on another machine.
            Err(Ended::Interrupted(Interrupt::Terminated)) => {
                self.log.say(LineLevel::Warning, "The machine is being shut down.");
                return ExitCode::from(TERMINATED);
            }
        };
        if let Some(reason) = work.reason.as_deref().filter(|_| work.outcome == Outcome::Failed) {
            self.log.say(LineLevel::Error, reason);
        }
        self.log.phase(Phase::HandingOver, 92);
        let body = match self.body(work) {
            Ok(body) => body,
            Err(error) => return complain(&error.to_string()),
        };
        let until = self.deadline + TOKENS_OUTLIVE;
        let delivering = self.callbacks.complete(&self.session, &body, until);
        tokio::select! {
            delivered = delivering => delivered_code(delivered),
            () = interrupts.terminated() => {
                complain("ended before Porter answered");
                ExitCode::from(TERMINATED)
            }
        }
    }

    /// The result's bytes; one that Porter would not take for its size becomes a failure that says so.
    fn body(&self, work: Work) -> Result<Vec<u8>, serde_json::Error> {
        let bytes = serde_json::to_vec(&self.request(work))?;
        if bytes.len() <= LARGEST_RESULT {
            return Ok(bytes);
        }
        serde_json::to_vec(&self.request(failed("the changes are too large to hand over: more than 8 MiB")))
    }

    fn request(&self, work: Work) -> CompleteRequest {
        CompleteRequest {
            task_id: self.job.task_id.clone(),
            attempt: self.job.attempt,
            outcome: work.outcome,
            reason: work.reason,
            cause: work.cause.map(str::to_owned),
            summary: work.summary,
            usage: self.meter.usage(),
            change_set: work.change_set,
        }
    }
}

fn failed(reason: &str) -> Work {
    Work { outcome: Outcome::Failed, reason: Some(reason.to_owned()), summary: None, cause: None, change_set: None }
}

fn delivered_code(delivered: Delivered) -> ExitCode {
    match delivered {
        Delivered::Answered => ExitCode::SUCCESS,
        // Porter has decided and knows why; saying it again would change nothing.
        Delivered::Refused(status, words) => {
            eprintln!("porter-runner: Porter answered the result with {status}: {words}");
            ExitCode::SUCCESS
        }
        Delivered::Unheard => complain("Porter did not answer the result while it could"),
    }
}

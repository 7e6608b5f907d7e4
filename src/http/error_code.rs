//! Why a task did not end well, in a word for programs. The words are a promise to clients: none is renamed.

use crate::domain::task::{Failure, Refusal, Stage, State};

/// The word; `None` for what did not fail. `openapi.json` lists them all.
#[must_use]
pub const fn error_code(state: &State) -> Option<&'static str> {
    match state {
        State::Failed { failure } => Some(match failure {
            Failure::Agent { .. } => "agent_failed",
            Failure::ChangeSet { .. } => "change_set_refused",
            Failure::TooLarge => "result_too_large",
            Failure::MachineLost { .. } => "machine_lost",
            Failure::OutOfMemory => "out_of_memory",
            Failure::MachineEnded { .. } => "machine_ended",
            Failure::NoRoom => "no_capacity",
            Failure::ProviderOutage { .. } => "provider_outage",
            Failure::Waited { .. } => "launch_gave_up",
            Failure::Host { .. } => "host_refused",
            Failure::Publish { .. } => "publish_failed",
            Failure::ResultLost => "result_lost",
            Failure::Inside { .. } => "internal",
        }),
        State::Refused { refusal } => Some(match refusal {
            Refusal::NoWriteAccess => "no_write_access",
            Refusal::RepositoryNotServed => "repository_not_served",
            Refusal::NotSetUp { .. } => "not_set_up",
            Refusal::Fork => "fork",
            Refusal::NoSuchBase { .. } => "no_such_base",
            Refusal::Unworkable { .. } => "unworkable",
        }),
        State::TimedOut { at: Stage::Launch } => Some("launch_timed_out"),
        State::TimedOut { at: Stage::Run } => Some("run_timed_out"),
        State::Accepted
        | State::Queued { .. }
        | State::Launching { .. }
        | State::Running { .. }
        | State::Publishing { .. }
        | State::Succeeded { .. }
        | State::NoChanges { .. }
        | State::Stopped { .. } => None,
    }
}

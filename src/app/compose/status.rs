//! The status comment, edited from acknowledgement to the end, and the short comment that tells of an end.

use super::waiting::{Reader, Waits, waiting};
use super::{cost, span};
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::job::Job;
use crate::domain::outgoing;
use crate::domain::task::{Failure, Published, Refusal, Stage, State, StoppedBy, Task};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::protocol::wire::Phase;
use crate::store::attempts::AttemptRow;
use crate::store::pull_requests::PullState;

/// The longest text of an agent or a provider that is repeated in a comment.
const LONGEST_QUOTE: usize = 2_000;

/// What the status comment shows.
pub struct StatusView<'a> {
    /// The task.
    pub task: &'a Task,
    /// Its job, once fixed.
    pub job: Option<Job>,
    /// Its newest launch.
    pub attempt: Option<AttemptRow>,
    /// The event of its newest lost launch.
    pub lost: Option<Event>,
    /// How many launches a task may have.
    pub launches: u32,
    /// What it waits for, while it is queued.
    pub waits: Waits,
    /// Who reads this.
    pub reader: Reader,
    /// How its pull request stands, once there is one.
    pub pull: Option<PullState>,
    /// The time.
    pub now: Timestamp,
    /// Porter's own address.
    pub url: String,
}

/// The status comment.
#[must_use]
pub fn status(view: &StatusView<'_>) -> String {
    let task = view.task;
    let mut parts = vec![headline(view)];
    if let Some(detail) = detail(&task.state) {
        parts.push(detail);
    }
    parts.push(facts(view));
    if let Some(job) = &view.job {
        let warnings: Vec<String> =
            job.settings.warnings.iter().map(|warning| format!("- {}", outgoing::comment_text(warning, 300))).collect();
        if !warnings.is_empty() {
            parts.push(format!("Please note:\n{}", warnings.join("\n")));
        }
    }
    parts.join("\n\n")
}

fn headline(view: &StatusView<'_>) -> String {
    let agent = view.job.as_ref().map_or(view.task.request.agent, |job| job.agent).display_name();
    match &view.task.state {
        State::Accepted => format!("⏳ **Accepted.** {agent} will start in a moment."),
        State::Queued { .. } => {
            match waiting(&view.waits, agent, (view.reader, &view.task.request.asker.login), &view.url) {
                Some(words) => words,
                None if view.task.attempt.0 > 0 => {
                    let next = view.task.attempt.0.saturating_add(1).min(view.launches);
                    let why = loss(view).unwrap_or_else(|| Cause::MachineLost.words(""));
                    format!("⏳ **Queued again:** {why}. Launch {next} of {} follows.", view.launches)
                }
                None => format!("⏳ **Queued.** {agent} starts as soon as a place is free."),
            }
        }
        State::Launching { .. } => format!("🚀 **Starting** a machine for {agent}."),
        State::Running { .. } => format!("🛠️ **{agent} is working**{}.", phase(view.attempt.as_ref())),
        State::Publishing { .. } => {
            format!("📦 **{agent} has handed over its changes.** The pull request is being made.")
        }
        State::Succeeded { pull_request, how } => {
            let pull = format!("pull request #{}{}", pull_request.number, since(view.pull));
            match how {
                Published::Opened => format!("✅ **Done:** {agent} made {pull}."),
                Published::Added { commit } => {
                    let short: String = commit.as_str().chars().take(7).collect();
                    format!("✅ **Done:** {agent} added commit `{short}` to {pull}.")
                }
                Published::Beside { why } => format!("✅ **Done:** {agent} made {pull}. {why}"),
            }
        }
        State::NoChanges { .. } => format!("✅ **Done:** {agent} ended without changing anything."),
        State::Failed { failure } => format!("❌ **Failed.** {}", failure_words(failure, agent)),
        State::Refused { refusal } => format!("❌ **Not started.** {}", refusal_words(refusal)),
        State::TimedOut { at } => format!("⌛ **Timed out.** {}", timeout_words(*at, agent)),
        State::Stopped { by } => format!("🛑 **Stopped** {}.", stopped_words(by)),
    }
}

/// What the newest lost launch was lost to.
fn loss(view: &StatusView<'_>) -> Option<String> {
    let Some(Event::AttemptLost { cause, how, .. }) = &view.lost else { return None };
    Some(cause.words(how))
}

/// What became of a pull request.
const fn since(pull: Option<PullState>) -> &'static str {
    match pull {
        Some(PullState::Merged) => " (merged)",
        Some(PullState::Closed) => " (closed)",
        Some(PullState::Open) | None => "",
    }
}

fn phase(attempt: Option<&AttemptRow>) -> &'static str {
    match attempt.and_then(|attempt| attempt.phase) {
        Some(Phase::Cloning) => ": fetching the code",
        Some(Phase::Setup) => ": preparing the checkout",
        Some(Phase::Working) => " on the code",
        Some(Phase::Collecting) => ": collecting the changes",
        Some(Phase::HandingOver) => ": handing the changes over",
        None => "",
    }
}

/// What an agent or a provider said, as a quotation.
fn detail(state: &State) -> Option<String> {
    let quote = |text: &Untrusted| {
        let text = outgoing::quote(text, LONGEST_QUOTE);
        (!text.trim().is_empty()).then_some(text)
    };
    match state {
        State::NoChanges { why } => quote(why),
        State::Failed { failure } => match failure {
            Failure::Agent { said }
            | Failure::Host { said }
            | Failure::Publish { said }
            | Failure::ProviderOutage { said }
            | Failure::Waited { said } => quote(said),
            Failure::ChangeSet { broken } => {
                let line = |(path, rule): &(Untrusted, String)| format!("- {}: {rule}", outgoing::code_span(path, 200));
                Some(broken.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
            Failure::TooLarge
            | Failure::MachineLost { .. }
            | Failure::OutOfMemory
            | Failure::MachineEnded { .. }
            | Failure::NoRoom
            | Failure::ResultLost
            | Failure::Inside { .. } => None,
        },
        State::Accepted
        | State::Queued { .. }
        | State::Launching { .. }
        | State::Running { .. }
        | State::Publishing { .. }
        | State::Succeeded { .. }
        | State::Refused { .. }
        | State::TimedOut { .. }
        | State::Stopped { .. } => None,
    }
}

/// One line of facts below the words.
fn facts(view: &StatusView<'_>) -> String {
    let task = view.task;
    let mut facts = vec![format!("task [`{}`]({}/tasks/{})", task.id, view.url, task.id)];
    if let Some(model) = &task.request.flags.model {
        facts.push(format!("model {}", outgoing::code_span(&Untrusted::new(model.as_str()), 100)));
    }
    if task.attempt.0 > 1 {
        let why = loss(view).map(|why| format!(" because {why}")).unwrap_or_default();
        facts.push(format!("launch {} of {}{why}", task.attempt, view.launches.max(task.attempt.0)));
    }
    if let Some(started) = task.started_at {
        facts.push(span(task.finished_at.unwrap_or(view.now).since(started)));
    }
    if let Some(usage) = view.attempt.as_ref().and_then(|attempt| attempt.usage.as_ref()) {
        facts.push(cost(Some(usage)));
    }
    format!("<sub>{}</sub>", facts.join(" · "))
}

/// The short comment that tells the asker of an end without a pull request; `None` where none is due.
#[must_use]
pub fn end(task: &Task, mention: &str) -> Option<String> {
    let agent = task.request.agent.display_name();
    let what = match &task.state {
        State::Accepted
        | State::Queued { .. }
        | State::Launching { .. }
        | State::Running { .. }
        | State::Publishing { .. }
        | State::Succeeded { .. } => return None,
        State::NoChanges { .. } => {
            format!("{agent} looked at this and ended without changing anything; the status comment has its words.")
        }
        State::Failed { failure } => format!("this did not work. {}", failure_words(failure, agent)),
        State::Refused { refusal } => format!("this could not be started. {}", refusal_words(refusal)),
        State::TimedOut { at } => format!("this took too long. {}", timeout_words(*at, agent)),
        State::Stopped { by } => format!("this was stopped {}.", stopped_words(by)),
    };
    let retry = if matches!(task.state, State::Refused { .. }) {
        String::new()
    } else if task.state == (State::Stopped { by: StoppedBy::PermissionLost }) {
        format!(" Somebody with write access can run it again: `{mention} retry`.")
    } else {
        format!(" To try again, comment `{mention} retry`.")
    };
    Some(format!("@{} {what}{retry}", task.request.asker.login))
}

/// Why a task failed, in words for the person who commented.
#[must_use]
pub fn failure_words(failure: &Failure, agent: &str) -> String {
    match failure {
        Failure::Agent { .. } => format!("{agent} could not finish; the status comment has what it reported."),
        Failure::ChangeSet { broken } => {
            let n = broken.len();
            format!(
                "The changes break {n} of the rules for what Porter publishes; the status comment lists them. Nothing was pushed."
            )
        }
        Failure::TooLarge => {
            "The changes are larger than the 8 MiB Porter takes in one go. Ask for a smaller step.".to_owned()
        }
        Failure::MachineLost { how } => {
            format!("The machine was lost: {how}. That was the last launch this task had.")
        }
        Failure::OutOfMemory => {
            format!("The machine ran out of memory while {agent} worked. The next one would be no larger, so there is no second launch: ask for a smaller step, or leave the tests to your CI with `--no-tests`.")
        }
        Failure::MachineEnded { code } => {
            format!("Porter's program in the machine ended with exit code {code} and without a word. Another machine would most likely do the same, so there is no second launch: the operator finds its last words in the machine host's log, and should look at the image (`WORKER_IMAGE`).")
        }
        Failure::NoRoom => {
            "The machine host had no room for a machine, launch after launch. It is worth another try in an hour or so.".to_owned()
        }
        Failure::ProviderOutage { .. } => {
            format!("The model provider was not available, launch after launch, so {agent} could not work. Its status page says when it is back.")
        }
        Failure::Waited { .. } => {
            "Porter waited an hour for what starting a machine needs, and it did not come; the status comment has what stood in the way last. It is worth another try when that has passed.".to_owned()
        }
        Failure::Host { .. } => "The machine host did not make a machine.".to_owned(),
        Failure::Publish { .. } => "GitHub did not take the result.".to_owned(),
        Failure::ResultLost => {
            "The changes arrived, but could not be published before the machine was gone.".to_owned()
        }
        Failure::Inside { doing } => format!("Porter gave up while {doing}. The operator's log has the details."),
    }
}

/// Which rule said no and what to do, in words for the person who commented.
#[must_use]
pub fn refusal_words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NoWriteAccess => {
            "Only people with write access to this repository can ask Porter for work. Ask a maintainer to comment instead.".to_owned()
        }
        Refusal::RepositoryNotServed => {
            "This Porter's keys do not serve this repository. Its operator can add the owner to `PORTER_OWNERS`.".to_owned()
        }
        Refusal::NotSetUp { names } => {
            format!("This Porter is not fully set up: {} missing. Its operator can set it and then ask again.", names.join(", "))
        }
        Refusal::Fork => {
            "This pull request comes from a fork, and Porter does not run on code from forks. Ask on an issue, or on a pull request from a branch of this repository.".to_owned()
        }
        Refusal::NoSuchBase { base } => {
            format!("There is no branch {} here. Name an existing one with `--base=`.", outgoing::code_span(&Untrusted::new(base.as_str()), 200))
        }
        Refusal::Unworkable { why } => why.clone(),
    }
}

fn timeout_words(at: Stage, agent: &str) -> String {
    match at {
        Stage::Launch => "No machine came up in time.".to_owned(),
        Stage::Run => format!("{agent} was not done by its deadline, and its machine was ended."),
    }
}

fn stopped_words(by: &StoppedBy) -> String {
    match by {
        StoppedBy::Person { login } => format!("by {login}"),
        StoppedBy::Api => "from the dashboard".to_owned(),
        StoppedBy::IssueClosed => "because the issue was closed".to_owned(),
        StoppedBy::Uninstalled => "because the GitHub App was removed or suspended here".to_owned(),
        StoppedBy::PermissionLost => "because the person who asked may no longer write to this repository".to_owned(),
    }
}

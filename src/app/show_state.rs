//! Projections of a task on GitHub: status comment, label, reaction, and the one comment that tells of an end. Each is
//! computed from the state when it is carried out, so it can be sent again at any time.

use super::compose::status::{StatusView, end, status};
use super::compose::waiting::{Reader, Waits};
use super::say::Saying;
use super::{App, subject};
use crate::clients::github::issues::Label;
use crate::clients::github::labels::NewLabel;
use crate::clients::github::reactions::{Reaction, ReactionTarget};
use crate::clients::github::{GithubError, Subject};
use crate::domain::ids::{IssueNumber, RepoId, TaskId};
use crate::domain::task::{State, Task, TextKind};
use crate::ports::{Fault, FaultKind, Level};
use crate::store::{attempts, jobs, live_tasks, pull_requests, tasks};

const QUEUED: NewLabel =
    NewLabel { name: "porter:queued", color: "d4c5f9", description: "A Porter task waits for its turn" };
const RUNNING: NewLabel =
    NewLabel { name: "porter:running", color: "fbca04", description: "A Porter task is being carried out" };
const DONE: NewLabel = NewLabel { name: "porter:done", color: "0e8a16", description: "The newest Porter task is done" };
const FAILED: NewLabel =
    NewLabel { name: "porter:failed", color: "d93f0b", description: "The newest Porter task did not work out" };

/// How often a label is set before the state that keeps changing is left to its next effect.
const MOST_LOOKS: u32 = 3;

impl App<'_> {
    /// Brings the status comment to what the state says.
    ///
    /// # Errors
    /// What a repeat may cure.
    pub async fn show_status(&self, id: &TaskId) -> Result<(), Fault> {
        let Some(task) = tasks::load(self.sql, id).await? else { return Ok(()) };
        if task.attempt.0 == 0 && matches!(task.state, State::Refused { .. } | State::Accepted) {
            return Ok(());
        }
        let text = status(&self.status_view(&task).await?);
        let marker = format!("porter:task={id}");
        self.say(&Saying { repo: &self.repo_of(&task), on: subject(&task), marker, text, since: task.created_at }).await
    }

    /// What the status comment needs to know besides the task.
    pub(super) async fn status_view<'t>(&self, task: &'t Task) -> Result<StatusView<'t>, Fault> {
        let pull = match &task.state {
            State::Succeeded { pull_request, .. } => {
                pull_requests::load(self.sql, task.request.repo_id, pull_request.number).await?.map(|own| own.state)
            }
            State::Accepted
            | State::Queued { .. }
            | State::Launching { .. }
            | State::Running { .. }
            | State::Publishing { .. }
            | State::NoChanges { .. }
            | State::Failed { .. }
            | State::Refused { .. }
            | State::TimedOut { .. }
            | State::Stopped { .. } => None,
        };
        Ok(StatusView {
            task,
            job: jobs::load(self.sql, &task.id).await?,
            attempt: attempts::newest(self.sql, &task.id).await?,
            lost: if task.attempt.0 > 0 { attempts::newest_loss(self.sql, &task.id).await? } else { None },
            launches: self.config.max_retries.saturating_add(1),
            waits: self.waits(task).await?,
            reader: Reader::Asker,
            pull,
            now: self.clock.now(),
            url: self.config.public_app_url.clone().unwrap_or_default(),
        })
    }

    /// What a queued task waits for.
    async fn waits(&self, task: &Task) -> Result<Waits, Fault> {
        if !matches!(task.state, State::Queued { .. }) {
            return Ok(Waits::Turn);
        }
        let request = &task.request;
        let place = |task: &Task| {
            let waits = task.state.open_attempt().is_none();
            (waits, -task.request.flags.priority.number(), task.created_at, task.id.clone())
        };
        let open = tasks::open_of_issue(self.sql, request.repo_id, request.issue).await?;
        let first: Vec<&Task> = open.iter().filter(|other| place(other) < place(task)).collect();
        if let Some(next) = first.iter().min_by_key(|other| place(other)) {
            return Ok(Waits::Issue { behind: next.id.clone(), ahead: first.len() });
        }
        let running =
            u32::try_from(live_tasks::taken_seats(self.sql, request.asker.id).await?.len()).unwrap_or(u32::MAX);
        let limit = self.config.max_running_per_user;
        if running < limit {
            return Ok(Waits::Turn);
        }
        Ok(Waits::Person { running, limit, ahead: live_tasks::queued_before(self.sql, task).await? })
    }

    /// Adds the one comment that tells the asker of an end without a pull request.
    ///
    /// # Errors
    /// What a repeat may cure.
    pub async fn tell_end(&self, id: &TaskId) -> Result<(), Fault> {
        let Some(task) = tasks::load(self.sql, id).await? else { return Ok(()) };
        let Some(text) = end(&task, &self.config.mention) else { return Ok(()) };
        let marker = format!("porter:task={id}:final");
        self.say(&Saying { repo: &self.repo_of(&task), on: subject(&task), marker, text, since: task.created_at }).await
    }

    /// Brings an issue's label to what its live or newest task says: exactly one of four.
    ///
    /// # Errors
    /// What a repeat may cure.
    pub async fn show_label(&self, repo: RepoId, issue: IssueNumber) -> Result<(), Fault> {
        for _ in 0..MOST_LOOKS {
            let Some(task) = tasks::newest_of_issue(self.sql, repo, issue).await? else { return Ok(()) };
            let wanted = label(&task.state);
            let result = self.set_label(&task, wanted).await;
            self.or_leave("setting a label", result)?;
            // Whoever was slow may have put an older word over a newer one.
            let task = tasks::newest_of_issue(self.sql, repo, issue).await?;
            if task.is_none_or(|task| label(&task.state) == wanted) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The new one first, then the old ones off: for a moment there may be two, never none, and a crash in between is mended by
    /// the repeat. Setting all labels at once would take off what a person puts on in that moment.
    async fn set_label(&self, task: &Task, wanted: NewLabel) -> Result<(), GithubError> {
        let (repo, on) = (self.repo_of(task), subject(task));
        let has = |labels: &[Label], name: &str| labels.iter().any(|label| label.name.raw().eq_ignore_ascii_case(name));
        let mut labels = repo.labels(on).await?;
        if !has(&labels, wanted.name) {
            repo.ensure_label(on, wanted).await?;
            labels = repo.add_label(on, wanted.name).await?;
        }
        for other in [QUEUED, RUNNING, DONE, FAILED] {
            if other.name != wanted.name && has(&labels, other.name) {
                repo.remove_label(on, other.name).await?;
            }
        }
        Ok(())
    }

    /// Brings the reaction on the command to what the state says: eyes, then rocket or confused.
    ///
    /// # Errors
    /// What a repeat may cure.
    pub async fn show_reaction(&self, id: &TaskId) -> Result<(), Fault> {
        let Some(task) = tasks::load(self.sql, id).await? else { return Ok(()) };
        let Some(target) = reaction_target(&task, subject(&task)) else { return Ok(()) };
        let reaction = match &task.state {
            State::Accepted
            | State::Queued { .. }
            | State::Launching { .. }
            | State::Running { .. }
            | State::Publishing { .. } => Reaction::Eyes,
            State::Succeeded { .. } | State::NoChanges { .. } => Reaction::Rocket,
            State::Failed { .. } | State::Refused { .. } | State::TimedOut { .. } | State::Stopped { .. } => {
                Reaction::Confused
            }
        };
        let repo = self.repo_of(&task);
        let mut result = Ok(());
        // Eyes say only that something is coming; under pressure the end alone says enough.
        if !self.is_pressed(task.credential).await? {
            result = repo.react(target, Reaction::Eyes).await.map(drop);
            if reaction == Reaction::Eyes && matches!(result, Err(GithubError::RateLimited { .. })) {
                return Ok(());
            }
        }
        if result.is_ok() && reaction != Reaction::Eyes {
            result = repo.react(target, reaction).await.map(drop);
        }
        self.or_leave("reacting", result)
    }

    /// A cosmetic thing that GitHub refuses is logged and left; what may pass is tried again.
    fn or_leave(&self, doing: &'static str, result: Result<(), GithubError>) -> Result<(), Fault> {
        let Err(error) = result else { return Ok(()) };
        let fault = error.into_fault(doing);
        if matches!(fault.kind, FaultKind::Transient { .. }) {
            return Err(fault);
        }
        self.log_fault(Level::Info, "A cosmetic effect is left", &fault, &[]);
        Ok(())
    }
}

/// The label of a state.
const fn label(state: &State) -> NewLabel {
    match state {
        State::Accepted | State::Queued { .. } => QUEUED,
        State::Launching { .. } | State::Running { .. } | State::Publishing { .. } => RUNNING,
        State::Succeeded { .. } | State::NoChanges { .. } => DONE,
        State::Failed { .. } | State::Refused { .. } | State::TimedOut { .. } | State::Stopped { .. } => FAILED,
    }
}

/// What carries the reaction; a review's body cannot.
fn reaction_target(task: &Task, on: Subject) -> Option<ReactionTarget> {
    let text = task.request.origin.text;
    match text.kind {
        TextKind::Issue => Some(ReactionTarget::Opening(on)),
        TextKind::IssueComment => Some(ReactionTarget::Comment { on, id: text.id }),
        TextKind::ReviewComment => Some(ReactionTarget::ReviewComment { id: text.id }),
        TextKind::Review => None,
    }
}

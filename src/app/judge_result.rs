//! What a machine's result means: an end, or a change set that keeps the rules and is to be published.

use serde_json::json;

use super::App;
use super::accept_result::done;
use super::claim_attempt::{CHANGE_SET_LIMITS, Session};
use super::recheck_permission::Standing;
use crate::clients::github::contents::EntryKind;
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, Sha};
use crate::domain::job::Job;
use crate::domain::task::{Failure, Stage, StoppedBy};
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, FaultKind, Level};
use crate::protocol::change_set::{Broken, Checked, Rules, check, check_against_base};
use crate::protocol::wire::{ChangeSet, CompleteRequest, FinalStatus, Outcome};
use crate::store::jobs;
use crate::store::results::{Answered, Publication};

/// Broken rules shown; the rest is counted.
const MOST_SHOWN: usize = 10;

/// What a result means.
pub(super) enum Judged {
    /// It is to be published.
    Publish(Box<Publication>),
    /// It ends the task.
    End {
        /// How.
        event: Box<Event>,
        /// What the machine is told.
        answer: Answered,
    },
}

impl Judged {
    fn end(event: Event, answer: &Answered) -> Self {
        Self::End { event: Box::new(event), answer: answer.clone() }
    }

    fn refused(attempt: Attempt, broken: &[Broken]) -> Self {
        let shown = broken.iter().take(MOST_SHOWN);
        let broken_shown = shown.map(|b| (Untrusted::new(b.path.clone()), b.rule.sentence().to_owned())).collect();
        let detail = |b: &Broken| json!({"path": b.path, "rule": b.rule, "message": b.rule.sentence()});
        let details: Vec<_> = broken.iter().map(detail).collect();
        let body = json!({"error": {
            "code": "change_set_refused",
            "message": format!("The change set breaks {} of the rules.", broken.len()),
            "details": details,
        }});
        let failure = Failure::ChangeSet { broken: broken_shown };
        Self::end(Event::Failed { attempt, failure }, &Answered { status: 422, body: body.to_string() })
    }
}

impl App<'_> {
    /// What a result means, before anything is written.
    pub(super) async fn judge(&self, session: &Session, request: &CompleteRequest) -> Result<Judged, Fault> {
        let attempt = session.row.attempt;
        let said = || Untrusted::new(request.reason.clone().or_else(|| request.summary.clone()).unwrap_or_default());
        let change_set = match (request.outcome, &request.change_set) {
            (Outcome::Changes, Some(change_set)) => change_set,
            (Outcome::NoChanges, _) => {
                let event = Event::NothingChanged { attempt, why: said() };
                return Ok(Judged::end(event, &done(FinalStatus::Success)));
            }
            // The runner ends the run at the same deadline: which of the two is quicker must not change the outcome.
            (Outcome::Failed, _) if session.row.deadline.is_some_and(|deadline| self.clock.now() >= deadline) => {
                let event = Event::TimedOut { attempt, at: Stage::Run };
                return Ok(Judged::end(event, &done(FinalStatus::Failed)));
            }
            (Outcome::Failed | Outcome::Changes, _) => {
                let event = self.agent_failed(attempt, request, said());
                return Ok(Judged::end(event, &done(FinalStatus::Failed)));
            }
        };
        let Some(job) = jobs::load(self.sql, &session.task.id).await? else {
            return Err(Fault::permanent("checking a change set", "the task has no job"));
        };
        let checked = match self.check_change_set(session, &job, change_set).await? {
            Ok(checked) => checked,
            Err(broken) => return Ok(Judged::refused(attempt, &broken)),
        };
        if self.standing(&session.task).await == Standing::Lost {
            let event = Event::Stopped { by: StoppedBy::PermissionLost };
            return Ok(Judged::end(event, &done(FinalStatus::Failed)));
        }
        Ok(Judged::Publish(Box::new(Publication {
            message: Untrusted::new(change_set.message.clone()),
            summary: Untrusted::new(request.summary.clone().unwrap_or_default()),
            files: change_set.files.len(),
            paths: change_set.files.iter().map(|file| file.path().to_owned()).collect(),
            protected: checked.protected,
            usage: request.usage.clone(),
        })))
    }

    /// The rules of a change set, those that need the base tree included.
    async fn check_change_set(
        &self,
        session: &Session,
        job: &Job,
        change_set: &ChangeSet,
    ) -> Result<Result<Checked, Vec<Broken>>, Fault> {
        let rules = Rules::new(job.base_sha.as_str(), &CHANGE_SET_LIMITS, &job.settings.protected_paths);
        let checked = match check(change_set, &rules) {
            Ok(checked) => checked,
            Err(broken) => return Ok(Err(broken)),
        };
        let keys = self.keys_in(change_set);
        if !keys.is_empty() {
            return Ok(Err(keys));
        }
        let Some(files) = self.base_files(session, &job.base_sha).await? else { return Ok(Ok(checked)) };
        let is_file = |path: &str| files.binary_search_by(|file| file.as_str().cmp(path)).is_ok();
        Ok(check_against_base(change_set, &is_file).map(|()| checked))
    }

    /// Every file of the base, sorted; `None` when GitHub does not list them all.
    async fn base_files(&self, session: &Session, base: &Sha) -> Result<Option<Vec<String>>, Fault> {
        let tree = self.repo_of(&session.task).tree(base).await;
        let tree = match tree.map_err(|error| error.into_fault("reading the base tree")) {
            Ok(tree) => tree,
            // A result that came in time is taken in; GitHub itself refuses what this check would have.
            Err(fault) if matches!(fault.kind, FaultKind::Transient { .. }) => {
                self.log_fault(Level::Warning, "A change set is taken in without its base tree", &fault, &[]);
                return Ok(None);
            }
            Err(fault) => return Err(fault),
        };
        let files = tree.entries.iter().filter(|entry| entry.kind != EntryKind::Tree);
        let mut files: Vec<String> = files.map(|entry| entry.path.raw().to_owned()).collect();
        files.sort_unstable();
        Ok((!tree.truncated).then_some(files))
    }
}

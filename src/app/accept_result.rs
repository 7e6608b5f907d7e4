//! A machine hands over: check the change set, make the tree, publish, and answer the same to the same bytes for ever.

use sha2::{Digest, Sha256};

use super::App;
use super::claim_attempt::{CHANGE_SET_LIMITS, Session, TurnedAway};
use super::make_tree::make_tree;
use super::recheck_permission::Standing;
use super::record::Recorded;
use crate::clients::github::GithubError;
use crate::clients::github::contents::EntryKind;
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, Sha, TaskId};
use crate::domain::job::Job;
use crate::domain::task::{Failure, Stage, StoppedBy};
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, FaultKind, Level, Statement};
use crate::protocol::change_set::{Broken, Checked, Rules, check, check_against_base};
use crate::protocol::wire::{ChangeSet, CompleteAnswer, CompleteRequest, FinalStatus, Outcome, Usage};
use crate::store::results::{Answered, Publication, ResultRow};
use crate::store::{attempts, commit, effects, jobs, results};

/// How long one making of a tree may take before another may try.
const TREE_LEASE_S: i64 = 30;
/// Broken rules shown; the rest is counted.
const MOST_SHOWN: usize = 10;

/// What a hand-over is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// Decided: status and JSON.
    Answer(Answered),
    /// Somebody is publishing, or GitHub is in the way for a moment: the same bytes again later.
    Busy,
    /// Other bytes came before these.
    OtherBytes,
    /// The machine is turned away.
    Away(TurnedAway),
}

impl App<'_> {
    /// Takes a result in. `body` is the raw body that `request` was read from.
    ///
    /// # Errors
    /// The database's trouble; the runner sends the same bytes again.
    pub async fn accept_result(
        &self,
        session: &Session,
        body: &[u8],
        request: CompleteRequest,
    ) -> Result<Handed, Fault> {
        let digest = hex::encode(Sha256::digest(body));
        let request = self.without_keys(request);
        let (id, attempt) = (&session.row.task, session.row.attempt);
        if let Some(row) = results::load(self.sql, id, attempt).await? {
            return self.go_on(session, &row, &digest, request).await;
        }
        if session.row.closed_at.is_some() {
            return Ok(Handed::Away(TurnedAway::Closed));
        }
        let account = request.usage.as_ref().map(|usage| attempts::account(id, attempt, usage));
        let end = match self.judge(session, &request).await? {
            Judged::Publish(publication) => {
                let mut also = vec![results::receive(id, attempt, &digest, Some(&publication), self.clock.now())];
                also.extend(account);
                self.record(id, Event::Received { attempt }, also).await?
            }
            Judged::End { event, answer } => {
                let mut also = vec![
                    results::receive(id, attempt, &digest, None, self.clock.now()),
                    results::answer(id, attempt, &answer),
                ];
                also.extend(account);
                self.record(id, *event, also).await?
            }
        };
        match results::load(self.sql, id, attempt).await? {
            Some(row) => self.go_on(session, &row, &digest, request).await,
            None => Ok(match end {
                Recorded::Stale(_) | Recorded::NoTask => Handed::Away(TurnedAway::Closed),
                Recorded::Now(_) => Handed::Busy,
            }),
        }
    }

    /// What the bytes alone decide: other bytes came before them, they were answered, or the launch is closed.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn decided(&self, session: &Session, raw: &[u8]) -> Result<Option<Handed>, Fault> {
        let row = results::load(self.sql, &session.row.task, session.row.attempt).await?;
        Ok(match row {
            Some(row) if row.digest != hex::encode(Sha256::digest(raw)) => Some(Handed::OtherBytes),
            Some(row) => row.answer.map(Handed::Answer),
            None if session.row.closed_at.is_some() => Some(Handed::Away(TurnedAway::Closed)),
            None => None,
        })
    }

    /// Ends the task of a machine whose result is larger than Porter takes, unless an earlier result is in hand.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn refuse_result(&self, session: &Session) -> Result<(), Fault> {
        let (id, attempt) = (&session.row.task, session.row.attempt);
        if results::load(self.sql, id, attempt).await?.is_none() {
            self.record(id, Event::Failed { attempt, failure: Failure::TooLarge }, Vec::new()).await?;
        }
        Ok(())
    }

    /// What is written down, taken further: the stored answer, or the next step of publishing.
    async fn go_on(
        &self,
        session: &Session,
        row: &ResultRow,
        digest: &str,
        request: CompleteRequest,
    ) -> Result<Handed, Fault> {
        if row.digest != digest {
            return Ok(Handed::OtherBytes);
        }
        if let Some(answer) = &row.answer {
            return Ok(Handed::Answer(answer.clone()));
        }
        if row.tree.is_none() {
            let Some(change_set) = request.change_set else { return Ok(Handed::Busy) };
            if !self.make_tree_once(session, &change_set).await? {
                return Ok(Handed::Busy);
            }
        }
        let (id, attempt) = (&session.row.task, session.row.attempt);
        self.run_effect(&Effect::Publish { task: id.clone(), attempt }.key()).await?;
        let row = results::load(self.sql, id, attempt).await?;
        Ok(row.and_then(|row| row.answer).map_or(Handed::Busy, Handed::Answer))
    }

    /// What a result means, before anything is written.
    async fn judge(&self, session: &Session, request: &CompleteRequest) -> Result<Judged, Fault> {
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
                let event = Event::Failed { attempt, failure: Failure::Agent { said: said() } };
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

    /// Makes the tree unless somebody else is at it. `false`: not now.
    async fn make_tree_once(&self, session: &Session, change_set: &ChangeSet) -> Result<bool, Fault> {
        let (id, attempt, now) = (&session.row.task, session.row.attempt, self.clock.now());
        if !results::lease(self.sql, id, attempt, now, now.plus_seconds(TREE_LEASE_S)).await? {
            return Ok(false);
        }
        let Some(job) = jobs::load(self.sql, id).await? else { return Ok(false) };
        match make_tree(&self.repo_of(&session.task), &job.base_sha, change_set).await {
            Ok(tree) => {
                let effect = Effect::Publish { task: id.clone(), attempt };
                let statements = vec![results::treed(id, attempt, &tree), effects::ask(&effect, now, now)];
                commit(self.sql, statements).await?;
                Ok(true)
            }
            Err(error) => self.tree_failed(session, error).await,
        }
    }

    async fn tree_failed(&self, session: &Session, error: GithubError) -> Result<bool, Fault> {
        let (id, attempt) = (&session.row.task, session.row.attempt);
        let said = Untrusted::new(format!("{} ({error})", error.words()));
        let fault = error.into_fault("making the tree");
        if let FaultKind::Transient { .. } = fault.kind {
            self.log_fault(Level::Warning, "The tree could not be made yet", &fault, &[]);
            commit(self.sql, vec![results::release(id, attempt)]).await?;
            return Ok(false);
        }
        self.log_fault(Level::Error, "GitHub refused the tree", &fault, &[("task", id.as_str())]);
        self.fail_publication(session.row.attempt, id, said).await?;
        Ok(false)
    }

    /// Ends a task whose result GitHub does not take, and stores that as the answer.
    pub(super) async fn fail_publication(&self, attempt: Attempt, id: &TaskId, said: Untrusted) -> Result<(), Fault> {
        let also: Vec<Statement> = vec![results::answer(id, attempt, &done(FinalStatus::Failed))];
        let event = Event::Failed { attempt, failure: Failure::Publish { said } };
        self.record(id, event, also).await.map(|_| ())
    }
}

/// What a result means.
enum Judged {
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
        let details: Vec<_> =
            broken.iter().map(|b| serde_json::json!({"path": b.path, "rule": b.rule.sentence()})).collect();
        let body = serde_json::json!({"error": {
            "code": "change_set_refused",
            "message": format!("The change set breaks {} of the rules.", broken.len()),
            "details": details,
        }});
        let failure = Failure::ChangeSet { broken: broken_shown };
        Self::end(Event::Failed { attempt, failure }, &Answered { status: 422, body: body.to_string() })
    }
}

/// The answer of an end without a pull request.
pub(super) fn done(status: FinalStatus) -> Answered {
    let answer = CompleteAnswer { status, pull_request: None };
    Answered { status: 200, body: serde_json::to_string(&answer).unwrap_or_default() }
}

/// The most that is known of what the models cost.
#[must_use]
pub fn usage_of(publication: &Publication, row: Option<&crate::store::attempts::AttemptRow>) -> Option<Usage> {
    publication.usage.clone().or_else(|| row.and_then(|row| row.usage.clone()))
}

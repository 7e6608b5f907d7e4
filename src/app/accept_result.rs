//! A machine hands over: check the change set, make the tree, publish, and answer the same to the same bytes for ever.

use sha2::{Digest, Sha256};

use super::App;
use super::claim_attempt::{Session, TurnedAway};
use super::judge_result::Judged;
use super::make_tree::make_tree;
use super::record::Recorded;
use crate::clients::github::GithubError;
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::ids::{Attempt, TaskId};
use crate::domain::task::Failure;
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, FaultKind, Level, Statement};
use crate::protocol::wire::{ChangeSet, CompleteAnswer, CompleteRequest, FinalStatus, Usage};
use crate::store::results::{Answered, Publication, ResultRow};
use crate::store::{attempts, commit, effects, jobs, results};

/// How long one making of a tree may take before another may try.
const TREE_LEASE_S: i64 = 30;

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

/// A hand-over that is still to be decided.
pub struct HandOver {
    /// SHA-256 of its bytes, as hexadecimal.
    digest: String,
    /// The same bytes, when they came before.
    row: Option<ResultRow>,
}

impl App<'_> {
    /// What the bytes alone decide: other bytes came before them, they were answered, or the launch is closed. Else how to
    /// go on with them.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn look_at(&self, session: &Session, raw: &[u8]) -> Result<Result<HandOver, Handed>, Fault> {
        let row = results::load(self.sql, &session.row.task, session.row.attempt).await?;
        let digest = hex::encode(Sha256::digest(raw));
        Ok(match row {
            Some(row) if row.digest != digest => Err(Handed::OtherBytes),
            Some(ResultRow { answer: Some(answer), .. }) => Err(Handed::Answer(answer)),
            None if session.row.closed_at.is_some() => Err(Handed::Away(TurnedAway::Closed)),
            row => Ok(HandOver { digest, row }),
        })
    }

    /// Takes a result in. `request` was read from the bytes that were looked at.
    ///
    /// # Errors
    /// The database's trouble; the runner sends the same bytes again.
    pub async fn accept_result(
        &self,
        session: &Session,
        HandOver { digest, row }: HandOver,
        request: CompleteRequest,
    ) -> Result<Handed, Fault> {
        let request = self.without_keys(request);
        let (id, attempt) = (&session.row.task, session.row.attempt);
        if let Some(row) = row {
            return self.go_on(session, &row, &digest, request).await;
        }
        // What is on its way to GitHub and back while it is judged must not run into the deadline.
        commit(self.sql, vec![attempts::handing_over(id, attempt, self.clock.now())]).await?;
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

    /// Makes the tree unless somebody else is at it. `false`: not now.
    async fn make_tree_once(&self, session: &Session, change_set: &ChangeSet) -> Result<bool, Fault> {
        let (id, attempt, now) = (&session.row.task, session.row.attempt, self.clock.now());
        if !results::lease(self.sql, id, attempt, TREE_LEASE_S).await? {
            return Ok(false);
        }
        let Some(job) = jobs::load(self.sql, id).await? else { return Ok(false) };
        let http = self.calls_until(now.plus_seconds(TREE_LEASE_S));
        match make_tree(&self.through(&http).repo_of(&session.task), &job.base_sha, change_set).await {
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

//! The second trigger, for those without a public address: read what changed, and take it in as a webhook would.

use super::App;
use super::follow_changes::state_of;
use crate::clients::github::issues::IssueState;
use crate::clients::github::polling::{PollAsk, Polled};
use crate::clients::github::{GithubError, Repo, Subject};
use crate::domain::credential::Credential;
use crate::domain::ids::{IssueNumber, RepoId, RepoName};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, FaultKind, Level};
use crate::store::polls::{Poll, keep, load};
use crate::store::{polls, pull_requests, tasks};

/// Repositories a tick polls, in rotation.
const MOST_A_TICK: u32 = 10;
/// Pages of a list a tick reads.
const MOST_PAGES: u32 = 5;
/// GitHub's times are whole seconds and its lists lag: what is at the watermark is read again; keys make that harmless.
const OVERLAP_S: i64 = 30;
/// The longest pause after failures.
const LONGEST_PAUSE_S: i64 = 3600;

/// The lists that are read.
const COMMENTS: &str = "comments";
const REVIEW_COMMENTS: &str = "review_comments";
const ISSUES: &str = "issues";

/// A repository that is polled.
pub(super) struct Source<'a> {
    pub(super) repo: Repo<'a>,
    pub(super) id: RepoId,
    pub(super) name: RepoName,
    pub(super) credential: Credential,
}

impl App<'_> {
    /// Polls the repositories whose turn it is. A repository in trouble waits longer and never holds up the others.
    pub async fn poll_repositories(&self, until: Timestamp) {
        let names: Vec<String> = self.config.poll.iter().map(|name| name.as_str().to_ascii_lowercase()).collect();
        if names.is_empty() {
            return;
        }
        let turn = match polls::in_turn(self.sql, &names, MOST_A_TICK, self.clock.now()).await {
            Ok(turn) => turn,
            Err(fault) => return self.log_fault(Level::Error, "The polls could not be read", &fault, &[]),
        };
        for name in self.config.poll.iter().filter(|name| turn.contains(&name.as_str().to_ascii_lowercase())) {
            if self.clock.now() >= until {
                return;
            }
            if let Err(fault) = self.poll(name).await {
                self.log_fault(Level::Warning, "A repository could not be polled", &fault, &[("repo", name.as_str())]);
                self.pause(name, &fault).await;
            }
        }
    }

    async fn poll(&self, name: &RepoName) -> Result<(), Fault> {
        let Some(place) = self.place(name).await? else { return Ok(()) };
        self.poll_comments(&place).await?;
        self.poll_review_comments(&place).await?;
        self.poll_issues(&place).await?;
        self.look_at_live(&place).await
    }

    /// The repository's number and credential, asked for once and then kept with its polls.
    async fn place(&self, name: &RepoName) -> Result<Option<Source<'_>>, Fault> {
        let credential = match self.config.github.token {
            Some(_) => Some(Credential::Token),
            None => self.credential_for(name).await?,
        };
        let Some(credential) = credential else { return Ok(None) };
        let known = load(self.sql, &name.as_str().to_ascii_lowercase(), COMMENTS).await?;
        let id = match known.filter(|poll| poll.repo_id != RepoId(0)) {
            Some(poll) => poll.repo_id,
            None => {
                let repository = self.github().named(credential, name.clone()).repository().await;
                repository.map_err(|error| error.into_fault("reading a polled repository"))?.id
            }
        };
        Ok(Some(Source { repo: self.repo(credential, id, name), id, name: name.clone(), credential }))
    }

    /// How far a list has been taken in; at first, from now on.
    async fn state_of(&self, place: &Source<'_>, source: &'static str) -> Result<(Poll, First), Fault> {
        let repo = place.name.as_str().to_ascii_lowercase();
        let now = self.clock.now();
        if let Some(poll) = load(self.sql, &repo, source).await?.filter(|poll| poll.repo_id == place.id) {
            return Ok((poll, First::No));
        }
        let poll = Poll {
            repo,
            source: source.to_owned(),
            repo_id: place.id,
            // Nothing from before the first poll commands, and every later poll reads the overlap again.
            watermark: now.plus_seconds(OVERLAP_S),
            unfinished_from: None,
            etag: None,
            not_before: now,
            failures: 0,
        };
        Ok((poll, First::Yes))
    }

    async fn poll_comments(&self, place: &Source<'_>) -> Result<(), Fault> {
        let Some(mut reading) = self.begin(place, COMMENTS).await? else { return Ok(()) };
        while let Some(ask) = reading.ask() {
            let polled = place.repo.poll_comments(ask).await.map_err(|e| e.into_fault("polling the comments"))?;
            for comment in self.turn_page(&mut reading, polled, |comment| comment.updated_at) {
                self.hear_comment(place, comment).await?;
            }
        }
        self.settle(reading).await
    }

    async fn poll_review_comments(&self, place: &Source<'_>) -> Result<(), Fault> {
        let Some(mut reading) = self.begin(place, REVIEW_COMMENTS).await? else { return Ok(()) };
        while let Some(ask) = reading.ask() {
            let polled = place.repo.poll_review_comments(ask).await;
            let polled = polled.map_err(|error| error.into_fault("polling the review comments"))?;
            for comment in self.turn_page(&mut reading, polled, |comment| comment.updated_at) {
                self.hear_review_comment(place, comment).await?;
            }
        }
        self.settle(reading).await
    }

    async fn poll_issues(&self, place: &Source<'_>) -> Result<(), Fault> {
        let Some(mut reading) = self.begin(place, ISSUES).await? else { return Ok(()) };
        let start = reading.poll.unfinished_from.unwrap_or(reading.start);
        while let Some(ask) = reading.ask() {
            let polled = place.repo.poll_issues(ask).await.map_err(|error| error.into_fault("polling the issues"))?;
            for issue in self.turn_page(&mut reading, polled, |issue| issue.updated_at) {
                self.hear_issue(place, issue, start).await?;
            }
        }
        self.settle(reading).await
    }

    /// Begins to read a list; the first time only its watermark is set.
    async fn begin(&self, place: &Source<'_>, source: &'static str) -> Result<Option<Reading>, Fault> {
        let (poll, first) = self.state_of(place, source).await?;
        if first == First::Yes {
            keep(self.sql, &poll).await?;
            return Ok(None);
        }
        let start = poll.watermark.plus_seconds(-OVERLAP_S);
        Ok(Some(Reading { start, page: Some(1), newest: None, poll }))
    }

    /// Takes a page's items, and notes how far they go and where the next ones are.
    fn turn_page<T>(&self, reading: &mut Reading, polled: Polled<T>, time: impl Fn(&T) -> Timestamp) -> Vec<T> {
        let poll = &mut reading.poll;
        let (pause, items) = match polled {
            Polled::NotModified { poll_interval_s } => {
                reading.page = None;
                (poll_interval_s, Vec::new())
            }
            Polled::Page { items, etag, next, poll_interval_s } => {
                reading.newest = items.iter().map(time).max().max(reading.newest);
                let moves = reading.newest.is_some_and(|newest| newest > poll.watermark);
                // A tag belongs to the exact question, and the question moves with the watermark; what is new may stand
                // on a further page.
                poll.etag = etag.filter(|_| reading.page == Some(1) && next.is_none() && !moves);
                reading.page = next;
                (poll_interval_s, items)
            }
        };
        poll.failures = 0;
        let pause = i64::from(pause.unwrap_or(0).min(3600));
        poll.not_before = self.clock.now().plus_seconds(pause);
        items
    }

    /// Moves the watermark to the newest item that was read, and no further.
    async fn settle(&self, reading: Reading) -> Result<(), Fault> {
        let Reading { start, page, newest, mut poll } = reading;
        poll.unfinished_from = page.map(|_| poll.unfinished_from.unwrap_or(start));
        if let Some(newest) = newest {
            // With pages left over the next reading begins at this very item: an overlap could fill all pages again.
            let unread = page.map_or(0, |_| OVERLAP_S);
            poll.watermark = poll.watermark.max(newest.plus_seconds(unread));
        }
        keep(self.sql, &poll).await
    }

    /// Looks again at the issues of live tasks and at our open pull requests, so that closing and merging are seen.
    async fn look_at_live(&self, place: &Source<'_>) -> Result<(), Fault> {
        for number in tasks::open_issues(self.sql, place.id).await? {
            match place.repo.issue(number).await {
                Ok(issue) if issue.state == IssueState::Closed && matches!(issue.subject(), Subject::Issue(_)) => {
                    self.issue_closed(place.id, number).await?;
                }
                Ok(_) | Err(GithubError::NotFound | GithubError::Gone) => {}
                Err(error) => return Err(error.into_fault("looking at a live issue")),
            }
        }
        for number in pull_requests::open_of(self.sql, place.id).await? {
            self.look_at_pull(place, number).await?;
        }
        Ok(())
    }

    async fn look_at_pull(&self, place: &Source<'_>, number: IssueNumber) -> Result<(), Fault> {
        match place.repo.pull(number).await {
            Ok(pull) if pull.state == IssueState::Closed => {
                self.record_pull(place.id, number, state_of(&pull)).await?;
                Ok(())
            }
            Ok(_) | Err(GithubError::NotFound | GithubError::Gone) => Ok(()),
            Err(error) => Err(error.into_fault("looking at a pull request")),
        }
    }

    /// After a failure: not before the provider's own time, else twice as long as last time.
    async fn pause(&self, name: &RepoName, fault: &Fault) {
        let now = self.clock.now();
        let repo = name.as_str().to_ascii_lowercase();
        // What is there but cannot be read must not be written anew: its watermark would jump over what nobody has read.
        let known = match load(self.sql, &repo, COMMENTS).await {
            Ok(known) => known,
            Err(fault) => return self.log_fault(Level::Error, "A poll could not be put back", &fault, &[]),
        };
        let mut poll = known.unwrap_or(Poll {
            repo,
            source: COMMENTS.to_owned(),
            repo_id: RepoId(0),
            watermark: now,
            unfinished_from: None,
            etag: None,
            not_before: now,
            failures: 0,
        });
        poll.failures = poll.failures.saturating_add(1);
        let doubled = 60_i64.saturating_mul(1 << poll.failures.min(10)).min(LONGEST_PAUSE_S);
        poll.not_before = match fault.kind {
            FaultKind::Transient { not_before: Some(until) } => until,
            FaultKind::Transient { not_before: None } | FaultKind::Permanent => now.plus_seconds(doubled),
        };
        if let Err(fault) = keep(self.sql, &poll).await {
            self.log_fault(Level::Error, "A poll could not be put back", &fault, &[]);
        }
    }
}

/// A list while it is read.
struct Reading {
    /// From when on.
    start: Timestamp,
    /// The page to read next.
    page: Option<u32>,
    /// The newest item so far.
    newest: Option<Timestamp>,
    poll: Poll,
}

impl Reading {
    /// What to ask for next; `None` at the list's end or the tick's bound.
    fn ask(&self) -> Option<PollAsk<'_>> {
        let page = self.page.filter(|page| *page <= MOST_PAGES)?;
        Some(PollAsk { since: self.start, page, etag: self.poll.etag.as_deref().filter(|_| page == 1) })
    }
}

/// Whether a list is read for the first time: then only its watermark is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Yes,
    No,
}

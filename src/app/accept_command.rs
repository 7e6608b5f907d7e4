//! Taking a text in: is it a command, has it been taken in before, and what does it ask for. One batch, or none.

use super::App;
use crate::clients::github::AccountKind;
use crate::domain::agent::Agent;
use crate::domain::command::{Command, Parsed, parse};
use crate::domain::credential::Credential;
use crate::domain::effect::Effect;
use crate::domain::event::{Event, Step};
use crate::domain::ids::{Attempt, IssueNumber, RepoId, RepoName, TaskId};
use crate::domain::question::{Ask, Question};
use crate::domain::task::{Chosen, Origin, Person, Place, Request, State, Task, TextKey};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, Statement};
use crate::store::{Written, commit, effects, intake, tasks};

/// Every comment of ours carries this; a text with it never commands.
pub const OWN_MARKER: &str = "<!-- porter:";

/// A text that somebody wrote, from whichever trigger.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// Where.
    pub repo_id: RepoId,
    /// Where, by name.
    pub repo: RepoName,
    /// By which credential Porter acts there.
    pub credential: Credential,
    /// Which text.
    pub text: TextKey,
    /// When it was written.
    pub written_at: Timestamp,
    /// Who wrote it.
    pub author: Person,
    /// Person or program.
    pub author_kind: AccountKind,
    /// Under which number.
    pub issue: IssueNumber,
    /// What the number stands for.
    pub place: Place,
    /// The issue's title now.
    pub title: Untrusted,
    /// The issue's body now.
    pub body: Untrusted,
    /// The issue's labels now.
    pub labels: Vec<Untrusted>,
    /// The text itself.
    pub words: Untrusted,
    /// Whether it is known to be as first written.
    pub freshness: Freshness,
}

/// Whether a text is as it was first written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// As written.
    AsWritten,
    /// Edited before Porter first saw it: nobody knows what it said.
    Edited,
}

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// No command; nothing was touched.
    NotForUs,
    /// Taken in before, by this or another trigger.
    Known,
    /// Taken in now: the task it made or concerns.
    Accepted(Option<TaskId>),
}

impl App<'_> {
    /// Takes a text in. `delivery` is the webhook's id and event, when there is one.
    ///
    /// # Errors
    /// The database's trouble: nothing may have been kept, so whoever brought the text must bring it again.
    pub async fn accept(&self, spoken: &Spoken, delivery: Option<(&str, &str)>) -> Result<Heard, Fault> {
        let raw = spoken.words.raw();
        if spoken.author_kind != AccountKind::User || raw.contains(OWN_MARKER) {
            return Ok(Heard::NotForUs);
        }
        let ask = match parse(raw, &self.config.mention) {
            Parsed::NotForUs => return Ok(Heard::NotForUs),
            Parsed::Command(_) | Parsed::Problem(_) if spoken.freshness == Freshness::Edited => Ask::EditedBeforeSeen,
            Parsed::Problem(problem) => Ask::Mistake { reply: problem.reply(&self.config.mention) },
            Parsed::Command(Command::Run(run)) => {
                let task = self.new_task(spoken, run.agent, run.flags, run.instructions);
                return self.commit_task(spoken, task, delivery).await;
            }
            Parsed::Command(Command::Stop) => Ask::Stop,
            Parsed::Command(Command::Retry) => Ask::Retry,
            Parsed::Command(Command::Status) => Ask::Status,
            Parsed::Command(Command::Doctor) => Ask::Doctor,
            Parsed::Command(Command::Help) => Ask::Help,
        };
        self.commit_question(spoken, ask, delivery).await
    }

    /// A task from a text, in its first state.
    fn new_task(
        &self,
        spoken: &Spoken,
        agent: Option<Agent>,
        flags: crate::domain::command::Flags,
        instructions: Untrusted,
    ) -> Task {
        Task {
            id: self.new_task_id(),
            version: 1,
            state: State::Accepted,
            credential: spoken.credential,
            request: Request {
                repo_id: spoken.repo_id,
                repo: spoken.repo.clone(),
                issue: spoken.issue,
                origin: Origin {
                    text: spoken.text,
                    written_at: spoken.written_at,
                    instructions,
                    title: spoken.title.clone(),
                    body: spoken.body.clone(),
                    labels: spoken.labels.clone(),
                    place: spoken.place.clone(),
                },
                asker: spoken.author.clone(),
                agent: agent.unwrap_or(Agent::Opencode),
                chosen: if agent.is_some() { Chosen::ByCommand } else { Chosen::ByDefault },
                flags,
                retry_of: None,
            },
            attempt: Attempt(0),
            created_at: self.clock.now(),
            started_at: None,
            finished_at: None,
        }
    }

    /// Takes a text in as a request to run with nothing but defaults: an opened issue of a repository that asks for it.
    ///
    /// # Errors
    /// As [`App::accept`].
    pub async fn accept_unasked(
        &self,
        spoken: &Spoken,
        agent: Option<Agent>,
        delivery: Option<(&str, &str)>,
    ) -> Result<Heard, Fault> {
        let task = self.new_task(spoken, agent, crate::domain::command::Flags::default(), Untrusted::default());
        self.commit_task(spoken, task, delivery).await
    }

    async fn commit_task(&self, spoken: &Spoken, task: Task, delivery: Option<(&str, &str)>) -> Result<Heard, Fault> {
        let now = self.clock.now();
        let id = task.id.clone();
        let step = first_step(task);
        let mut statements = taken_in(spoken, Some(&id), delivery, now);
        statements.extend(tasks::insert(&step, now));
        self.commit_heard(statements, Some(id)).await
    }

    async fn commit_question(&self, spoken: &Spoken, ask: Ask, delivery: Option<(&str, &str)>) -> Result<Heard, Fault> {
        let now = self.clock.now();
        let concerned = match ask {
            Ask::Stop | Ask::Retry | Ask::Status => {
                tasks::newest_of_issue(self.sql, spoken.repo_id, spoken.issue).await?.map(|task| task.id)
            }
            Ask::Doctor | Ask::Help | Ask::Mistake { .. } | Ask::Refused { .. } | Ask::EditedBeforeSeen => None,
        };
        let question = Question {
            repo_id: spoken.repo_id,
            repo: spoken.repo.clone(),
            issue: spoken.issue,
            on_pull_request: spoken.place != Place::Issue,
            text: spoken.text,
            asker: spoken.author.clone(),
            credential: spoken.credential,
            ask,
        };
        let mut statements = taken_in(spoken, concerned.as_ref(), delivery, now);
        statements.push(effects::ask(&Effect::Answer { question }, now, now));
        self.commit_heard(statements, concerned).await
    }

    async fn commit_heard(&self, statements: Vec<Statement>, task: Option<TaskId>) -> Result<Heard, Fault> {
        match commit(self.sql, statements).await? {
            Written::Yes => Ok(Heard::Accepted(task)),
            Written::Conflict => Ok(Heard::Known),
        }
    }
}

/// The first step of a task: its first event and the effect that follows.
pub(super) fn first_step(task: Task) -> Step {
    let effects = vec![Effect::Authorise { task: task.id.clone() }];
    Step { task, event: Event::Accepted, effects, closed: None }
}

fn taken_in(spoken: &Spoken, task: Option<&TaskId>, delivery: Option<(&str, &str)>, now: Timestamp) -> Vec<Statement> {
    let installation = match spoken.credential {
        Credential::App { installation } => Some(installation),
        Credential::Token => None,
    };
    let mut statements = Vec::new();
    if let Some((id, event)) = delivery {
        statements.push(intake::delivery(id, event, now));
    }
    statements.push(intake::command(spoken.repo_id, spoken.text, task, now));
    statements.push(intake::repository(spoken.repo_id, &spoken.repo, installation, now));
    statements
}

//! Answering commands that make no task of their own: stop, retry, status, doctor, help, mistakes, refusals.

use super::App;
use super::authorise::Verdict;
use super::compose::answers::{findings, standing};
use super::compose::status::refusal_words;
use super::compose::waiting::Reader;
use super::say::Saying;
use super::stop_task::{Retried, StopOutcome};
use crate::clients::github::Subject;
use crate::domain::command::help_text;
use crate::domain::question::{Ask, Question};
use crate::domain::task::{State, StoppedBy, TextKey};
use crate::ports::Fault;
use crate::store::{intake, own_comments, read, refusals, tasks};

/// How long a question may wait for its answer.
const LONGEST_WAIT_S: i64 = 86_400;

impl App<'_> {
    /// Carries a question out and answers it, once.
    ///
    /// # Errors
    /// What a repeat may cure.
    pub async fn answer(&self, question: &Question) -> Result<(), Fault> {
        let who = (question.repo_id, question.issue, question.asker.id);
        if !matches!(question.ask, Ask::Refused { .. }) {
            let place = (question.repo_id, &question.repo);
            let verdict = self.may_command(question.credential, place, &question.asker).await?;
            if let Verdict::Refused(refusal) = verdict {
                let earn = refusals::earn(who, question.text, self.clock.now());
                crate::store::commit(self.sql, vec![earn]).await?;
                return self.say_refusal(question, &refusal).await;
            }
        }
        let login = &question.asker.login;
        let text = match &question.ask {
            Ask::Refused { refusal } => return self.say_refusal(question, refusal).await,
            Ask::Stop => self.answer_stop(question).await?,
            Ask::Retry => self.answer_retry(question).await?,
            Ask::Status => self.answer_status(question).await?,
            Ask::Doctor => findings(login, &self.check_all(Some(question)).await),
            Ask::Help => format!("@{login} {}", help_text(&self.config.mention)),
            Ask::Mistake { reply } => format!("@{login} {reply}"),
            Ask::EditedBeforeSeen => format!(
                "@{login} that comment was edited before Porter first saw it, so what it said at first is not known. Please \
                 post a new comment."
            ),
        };
        if text.is_empty() { Ok(()) } else { self.reply(question, text).await }
    }

    /// One answer a person and issue, five an hour and repository; beyond that, silence.
    async fn say_refusal(&self, question: &Question, refusal: &crate::domain::task::Refusal) -> Result<(), Fault> {
        let who = (question.repo_id, question.issue, question.asker.id);
        if !refusals::has_earned(self.sql, who, question.text).await? {
            return Ok(());
        }
        let text = format!("@{} {}", question.asker.login, refusal_words(refusal));
        self.reply(question, text).await
    }

    async fn reply(&self, question: &Question, text: String) -> Result<(), Fault> {
        let repo = self.repo(question.credential, question.repo_id, &question.repo);
        let since = self.clock.now().plus_seconds(-LONGEST_WAIT_S);
        self.say(&Saying { repo: &repo, on: place(question), marker: marker(question), text, since }).await
    }

    /// Whether an earlier try at this very question has answered it in words.
    async fn has_replied(&self, question: &Question) -> Result<bool, Fault> {
        let marker = marker(question);
        if own_comments::load(self.sql, &marker).await?.is_some() {
            return Ok(true);
        }
        let repo = self.repo(question.credential, question.repo_id, &question.repo);
        let since = self.clock.now().plus_seconds(-LONGEST_WAIT_S);
        let ours = repo.own_comments(place(question), &format!("<!-- {marker} -->"), since).await;
        ours.map(|ours| !ours.is_empty()).map_err(|error| error.into_fault("looking for an answer"))
    }

    async fn answer_stop(&self, question: &Question) -> Result<String, Fault> {
        let login = &question.asker.login;
        let open = tasks::open_of_issue(self.sql, question.repo_id, question.issue).await?;
        let (mut stopped, mut late) = (0, 0);
        for task in open.into_iter().filter(|task| !is_later(task.request.origin.text, question.text)) {
            let by = StoppedBy::Person { login: login.clone() };
            match self.stop(&task.id, by).await? {
                StopOutcome::Stopped => stopped += 1,
                StopOutcome::TooLate => late += 1,
                StopOutcome::AlreadyEnded | StopOutcome::NoTask => {}
            }
        }
        Ok(match (stopped, late) {
            // The end of a stopped task is told by its own comment.
            (1.., 0) => String::new(),
            (_, 1..) => format!("@{login} too late to stop: the result is already being published."),
            _ if self.has_stopped(question).await? => String::new(),
            _ => format!("@{login} there is nothing running on this issue."),
        })
    }

    /// Whether an earlier try at this very question has stopped the task that it found when it was taken in.
    async fn has_stopped(&self, question: &Question) -> Result<bool, Fault> {
        let Some(taken) = intake::taken_in(self.sql, question.repo_id, question.text).await? else { return Ok(false) };
        let Some(id) = taken.task else { return Ok(false) };
        let by_this = StoppedBy::Person { login: question.asker.login.clone() };
        Ok(tasks::load(self.sql, &id).await?.is_some_and(|task| {
            task.state == State::Stopped { by: by_this } && task.finished_at.is_some_and(|at| at >= taken.at)
        }))
    }

    async fn answer_retry(&self, question: &Question) -> Result<String, Fault> {
        let (login, mention) = (&question.asker.login, &self.config.mention);
        // What was answered in words was not carried out, and is not because a task has ended since.
        if self.has_replied(question).await? {
            return Ok(String::new());
        }
        let Some(task) = tasks::newest_of_issue(self.sql, question.repo_id, question.issue).await? else {
            return Ok(format!(
                "@{login} there is no task on this issue to run again. Comment `{mention}` to start one."
            ));
        };
        match self.retry(&task.id, question.asker.clone(), Some(question.text)).await? {
            // The new task shows itself by its status comment.
            Retried::As(_) => Ok(String::new()),
            Retried::StillOpen => Ok(format!(
                "@{login} the task on this issue has not ended yet. Comment `{mention} stop` first, or wait for it."
            )),
            Retried::NoTask => Ok(format!("@{login} there is no task on this issue to run again.")),
        }
    }

    async fn answer_status(&self, question: &Question) -> Result<String, Fault> {
        let login = &question.asker.login;
        let Some(task) = tasks::newest_of_issue(self.sql, question.repo_id, question.issue).await? else {
            let mention = &self.config.mention;
            return Ok(format!("@{login} there is no task on this issue. Comment `{mention}` to start one."));
        };
        let mut view = self.status_view(&task).await?;
        if task.request.asker.id != question.asker.id {
            view.reader = Reader::Other;
        }
        let at_work = matches!(task.state, State::Running { .. } | State::Publishing { .. });
        let line = if at_work { self.last_line(&task.id).await? } else { None };
        Ok(standing(login, &view, line.as_deref()))
    }

    /// The newest line of a task's log.
    ///
    /// # Errors
    /// The database's trouble.
    pub async fn last_line(&self, id: &crate::domain::ids::TaskId) -> Result<Option<String>, Fault> {
        let Some(lines) = read::last_lines(self.sql, id).await? else { return Ok(None) };
        let lines: Vec<crate::protocol::wire::LogLine> = serde_json::from_str(&lines)
            .map_err(|error| Fault::permanent("reading the last line", error.to_string()))?;
        Ok(lines.into_iter().next_back().map(|line| line.text))
    }
}

/// Where the answer stands.
const fn place(question: &Question) -> Subject {
    if question.on_pull_request { Subject::Pull(question.issue) } else { Subject::Issue(question.issue) }
}

/// The hidden marker of the answer.
fn marker(question: &Question) -> String {
    format!("porter:reply={}:{}", question.text.kind.word(), question.text.id)
}

/// Whether a text was written after another: GitHub's numbers grow, those of one kind.
fn is_later(text: TextKey, than: TextKey) -> bool {
    text.kind == than.kind && text.id > than.id
}

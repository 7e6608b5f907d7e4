//! Issues (and the issue side of pull requests): list, read, open, edit, close.

use serde_json::Value;

use super::caller::{Level, Permission};
use super::state::{Github, Issue, Repository, Role};
use super::wire::{Answer, Call, Problem, Response};

impl Github {
    pub(crate) fn issue_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        match (call.method(), rest) {
            ("GET", []) => self.list_issues(call, repo),
            ("POST", []) => {
                self.need(call, repo, &[Permission::Issues], Level::Write)?;
                let (actor, title) = (self.actor(call)?, call.required("title")?);
                let number = self.open_issue(call.now, repo, actor, title, call.text("body"))?;
                let labels = call.texts("labels").unwrap_or_default();
                self.put_labels(call.now, repo, actor, number, &labels)?;
                Ok(Response::created(&self.one_issue(repo, number)?))
            }
            (_, ["comments", inner @ ..]) => self.comment_route(call, repo, inner),
            (method, [number, inner @ ..]) => {
                let number = self.issue_number(repo, number)?;
                match (method, inner) {
                    ("GET", []) => {
                        self.need_issue(call, repo, number, Level::Read)?;
                        Ok(Response::ok(&self.one_issue(repo, number)?))
                    }
                    ("PATCH", []) => self.edit_issue(call, repo, number),
                    (_, ["comments"]) => self.issue_comment_route(call, repo, number),
                    (_, ["labels", name @ ..]) => self.issue_label_route(call, repo, number, name),
                    (_, ["reactions", id @ ..]) => {
                        self.reaction_route(call, repo, super::state::Subject::Issue(number), id)
                    }
                    _ => Err(Problem::not_found()),
                }
            }
            _ => Err(Problem::not_found()),
        }
    }

    pub(crate) fn issue_number(&self, repo: i64, text: &str) -> Result<i64, Problem> {
        let number = super::wire::id(text)?;
        self.repository(repo)?.issues.get(&number).ok_or_else(Problem::not_found)?;
        Ok(number)
    }

    pub(crate) fn issue(&self, repo: i64, number: i64) -> Result<&Issue, Problem> {
        self.repository(repo)?.issues.get(&number).ok_or_else(Problem::not_found)
    }

    pub(crate) fn issue_mut(&mut self, repo: i64, number: i64) -> Result<&mut Issue, Problem> {
        self.repository_mut(repo)?.issues.get_mut(&number).ok_or_else(Problem::not_found)
    }

    /// On an issue the permission is `issues`; on a pull request either of the two will do.
    pub(crate) fn need_issue(&self, call: &Call, repo: i64, number: i64, level: Level) -> Result<(), Problem> {
        let pull = self.issue(repo, number)?.pull.is_some();
        let any: &[Permission] =
            if pull { &[Permission::Issues, Permission::PullRequests] } else { &[Permission::Issues] };
        self.need(call, repo, any, level)
    }

    fn one_issue(&self, repo: i64, number: i64) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        let mut value = self.issue_json(repository, self.issue(repo, number)?);
        let closer = self.issue(repo, number)?.closed.map(|(_, by)| self.user_json(by));
        super::wire::merge_into(&mut value, serde_json::json!({"closed_by": closer}));
        Ok(value)
    }

    fn list_issues(&self, call: &Call, repo: i64) -> Answer {
        self.need(call, repo, &[Permission::Issues], Level::Read)?;
        let repository = self.repository(repo)?;
        let since = call.query.time("since");
        let wanted_labels: Vec<String> =
            call.query.get("labels").map(|list| list.split(',').map(str::to_lowercase).collect()).unwrap_or_default();
        let fits = |issue: &&Issue| {
            wants_state(call, issue.open)
                && since.is_none_or(|since| issue.updated >= since)
                && wanted_labels.iter().all(|label| issue.labels.contains(label))
        };
        let mut issues: Vec<&Issue> = repository.issues.values().filter(fits).collect();
        let by_update = call.query.get("sort") == Some("updated");
        issues.sort_by_key(|issue| (if by_update { issue.updated } else { issue.created }, issue.number));
        if call.query.get("direction") != Some("asc") {
            issues.reverse();
        }
        Ok(call.page(&issues.into_iter().map(|issue| self.issue_json(repository, issue)).collect::<Vec<_>>()))
    }

    fn edit_issue(&mut self, call: &Call, repo: i64, number: i64) -> Answer {
        self.need_issue(call, repo, number, Level::Write)?;
        let actor = self.actor(call)?;
        if self.issue(repo, number)?.author != actor {
            self.need_role(call, repo, Role::Triage)?;
        }
        if let Some(state) = call.text("state") {
            let reason = call.text("state_reason").unwrap_or("completed").to_owned();
            match state {
                "open" => self.set_issue_open(call.now, repo, actor, number, true, "reopened")?,
                "closed" => self.set_issue_open(call.now, repo, actor, number, false, &reason)?,
                _ => return Err(Problem::invalid_field("Issue", "state", "invalid")),
            }
        }
        let issue = self.issue_mut(repo, number)?;
        if let Some(title) = call.text("title") {
            title.clone_into(&mut issue.title);
        }
        if let Some(body) = call.json.get("body") {
            issue.body = body.as_str().map(str::to_owned);
        }
        issue.updated = call.now;
        if let Some(labels) = call.texts("labels") {
            self.issue_mut(repo, number)?.labels.clear();
            self.put_labels(call.now, repo, actor, number, &labels)?;
        }
        Ok(Response::ok(&self.one_issue(repo, number)?))
    }
}

/// Whether a list's `state` (open, closed, all; open by default) includes this.
pub(crate) fn wants_state(call: &Call, open: bool) -> bool {
    match call.query.get("state") {
        Some("all") => true,
        Some("closed") => !open,
        _ => open,
    }
}

impl Repository {
    /// The next number of an issue or pull request.
    pub(crate) fn next_number(&self) -> i64 {
        self.issues.keys().next_back().copied().unwrap_or(0) + 1
    }
}

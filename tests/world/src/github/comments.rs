//! Comments on issues and pull requests.

use serde_json::Value;

use super::caller::{Level, Permission};
use super::state::{Comment, Github, Role, Subject};
use super::wire::{Answer, Call, Problem, Response};

/// The longest body GitHub takes, in characters.
pub(crate) const LONGEST_BODY: usize = 65_536;

impl Github {
    /// `/issues/{number}/comments`.
    pub(crate) fn issue_comment_route(&mut self, call: &Call, repo: i64, number: i64) -> Answer {
        match call.method() {
            "GET" => {
                self.need_issue(call, repo, number, Level::Read)?;
                let fits = |comment: &&Comment| comment.issue == number;
                self.list_comments(call, repo, &fits)
            }
            "POST" => {
                self.need_issue(call, repo, number, Level::Write)?;
                let (actor, body) = (self.actor(call)?, comment_body(call)?);
                let id = self.add_comment(call.now, repo, actor, number, body)?;
                Ok(Response::created(&self.one_comment(repo, id)?))
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// `/issues/comments…`, across the repository.
    pub(crate) fn comment_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        if let ("GET", []) = (call.method(), rest) {
            self.need(call, repo, &[Permission::Issues, Permission::PullRequests], Level::Read)?;
            return self.list_comments(call, repo, &|_| true);
        }
        let [id, inner @ ..] = rest else {
            return Err(Problem::not_found());
        };
        let id = super::wire::id(id)?;
        let number = self.repository(repo)?.comments.get(&id).ok_or_else(Problem::not_found)?.issue;
        match (call.method(), inner) {
            ("GET", []) => {
                self.need_issue(call, repo, number, Level::Read)?;
                Ok(Response::ok(&self.one_comment(repo, id)?))
            }
            ("PATCH", []) => {
                self.need_own_comment(call, repo, id, number)?;
                let body = comment_body(call)?.to_owned();
                self.edit_comment_text(call.now, repo, self.actor(call)?, id, &body)?;
                Ok(Response::ok(&self.one_comment(repo, id)?))
            }
            ("DELETE", []) => {
                self.need_own_comment(call, repo, id, number)?;
                self.repository_mut(repo)?.comments.remove(&id);
                Ok(Response::no_content())
            }
            (_, ["reactions", reaction @ ..]) => self.reaction_route(call, repo, Subject::Comment(id), reaction),
            _ => Err(Problem::not_found()),
        }
    }

    fn need_own_comment(&self, call: &Call, repo: i64, id: i64, number: i64) -> Result<(), Problem> {
        self.need_issue(call, repo, number, Level::Write)?;
        let author = self.repository(repo)?.comments.get(&id).ok_or_else(Problem::not_found)?.author;
        if author == self.actor(call)? { Ok(()) } else { self.need_role(call, repo, Role::Write) }
    }

    pub(crate) fn one_comment(&self, repo: i64, id: i64) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        Ok(self.comment_json(repository, repository.comments.get(&id).ok_or_else(Problem::not_found)?))
    }

    fn list_comments(&self, call: &Call, repo: i64, fits: &dyn Fn(&&Comment) -> bool) -> Answer {
        let repository = self.repository(repo)?;
        let since = call.query.time("since");
        let mut comments: Vec<&Comment> = repository
            .comments
            .values()
            .filter(fits)
            .filter(|comment| since.is_none_or(|since| comment.updated.seconds() >= since.seconds()))
            .collect();
        if call.query.get("sort") == Some("updated") {
            comments.sort_by_key(|comment| (comment.updated, comment.id));
        }
        if call.query.get("direction") == Some("desc") {
            comments.reverse();
        }
        Ok(call.page(&comments.into_iter().map(|comment| self.comment_json(repository, comment)).collect::<Vec<_>>()))
    }
}

/// A body that is there, not blank and not too long.
pub(crate) fn comment_body<'a>(call: &'a Call) -> Result<&'a str, Problem> {
    let body = call.required("body")?;
    if body.trim().is_empty() {
        return Err(Problem::invalid("IssueComment", "Body can't be blank"));
    }
    if body.chars().count() > LONGEST_BODY {
        return Err(Problem::invalid("IssueComment", "body is too long (maximum is 65536 characters)"));
    }
    Ok(body)
}

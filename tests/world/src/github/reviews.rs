//! Reviews of pull requests and comments on their lines.

use serde_json::{Value, json};

use super::caller::Caller;
use super::comments::comment_body;
use super::json::{association, node_id};
use super::state::{Github, Repository, Review, ReviewComment, Subject};
use super::wire::{Answer, Call, Problem, Response, id, stamp};

impl Github {
    /// `/pulls/{number}/reviews…` and `/pulls/{number}/comments…`.
    pub(crate) fn review_route(&mut self, call: &Call, repo: i64, number: i64, rest: &[&str]) -> Answer {
        match (call.method(), rest) {
            ("GET", ["reviews"]) => {
                let repository = self.repository(repo)?;
                let own = repository.reviews.values().filter(|review| review.pull == number);
                Ok(call.page(&own.map(|review| self.review_json(repository, review)).collect::<Vec<_>>()))
            }
            ("POST", ["reviews"]) => {
                let state = match call.text("event") {
                    Some("APPROVE") => "APPROVED",
                    Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
                    Some("COMMENT") => "COMMENTED",
                    Some(_) | None => {
                        return Err(Problem::invalid_field("PullRequestReview", "event", "invalid"));
                    }
                };
                let body = call.text("body").unwrap_or_default().to_owned();
                let review = self.add_review(call.now, repo, self.actor(call)?, number, state, &body)?;
                let repository = self.repository(repo)?;
                let review = repository.reviews.get(&review).ok_or_else(Problem::not_found)?;
                Ok(Response::ok(&self.review_json(repository, review)))
            }
            ("GET", ["comments"]) => {
                let repository = self.repository(repo)?;
                let own = repository.review_comments.values().filter(|comment| comment.pull == number);
                Ok(call.page(&own.map(|comment| self.review_comment_json(repository, comment)).collect::<Vec<_>>()))
            }
            ("POST", ["comments", comment, "replies"]) => {
                let (comment, body) = (id(comment)?, comment_body(call)?.to_owned());
                let first =
                    self.repository(repo)?.review_comments.get(&comment).cloned().ok_or_else(Problem::not_found)?;
                let actor = self.actor(call)?;
                let reply = self.add_line_comment(
                    call.now,
                    repo,
                    actor,
                    number,
                    &first.path,
                    first.line,
                    &body,
                    Some(comment),
                )?;
                self.one_review_comment(repo, reply).map(|value| Response::created(&value))
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// `/pulls/comments…`, across the repository.
    pub(crate) fn review_comment_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        match (call.method(), rest) {
            ("GET", []) => {
                let repository = self.repository(repo)?;
                let since = call.query.time("since");
                let new = repository
                    .review_comments
                    .values()
                    .filter(|one| since.is_none_or(|since| one.updated.seconds() >= since.seconds()));
                Ok(call.page(&new.map(|comment| self.review_comment_json(repository, comment)).collect::<Vec<_>>()))
            }
            ("GET", [comment]) => self.one_review_comment(repo, id(comment)?).map(|value| Response::ok(&value)),
            ("PATCH", [comment]) => {
                let (comment, body, actor) = (id(comment)?, comment_body(call)?.to_owned(), self.actor(call)?);
                let one =
                    self.repository_mut(repo)?.review_comments.get_mut(&comment).ok_or_else(Problem::not_found)?;
                if one.author != actor && !matches!(call.caller, Caller::Installation(_)) {
                    return Err(Problem::new(403, "Must have push access to repository"));
                }
                (one.body, one.updated) = (body, call.now);
                self.one_review_comment(repo, comment).map(|value| Response::ok(&value))
            }
            (_, [comment, "reactions", reaction @ ..]) => {
                let comment = id(comment)?;
                self.repository(repo)?.review_comments.get(&comment).ok_or_else(Problem::not_found)?;
                self.reaction_route(call, repo, Subject::ReviewComment(comment), reaction)
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn one_review_comment(&self, repo: i64, comment: i64) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        Ok(self
            .review_comment_json(repository, repository.review_comments.get(&comment).ok_or_else(Problem::not_found)?))
    }

    pub(crate) fn review_json(&self, repo: &Repository, review: &Review) -> Value {
        let (api, web) = (self.repo_api(repo), self.repo_web(repo));
        let html = format!("{web}/pull/{}#pullrequestreview-{}", review.pull, review.id);
        let pull = format!("{api}/pulls/{}", review.pull);
        json!({
            "id": review.id, "node_id": node_id("PullRequestReview", review.id), "user": self.user_json(review.author),
            "body": review.body, "state": review.state, "html_url": html, "pull_request_url": pull,
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}}, "submitted_at": stamp(review.submitted),
            "commit_id": review.commit.to_string(),
            "author_association": association(self.role(repo, review.author), repo.owner == review.author),
        })
    }

    pub(crate) fn review_comment_json(&self, repo: &Repository, comment: &ReviewComment) -> Value {
        let (api, web) = (self.repo_api(repo), self.repo_web(repo));
        let own = format!("{api}/pulls/comments/{}", comment.id);
        let html = format!("{web}/pull/{}#discussion_r{}", comment.pull, comment.id);
        let pull = format!("{api}/pulls/{}", comment.pull);
        let mut value = json!({
            "url": own, "pull_request_review_id": comment.review, "id": comment.id,
            "node_id": node_id("PullRequestReviewComment", comment.id), "diff_hunk": format!("@@ -1 +{} @@", comment.line),
            "path": comment.path, "commit_id": comment.commit.to_string(), "original_commit_id": comment.commit.to_string(),
            "user": self.user_json(comment.author), "body": comment.body, "created_at": stamp(comment.created),
            "updated_at": stamp(comment.updated), "html_url": html, "pull_request_url": pull,
            "author_association": association(self.role(repo, comment.author), repo.owner == comment.author),
            "_links": {"self": {"href": own}, "html": {"href": html}, "pull_request": {"href": pull}},
            "reactions": self.reactions_json(repo, Subject::ReviewComment(comment.id), &own), "start_line": null,
            "original_start_line": null, "start_side": null, "line": comment.line, "original_line": comment.line, "side": "RIGHT",
            "original_position": 1, "position": 1, "subject_type": "line",
        });
        if let Some(first) = comment.in_reply_to {
            super::wire::merge_into(&mut value, json!({"in_reply_to_id": first}));
        }
        value
    }
}

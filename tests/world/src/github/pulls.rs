//! Pull requests: list, open, read, edit, their files and commits, and whose review is asked for.

use serde_json::{Value, json};

use super::caller::{Level, Permission};
use super::issues::wants_state;
use super::objects::Oid;
use super::state::{Github, Issue, Pull, Role};
use super::wire::{Answer, Call, Problem, Response};

impl Github {
    pub(crate) fn pull_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        let level = if call.method() == "GET" { Level::Read } else { Level::Write };
        let any: &[Permission] = match rest {
            [_, "merge"] => &[Permission::Contents],
            _ => &[Permission::PullRequests],
        };
        self.need(call, repo, any, level)?;
        match (call.method(), rest) {
            ("GET", []) => self.list_pulls(call, repo),
            ("POST", []) => self.create_pull(call, repo),
            (_, ["comments", inner @ ..]) => self.review_comment_route(call, repo, inner),
            (method, [number, inner @ ..]) => {
                let number = self.issue_number(repo, number)?;
                let issue = self.issue(repo, number)?;
                let pull = issue.pull.clone().ok_or_else(Problem::not_found)?;
                match (method, inner) {
                    ("GET", []) => self.read_pull(call, repo, number),
                    ("PATCH", []) => self.edit_pull(call, repo, number),
                    ("GET", ["files"]) => {
                        let base = self.pull_origin(repo, &pull)?;
                        Ok(call.page(&self.changed_files(repo, base, pull.head_sha)?))
                    }
                    ("GET", ["commits"]) => {
                        let commits = self.pull_commits(repo, &pull)?;
                        let list: Result<Vec<Value>, Problem> =
                            commits.into_iter().map(|oid| self.commit_json(repo, oid)).collect();
                        Ok(call.page(&list?))
                    }
                    (_, ["requested_reviewers"]) => self.reviewer_route(call, repo, number),
                    ("PUT", ["merge"]) => {
                        self.need_role(call, repo, Role::Write)?;
                        let sha = self.merge_pull(call.now, repo, self.actor(call)?, number)?;
                        Ok(Response::ok(
                            &json!({"sha": sha.to_string(), "merged": true, "message": "Pull Request successfully merged"}),
                        ))
                    }
                    (_, ["reviews" | "comments", ..]) => self.review_route(call, repo, number, inner),
                    _ => Err(Problem::not_found()),
                }
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// `head` is `owner:branch`, `base` a branch.
    fn list_pulls(&self, call: &Call, repo: i64) -> Answer {
        let repository = self.repository(repo)?;
        let head_fits = |pull: &Pull| {
            call.query.get("head").is_none_or(|wanted| {
                let owner = self.repositories.get(&pull.head_repo).map_or("", |head| self.login(head.owner));
                wanted.eq_ignore_ascii_case(&format!("{owner}:{}", pull.head))
            })
        };
        let fits = |issue: &&Issue| {
            let pull = issue.pull.as_ref();
            wants_state(call, issue.open)
                && pull
                    .is_some_and(|pull| head_fits(pull) && call.query.get("base").is_none_or(|base| base == pull.base))
        };
        let newest_first = repository.issues.values().rev().filter(fits);
        let list: Result<Vec<Value>, Problem> = newest_first.map(|issue| self.pull_json(repo, issue)).collect();
        Ok(call.page(&list?))
    }

    /// Opens a pull request, or says in GitHub's words why not.
    fn create_pull(&mut self, call: &Call, repo: i64) -> Answer {
        let (head, base) = (call.required("head")?, call.required("base")?);
        let title = call.required("title")?;
        let repository = self.repository(repo)?;
        let (owner, branch) = head.split_once(':').unwrap_or((self.login(repository.owner), head));
        let head_repo = self
            .repositories
            .values()
            .find(|one| {
                self.login(one.owner).eq_ignore_ascii_case(owner) && (one.id == repo || one.fork_of == Some(repo))
            })
            .ok_or_else(|| Problem::invalid_field("PullRequest", "head", "invalid"))?;
        let head_sha =
            head_repo.git.branch(branch).ok_or_else(|| Problem::invalid_field("PullRequest", "head", "invalid"))?;
        let base_sha =
            repository.git.branch(base).ok_or_else(|| Problem::invalid_field("PullRequest", "base", "invalid"))?;
        if !self.repository(repo)?.git.descends(head_sha, base_sha)
            && self.repository(repo)?.git.descends(base_sha, head_sha)
            || head_sha == base_sha
        {
            return Err(Problem::invalid("PullRequest", &format!("No commits between {base} and {branch}")));
        }
        let taken = |issue: &&Issue| {
            let pull = issue.pull.as_ref();
            issue.open
                && pull.is_some_and(|pull| pull.head_repo == head_repo.id && pull.head == branch && pull.base == base)
        };
        if repository.issues.values().any(|issue| taken(&issue)) {
            return Err(Problem::invalid(
                "PullRequest",
                &format!("A pull request already exists for {owner}:{branch}."),
            ));
        }
        let pull = Pull {
            head_repo: head_repo.id,
            head: branch.to_owned(),
            head_sha,
            base: base.to_owned(),
            base_sha,
            draft: call.json.get("draft").and_then(Value::as_bool) == Some(true),
            requested_reviewers: Vec::new(),
            merged: None,
        };
        let actor = self.actor(call)?;
        let number = self.open_pull(call.now, repo, actor, title, call.text("body"), pull)?;
        Ok(Response::created(&self.full_pull_json(repo, number)?))
    }

    fn read_pull(&self, call: &Call, repo: i64, number: i64) -> Answer {
        if call.wants("diff") {
            let text = self.pull_diff(repo, number)?;
            let headers = vec![("content-type".into(), "application/vnd.github.diff; charset=utf-8".into())];
            return Ok(Response { status: 200, headers, body: text.into_bytes() });
        }
        Ok(Response::ok(&self.full_pull_json(repo, number)?))
    }

    fn edit_pull(&mut self, call: &Call, repo: i64, number: i64) -> Answer {
        let actor = self.actor(call)?;
        if self.issue(repo, number)?.author != actor {
            self.need_role(call, repo, Role::Write)?;
        }
        if let Some(state) = call.text("state") {
            self.set_issue_open(call.now, repo, actor, number, state == "open", "completed")?;
        }
        let issue = self.issue_mut(repo, number)?;
        if let Some(title) = call.text("title") {
            title.clone_into(&mut issue.title);
        }
        if let Some(body) = call.json.get("body") {
            issue.body = body.as_str().map(str::to_owned);
        }
        if let (Some(base), Some(pull)) = (call.text("base"), &mut issue.pull) {
            base.clone_into(&mut pull.base);
        }
        issue.updated = call.now;
        Ok(Response::ok(&self.full_pull_json(repo, number)?))
    }

    fn reviewer_route(&mut self, call: &Call, repo: i64, number: i64) -> Answer {
        if call.method() == "GET" {
            let asked = self.issue(repo, number)?.pull.iter().flat_map(|pull| &pull.requested_reviewers);
            let users: Value = asked.map(|id| self.user_json(*id)).collect();
            return Ok(Response::ok(&json!({"users": users, "teams": []})));
        }
        if call.method() != "POST" {
            return Err(Problem::not_found());
        }
        self.need_role(call, repo, Role::Write)?;
        for login in call.texts("reviewers").unwrap_or_default() {
            let repository = self.repository(repo)?;
            let user = self.user_named(&login).map(|user| user.id);
            let member = user.filter(|id| repository.owner == *id || repository.collaborators.contains_key(id));
            let words = "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the repository.";
            let id = member.ok_or_else(|| Problem::new(422, format!("{words} ({login})")))?;
            let issue = self.issue_mut(repo, number)?;
            if issue.author == id {
                return Err(Problem::new(422, "Review cannot be requested from pull request author."));
            }
            if let Some(pull) = &mut issue.pull
                && !pull.requested_reviewers.contains(&id)
            {
                pull.requested_reviewers.push(id);
            }
        }
        Ok(Response::created(&self.pull_json(repo, self.issue(repo, number)?)?))
    }

    /// Where a pull request's own work starts.
    pub(crate) fn pull_origin(&self, repo: i64, pull: &Pull) -> Result<Option<Oid>, Problem> {
        let git = &self.repository(repo)?.git;
        let base = if pull.merged.is_some() { pull.base_sha } else { git.branch(&pull.base).unwrap_or(pull.base_sha) };
        Ok(git.merge_base(base, pull.head_sha))
    }

    /// A pull request's own commits, oldest first.
    pub(crate) fn pull_commits(&self, repo: i64, pull: &Pull) -> Result<Vec<Oid>, Problem> {
        let git = &self.repository(repo)?.git;
        let before = self.pull_origin(repo, pull)?.map(|oid| git.history(oid)).unwrap_or_default();
        let mut own: Vec<Oid> = git.history(pull.head_sha).into_iter().filter(|oid| !before.contains(oid)).collect();
        own.reverse();
        Ok(own)
    }

    /// The whole diff of a pull request as git writes it.
    pub(crate) fn pull_diff(&self, repo: i64, number: i64) -> Result<String, Problem> {
        let pull = self.issue(repo, number)?.pull.as_ref().ok_or_else(Problem::not_found)?;
        let mut text = String::new();
        for file in self.changed_files(repo, self.pull_origin(repo, pull)?, pull.head_sha)? {
            let field = |name: &str| file.get(name).and_then(Value::as_str).unwrap_or_default();
            let path = field("filename");
            let (old, new) = match field("status") {
                "added" => ("/dev/null".to_owned(), format!("b/{path}")),
                "removed" => (format!("a/{path}"), "/dev/null".to_owned()),
                _ => (format!("a/{path}"), format!("b/{path}")),
            };
            text.push_str(&format!("diff --git a/{path} b/{path}\n--- {old}\n+++ {new}\n{}\n", field("patch")));
        }
        Ok(text)
    }
}

//! What people do: make accounts and repositories, write, push, review, merge. Errors are the API's own, in words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use porter::domain::time::Timestamp;
use serde_json::{Value, json};

use super::caller::{Caller, Level};
use super::objects::{Commit, Entry, Mode, Object, Oid};
use super::state::{
    Comment, Github, Installation, Issue, Pull, Repository, Review, ReviewComment, Role, User, UserKind,
};
use super::wire::Problem;

/// A file's change in a commit made by a person.
#[derive(Debug, Clone)]
pub enum Change<'a> {
    /// This content at this path.
    Write(&'a str, &'a str),
    /// Nothing at this path.
    Delete(&'a str),
}

/// A commit made by a person on a branch; the branch is made from the default one when it is missing.
pub struct CommitSpec<'a> {
    /// The branch.
    pub branch: &'a str,
    /// The message.
    pub message: &'a str,
    /// What changes.
    pub changes: &'a [Change<'a>],
}

impl Github {
    /// Makes an account.
    pub fn add_user(&mut self, login: &str, kind: UserKind) -> i64 {
        let id = self.new_id();
        self.users.insert(id, User { id, login: login.to_owned(), kind });
        id
    }

    /// Makes a repository whose default branch holds these files.
    pub fn add_repository(
        &mut self,
        now: Timestamp,
        owner: i64,
        name: &str,
        private: bool,
        files: &[(&str, &str)],
    ) -> i64 {
        let id = self.new_id();
        let mut repository = Repository {
            id,
            owner,
            name: name.to_owned(),
            description: None,
            private,
            default_branch: "main".into(),
            fork_of: None,
            collaborators: BTreeMap::new(),
            issues: BTreeMap::new(),
            comments: BTreeMap::new(),
            reviews: BTreeMap::new(),
            review_comments: BTreeMap::new(),
            labels: BTreeMap::new(),
            reactions: BTreeMap::new(),
            git: super::store::Store::default(),
            created: now,
            pushed: now,
        };
        let mut tree = BTreeMap::new();
        for (path, content) in files {
            let oid = repository.git.put_blob(content.as_bytes());
            tree.insert((*path).to_owned(), Entry { mode: Mode::File, oid });
        }
        let tree = repository.git.put_files(&tree);
        let author = self.signature(owner, now);
        let commit = Commit {
            tree,
            parents: vec![],
            author: author.clone(),
            committer: author,
            message: "First commit\n".into(),
        };
        let first = repository.git.put(Object::Commit(commit));
        repository.git.refs.insert("refs/heads/main".into(), first);
        self.repositories.insert(id, Arc::new(repository));
        id
    }

    /// Copies a repository to another owner as a fork.
    pub fn fork(&mut self, repo: i64, owner: i64) -> Option<i64> {
        let mut fork = self.repository(repo).ok()?.clone();
        let id = self.new_id();
        (fork.id, fork.owner, fork.fork_of) = (id, owner, Some(repo));
        fork.collaborators.clear();
        (fork.issues, fork.comments) = (BTreeMap::new(), BTreeMap::new());
        self.repositories.insert(id, Arc::new(fork));
        Some(id)
    }

    /// Gives someone a role, or takes it away.
    pub fn set_role(&mut self, repo: i64, user: i64, role: Option<Role>) {
        let Ok(repository) = self.repository_mut(repo) else {
            return;
        };
        match role {
            Some(role) => repository.collaborators.insert(user, role),
            None => repository.collaborators.remove(&user),
        };
    }

    /// Renames a repository; the old name redirects.
    pub fn rename(&mut self, repo: i64, name: &str) {
        let Ok(old) = self.repository(repo).map(|one| self.full_name(one)) else {
            return;
        };
        self.renamed.insert(old.to_ascii_lowercase(), repo);
        if let Ok(repository) = self.repository_mut(repo) {
            name.clone_into(&mut repository.name);
        }
    }

    /// Makes a personal token with classic scopes (`repo`, `public_repo`).
    pub fn add_token(&mut self, user: i64, scopes: &[&str]) -> String {
        let scopes: BTreeSet<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.new_token("ghp", Caller::Person { user, scopes: Arc::new(scopes) }, None)
    }

    /// Makes a chosen text a personal token.
    pub fn accept_token(&mut self, token: &str, user: i64, scopes: &[&str]) {
        let made = self.add_token(user, scopes);
        if let Some(known) = self.tokens.remove(&made) {
            self.tokens.insert(token.to_owned(), known);
        }
    }

    /// Ends a token.
    pub fn revoke(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// Installs the App on an account; `installation.created` is sent.
    pub fn install(
        &mut self,
        now: Timestamp,
        account: i64,
        repositories: Option<&[i64]>,
        permissions: &[(&str, Level)],
    ) -> i64 {
        let id = self.new_id();
        let permissions = permissions.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
        let repositories: Option<BTreeSet<i64>> = repositories.map(|list| list.iter().copied().collect());
        self.installations
            .insert(id, Installation { id, account, repositories, permissions, suspended: None, created: now });
        let list = self.installed_repositories(id);
        self.emit_installation(now, account, id, "installation", json!({"action": "created", "repositories": list}));
        id
    }

    /// Takes the App off an account; its tokens die, and `installation.deleted` is sent.
    pub fn uninstall(&mut self, now: Timestamp, id: i64) {
        let account = self.installations.get(&id).map_or(0, |one| one.account);
        let list = self.installed_repositories(id);
        self.emit_installation(now, account, id, "installation", json!({"action": "deleted", "repositories": list}));
        self.installations.remove(&id);
        self.tokens
            .retain(|_, token| !matches!(&token.caller, Caller::Installation(grant) if grant.installation == id));
    }

    fn installed_repositories(&self, id: i64) -> Value {
        let Some(installation) = self.installations.get(&id) else {
            return json!([]);
        };
        let covered = |one: &&Arc<Repository>| {
            one.owner == installation.account
                && installation.repositories.as_ref().is_none_or(|set| set.contains(&one.id))
        };
        let list = self.repositories.values().filter(covered);
        list.map(|one| json!({
            "id": one.id, "node_id": super::json::node_id("Repository", one.id), "name": one.name, "full_name": self.full_name(one),
            "private": one.private,
        }))
        .collect()
    }

    /// Opens an issue and gives its number.
    pub(crate) fn open_issue(
        &mut self,
        now: Timestamp,
        repo: i64,
        author: i64,
        title: &str,
        body: Option<&str>,
    ) -> Result<i64, Problem> {
        self.insert_issue(now, repo, author, title, body, None)
    }

    /// Opens a pull request and gives its number.
    pub(crate) fn open_pull(
        &mut self,
        now: Timestamp,
        repo: i64,
        author: i64,
        title: &str,
        body: Option<&str>,
        pull: Pull,
    ) -> Result<i64, Problem> {
        self.share_objects(pull.head_repo, repo)?;
        self.insert_issue(now, repo, author, title, body, Some(pull))
    }

    fn insert_issue(
        &mut self,
        now: Timestamp,
        repo: i64,
        author: i64,
        title: &str,
        body: Option<&str>,
        pull: Option<Pull>,
    ) -> Result<i64, Problem> {
        let id = self.new_id();
        let repository = self.repository_mut(repo)?;
        let number = repository.next_number();
        let issue = Issue {
            id,
            number,
            author,
            title: title.to_owned(),
            body: body.map(str::to_owned),
            open: true,
            state_reason: None,
            labels: Vec::new(),
            assignees: Vec::new(),
            created: now,
            updated: now,
            closed: None,
            pull,
        };
        repository.issues.insert(number, issue);
        self.emit_issue(now, repo, author, number, "opened");
        Ok(number)
    }

    /// Opens or closes an issue or pull request.
    pub(crate) fn set_issue_open(
        &mut self,
        now: Timestamp,
        repo: i64,
        actor: i64,
        number: i64,
        open: bool,
        reason: &str,
    ) -> Result<(), Problem> {
        let issue = self.issue_mut(repo, number)?;
        if issue.open == open {
            return Ok(());
        }
        if open && issue.pull.as_ref().is_some_and(|pull| pull.merged.is_some()) {
            return Err(Problem::invalid("PullRequest", "state cannot be changed. The pull request was merged."));
        }
        issue.open = open;
        issue.updated = now;
        issue.state_reason = issue.pull.is_none().then(|| reason.to_owned());
        issue.closed = (!open).then_some((now, actor));
        self.emit_issue(now, repo, actor, number, if open { "reopened" } else { "closed" });
        Ok(())
    }

    pub(crate) fn add_comment(
        &mut self,
        now: Timestamp,
        repo: i64,
        author: i64,
        number: i64,
        body: &str,
    ) -> Result<i64, Problem> {
        let id = self.new_id();
        let comment = Comment { id, issue: number, author, body: body.to_owned(), created: now, updated: now };
        self.repository_mut(repo)?.comments.insert(id, comment);
        self.issue_mut(repo, number)?.updated = now;
        self.emit_comment(now, repo, author, id, None);
        Ok(id)
    }

    pub(crate) fn edit_comment_text(
        &mut self,
        now: Timestamp,
        repo: i64,
        actor: i64,
        id: i64,
        body: &str,
    ) -> Result<(), Problem> {
        let comment = self.repository_mut(repo)?.comments.get_mut(&id).ok_or_else(Problem::not_found)?;
        comment.updated = now;
        let was = std::mem::replace(&mut comment.body, body.to_owned());
        self.emit_comment(now, repo, actor, id, Some(&was));
        Ok(())
    }

    pub(crate) fn add_review(
        &mut self,
        now: Timestamp,
        repo: i64,
        author: i64,
        pull: i64,
        state: &str,
        body: &str,
    ) -> Result<i64, Problem> {
        let commit = self.issue(repo, pull)?.pull.as_ref().ok_or_else(Problem::not_found)?.head_sha;
        let id = self.new_id();
        let review =
            Review { id, pull, author, body: body.to_owned(), state: state.to_owned(), submitted: now, commit };
        self.repository_mut(repo)?.reviews.insert(id, review);
        self.emit_review(now, repo, author, id);
        Ok(id)
    }

    #[expect(clippy::too_many_arguments, reason = "a line comment has this many facts")]
    pub(crate) fn add_line_comment(
        &mut self,
        now: Timestamp,
        repo: i64,
        author: i64,
        pull: i64,
        path: &str,
        line: i64,
        body: &str,
        in_reply_to: Option<i64>,
    ) -> Result<i64, Problem> {
        let commit = self.issue(repo, pull)?.pull.as_ref().ok_or_else(Problem::not_found)?.head_sha;
        let (id, review) = (self.new_id(), self.new_id());
        let comment = ReviewComment {
            id,
            pull,
            review,
            author,
            body: body.to_owned(),
            path: path.to_owned(),
            line,
            in_reply_to,
            created: now,
            updated: now,
            commit,
        };
        self.repository_mut(repo)?.review_comments.insert(id, comment);
        self.emit_line_comment(now, repo, author, id);
        Ok(id)
    }

    /// Commits as a person and pushes; gives the commit.
    pub(crate) fn push_commit(
        &mut self,
        now: Timestamp,
        repo: i64,
        author: i64,
        spec: &CommitSpec,
    ) -> Result<Oid, Problem> {
        let own = self.signature(author, now);
        let repository = self.repository_mut(repo)?;
        let git = &mut repository.git;
        let parent = git
            .branch(spec.branch)
            .or_else(|| git.branch(&repository.default_branch))
            .ok_or_else(Problem::not_found)?;
        let mut files = git.files_at(parent);
        for change in spec.changes {
            match change {
                Change::Write(path, content) => {
                    let oid = git.put_blob(content.as_bytes());
                    files.insert((*path).to_owned(), Entry { mode: Mode::File, oid });
                }
                Change::Delete(path) => {
                    files.remove(*path);
                }
            }
        }
        let tree = git.put_files(&files);
        let commit = Commit {
            tree,
            parents: vec![parent],
            author: own.clone(),
            committer: own,
            message: spec.message.to_owned(),
        };
        let oid = git.put(Object::Commit(commit));
        self.set_ref(now, repo, author, &format!("refs/heads/{}", spec.branch), Some(oid))?;
        Ok(oid)
    }
}

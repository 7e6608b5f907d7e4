//! Branches and commits as the repository API shows them.

use serde_json::{Value, json};

use super::caller::{Level, Permission};
use super::json::node_id;
use super::objects::Oid;
use super::state::Github;
use super::wire::{Answer, Call, Problem, Response, merge_into};

impl Github {
    pub(crate) fn branch_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        self.need(call, repo, &[Permission::Contents], Level::Read)?;
        match (call.method(), rest) {
            ("GET", ["branches"]) => {
                let api = self.repo_api(self.repository(repo)?);
                let refs = self.repository(repo)?.git.refs.iter();
                let short = |(name, oid): (&String, &Oid)| {
                    let name = name.strip_prefix("refs/heads/")?;
                    let commit = json!({"sha": oid.to_string(), "url": format!("{api}/commits/{oid}")});
                    Some(json!({"name": name, "commit": commit, "protected": false}))
                };
                Ok(call.page(&refs.filter_map(short).collect::<Vec<_>>()))
            }
            ("GET", ["branches", name @ ..]) => self.read_branch(repo, &name.join("/")),
            ("GET", ["commits"]) => {
                let repository = self.repository(repo)?;
                let from = call.query.get("sha").unwrap_or(&repository.default_branch);
                let from = repository.git.resolve(from).ok_or_else(Problem::not_found)?;
                let path = call.query.get("path");
                let touches = |oid: &Oid| path.is_none_or(|path| self.touched(repo, *oid, path));
                let list: Result<Vec<Value>, Problem> = repository
                    .git
                    .history(from)
                    .into_iter()
                    .filter(touches)
                    .map(|oid| self.commit_json(repo, oid))
                    .collect();
                Ok(call.page(&list?))
            }
            ("GET", ["commits", name @ ..]) => {
                let oid = self.repository(repo)?.git.resolve(&name.join("/"));
                let oid =
                    oid.ok_or_else(|| Problem::new(422, format!("No commit found for SHA: {}", name.join("/"))))?;
                if call.wants("sha") {
                    let headers = vec![("content-type".into(), "application/vnd.github.sha".into())];
                    return Ok(Response { status: 200, headers, body: oid.to_string().into_bytes() });
                }
                self.read_commit(repo, oid)
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn touched(&self, repo: i64, oid: Oid, path: &str) -> bool {
        let Ok(repository) = self.repository(repo) else {
            return false;
        };
        let at = |oid: Oid| repository.git.tree_of(oid).and_then(|tree| repository.git.at(tree, path));
        let parent = repository.git.commit(oid).and_then(|commit| commit.parents.first().copied());
        at(oid) != parent.and_then(at)
    }

    fn read_branch(&self, repo: i64, name: &str) -> Answer {
        let repository = self.repository(repo)?;
        let oid = repository.git.branch(name).ok_or_else(|| Problem::new(404, "Branch not found"))?;
        let (api, web) = (self.repo_api(repository), self.repo_web(repository));
        Ok(Response::ok(&json!({
            "name": name, "commit": self.commit_json(repo, oid)?, "protected": false,
            "_links": {"self": format!("{api}/branches/{name}"), "html": format!("{web}/tree/{name}")},
            "protection": {"enabled": false, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
            "protection_url": format!("{api}/branches/{name}/protection"),
        })))
    }

    fn read_commit(&self, repo: i64, oid: Oid) -> Answer {
        let mut value = self.commit_json(repo, oid)?;
        let parent = self.repository(repo)?.git.commit(oid).and_then(|commit| commit.parents.first().copied());
        let files = self.changed_files(repo, parent, oid)?;
        let sum = |field: &str| files.iter().filter_map(|file| file.get(field)?.as_i64()).sum::<i64>();
        let (additions, deletions) = (sum("additions"), sum("deletions"));
        merge_into(
            &mut value,
            json!({
                "stats": {"additions": additions, "deletions": deletions, "total": additions + deletions}, "files": files,
            }),
        );
        Ok(Response::ok(&value))
    }

    /// A commit as lists and branches show it.
    pub(crate) fn commit_json(&self, repo: i64, oid: Oid) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        let commit = repository.git.commit(oid).ok_or_else(Problem::not_found)?;
        let (api, web) = (self.repo_api(repository), self.repo_web(repository));
        let account = |email: &str| {
            let known = self
                .users
                .keys()
                .copied()
                .find(|id| self.signature(*id, porter::domain::time::Timestamp::from_millis(0)).email == email);
            known.map(|id| self.user_json(id))
        };
        let mut inner = self.git_commit_json(repo, oid)?;
        let parents = inner.get("parents").cloned().unwrap_or_default();
        if let Some(object) = inner.as_object_mut() {
            for field in ["sha", "node_id", "html_url", "parents"] {
                object.remove(field);
            }
            object.insert("comment_count".into(), json!(0));
        }
        Ok(json!({
            "url": format!("{api}/commits/{oid}"), "sha": oid.to_string(), "node_id": node_id("Commit", oid),
            "html_url": format!("{web}/commit/{oid}"), "comments_url": format!("{api}/commits/{oid}/comments"), "commit": inner,
            "author": account(&commit.author.email), "committer": account(&commit.committer.email), "parents": parents,
        }))
    }
}

//! The git database API: blobs, trees, commits and refs.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porter::domain::time::Timestamp;
use serde_json::{Value, json};

use super::caller::{Caller, Level, Permission};
use super::json::node_id;
use super::objects::{Commit, Entry, Mode, Object, Oid, Signature};
use super::state::{Github, Role};
use super::wire::{Answer, Call, Problem, Response, stamp};

impl Github {
    pub(crate) fn git_data_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        if call.method() == "GET" {
            self.need(call, repo, &[Permission::Contents], Level::Read)?;
        } else {
            self.need(call, repo, &[Permission::Contents], Level::Write)?;
            self.need_role(call, repo, Role::Write)?;
        }
        match (call.method(), rest) {
            ("POST", ["blobs"]) => self.create_blob(call, repo),
            ("GET", ["blobs", sha]) => self.read_blob(call, repo, sha),
            ("POST", ["trees"]) => self.create_tree(call, repo),
            ("GET", ["trees", name]) => self.read_tree(call, repo, name),
            ("POST", ["commits"]) => self.create_commit(call, repo),
            ("GET", ["commits", sha]) => {
                let oid = Oid::parse(sha).ok_or_else(Problem::not_found)?;
                Ok(Response::ok(&self.git_commit_json(repo, oid)?))
            }
            ("POST", ["refs"]) => self.create_ref(call, repo),
            ("PATCH", ["refs", name @ ..]) => self.update_ref(call, repo, &format!("refs/{}", name.join("/"))),
            ("DELETE", ["refs", name @ ..]) => self.delete_ref(call, repo, &format!("refs/{}", name.join("/"))),
            ("GET", ["ref", name @ ..]) => {
                let name = format!("refs/{}", name.join("/"));
                Ok(Response::ok(&self.ref_json(repo, &name)?))
            }
            ("GET", ["matching-refs", prefix @ ..]) => {
                let prefix = format!("refs/{}", prefix.join("/"));
                let names: Vec<String> =
                    self.repository(repo)?.git.refs.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
                let list: Result<Vec<Value>, Problem> = names.iter().map(|name| self.ref_json(repo, name)).collect();
                Ok(call.page(&list?))
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn git_url(&self, repo: i64, kind: &str, name: impl std::fmt::Display) -> Result<String, Problem> {
        Ok(format!("{}/git/{kind}/{name}", self.repo_api(self.repository(repo)?)))
    }

    fn create_blob(&mut self, call: &Call, repo: i64) -> Answer {
        let bytes = decoded(call.required("content")?, call.text("encoding").unwrap_or("utf-8"))?;
        let oid = self.repository_mut(repo)?.git.put_blob(&bytes);
        Ok(Response::created(&json!({"url": self.git_url(repo, "blobs", oid)?, "sha": oid.to_string()})))
    }

    fn read_blob(&self, call: &Call, repo: i64, sha: &str) -> Answer {
        let oid = Oid::parse(sha).ok_or_else(Problem::not_found)?;
        let bytes = self.repository(repo)?.git.blob(oid).ok_or_else(Problem::not_found)?;
        if call.wants("raw") {
            return Ok(Response {
                status: 200,
                headers: vec![("content-type".into(), "application/vnd.github.raw".into())],
                body: bytes.to_vec(),
            });
        }
        Ok(Response::ok(&json!({
            "sha": sha, "node_id": node_id("Blob", sha), "size": bytes.len(), "url": self.git_url(repo, "blobs", sha)?,
            "content": STANDARD.encode(bytes), "encoding": "base64",
        })))
    }

    /// `base_tree`, entries with `sha` or inline `content`, `sha: null` for deletion.
    fn create_tree(&mut self, call: &Call, repo: i64) -> Answer {
        let entries = call.json.get("tree").and_then(Value::as_array).ok_or_else(|| Problem::not_supplied("tree"))?;
        let mut files = match call.text("base_tree") {
            None => BTreeMap::new(),
            Some(base) => {
                let git = &self.repository(repo)?.git;
                let tree = Oid::parse(base).and_then(|oid| git.tree_of(oid));
                git.files(tree.ok_or_else(|| Problem::new(422, "base_tree is not a valid tree oid"))?)
            }
        };
        for entry in entries {
            let path = entry.get("path").and_then(Value::as_str).unwrap_or_default();
            check_path(path)?;
            self.need_workflows(call, repo, path)?;
            self.apply_entry(repo, &mut files, path, entry)?;
        }
        let oid = self.repository_mut(repo)?.git.put_files(&files);
        let url = self.git_url(repo, "trees", oid)?;
        let list = self.tree_entries(repo, oid, false)?;
        Ok(Response::created(&json!({"sha": oid.to_string(), "url": url, "tree": list, "truncated": false})))
    }

    /// An App without `workflows: write` cannot change workflow files.
    fn need_workflows(&self, call: &Call, repo: i64, path: &str) -> Result<(), Problem> {
        let applies = path.starts_with(".github/workflows/") && matches!(call.caller, Caller::Installation(_));
        if applies { self.need(call, repo, &[Permission::Workflows], Level::Write) } else { Ok(()) }
    }

    fn apply_entry(
        &mut self,
        repo: i64,
        files: &mut BTreeMap<String, Entry>,
        path: &str,
        entry: &Value,
    ) -> Result<(), Problem> {
        let below = format!("{path}/");
        let git = &mut self.repository_mut(repo)?.git;
        if entry.get("sha").is_some_and(Value::is_null) {
            let before = files.len();
            files.retain(|name, _| name != path && !name.starts_with(&below));
            return if files.len() < before { Ok(()) } else { Err(Problem::new(422, "GitRPC::BadObjectState")) };
        }
        let mode = entry.get("mode").and_then(Value::as_str).and_then(Mode::parse);
        let mode =
            mode.ok_or_else(|| Problem::new(422, "tree.mode must be one of 100644, 100755, 040000, 160000, 120000"))?;
        let oid = match (entry.get("content").and_then(Value::as_str), entry.get("sha").and_then(Value::as_str)) {
            (Some(content), None) => git.put_blob(content.as_bytes()),
            (None, Some(sha)) => Oid::parse(sha)
                .filter(|oid| mode == Mode::Submodule || git.objects.contains_key(oid))
                .ok_or_else(|| Problem::new(422, format!("tree.sha {sha} is not a valid {}", mode.kind())))?,
            (Some(_), Some(_)) | (None, None) => {
                return Err(Problem::new(422, "Must supply either tree.sha or tree.content"));
            }
        };
        files.retain(|name, _| !name.starts_with(&below) && !path.starts_with(&format!("{name}/")));
        if mode == Mode::Tree {
            let inner = git.files(oid);
            files.extend(inner.into_iter().map(|(name, entry)| (format!("{path}/{name}"), entry)));
        } else {
            files.insert(path.to_owned(), Entry { mode, oid });
        }
        Ok(())
    }

    fn read_tree(&self, call: &Call, repo: i64, name: &str) -> Answer {
        let git = &self.repository(repo)?.git;
        let oid = git
            .resolve(name)
            .or_else(|| Oid::parse(name))
            .and_then(|oid| git.tree_of(oid))
            .ok_or_else(Problem::not_found)?;
        let mut list = self.tree_entries(repo, oid, call.query.get("recursive").is_some())?;
        let truncated = list.len() > self.limits.tree_entries;
        list.truncate(self.limits.tree_entries);
        let url = self.git_url(repo, "trees", oid)?;
        Ok(Response::ok(&json!({"sha": oid.to_string(), "url": url, "tree": list, "truncated": truncated})))
    }

    fn tree_entries(&self, repo: i64, tree: Oid, recursive: bool) -> Result<Vec<Value>, Problem> {
        let git = &self.repository(repo)?.git;
        let mut list = Vec::new();
        let base = format!("{}/git", self.repo_api(self.repository(repo)?));
        let mut visit = |path: String, entry: &Entry| {
            let kind = entry.mode.kind();
            let mut value = json!({
                "path": path, "mode": entry.mode.word(), "type": kind, "sha": entry.oid.to_string(), "url": format!("{base}/{kind}s/{}", entry.oid),
            });
            if let Some(bytes) = git.blob(entry.oid) {
                super::wire::merge_into(&mut value, json!({"size": bytes.len()}));
            }
            list.push(value);
        };
        if recursive {
            git.walk(tree, "", &mut visit);
        } else {
            for (name, entry) in git.tree(tree).ok_or_else(Problem::not_found)? {
                visit(name.clone(), entry);
            }
        }
        Ok(list)
    }

    fn create_commit(&mut self, call: &Call, repo: i64) -> Answer {
        let message = call.required("message")?.to_owned();
        let git = &self.repository(repo)?.git;
        let tree = Oid::parse(call.required("tree")?).filter(|oid| git.tree(*oid).is_some());
        let tree = tree.ok_or_else(|| Problem::new(422, "Tree SHA does not exist"))?;
        let parents = call.texts("parents").unwrap_or_default();
        let parents: Option<Vec<Oid>> =
            parents.iter().map(|sha| Oid::parse(sha).filter(|oid| git.commit(*oid).is_some())).collect();
        let parents =
            parents.ok_or_else(|| Problem::new(422, "Parent SHA does not exist or is not a commit object"))?;
        let own = self.signature(self.actor(call)?, call.now);
        let author = signature_of(call.json.get("author"), &own);
        let committer =
            call.json.get("committer").map_or_else(|| author.clone(), |given| signature_of(Some(given), &own));
        let commit = Commit { tree, parents, author, committer, message };
        let oid = self.repository_mut(repo)?.git.put(Object::Commit(commit));
        Ok(Response::created(&self.git_commit_json(repo, oid)?))
    }

    /// How an account signs its commits.
    pub(crate) fn signature(&self, user: i64, now: Timestamp) -> Signature {
        let login = self.login(user);
        let email = format!("{user}+{login}@users.noreply.github.com");
        Signature { name: login.to_owned(), email, seconds: now.seconds() }
    }

    pub(crate) fn git_commit_json(&self, repo: i64, oid: Oid) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        let commit = repository.git.commit(oid).ok_or_else(Problem::not_found)?;
        let (api, web) = (self.repo_api(repository), self.repo_web(repository));
        let parents: Value = commit
            .parents
            .iter()
            .map(|sha| json!({"sha": sha.to_string(), "url": format!("{api}/git/commits/{sha}"), "html_url": format!("{web}/commit/{sha}")}))
            .collect();
        Ok(json!({
            "sha": oid.to_string(), "node_id": node_id("Commit", oid), "url": format!("{api}/git/commits/{oid}"),
            "html_url": format!("{web}/commit/{oid}"), "author": signature_json(&commit.author),
            "committer": signature_json(&commit.committer), "message": commit.message,
            "tree": {"sha": commit.tree.to_string(), "url": format!("{api}/git/trees/{}", commit.tree)}, "parents": parents,
            "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null},
        }))
    }

    fn ref_json(&self, repo: i64, name: &str) -> Result<Value, Problem> {
        let oid = *self.repository(repo)?.git.refs.get(name).ok_or_else(Problem::not_found)?;
        let url = self.git_url(repo, "commits", oid)?;
        let own = format!("{}/git/{name}", self.repo_api(self.repository(repo)?));
        Ok(json!({
            "ref": name, "node_id": node_id("Ref", name), "url": own, "object": {"sha": oid.to_string(), "type": "commit", "url": url},
        }))
    }

    fn create_ref(&mut self, call: &Call, repo: i64) -> Answer {
        let (name, sha) = (call.required("ref")?.to_owned(), call.required("sha")?);
        if !name.starts_with("refs/") || name.split('/').count() < 3 {
            return Err(Problem::new(422, "Reference name must start with 'refs/' and have at least two slashes."));
        }
        let oid = self.known_commit(repo, sha)?;
        if self.repository(repo)?.git.refs.contains_key(&name) {
            return Err(Problem::new(422, "Reference already exists"));
        }
        self.set_ref(call.now, repo, self.actor(call)?, &name, Some(oid))?;
        Ok(Response::created(&self.ref_json(repo, &name)?))
    }

    fn update_ref(&mut self, call: &Call, repo: i64, name: &str) -> Answer {
        let oid = self.known_commit(repo, call.required("sha")?)?;
        let git = &self.repository(repo)?.git;
        let old = *git.refs.get(name).ok_or_else(|| Problem::new(422, "Reference does not exist"))?;
        let force = call.json.get("force").and_then(Value::as_bool) == Some(true);
        if !force && !git.descends(oid, old) {
            return Err(Problem::new(422, "Update is not a fast forward"));
        }
        self.set_ref(call.now, repo, self.actor(call)?, name, Some(oid))?;
        Ok(Response::ok(&self.ref_json(repo, name)?))
    }

    fn delete_ref(&mut self, call: &Call, repo: i64, name: &str) -> Answer {
        if !self.repository(repo)?.git.refs.contains_key(name) {
            return Err(Problem::new(422, "Reference does not exist"));
        }
        self.set_ref(call.now, repo, self.actor(call)?, name, None)?;
        Ok(Response::no_content())
    }

    fn known_commit(&self, repo: i64, sha: &str) -> Result<Oid, Problem> {
        let known =
            Oid::parse(sha).filter(|oid| self.repository(repo).is_ok_and(|repo| repo.git.commit(*oid).is_some()));
        known.ok_or_else(|| Problem::new(422, "Object does not exist"))
    }
}

/// What GitHub refuses in a tree's path.
fn check_path(path: &str) -> Result<(), Problem> {
    let malformed =
        path.is_empty() || path.starts_with('/') || path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if malformed || path.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err(Problem::new(422, "tree.path contains a malformed path component"));
    }
    Ok(())
}

pub(crate) fn decoded(content: &str, encoding: &str) -> Result<Arc<[u8]>, Problem> {
    match encoding {
        "utf-8" => Ok(Arc::from(content.as_bytes())),
        "base64" => {
            let packed: String = content.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let bytes = STANDARD.decode(packed).ok().ok_or_else(|| Problem::new(422, "content is not valid Base64"))?;
            Ok(Arc::from(bytes))
        }
        _ => Err(Problem::new(422, "encoding must be utf-8 or base64")),
    }
}

fn signature_of(given: Option<&Value>, own: &Signature) -> Signature {
    let text = |field: &str| given.and_then(|given| given.get(field)).and_then(Value::as_str);
    Signature {
        name: text("name").unwrap_or(&own.name).to_owned(),
        email: text("email").unwrap_or(&own.email).to_owned(),
        seconds: text("date").and_then(Timestamp::parse).map_or(own.seconds, Timestamp::seconds),
    }
}

pub(crate) fn signature_json(who: &Signature) -> Value {
    json!({"name": who.name, "email": who.email, "date": stamp(Timestamp::from_millis(who.seconds * 1000))})
}

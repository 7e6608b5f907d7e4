//! Comparing commits: changed files with their patches, ahead and behind.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::caller::{Level, Permission};
use super::diff;
use super::objects::Oid;
use super::state::Github;
use super::wire::{Answer, Call, Problem, Response, encode};

impl Github {
    /// `GET /compare/{base}...{head}`; `owner:branch` reaches into forks.
    pub(crate) fn compare_route(&mut self, call: &Call, repo: i64, basehead: &str) -> Answer {
        self.need(call, repo, &[Permission::Contents], Level::Read)?;
        let (base_name, head_name) = basehead.split_once("...").ok_or_else(Problem::not_found)?;
        let repository = self.repository(repo)?;
        let git = &repository.git;
        let plain = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
        let base = git.resolve(&plain(base_name)).ok_or_else(Problem::not_found)?;
        let head = git.resolve(&plain(head_name)).ok_or_else(Problem::not_found)?;
        let origin = git.merge_base(base, head).ok_or_else(|| Problem::new(404, "No common ancestor"))?;
        let before: BTreeSet<Oid> = git.history(base).into_iter().collect();
        let mut ahead: Vec<Oid> = git.history(head).into_iter().filter(|oid| !before.contains(oid)).collect();
        ahead.reverse();
        let after: BTreeSet<Oid> = git.history(head).into_iter().collect();
        let behind = before.iter().filter(|oid| !after.contains(oid)).count();
        let status = match (ahead.len(), behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            (_, _) => "diverged",
        };
        let commits: Result<Vec<Value>, Problem> = ahead.iter().map(|oid| self.commit_json(repo, *oid)).collect();
        let (api, web) = (self.repo_api(repository), self.repo_web(repository));
        Ok(Response::ok(&json!({
            "url": format!("{api}/compare/{basehead}"), "html_url": format!("{web}/compare/{basehead}"),
            "permalink_url": format!("{web}/compare/{base}...{head}"), "diff_url": format!("{web}/compare/{basehead}.diff"),
            "patch_url": format!("{web}/compare/{basehead}.patch"), "base_commit": self.commit_json(repo, base)?,
            "merge_base_commit": self.commit_json(repo, origin)?, "status": status, "ahead_by": ahead.len(), "behind_by": behind,
            "total_commits": ahead.len(), "commits": commits?, "files": self.changed_files(repo, Some(origin), head)?,
        })))
    }

    /// The files that differ between two commits, as GitHub lists them.
    pub(crate) fn changed_files(&self, repo: i64, from: Option<Oid>, to: Oid) -> Result<Vec<Value>, Problem> {
        let repository = self.repository(repo)?;
        let git = &repository.git;
        let old = from.map(|oid| git.files_at(oid)).unwrap_or_default();
        let new = git.files_at(to);
        let (api, web) = (self.repo_api(repository), self.repo_web(repository));
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let mut list = Vec::new();
        for path in paths {
            let (was, now) = (old.get(path), new.get(path));
            let (status, entry) = match (was, now) {
                (None, Some(entry)) => ("added", entry),
                (Some(entry), None) => ("removed", entry),
                (Some(was), Some(entry)) if was != entry => ("modified", entry),
                (Some(_), Some(_)) | (None, None) => continue,
            };
            let text = |entry: Option<&super::objects::Entry>| {
                entry.map_or(Some(String::new()), |entry| String::from_utf8(git.blob(entry.oid)?.to_vec()).ok())
            };
            let patch = text(was).zip(text(now)).map(|(was, now)| diff::patch(&was, &now));
            let (additions, deletions) = patch.as_ref().map_or((0, 0), |(_, added, removed)| (*added, *removed));
            let place: String = path.split('/').map(encode).collect::<Vec<_>>().join("/");
            let mut file = json!({
                "sha": entry.oid.to_string(), "filename": path, "status": status, "additions": additions, "deletions": deletions,
                "changes": additions + deletions, "blob_url": format!("{web}/blob/{to}/{place}"), "raw_url": format!("{web}/raw/{to}/{place}"),
                "contents_url": format!("{api}/contents/{place}?ref={to}"),
            });
            if let Some((patch, ..)) = patch.filter(|(text, ..)| !text.is_empty()) {
                super::wire::merge_into(&mut file, json!({"patch": patch}));
            }
            list.push(file);
        }
        Ok(list)
    }
}

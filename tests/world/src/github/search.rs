//! Code search, as far as words and `repo:` go: every word must occur in the path or the content on the default branch.

use serde_json::{Value, json};

use super::caller::{Level, Permission};
use super::state::Github;
use super::wire::{Answer, Call, Problem, Response, encode};

impl Github {
    pub(crate) fn search_route(&mut self, call: &Call, parts: &[&str]) -> Answer {
        let ("GET", ["search", "code"]) = (call.method(), parts) else {
            return Err(Problem::not_found());
        };
        let query = call.query.get("q").ok_or_else(|| Problem::invalid_field("Search", "q", "missing"))?;
        let (repos, words): (Vec<&str>, Vec<&str>) =
            query.split_whitespace().partition(|word| word.starts_with("repo:"));
        let words: Vec<String> =
            words.iter().filter(|word| !word.contains(':')).map(|word| word.trim_matches('"').to_lowercase()).collect();
        if words.is_empty() {
            return Err(Problem::invalid("Search", "The search must include at least one word."));
        }
        let mut found = Vec::new();
        for repo in repos.iter().filter_map(|word| self.repository_named(word.trim_start_matches("repo:"))) {
            self.visible(call, repo)?;
            self.need(call, repo, &[Permission::Contents], Level::Read)?;
            self.search_repository(repo, &words, &mut found)?;
        }
        let total = found.len();
        found.truncate(call.query.number("per_page").unwrap_or(30).clamp(1, 100));
        Ok(Response::ok(&json!({"total_count": total, "incomplete_results": false, "items": found})))
    }

    fn search_repository(&self, repo: i64, words: &[String], found: &mut Vec<Value>) -> Result<(), Problem> {
        let repository = self.repository(repo)?;
        let git = &repository.git;
        let Some(head) = git.branch(&repository.default_branch) else {
            return Ok(());
        };
        let (api, web) = (self.repo_api(repository), self.repo_web(repository));
        for (path, entry) in git.files_at(head) {
            let Some(text) = git.blob(entry.oid).and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
                continue;
            };
            let (text, lower) = (text.to_lowercase(), path.to_lowercase());
            if words.iter().all(|word| text.contains(word.as_str()) || lower.contains(word.as_str())) {
                let place = path.split('/').map(encode).collect::<Vec<_>>().join("/");
                found.push(json!({
                    "name": path.rsplit('/').next(), "path": path, "sha": entry.oid.to_string(), "score": 1.0,
                    "url": format!("{api}/contents/{place}?ref={head}"), "git_url": format!("{api}/git/blobs/{}", entry.oid),
                    "html_url": format!("{web}/blob/{head}/{place}"), "repository": self.repo_json(repository),
                }));
            }
        }
        Ok(())
    }
}

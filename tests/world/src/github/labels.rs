//! Labels of a repository and of its issues.

use serde_json::Value;

use porter::domain::time::Timestamp;

use super::caller::{Level, Permission};
use super::state::{Github, Label, Role};
use super::wire::{Answer, Call, Problem, Response};

/// GitHub's longest label.
const LONGEST_NAME: usize = 50;

impl Github {
    pub(crate) fn label_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        let any = [Permission::Issues, Permission::PullRequests];
        if call.method() == "GET" {
            self.need(call, repo, &any, Level::Read)?;
        } else {
            self.need(call, repo, &any, Level::Write)?;
            self.need_role(call, repo, Role::Write)?;
        }
        match (call.method(), rest) {
            ("GET", []) => {
                let repository = self.repository(repo)?;
                Ok(call.page(
                    &repository.labels.values().map(|label| self.label_json(repository, label)).collect::<Vec<_>>(),
                ))
            }
            ("POST", []) => {
                let name = call.required("name")?.to_owned();
                let color = call.text("color").unwrap_or("ededed").to_owned();
                if self.repository(repo)?.labels.contains_key(&name.to_lowercase()) {
                    return Err(Problem::invalid_field("Label", "name", "already_exists"));
                }
                if color.len() != 6 || !color.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(Problem::invalid_field("Label", "color", "invalid"));
                }
                self.make_label(repo, &name, &color, call.text("description"))?;
                Ok(Response::created(&self.one_label(repo, &name)?))
            }
            ("GET", [name]) => Ok(Response::ok(&self.one_label(repo, name)?)),
            ("DELETE", [name]) => {
                let name = name.to_lowercase();
                let repository = self.repository_mut(repo)?;
                repository.labels.remove(&name).ok_or_else(Problem::not_found)?;
                for issue in repository.issues.values_mut() {
                    issue.labels.retain(|label| *label != name);
                }
                Ok(Response::no_content())
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// `/issues/{number}/labels…`.
    pub(crate) fn issue_label_route(&mut self, call: &Call, repo: i64, number: i64, rest: &[&str]) -> Answer {
        if call.method() == "GET" {
            self.need_issue(call, repo, number, Level::Read)?;
            return self.issue_labels(repo, number);
        }
        self.need_issue(call, repo, number, Level::Write)?;
        self.need_role(call, repo, Role::Triage)?;
        let actor = self.actor(call)?;
        match (call.method(), rest) {
            (method @ ("POST" | "PUT"), []) => {
                if method == "PUT" {
                    self.issue_mut(repo, number)?.labels.clear();
                }
                let plain = || {
                    call.json.as_array().map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                };
                let names: Vec<String> =
                    call.texts("labels").or_else(plain).ok_or_else(|| Problem::not_supplied("labels"))?;
                self.put_labels(call.now, repo, actor, number, &names)?;
            }
            ("DELETE", []) => self.issue_mut(repo, number)?.labels.clear(),
            ("DELETE", [name]) => {
                let name = name.to_lowercase();
                let issue = self.issue_mut(repo, number)?;
                let place = issue.labels.iter().position(|label| *label == name);
                issue.labels.remove(place.ok_or_else(|| Problem::new(404, "Label does not exist"))?);
                issue.updated = call.now;
            }
            _ => return Err(Problem::not_found()),
        }
        self.issue_labels(repo, number)
    }

    fn issue_labels(&self, repo: i64, number: i64) -> Answer {
        Ok(Response::ok(&self.labels_json(self.repository(repo)?, self.issue(repo, number)?)))
    }

    fn one_label(&self, repo: i64, name: &str) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        Ok(self.label_json(repository, repository.labels.get(&name.to_lowercase()).ok_or_else(Problem::not_found)?))
    }

    pub(crate) fn make_label(
        &mut self,
        repo: i64,
        name: &str,
        color: &str,
        description: Option<&str>,
    ) -> Result<(), Problem> {
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(Problem::invalid_field("Label", "name", "invalid"));
        }
        let label = Label {
            id: self.new_id(),
            name: name.into(),
            color: color.into(),
            description: description.map(str::to_owned),
        };
        self.repository_mut(repo)?.labels.insert(name.to_lowercase(), label);
        Ok(())
    }

    /// Puts labels on an issue. One that the repository does not have is made, grey, as GitHub does.
    pub(crate) fn put_labels(
        &mut self,
        now: Timestamp,
        repo: i64,
        actor: i64,
        number: i64,
        names: &[String],
    ) -> Result<(), Problem> {
        for name in names {
            let key = name.to_lowercase();
            if !self.repository(repo)?.labels.contains_key(&key) {
                self.make_label(repo, name, "ededed", None)?;
            }
            let issue = self.issue_mut(repo, number)?;
            if !issue.labels.contains(&key) {
                issue.labels.push(key.clone());
                issue.updated = now;
                self.emit_label(now, repo, actor, number, &key);
            }
        }
        Ok(())
    }
}

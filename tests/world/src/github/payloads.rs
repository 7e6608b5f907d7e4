//! Events as webhook payloads. Each is emitted where the state changes, whoever changed it.

use porter::domain::time::Timestamp;
use serde_json::{Value, json};

use super::objects::Oid;
use super::state::{Github, Hook};
use super::wire::{merge_into, stamp};

/// What an event with nothing to say as a commit writes.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

impl Github {
    /// Queues an event of a repository, if someone is to be told of it.
    fn emit(&mut self, now: Timestamp, repo: i64, actor: i64, event: &str, mut payload: Value) {
        let Ok(repository) = self.repository(repo) else {
            return;
        };
        merge_into(&mut payload, json!({"repository": self.repo_json(repository), "sender": self.user_json(actor)}));
        let (installation, secret) = match &self.hook {
            Hook::None => return,
            Hook::Repository { secret } => (None, secret.clone()),
            Hook::App { secret } => {
                let found = self.installations.values().find(|one| {
                    let covers = one.account == repository.owner
                        && one.repositories.as_ref().is_none_or(|set| set.contains(&repo));
                    covers && one.suspended.is_none()
                });
                let Some(one) = found else { return };
                merge_into(
                    &mut payload,
                    json!({"installation": {"id": one.id, "node_id": super::json::node_id("Installation", one.id)}}),
                );
                (Some(one.id), secret.clone())
            }
        };
        self.enqueue(now, event, Some(repo), installation, &payload, &secret);
    }

    /// An issue as webhooks carry it: a pull request has its address below.
    fn issue_payload(&self, repo: i64, number: i64) -> Value {
        let found = self.repository(repo).ok().zip(self.issue(repo, number).ok());
        found.map_or(Value::Null, |(repository, issue)| self.issue_json(repository, issue))
    }

    pub(crate) fn emit_issue(&mut self, now: Timestamp, repo: i64, actor: i64, number: i64, action: &str) {
        let pull = self.issue(repo, number).is_ok_and(|issue| issue.pull.is_some());
        if pull {
            let body = json!({"action": action, "number": number, "pull_request": self.full_pull_json(repo, number).unwrap_or_default()});
            self.emit(now, repo, actor, "pull_request", body);
        } else {
            self.emit(now, repo, actor, "issues", json!({"action": action, "issue": self.issue_payload(repo, number)}));
        }
    }

    pub(crate) fn emit_label(&mut self, now: Timestamp, repo: i64, actor: i64, number: i64, label: &str) {
        let Ok(repository) = self.repository(repo) else {
            return;
        };
        let label = repository.labels.get(label).map(|label| self.label_json(repository, label));
        let pull = self.issue(repo, number).is_ok_and(|issue| issue.pull.is_some());
        if pull {
            let body = self.full_pull_json(repo, number).unwrap_or_default();
            self.emit(
                now,
                repo,
                actor,
                "pull_request",
                json!({"action": "labeled", "number": number, "pull_request": body, "label": label}),
            );
        } else {
            self.emit(
                now,
                repo,
                actor,
                "issues",
                json!({"action": "labeled", "issue": self.issue_payload(repo, number), "label": label}),
            );
        }
    }

    pub(crate) fn emit_comment(&mut self, now: Timestamp, repo: i64, actor: i64, id: i64, was: Option<&str>) {
        let Some(number) =
            self.repository(repo).ok().and_then(|repo| repo.comments.get(&id)).map(|comment| comment.issue)
        else {
            return;
        };
        let action = if was.is_some() { "edited" } else { "created" };
        let comment = self.one_comment(repo, id).unwrap_or_default();
        let mut body = json!({"action": action, "issue": self.issue_payload(repo, number), "comment": comment});
        if let Some(was) = was {
            merge_into(&mut body, json!({"changes": {"body": {"from": was}}}));
        }
        self.emit(now, repo, actor, "issue_comment", body);
    }

    pub(crate) fn emit_review(&mut self, now: Timestamp, repo: i64, actor: i64, id: i64) {
        let Ok(repository) = self.repository(repo) else {
            return;
        };
        let Some(review) = repository.reviews.get(&id) else {
            return;
        };
        let mut value = self.review_json(repository, review);
        merge_into(&mut value, json!({"state": review.state.to_lowercase()}));
        let pull = self.issue(repo, review.pull).and_then(|issue| self.pull_json(repo, issue)).unwrap_or_default();
        self.emit(
            now,
            repo,
            actor,
            "pull_request_review",
            json!({"action": "submitted", "review": value, "pull_request": pull}),
        );
    }

    pub(crate) fn emit_line_comment(&mut self, now: Timestamp, repo: i64, actor: i64, id: i64) {
        let Ok(repository) = self.repository(repo) else {
            return;
        };
        let Some(comment) = repository.review_comments.get(&id) else {
            return;
        };
        let value = self.review_comment_json(repository, comment);
        let pull = self.issue(repo, comment.pull).and_then(|issue| self.pull_json(repo, issue)).unwrap_or_default();
        self.emit(
            now,
            repo,
            actor,
            "pull_request_review_comment",
            json!({"action": "created", "comment": value, "pull_request": pull}),
        );
    }

    pub(crate) fn emit_synchronize(
        &mut self,
        now: Timestamp,
        repo: i64,
        actor: i64,
        number: i64,
        old: Option<Oid>,
        new: Oid,
    ) {
        let before = old.map_or_else(|| NO_COMMIT.to_owned(), |oid| oid.to_string());
        let pull = self.full_pull_json(repo, number).unwrap_or_default();
        let body = json!({"action": "synchronize", "number": number, "before": before, "after": new.to_string(), "pull_request": pull});
        self.emit(now, repo, actor, "pull_request", body);
    }

    pub(crate) fn emit_push(
        &mut self,
        now: Timestamp,
        repo: i64,
        actor: i64,
        name: &str,
        old: Option<Oid>,
        new: Option<Oid>,
    ) {
        let sha = |oid: Option<Oid>| oid.map_or_else(|| NO_COMMIT.to_owned(), |oid| oid.to_string());
        let Ok(repository) = self.repository(repo) else {
            return;
        };
        let pusher = json!({"name": self.login(actor), "email": self.signature(actor, now).email});
        let head = new.and_then(|oid| Some((oid, repository.git.commit(oid)?))).map(|(oid, commit)| {
            let who = |who: &super::objects::Signature| json!({"name": who.name, "email": who.email});
            json!({
                "id": oid.to_string(), "tree_id": commit.tree.to_string(), "distinct": true, "message": commit.message,
                "timestamp": stamp(now), "url": format!("{}/commit/{oid}", self.repo_web(repository)), "author": who(&commit.author),
                "committer": who(&commit.committer), "added": [], "removed": [], "modified": [],
            })
        });
        let body = json!({
            "ref": name, "before": sha(old), "after": sha(new), "created": old.is_none(), "deleted": new.is_none(), "forced": false,
            "base_ref": null, "compare": format!("{}/compare/{}...{}", self.repo_web(repository), sha(old), sha(new)),
            "commits": head.iter().collect::<Vec<_>>(), "head_commit": head, "pusher": pusher,
        });
        self.emit(now, repo, actor, "push", body);
    }

    /// Installation events go to the App alone and belong to no repository.
    pub(crate) fn emit_installation(&mut self, now: Timestamp, actor: i64, id: i64, event: &str, mut body: Value) {
        let Hook::App { secret } = self.hook.clone() else {
            return;
        };
        let Some(installation) = self.installations.get(&id) else {
            return;
        };
        merge_into(
            &mut body,
            json!({"installation": self.installation_json(installation), "sender": self.user_json(actor)}),
        );
        self.enqueue(now, event, None, Some(id), &body, &secret);
    }
}

//! Pull requests as GitHub writes them in answers and in webhooks.

use serde_json::{Value, json};

use super::json::{association, node_id};
use super::state::{Github, Issue};
use super::wire::{Problem, merge_into, stamp};

impl Github {
    /// A pull request as lists show it.
    pub(crate) fn pull_json(&self, repo: i64, issue: &Issue) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        let pull = issue.pull.as_ref().ok_or_else(Problem::not_found)?;
        let (api, web, number) = (self.repo_api(repository), self.repo_web(repository), issue.number);
        let (own, html) = (format!("{api}/pulls/{number}"), format!("{web}/pull/{number}"));
        let side = |id: i64, branch: &str, sha: String| {
            let Ok(side) = self.repository(id) else {
                return Value::Null;
            };
            let label = format!("{}:{branch}", self.login(side.owner));
            json!({"label": label, "ref": branch, "sha": sha, "user": self.user_json(side.owner), "repo": self.repo_json(side)})
        };
        let link = |href: String| json!({"href": href});
        let statuses = format!("{api}/statuses/{}", pull.head_sha);
        let mut value = json!({
            "url": own, "id": issue.id + 500_000, "node_id": node_id("PullRequest", issue.id), "html_url": html,
            "diff_url": format!("{html}.diff"), "patch_url": format!("{html}.patch"), "issue_url": format!("{api}/issues/{number}"),
            "commits_url": format!("{own}/commits"), "review_comments_url": format!("{own}/comments"),
            "review_comment_url": format!("{api}/pulls/comments{{/number}}"), "comments_url": format!("{api}/issues/{number}/comments"),
            "statuses_url": statuses, "number": number, "state": if issue.open { "open" } else { "closed" }, "locked": false,
            "title": issue.title, "user": self.user_json(issue.author), "body": issue.body, "labels": self.labels_json(repository, issue),
            "milestone": null, "active_lock_reason": null, "created_at": stamp(issue.created), "updated_at": stamp(issue.updated),
            "closed_at": issue.closed.map(|(at, _)| stamp(at)), "merged_at": pull.merged.map(|(at, ..)| stamp(at)),
            "merge_commit_sha": pull.merged.map(|(.., sha)| sha.to_string()), "assignee": null, "assignees": [],
            "requested_reviewers": pull.requested_reviewers.iter().map(|id| self.user_json(*id)).collect::<Value>(),
        });
        merge_into(
            &mut value,
            json!({
                "requested_teams": [], "draft": pull.draft, "auto_merge": null,
                "head": side(pull.head_repo, &pull.head, pull.head_sha.to_string()), "base": side(repo, &pull.base, pull.base_sha.to_string()),
                "author_association": association(self.role(repository, issue.author), repository.owner == issue.author),
                "_links": {
                    "self": link(own.clone()), "html": link(html), "issue": link(format!("{api}/issues/{number}")),
                    "comments": link(format!("{api}/issues/{number}/comments")), "review_comments": link(format!("{own}/comments")),
                    "review_comment": link(format!("{api}/pulls/comments{{/number}}")), "commits": link(format!("{own}/commits")),
                    "statuses": link(statuses),
                },
            }),
        );
        Ok(value)
    }

    /// A pull request as its own address and its webhooks show it.
    pub(crate) fn full_pull_json(&self, repo: i64, number: i64) -> Result<Value, Problem> {
        let repository = self.repository(repo)?;
        let issue = self.issue(repo, number)?;
        let mut value = self.pull_json(repo, issue)?;
        let pull = issue.pull.as_ref().ok_or_else(Problem::not_found)?;
        let mergeable = repository
            .git
            .branch(&pull.base)
            .is_some_and(|base| repository.git.clone().merged(base, pull.head_sha).is_some());
        let files = self.changed_files(repo, self.pull_origin(repo, pull)?, pull.head_sha)?;
        let sum = |field: &str| files.iter().filter_map(|file| file.get(field)?.as_i64()).sum::<i64>();
        merge_into(
            &mut value,
            json!({
                "merged": pull.merged.is_some(), "mergeable": issue.open.then_some(mergeable), "rebaseable": null,
                "mergeable_state": if mergeable { "clean" } else { "dirty" }, "merged_by": pull.merged.map(|(_, by, _)| self.user_json(by)),
                "comments": repository.comments.values().filter(|comment| comment.issue == number).count(),
                "review_comments": repository.review_comments.values().filter(|comment| comment.pull == number).count(),
                "maintainer_can_modify": false, "commits": self.pull_commits(repo, pull)?.len(), "additions": sum("additions"),
                "deletions": sum("deletions"), "changed_files": files.len(),
            }),
        );
        Ok(value)
    }
}

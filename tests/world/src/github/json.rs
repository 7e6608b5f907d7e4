//! Accounts, repositories, issues and comments as GitHub writes them in answers and in webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::caller::Caller;
use super::state::{Comment, Github, Issue, Label, Reaction, Repository, Role, Subject};
use super::wire::{Call, encode, merge_into, object, stamp};

/// The addresses a repository's object carries, below its own.
const REPOSITORY_LINKS: [(&str, &str); 37] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
];

/// The addresses an account's object carries, below its own.
const USER_LINKS: [(&str, &str); 10] = [
    ("events_url", "/events{/privacy}"),
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("organizations_url", "/orgs"),
    ("received_events_url", "/received_events"),
    ("repos_url", "/repos"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("url", ""),
];

/// A node id in the older, readable style.
pub(crate) fn node_id(kind: &str, id: impl std::fmt::Display) -> String {
    STANDARD.encode(format!("0{}:{kind}{id}", kind.len()))
}

/// How a person stands to a repository, in GitHub's word.
pub(crate) fn association(role: Option<Role>, owner: bool) -> &'static str {
    match role {
        _ if owner => "OWNER",
        Some(Role::Triage | Role::Write | Role::Maintain | Role::Admin) => "COLLABORATOR",
        Some(Role::Read) | None => "NONE",
    }
}

impl Github {
    pub(crate) fn user_json(&self, id: i64) -> Value {
        let (login, kind) =
            self.users.get(&id).map_or(("ghost", "User"), |user| (user.login.as_str(), user.kind.word()));
        let own = format!("{}/users/{}", self.roots.api, encode(login));
        let mut user = object(USER_LINKS.map(|(key, below)| (key.to_owned(), json!(format!("{own}{below}")))));
        merge_into(
            &mut user,
            json!({
                "login": login, "id": id, "node_id": node_id("User", id), "type": kind, "site_admin": false, "gravatar_id": "",
                "avatar_url": format!("{}/avatars/{id}.svg", self.roots.web),
                "html_url": match login.strip_suffix("[bot]") {
                Some(slug) => format!("{}/apps/{slug}", self.roots.web),
                None => format!("{}/{login}", self.roots.web),
            },
            }),
        );
        user
    }

    pub(crate) fn repo_api(&self, repo: &Repository) -> String {
        format!("{}/repos/{}", self.roots.api, self.full_name(repo))
    }

    pub(crate) fn repo_web(&self, repo: &Repository) -> String {
        format!("{}/{}", self.roots.web, self.full_name(repo))
    }

    /// A repository as webhooks carry it; answers add to it.
    pub(crate) fn repo_json(&self, repo: &Repository) -> Value {
        let (api, web, full) = (self.repo_api(repo), self.repo_web(repo), self.full_name(repo));
        let mut value = object(REPOSITORY_LINKS.map(|(key, below)| (key.to_owned(), json!(format!("{api}{below}")))));
        let open = repo.issues.values().filter(|issue| issue.open).count();
        let forks = self.repositories.values().filter(|other| other.fork_of == Some(repo.id)).count();
        merge_into(
            &mut value,
            json!({
                "id": repo.id, "node_id": node_id("Repository", repo.id), "name": repo.name, "full_name": full,
                "private": repo.private, "owner": self.user_json(repo.owner), "html_url": web, "description": repo.description,
                "fork": repo.fork_of.is_some(), "created_at": stamp(repo.created), "updated_at": stamp(repo.pushed),
                "pushed_at": stamp(repo.pushed), "homepage": null, "size": repo.git.objects.len(), "stargazers_count": 0,
                "watchers_count": 0, "language": null, "has_issues": true, "has_projects": false, "has_downloads": true,
                "has_wiki": false, "has_pages": false, "forks_count": forks, "mirror_url": null, "archived": false,
                "disabled": false, "open_issues_count": open, "license": null, "forks": forks, "open_issues": open, "watchers": 0,
                "default_branch": repo.default_branch, "allow_forking": true, "is_template": false, "topics": [],
                "web_commit_signoff_required": false, "custom_properties": {}, "visibility": if repo.private { "private" } else { "public" },
            }),
        );
        merge_into(
            &mut value,
            json!({
                "git_url": format!("{}.git", web.replacen("https:", "git:", 1).replacen("http:", "git:", 1)),
                "ssh_url": format!("git@github.com:{full}.git"), "clone_url": format!("{web}.git"), "svn_url": web,
            }),
        );
        value
    }

    /// A repository as `GET /repos/{owner}/{repo}` gives it.
    pub(crate) fn full_repo_json(&self, call: &Call, repo: &Repository) -> Value {
        let mut value = self.repo_json(repo);
        merge_into(
            &mut value,
            json!({
                "network_count": 0, "subscribers_count": 0, "has_discussions": false, "allow_rebase_merge": true,
                "allow_squash_merge": true, "allow_merge_commit": true, "delete_branch_on_merge": false, "temp_clone_token": null,
            }),
        );
        if let Caller::Person { user, .. } = &call.caller {
            let role = self.role(repo, *user);
            merge_into(&mut value, json!({"permissions": permissions(role)}));
        }
        value
    }

    pub(crate) fn label_json(&self, repo: &Repository, label: &Label) -> Value {
        json!({
            "id": label.id, "node_id": node_id("Label", label.id), "name": label.name, "color": label.color, "default": false,
            "url": format!("{}/labels/{}", self.repo_api(repo), super::wire::encode(&label.name)), "description": label.description,
        })
    }

    pub(crate) fn labels_json(&self, repo: &Repository, issue: &Issue) -> Value {
        let labels = issue.labels.iter().filter_map(|name| repo.labels.get(name));
        labels.map(|label| self.label_json(repo, label)).collect()
    }

    /// The counts of reactions that texts carry.
    pub(crate) fn reactions_json(&self, repo: &Repository, subject: Subject, url: &str) -> Value {
        let mut value = json!({"url": format!("{url}/reactions"), "total_count": 0});
        let all: Vec<&Reaction> = repo.reactions.values().filter(|reaction| reaction.subject == subject).collect();
        for content in super::reactions::CONTENTS {
            let count = all.iter().filter(|reaction| reaction.content == content).count();
            merge_into(&mut value, object([(content.to_owned(), json!(count))]));
        }
        merge_into(&mut value, json!({"total_count": all.len()}));
        value
    }

    pub(crate) fn issue_json(&self, repo: &Repository, issue: &Issue) -> Value {
        let (api, number) = (self.repo_api(repo), issue.number);
        let own = format!("{api}/issues/{number}");
        let page = if issue.pull.is_some() { "pull" } else { "issues" };
        let html = format!("{}/{page}/{number}", self.repo_web(repo));
        let comments = repo.comments.values().filter(|comment| comment.issue == number).count();
        let mut value = json!({
            "url": own, "repository_url": api, "labels_url": format!("{own}/labels{{/name}}"),
            "comments_url": format!("{own}/comments"), "events_url": format!("{own}/events"), "html_url": html,
            "id": issue.id, "node_id": node_id("Issue", issue.id), "number": number, "title": issue.title,
            "user": self.user_json(issue.author), "labels": self.labels_json(repo, issue),
            "state": if issue.open { "open" } else { "closed" }, "locked": false, "assignee": null,
            "assignees": issue.assignees.iter().map(|user| self.user_json(*user)).collect::<Value>(), "milestone": null,
            "comments": comments, "created_at": stamp(issue.created), "updated_at": stamp(issue.updated),
            "closed_at": issue.closed.map(|(at, _)| stamp(at)),
            "author_association": association(self.role(repo, issue.author), repo.owner == issue.author),
            "active_lock_reason": null, "body": issue.body,
            "reactions": self.reactions_json(repo, Subject::Issue(number), &own),
            "timeline_url": format!("{own}/timeline"), "performed_via_github_app": null, "state_reason": issue.state_reason,
        });
        if let Some(pull) = &issue.pull {
            merge_into(
                &mut value,
                json!({"draft": pull.draft, "pull_request": {
                    "url": format!("{api}/pulls/{number}"), "html_url": html, "diff_url": format!("{html}.diff"),
                    "patch_url": format!("{html}.patch"), "merged_at": pull.merged.as_ref().map(|(at, ..)| stamp(*at)),
                }}),
            );
        }
        value
    }

    pub(crate) fn comment_json(&self, repo: &Repository, comment: &Comment) -> Value {
        let api = self.repo_api(repo);
        let own = format!("{api}/issues/comments/{}", comment.id);
        let pull = repo.issues.get(&comment.issue).is_some_and(|issue| issue.pull.is_some());
        let page = if pull { "pull" } else { "issues" };
        json!({
            "url": own, "html_url": format!("{}/{page}/{}#issuecomment-{}", self.repo_web(repo), comment.issue, comment.id),
            "issue_url": format!("{api}/issues/{}", comment.issue), "id": comment.id,
            "node_id": node_id("IssueComment", comment.id), "user": self.user_json(comment.author),
            "created_at": stamp(comment.created), "updated_at": stamp(comment.updated),
            "author_association": association(self.role(repo, comment.author), repo.owner == comment.author),
            "body": comment.body, "reactions": self.reactions_json(repo, Subject::Comment(comment.id), &own),
            "performed_via_github_app": null,
        })
    }

    pub(crate) fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id, "node_id": node_id("Reaction", reaction.id), "user": self.user_json(reaction.author),
            "content": reaction.content, "created_at": stamp(reaction.created),
        })
    }
}

/// The rights a role gives, as GitHub lists them.
pub(crate) fn permissions(role: Option<Role>) -> Value {
    let least = |at_least: Role| role >= Some(at_least);
    json!({
        "admin": least(Role::Admin), "maintain": least(Role::Maintain), "push": least(Role::Write),
        "triage": least(Role::Triage), "pull": least(Role::Read),
    })
}

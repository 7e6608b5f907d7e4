//! Deliveries: every event Porter uses, those it does not, and bodies that are not what they claim.

use porter::clients::github::webhook::{BadDelivery, Event, InstallationChange, parse};
use porter::clients::github::{AccountKind, Subject};
use porter::domain::ids::{InstallationId, IssueNumber, RepoId};
use serde_json::{Value, json};

fn ada() -> Value {
    json!({"login": "ada", "id": 3, "type": "User", "node_id": "ignored"})
}

fn delivery(action: &str, extra: Value) -> Value {
    let repository = json!({"id": 7, "full_name": "o/r", "private": true, "owner": ada(), "default_branch": "main"});
    let mut body = json!({"action": action, "repository": repository, "sender": ada(), "installation": {"id": 9}});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn issue() -> Value {
    json!({"number": 5, "title": "T", "body": null, "user": ada(), "state": "open", "labels": [{"name": "bug", "id": 1}],
        "created_at": "2026-02-18T09:30:00Z", "updated_at": "2026-02-18T09:30:00Z", "html_url": "https://h/o/r/issues/5"})
}

fn pull() -> Value {
    let end = json!({"ref": "main", "sha": "a".repeat(40), "repo": {"id": 7, "full_name": "o/r"}});
    json!({"number": 6, "html_url": "https://h/o/r/pull/6", "title": "T", "body": "B", "user": ada(), "state": "closed",
        "head": end, "base": end, "merged": true, "merged_at": "2026-02-18T09:30:00Z"})
}

fn comment() -> Value {
    json!({"id": 11, "body": "@porter fix", "user": ada(), "created_at": "2026-02-18T09:30:00Z", "path": "src/a.rs", "line": 4,
        "diff_hunk": "@@", "updated_at": "2026-02-18T09:30:00Z", "html_url": "https://h", "performed_via_github_app": {"id": 4711}})
}

fn event(name: &str, body: &Value) -> Event {
    parse(name, body.to_string().as_bytes()).unwrap()
}

#[test]
fn a_comment_brings_everything_a_command_needs() {
    let body = delivery("created", json!({"comment": comment(), "issue": issue()}));
    let Event::CommentCreated(it) = event("issue_comment", &body) else { panic!("{body}") };
    assert_eq!((it.comment.id, it.comment.body.raw()), (11, "@porter fix"));
    assert_eq!((it.comment.user.kind, it.sender.login.as_str()), (AccountKind::User, "ada"));
    assert_eq!(it.comment.performed_via_github_app.map(|app| app.id), Some(4711));
    assert_eq!((it.issue.subject(), it.issue.body.raw()), (Subject::Issue(IssueNumber(5)), ""));
    assert_eq!((it.repository.id, it.repository.private), (RepoId(7), true));
    assert_eq!(it.installation, Some(InstallationId(9)));

    let mut on_pull = issue();
    on_pull["pull_request"] = json!({"url": "https://h"});
    let body = delivery("created", json!({"comment": comment(), "issue": on_pull, "installation": null}));
    let Event::CommentCreated(it) = event("issue_comment", &body) else { panic!("{body}") };
    assert_eq!((it.issue.subject(), it.installation), (Subject::Pull(IssueNumber(5)), None));
}

#[test]
fn review_texts_and_their_pull_request() {
    let body = delivery("created", json!({"comment": comment(), "pull_request": pull()}));
    let Event::ReviewCommentCreated(it) = event("pull_request_review_comment", &body) else { panic!("{body}") };
    assert_eq!((it.comment.path.raw(), it.comment.line, it.comment.diff_hunk.raw()), ("src/a.rs", Some(4), "@@"));
    assert_eq!((it.pull_request.number, it.pull_request.from_fork()), (IssueNumber(6), false));

    let review = json!({"id": 12, "body": null, "user": ada(), "state": "approved", "submitted_at": "2026-02-18T09:30:00Z", "html_url": "https://h"});
    let body = delivery("submitted", json!({"review": review, "pull_request": pull()}));
    let Event::ReviewSubmitted(it) = event("pull_request_review", &body) else { panic!("{body}") };
    assert_eq!((it.review.id, it.review.body.raw()), (12, ""));
}

#[test]
fn issues_and_pull_requests_open_and_close() {
    let body = |action: &str| delivery(action, json!({"issue": issue(), "pull_request": pull()}));
    assert!(matches!(event("issues", &body("opened")), Event::IssueOpened(_)));
    assert!(matches!(event("issues", &body("closed")), Event::IssueClosed(_)));
    let Event::PullChanged(it) = event("pull_request", &body("closed")) else { panic!("not closed") };
    assert!(it.pull_request.merged());
    assert!(matches!(event("pull_request", &body("reopened")), Event::PullChanged(_)));
}

#[test]
fn members_lose_and_change_their_role() {
    let repository = json!({"id": 7, "full_name": "o/r", "name": "r"});
    for action in ["removed", "edited"] {
        let body = json!({"action": action, "member": ada(), "repository": repository, "sender": ada(), "changes": {}});
        let Event::MemberChanged(it) = event("member", &body) else { panic!("{action}") };
        assert_eq!((it.member.login.as_str(), it.repository.id), ("ada", RepoId(7)));
    }
    let nobody = json!({"action": "removed", "member": null, "repository": repository, "sender": ada()});
    assert!(matches!(event("member", &nobody), Event::MemberChanged(_)), "the account is gone");
    assert_eq!(event("member", &json!({"action": "added"})), Event::Unused);
}

#[test]
fn installations_come_change_and_go() {
    let installation = json!({"id": 9, "account": ada(), "created_at": 1_557_933_621});
    let covered = json!([{"id": 7, "full_name": "o/r", "name": "r"}]);
    for (action, change) in [
        ("created", InstallationChange::Created),
        ("deleted", InstallationChange::Deleted),
        ("suspend", InstallationChange::Suspend),
        ("unsuspend", InstallationChange::Unsuspend),
        ("new_permissions_accepted", InstallationChange::NewPermissionsAccepted),
    ] {
        for (repositories, count) in [(covered.clone(), 1), (Value::Null, 0)] {
            let body =
                json!({"action": action, "installation": installation, "repositories": repositories, "sender": ada()});
            let Event::Installation(it) = event("installation", &body) else { panic!("{action}") };
            assert_eq!((it.change, it.installation.id, it.repositories.len()), (change, InstallationId(9), count));
        }
    }
    let body = json!({"action": "added", "installation": installation, "sender": ada(), "repositories_added": covered, "repositories_removed": []});
    let Event::InstallationRepositories(it) = event("installation_repositories", &body) else { panic!("not added") };
    assert_eq!((it.added[0].id, it.removed.len()), (RepoId(7), 0));
}

#[test]
fn what_nobody_uses_is_unused() {
    let body = delivery("edited", json!({"comment": comment(), "issue": issue()}));
    for (name, action) in [
        ("issue_comment", "edited"),
        ("issue_comment", "deleted"),
        ("issues", "labeled"),
        ("pull_request", "opened"),
        ("pull_request_review", "dismissed"),
        ("pull_request_review_comment", "edited"),
        ("installation", "invented"),
        ("push", "created"),
        ("", "created"),
    ] {
        let mut body = body.clone();
        body["action"] = json!(action);
        assert_eq!(event(name, &body), Event::Unused, "{name} {action}");
    }
    assert_eq!(event("ping", &json!({"zen": "Design for failure."})), Event::Ping);
}

#[test]
fn a_wrong_body_is_not_json_or_names_its_field() {
    for (name, body) in [
        ("issue_comment", ""),
        ("issue_comment", "{"),
        ("push", "payload=%7B%7D"),
        ("issues", "{} {}"),
        ("ping", "\u{0}"),
    ] {
        assert_eq!(parse(name, body.as_bytes()), Err(BadDelivery::NotJson), "{body}");
    }
    let whole = delivery("created", json!({"comment": comment(), "issue": issue()}));
    for (pointer, value, field) in [
        ("/comment/user/id", json!("canary"), "comment.user.id"),
        ("/comment/created_at", json!("canary"), "comment.created_at"),
        ("/repository/full_name", json!("o/../canary"), "repository.full_name"),
        ("/issue/labels/0/name", json!(5), "issue.labels[0].name"),
        ("/installation/id", json!(null), "installation"),
        ("/action", json!(1), "action"),
    ] {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let Err(BadDelivery::Shape { field: named, problem }) = parse("issue_comment", body.to_string().as_bytes())
        else {
            panic!("{pointer} was read")
        };
        assert!(named.starts_with(field), "{named} for {field}");
        assert!(!problem.is_empty() && !problem.contains("canary"), "{problem}");
    }
    let Err(BadDelivery::Shape { problem, .. }) = parse("issue_comment", b"{\"action\":\"created\"}") else { panic!() };
    assert_eq!(problem, "missing field `comment`");
    assert!(matches!(parse("issues", b"[]"), Err(BadDelivery::Shape { .. })));
}

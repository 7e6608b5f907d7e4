//! Speaking: comments and finding our own, reactions, labels, and the permission each needs on issues and pull requests.

use porter::clients::github::labels::NewLabel;
use porter::clients::github::polling::{PollAsk, Polled};
use porter::clients::github::reactions::{Reaction, ReactionTarget};
use porter::clients::github::{GithubError, Subject};
use porter::domain::ids::IssueNumber;
use porter::domain::time::Timestamp;
use porter::ports::Method;
use serde_json::{Value, json};

use crate::script::{START, Step, World, on, run};
use crate::{with_app, with_token};

const ISSUE: Subject = Subject::Issue(IssueNumber(7));
const PULL: Subject = Subject::Pull(IssueNumber(7));
const MARKER: &str = "<!-- porter:task=t -->";

fn at(method: Method, path: &str) -> Step {
    on(method, &format!("/repos/o/r{path}"))
}

fn comment(id: i64, login: &str, user: i64, body: &str) -> Value {
    json!({"id": id, "body": body, "user": {"login": login, "id": user, "type": "User"},
        "created_at": "2026-02-18T09:30:00Z", "updated_at": "2026-02-18T09:30:00Z",
        "html_url": "https://h/o/r/issues/7#issuecomment-1", "issue_url": "https://api.test/repos/o/r/issues/7"})
}

#[test]
fn the_token_fits_what_is_spoken_to() {
    for (on_what, permissions) in [(ISSUE, json!({"issues": "write"})), (PULL, json!({"pull_requests": "write"}))] {
        let minted = json!({"token": "minted", "expires_at": "2026-02-18T10:30:00Z"});
        let world = World::new([
            on(Method::Post, "/app/installations/9/access_tokens")
                .bearer(None)
                .sends(json!({"repository_ids": [7], "permissions": permissions}))
                .answers(201, minted),
            at(Method::Post, "/issues/7/comments")
                .bearer(Some("minted"))
                .sends(json!({"body": "hello"}))
                .answers(201, comment(1, "porter[bot]", 2, "hello")),
        ]);
        assert_eq!(run(with_app(&world).comment(on_what, "hello")).unwrap().id, 1);
    }
}

#[test]
fn a_comment_is_changed_or_missed() {
    let edit = || at(Method::Patch, "/issues/comments/1").sends(json!({"body": "new"}));
    let world = World::new([
        edit().answers(200, comment(1, "bot", 5, "new")),
        edit().answers(404, json!({"message": "Not Found"})),
    ]);
    run(with_token(&world).edit_comment(ISSUE, 1, "new")).unwrap();
    assert!(matches!(run(with_token(&world).edit_comment(ISSUE, 1, "new")), Err(GithubError::NotFound)));
}

fn page(number: u32) -> Step {
    let since = "2026-02-18T09%3A30%3A00.000Z";
    at(Method::Get, &format!("/issues/7/comments?since={since}&per_page=100&page={number}"))
}

#[test]
fn our_comment_is_ours_by_author_and_marker() {
    let us = on(Method::Get, "/user").answers(200, json!({"login": "bot", "id": 5, "type": "User"}));
    let first = json!([comment(1, "ada", 3, MARKER), comment(2, "bot", 5, "just talk"), comment(3, "bot", 6, MARKER)]);
    let second = json!([comment(4, "was-renamed", 5, &format!("text\n{MARKER}")), comment(5, "bot", 5, MARKER)]);
    let world = World::new([
        us,
        page(1).answers_with(200, &[("link", "<https://h/?page=2>; rel=\"next\"")], first.clone()),
        page(2).answers(200, second),
    ]);
    let since = Timestamp::from_millis(START);
    let repo = with_token(&world);
    let ids = |found: Vec<porter::clients::github::comments::Comment>| {
        found.into_iter().map(|comment| comment.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(run(repo.own_comments(ISSUE, MARKER, since)).unwrap()), [4, 5]);
    world.then([page(1).answers(200, first)]);
    assert_eq!(run(repo.own_comments(ISSUE, MARKER, since)).unwrap(), []);
}

#[test]
fn the_apps_comment_is_told_by_its_login() {
    let token = |permissions: Value| {
        on(Method::Post, "/app/installations/9/access_tokens")
            .bearer(None)
            .sends(json!({"repository_ids": [7], "permissions": permissions}))
            .answers(201, json!({"token": "minted", "expires_at": "2026-02-18T10:30:00Z"}))
    };
    let owner = json!({"login": "o", "id": 1, "type": "User"});
    let comments = json!([comment(1, "porter", 2, MARKER), comment(2, "porter[bot]", 3, MARKER)]);
    let world = World::new([
        on(Method::Get, "/app").bearer(None).answers(200, json!({"slug": "porter", "owner": owner})),
        token(json!({"issues": "read"})),
        page(1).bearer(Some("minted")).answers(200, comments),
    ]);
    let found = run(with_app(&world).own_comments(ISSUE, MARKER, Timestamp::from_millis(START))).unwrap();
    assert_eq!(found.first().map(|comment| comment.id), Some(2));
}

#[test]
fn reactions_go_where_the_command_stands() {
    for (to, path) in [
        (ReactionTarget::Opening(ISSUE), "/issues/7/reactions"),
        (ReactionTarget::Comment { on: PULL, id: 5 }, "/issues/comments/5/reactions"),
        (ReactionTarget::ReviewComment { id: 6 }, "/pulls/comments/6/reactions"),
    ] {
        for (reaction, word) in
            [(Reaction::Eyes, "eyes"), (Reaction::Rocket, "rocket"), (Reaction::Confused, "confused")]
        {
            let gone = format!("{path}/77");
            let world = World::new([
                at(Method::Post, path).sends(json!({"content": word})).answers(200, json!({"id": 77})),
                at(Method::Delete, &gone).answers_bytes(204, &[], b""),
                at(Method::Delete, &gone).answers(404, json!({})),
            ]);
            let repo = with_token(&world);
            assert_eq!(run(repo.react(to, reaction)).unwrap(), 77);
            run(repo.unreact(to, 77)).unwrap();
            run(repo.unreact(to, 77)).unwrap();
        }
    }
}

#[test]
fn labels_are_made_put_on_and_taken_off() {
    let label = NewLabel { name: "porter:running", color: "fbca04", description: "Porter is at work" };
    let make = || {
        at(Method::Post, "/labels")
            .sends(json!({"name": "porter:running", "color": "fbca04", "description": "Porter is at work"}))
    };
    let exists = json!({"message": "Validation Failed", "errors": [{"resource": "Label", "code": "already_exists", "field": "name"}]});
    let invalid =
        json!({"message": "Validation Failed", "errors": [{"resource": "Label", "code": "invalid", "field": "color"}]});
    let off = "/issues/7/labels/porter%3Arunning";
    let world = World::new([
        make().answers(201, json!({})),
        make().answers(422, exists),
        make().answers(422, invalid),
        at(Method::Post, "/issues/7/labels")
            .sends(json!({"labels": ["porter:running"]}))
            .answers(200, json!([{"name": "bug"}, {"name": "porter:running"}])),
        at(Method::Get, "/issues/7/labels?per_page=100").answers(200, json!([{"name": "porter:running"}])),
        at(Method::Delete, off).answers(200, json!([])),
        at(Method::Delete, off).answers(404, json!({"message": "Label does not exist"})),
    ]);
    let repo = with_token(&world);
    run(repo.ensure_label(ISSUE, label)).unwrap();
    run(repo.ensure_label(ISSUE, label)).unwrap();
    assert!(run(repo.ensure_label(ISSUE, label)).is_err());
    assert_eq!(run(repo.add_label(ISSUE, label.name)).unwrap().len(), 2, "all that are on now");
    assert_eq!(run(repo.labels(ISSUE)).unwrap()[0].name.raw(), label.name);
    run(repo.remove_label(ISSUE, label.name)).unwrap();
    run(repo.remove_label(ISSUE, label.name)).unwrap();
}

#[test]
fn a_polled_comment_knows_where_it_stands() {
    let query = "?sort=updated&direction=asc&per_page=100&since=2026-02-18T09%3A30%3A00.000Z&page=2";
    let mut on_pull = comment(2, "ada", 3, "b");
    on_pull["html_url"] = json!("https://h/o/r/pull/8#issuecomment-2");
    on_pull["issue_url"] = json!("https://api.test/repos/o/r/issues/8");
    let world =
        World::new([at(Method::Get, &format!("/issues/comments{query}"))
            .answers(200, json!([comment(1, "ada", 3, "a"), on_pull]))]);
    let ask = PollAsk { since: Timestamp::from_millis(START), page: 2, etag: None };
    let Polled::Page { items, next, .. } = run(with_token(&world).poll_comments(ask)).unwrap() else { panic!() };
    let subjects: Vec<_> = items.iter().map(|comment| comment.subject()).collect();
    assert_eq!(subjects, [Some(ISSUE), Some(Subject::Pull(IssueNumber(8)))]);
    assert_eq!(next, None);
}

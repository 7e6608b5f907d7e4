//! Reading: the repository, permissions, issues, files, trees, differences, search, polling.

use porter::clients::github::Subject;
use porter::clients::github::contents::FileBytes;
use porter::clients::github::polling::{PollAsk, Polled};
use porter::clients::github::repository::Role;
use porter::domain::credential::Credential;
use porter::domain::ids::{Branch, IssueNumber, RepoId, UserId};
use porter::domain::time::Timestamp;
use porter::ports::Method;
use serde_json::{Value, json};

use crate::script::{START, Step, World, on, run};
use crate::{name, sha, with_token};

fn get(path: &str) -> Step {
    on(Method::Get, &format!("/repos/o/r{path}"))
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", "2022-11-28")
}

fn person(kind: &str) -> Value {
    json!({"login": "ada", "id": 3, "type": kind})
}

fn issue(extra: Value) -> Value {
    let mut issue = json!({"number": 7, "title": "T", "body": null, "user": null, "state": "open", "labels": [{"name": "Bug"}],
        "created_at": "2026-02-18T09:30:00Z", "updated_at": "2026-02-18T09:30:01Z", "html_url": "https://h/o/r/issues/7"});
    issue.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    issue
}

#[test]
fn a_repository_is_found_by_its_name() {
    let answer = json!({"id": 7, "full_name": "o/r", "private": true, "archived": false, "owner": person("User"), "default_branch": "main"});
    let world = World::new([get("").answers(200, answer)]);
    let repository = run(world.github().named(Credential::Token, name("o/r")).repository()).unwrap();
    assert_eq!((repository.id, repository.private), (RepoId(7), true));
    assert_eq!(repository.default_branch().unwrap().as_str(), "main");
}

#[test]
fn only_people_who_may_write_may_command() {
    for (permission, role_name, kind, expected) in [
        ("admin", json!("admin"), "User", Some((Role::Admin, true))),
        ("write", json!("maintain"), "User", Some((Role::Maintain, true))),
        ("write", json!("write"), "User", Some((Role::Write, true))),
        ("read", json!("triage"), "User", Some((Role::Triage, false))),
        ("read", json!("read"), "User", Some((Role::Read, false))),
        ("none", json!("none"), "User", Some((Role::None, false))),
        ("write", json!("release crew"), "User", Some((Role::Write, true))),
        ("read", json!("security"), "User", Some((Role::Read, false))),
        ("owner", json!("king"), "User", None),
        ("admin", json!("admin"), "Bot", Some((Role::Admin, false))),
        ("admin", json!("admin"), "Organization", Some((Role::Admin, false))),
        ("admin", json!("admin"), "Novelty", Some((Role::Admin, false))),
    ] {
        let answer = json!({"permission": permission, "role_name": role_name, "user": person(kind)});
        let world = World::new([get("/collaborators/ada/permission").answers(200, answer)]);
        let got = run(with_token(&world).permission("ada")).ok();
        assert_eq!(got.as_ref().map(|it| (it.role, it.may_command())), expected, "{permission} {role_name} {kind}");
        assert!(got.is_none_or(|it| it.user.id == UserId(3)));
    }
}

#[test]
fn an_error_is_no_permission() {
    for (status, body) in
        [(404, json!({})), (403, json!({})), (500, json!({})), (200, json!({"permission": "admin", "user": null}))]
    {
        let world = World::new([get("/collaborators/ada/permission").answers(status, body)]);
        assert!(run(with_token(&world).permission("ada")).is_err());
    }
}

#[test]
fn an_issue_knows_what_it_is() {
    for (extra, expected) in [
        (json!({}), Subject::Issue(IssueNumber(7))),
        (json!({"pull_request": null}), Subject::Issue(IssueNumber(7))),
        (json!({"pull_request": {"url": "…"}}), Subject::Pull(IssueNumber(7))),
    ] {
        let world = World::new([get("/issues/7").answers(200, issue(extra))]);
        let issue = run(with_token(&world).issue(IssueNumber(7))).unwrap();
        assert_eq!(issue.subject(), expected);
        assert!(issue.has_label("bug") && !issue.has_label("bugs"));
        assert_eq!((issue.body.raw(), issue.user.login.as_str()), ("", "ghost"));
        assert_eq!(issue.updated_at.since(issue.created_at), 1000);
    }
}

#[test]
fn a_file_is_its_bytes_up_to_a_limit() {
    let raw = "application/vnd.github.raw+json; charset=utf-8";
    for (status, kind, body, expected) in [
        (200, raw, "hello", Some(("hello", false))),
        (200, raw, "hello world", Some(("hello", true))),
        (200, "application/json; charset=utf-8", "[]", None),
        (404, "application/json", "{}", None),
    ] {
        let step = on(Method::Get, "/repos/o/r/contents/src%2Fa%20b.rs?ref=main")
            .header("accept", "application/vnd.github.raw+json")
            .answers_bytes(status, &[("content-type", kind)], body.as_bytes());
        let world = World::new([step]);
        let file = run(with_token(&world).file("src/a b.rs", "main", 5)).unwrap();
        let expected = expected.map(|(text, cut)| FileBytes { bytes: text.as_bytes().to_vec(), cut });
        let expected = expected.map(|mut file| {
            file.bytes.truncate(5);
            file
        });
        assert_eq!(file, expected);
    }
}

#[test]
fn a_branch_is_its_head_and_not_its_successor() {
    let answer = |name: &str| json!({"name": name, "commit": {"sha": sha('a'), "commit": {"tree": {"sha": sha('b')}}}});
    let branch = Branch::parse("feature/x").unwrap();
    let path = "/branches/feature%2Fx";
    let world = World::new([
        get(path).answers(200, answer("feature/x")),
        get(path).answers(200, answer("renamed")),
        get(path).answers(404, json!({"message": "Branch not found"})),
    ]);
    let head = run(with_token(&world).branch(&branch)).unwrap().unwrap();
    assert_eq!((head.commit, head.tree), (sha('a'), sha('b')));
    assert_eq!(run(with_token(&world).branch(&branch)).unwrap(), None);
    assert_eq!(run(with_token(&world).branch(&branch)).unwrap(), None);
}

#[test]
fn a_tree_and_a_difference_say_whether_they_are_whole() {
    let entry = json!({"path": "a", "mode": "100644", "type": "blob", "sha": sha('c'), "size": 3});
    let compared = format!("/compare/{}...{}?per_page=1", sha('a'), sha('b'));
    let files = json!([{"filename": "new", "previous_filename": "old"}, {"filename": "x"}]);
    let many = vec![json!({"filename": "x"}); 300];
    let world = World::new([
        get(&format!("/git/trees/{}?recursive=1", sha('a')))
            .answers(200, json!({"sha": sha('a'), "tree": [entry], "truncated": true})),
        get(&compared).answers(200, json!({"status": "ahead", "files": files})),
        get(&compared).answers(200, json!({"status": "diverged", "files": many})),
        get(&compared).answers(404, json!({})),
    ]);
    let repo = with_token(&world);
    let tree = run(repo.tree(&sha('a'))).unwrap();
    assert_eq!((tree.entries[0].path.raw(), tree.entries[0].size, tree.truncated), ("a", Some(3), true));
    let difference = run(repo.compare(&sha('a'), &sha('b'))).unwrap().unwrap();
    assert_eq!(difference.paths.iter().map(|path| path.raw()).collect::<Vec<_>>(), ["new", "old", "x"]);
    assert!(!difference.truncated);
    assert!(run(repo.compare(&sha('a'), &sha('b'))).unwrap().unwrap().truncated);
    assert_eq!(run(repo.compare(&sha('a'), &sha('b'))).unwrap(), None);
}

#[test]
fn search_words_cannot_widen_the_search() {
    let query = "/search/code?q=%22fix%22%20%22repoother%22%20repo%3Ao%2Fr&per_page=5";
    let world = World::new([on(Method::Get, query).answers(200, json!({"items": [{"path": "src/a.rs"}]}))]);
    let hits = run(with_token(&world).search_code(&["fix", "\" repo:other", "::"], 5)).unwrap();
    assert_eq!(hits.items[0].path.raw(), "src/a.rs");
}

#[test]
fn a_poll_repeats_for_free_until_something_changes() {
    let since = Timestamp::from_millis(START);
    let path = "/issues?state=all&sort=updated&direction=asc&per_page=100&since=2026-02-18T09%3A30%3A00.000Z&page=1";
    let headers = [
        ("etag", "W/\"1\""),
        ("link", "<https://h/?page=2>; rel=\"next\", <x>; rel=\"last\""),
        ("x-poll-interval", "60"),
    ];
    let world = World::new([
        get(path).answers_with(200, &headers, json!([issue(json!({}))])),
        get(path).header("if-none-match", "W/\"1\"").answers_bytes(304, &headers[2..], b""),
    ]);
    let repo = with_token(&world);
    let ask = PollAsk { since, page: 1, etag: None };
    let Polled::Page { items, etag, next, poll_interval_s } = run(repo.poll_issues(ask)).unwrap() else { panic!() };
    assert_eq!((items.len(), etag.as_deref(), next, poll_interval_s), (1, Some("W/\"1\""), Some(2), Some(60)));
    let again = run(repo.poll_issues(PollAsk { etag: etag.as_deref(), ..ask })).unwrap();
    assert_eq!(again, Polled::NotModified { poll_interval_s: Some(60) });
}

#[test]
fn what_is_left_of_the_rate_limit() {
    let answer = json!({"resources": {"core": {"limit": 5000, "remaining": 12, "reset": START / 1000}}});
    let world = World::new([on(Method::Get, "/rate_limit").answers(200, answer)]);
    let left = run(with_token(&world).rate_limit()).unwrap();
    assert_eq!((left.limit, left.remaining, left.reset.millis()), (5000, 12, START));
}

//! Publishing: blobs, trees, commits, references and pull requests, and what a repeat meets.

use porter::clients::github::git::{Entry, RefOutcome, Signature, TreeChange};
use porter::clients::github::pulls::{NewPull, Opened};
use porter::domain::ids::{Branch, IssueNumber};
use porter::domain::time::Timestamp;
use porter::ports::Method;
use serde_json::{Value, json};

use crate::script::{START, Step, World, on, run};
use crate::{sha, with_app, with_token};

fn at(method: Method, path: &str) -> Step {
    on(method, &format!("/repos/o/r{path}"))
}

fn branch(text: &str) -> Branch {
    Branch::parse(text).unwrap()
}

fn pull(extra: Value) -> Value {
    let end = |branch: &str| json!({"ref": branch, "sha": sha('a'), "repo": {"id": 7, "full_name": "o/r"}});
    let mut pull = json!({"number": 8, "html_url": "https://h/o/r/pull/8", "title": "T", "body": null, "user": null,
        "state": "open", "draft": true, "head": end("porter/t"), "base": end("main"), "merged_at": null});
    pull.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    pull
}

#[test]
fn objects_are_made_from_a_change_set() {
    let change = |path: &str, to| TreeChange { path: path.to_owned(), to };
    let mode = || "100644".to_owned();
    let changes = [
        change("a.rs", Entry::Text { mode: "100755".to_owned(), content: "fn".to_owned() }),
        change("b.png", Entry::Blob { mode: mode(), sha: sha('b') }),
        change("c.rs", Entry::Deleted),
    ];
    let tree = json!({"base_tree": sha('0'), "tree": [
        {"path": "a.rs", "mode": "100755", "type": "blob", "content": "fn"},
        {"path": "b.png", "mode": "100644", "type": "blob", "sha": sha('b')},
        {"path": "c.rs", "mode": "100644", "type": "blob", "sha": null}]});
    let author = json!({"name": "Porter", "email": "porter@example.test", "date": "2026-02-18T09:30:00.000Z"});
    let commit = json!({"tree": sha('1'), "parents": [sha('0')], "message": "M"});
    let mut signed = commit.clone();
    signed["author"] = author;
    let world = World::new([
        at(Method::Post, "/git/blobs")
            .sends(json!({"content": "aGk=", "encoding": "base64"}))
            .answers(201, json!({"sha": sha('b')})),
        at(Method::Post, "/git/trees").sends(tree).answers(201, json!({"sha": sha('1')})),
        at(Method::Post, "/git/commits").sends(signed).answers(201, json!({"sha": sha('2')})),
        at(Method::Post, "/git/commits").sends(commit).answers(201, json!({"sha": sha('3')})),
    ]);
    let repo = with_token(&world);
    assert_eq!(run(repo.create_blob("aGk=")).unwrap(), sha('b'));
    assert_eq!(run(repo.create_tree(&sha('0'), &changes)).unwrap(), sha('1'));
    let date = Timestamp::from_millis(START);
    let author = Signature { name: "Porter".to_owned(), email: "porter@example.test".to_owned(), date };
    assert_eq!(run(repo.create_commit(&sha('1'), &sha('0'), "M", Some(&author))).unwrap(), sha('2'));
    assert_eq!(run(repo.create_commit(&sha('1'), &sha('0'), "M", None)).unwrap(), sha('3'));
}

#[test]
fn publishing_needs_contents_and_pull_requests_of_one_repository() {
    let permissions = json!({"contents": "write", "pull_requests": "write"});
    let world = World::new([
        on(Method::Post, "/app/installations/9/access_tokens")
            .bearer(None)
            .sends(json!({"repository_ids": [7], "permissions": permissions}))
            .answers(201, json!({"token": "minted", "expires_at": "2026-02-18T10:30:00Z"})),
        at(Method::Post, "/git/refs")
            .bearer(Some("minted"))
            .sends(json!({"ref": "refs/heads/porter/t", "sha": sha('2')}))
            .answers(201, json!({})),
    ]);
    assert_eq!(run(with_app(&world).create_ref(&branch("porter/t"), &sha('2'))).unwrap(), RefOutcome::Set);
}

#[test]
fn references_are_never_forced() {
    let make = || at(Method::Post, "/git/refs").sends(json!({"ref": "refs/heads/porter/t", "sha": sha('2')}));
    let path = "/git/refs/heads%2Fporter%2Ft";
    let advance = || at(Method::Patch, path).sends(json!({"sha": sha('2'), "force": false}));
    let said = |message: &str| json!({"message": message});
    let world = World::new([
        make().answers(422, said("Reference already exists")),
        make().answers(422, said("Object does not exist")),
        advance().answers(200, json!({})),
        advance().answers(422, said("Update is not a fast forward")),
        advance().answers(422, said("Reference does not exist")),
        advance().answers(404, said("Not Found")),
        advance().answers(403, said("Resource not accessible by integration")),
    ]);
    let (repo, to) = (with_token(&world), branch("porter/t"));
    assert_eq!(run(repo.create_ref(&to, &sha('2'))).unwrap(), RefOutcome::Taken);
    assert!(run(repo.create_ref(&to, &sha('2'))).is_err());
    let moved = || run(repo.update_ref(&to, &sha('2'))).ok();
    let outcomes = [moved(), moved(), moved(), moved(), moved()];
    let expected =
        [Some(RefOutcome::Set), Some(RefOutcome::Taken), Some(RefOutcome::Missing), Some(RefOutcome::Missing), None];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_reference_and_its_commit_can_be_looked_at() {
    let commit = json!({"sha": sha('2'), "tree": {"sha": sha('1')}, "parents": [{"sha": sha('0')}], "message": "M\n\nPorter-Task: t"});
    let path = format!("/git/commits/{}", sha('2'));
    let head = "/git/ref/heads%2Fporter%2Ft";
    let world = World::new([
        at(Method::Get, head).answers(200, json!({"ref": "refs/heads/porter/t", "object": {"sha": sha('2')}})),
        at(Method::Get, head).answers(404, json!({})),
        at(Method::Get, &path).answers(200, commit),
    ]);
    let repo = with_token(&world);
    assert_eq!(run(repo.branch_ref(&branch("porter/t"))).unwrap(), Some(sha('2')));
    assert_eq!(run(repo.branch_ref(&branch("porter/t"))).unwrap(), None);
    let commit = run(repo.commit(&sha('2'))).unwrap().unwrap();
    assert_eq!((commit.tree, commit.parents), (sha('1'), vec![sha('0')]));
    assert!(commit.message.raw().ends_with("Porter-Task: t"));
}

#[test]
fn an_open_pull_request_for_the_head_is_adopted() {
    let open = || {
        at(Method::Post, "/pulls")
            .sends(json!({"title": "T", "body": "B", "head": "porter/t", "base": "main", "draft": true}))
    };
    let exists = json!({"message": "Validation Failed", "errors": [
        {"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for o:porter/t."}]});
    let none = json!({"message": "Validation Failed", "errors": [
        {"resource": "PullRequest", "code": "custom", "message": "No commits between main and porter/t"}]});
    let foreign = pull(
        json!({"number": 9, "head": {"ref": "porter/t", "sha": sha('a'), "repo": {"id": 99, "full_name": "x/r"}}}),
    );
    let world = World::new([
        open().answers(201, pull(json!({}))),
        open().answers(422, exists),
        open().answers(422, none),
        at(Method::Get, "/pulls?state=all&head=o%3Aporter%2Ft&per_page=100")
            .answers(200, json!([foreign, pull(json!({}))])),
    ]);
    let (head, base) = (branch("porter/t"), branch("main"));
    let new = NewPull { title: "T", body: "B", head: &head, base: &base, draft: true };
    let repo = with_token(&world);
    let Opened::Pull(opened) = run(repo.open_pull(&new)).unwrap() else { panic!("not opened") };
    assert_eq!((opened.number, opened.draft, opened.merged()), (IssueNumber(8), true, false));
    assert_eq!(run(repo.open_pull(&new)).unwrap(), Opened::Exists);
    assert!(run(repo.open_pull(&new)).is_err());
    let found = run(repo.pulls_of_head(&head)).unwrap();
    assert_eq!(found.iter().map(|pull| pull.number).collect::<Vec<_>>(), [IssueNumber(8)]);
}

#[test]
fn a_pull_request_says_where_it_comes_from_and_went() {
    for (extra, fork, merged) in [
        (json!({}), false, false),
        (json!({"merged": true, "state": "closed"}), false, true),
        (json!({"merged_at": "2026-02-18T09:30:00Z", "state": "closed"}), false, true),
        (json!({"head": {"ref": "ünicode", "sha": sha('a'), "repo": null}}), true, false),
        (json!({"head": {"ref": "x", "sha": sha('a'), "repo": {"id": 99, "full_name": "x/r"}}}), true, false),
    ] {
        let world = World::new([at(Method::Get, "/pulls/8").answers(200, pull(extra))]);
        let pull = run(with_token(&world).pull(IssueNumber(8))).unwrap();
        assert_eq!((pull.from_fork(), pull.merged()), (fork, merged));
        assert_eq!(pull.base.branch().unwrap(), branch("main"));
    }
}

#[test]
fn files_reviews_and_their_comments_come_in_pages() {
    let next = [("link", "<https://h/?page=2>; rel=\"next\"")];
    let file = json!({"filename": "a", "status": "modified", "additions": 1, "deletions": 2, "patch": "@@"});
    let review = json!({"id": 1, "body": null, "user": null, "state": "APPROVED", "submitted_at": null, "html_url": "https://h"});
    let comment = json!({"id": 2, "body": "b", "user": null, "path": "a", "line": 3, "diff_hunk": "@@", "in_reply_to_id": 1,
        "created_at": "2026-02-18T09:30:00Z", "updated_at": "2026-02-18T09:30:00Z", "html_url": "https://h",
        "pull_request_url": "https://api.test/repos/o/r/pulls/8"});
    let page = |what: &str, number: u32| at(Method::Get, &format!("/pulls/8/{what}?per_page=100&page={number}"));
    let world = World::new([
        page("files", 1).answers_with(200, &next, json!([file])),
        page("files", 2).answers_with(200, &next, json!([file])),
        page("reviews", 1).answers(200, json!([review])),
        page("comments", 1).answers(200, json!([comment])),
        at(Method::Post, "/pulls/8/requested_reviewers").sends(json!({"reviewers": ["ada"]})).answers(201, json!({})),
    ]);
    let (repo, number) = (with_token(&world), IssueNumber(8));
    let files = run(repo.pull_files(number, 2)).unwrap();
    assert_eq!((files.items.len(), files.more), (2, true));
    assert_eq!(run(repo.reviews(number, 2)).unwrap().items[0].submitted_at, None);
    let comments = run(repo.review_comments(number, 2)).unwrap();
    assert_eq!((comments.items[0].pull(), comments.items[0].line, comments.more), (Some(number), Some(3), false));
    run(repo.request_review(number, "ada")).unwrap();
}

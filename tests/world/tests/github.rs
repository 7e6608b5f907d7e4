//! The stand-in GitHub answers as GitHub does: scopes, conflicts, git objects, conditional requests, deliveries.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where the world is not as it should be, and tells one story from start to end"
)]

use porter::domain::secret::Secret;
use porter::ports::{Clock as _, Crypto as _, Http as _, HttpRequest, Method};
use porter_world::github::wire::{Request, Response};
use porter_world::github::{Change, DeliveryFault, RequestFault, Role, Trouble};
use porter_world::ports::RingCrypto;
use porter_world::world::{APP_ID, Mode, TOKEN, WEBHOOK_SECRET, World};
use serde_json::{Value, json};

fn ask(world: &World, method: &str, address: &str, token: &str, body: Option<Value>) -> Response {
    let request = Request::new(method, address, Some(token));
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    world.github.borrow_mut().handle(&request, world.clock.now())
}

fn jwt(world: &World, issuer: &str, life_s: i64) -> String {
    use base64::Engine as _;
    let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let now = world.clock.now().seconds();
    let claims = json!({"iat": now - 60, "exp": now - 60 + life_s, "iss": issuer});
    let signed = format!("{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims));
    let pem = Secret::new(world.app_pem());
    let signature = futures_util::FutureExt::now_or_never(RingCrypto.sign_rs256(&pem, signed.as_bytes()));
    let signature = signature.unwrap().unwrap();
    format!("{signed}.{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature))
}

/// A token of the App for `acme/demo` with these permissions.
fn mint(world: &World, permissions: Value) -> String {
    let jwt = jwt(world, &APP_ID.to_string(), 600);
    let installation = ask(world, "GET", "/repos/acme/demo/installation", &jwt, None).value();
    let address = format!("/app/installations/{}/access_tokens", installation["id"]);
    let asked = json!({"repository_ids": [world.repo], "permissions": permissions});
    let answer = ask(world, "POST", &address, &jwt, Some(asked));
    assert_eq!(answer.status, 201, "{}", answer.value());
    answer.value()["token"].as_str().unwrap().to_owned()
}

#[test]
fn an_apps_token_reaches_as_far_as_it_was_narrowed_and_no_further() {
    let world = World::new(Mode::App);
    let issue = world.issue("alice", "It breaks", "Sometimes.");
    let acme = world.user("acme");
    world.github.borrow_mut().add_repository(world.clock.now(), acme, "secret", true, &[("a", "b")]);

    let token = mint(&world, json!({"issues": "write"}));
    let comments = format!("/repos/acme/demo/issues/{issue}/comments");
    assert_eq!(ask(&world, "POST", &comments, &token, Some(json!({"body": "hi"}))).status, 201);
    assert_eq!(ask(&world, "GET", "/repos/acme/secret", &token, None).status, 404);
    let refused =
        ask(&world, "POST", "/repos/acme/demo/git/refs", &token, Some(json!({"ref": "refs/heads/x", "sha": "y"})));
    assert_eq!((refused.status, &refused.value()["message"]), (403, &json!("Resource not accessible by integration")));
    assert_eq!(ask(&world, "GET", "/repos/acme/demo/contents/README.md", &token, None).status, 403);
    assert_eq!(world.comments(issue), [("porter[bot]".to_owned(), "hi".to_owned())]);

    world.clock.advance_ms(3_600_000);
    assert_eq!(ask(&world, "POST", &comments, &token, Some(json!({"body": "late"}))).status, 401);
    let record = &world.github.borrow().record;
    assert_eq!(record.minted[0].repositories.as_deref(), Some(&["acme/demo".to_owned()][..]));
    assert_eq!(record.received("late"), [format!("POST {comments}")]);
}

#[test]
fn a_jwt_must_be_ours_and_short() {
    let world = World::new(Mode::App);
    for (issuer, life_s, status) in
        [("4242", 600, 200), ("Iv1.world", 600, 200), ("1", 600, 401), ("4242", 3600, 401), ("4242", 30, 401)]
    {
        assert_eq!(ask(&world, "GET", "/app", &jwt(&world, issuer, life_s), None).status, status, "{issuer} {life_s}");
    }
    let mut forged = jwt(&world, "4242", 600);
    let end = forged.pop().unwrap();
    forged.pop();
    forged.extend([end, end]);
    assert_eq!(ask(&world, "GET", "/app", &forged, None).status, 401);
    let jwt = jwt(&world, "4242", 600);
    let installation = ask(&world, "GET", "/repos/acme/demo/installation", &jwt, None).value();
    let too_much = json!({"permissions": {"administration": "write"}});
    let address = format!("/app/installations/{}/access_tokens", installation["id"]);
    assert_eq!(ask(&world, "POST", &address, &jwt, Some(too_much)).status, 422);
}

#[test]
fn a_change_is_published_as_porter_does_it() {
    let world = World::new(Mode::Token);
    let post = |path: &str, body: Value| ask(&world, "POST", &format!("/repos/acme/demo/{path}"), TOKEN, Some(body));
    let head = ask(&world, "GET", "/repos/acme/demo/git/ref/heads/main", TOKEN, None).value()["object"]["sha"].clone();
    let base = ask(&world, "GET", &format!("/repos/acme/demo/git/commits/{}", head.as_str().unwrap()), TOKEN, None)
        .value()["tree"]["sha"]
        .clone();
    let tree = post(
        "git/trees",
        json!({"base_tree": base, "tree": [
            {"path": "src/main.rs", "mode": "100644", "type": "blob", "content": "fn main() {}\n"},
            {"path": "README.md", "mode": "100644", "type": "blob", "sha": null},
        ]}),
    );
    assert_eq!(tree.status, 201, "{}", tree.value());
    let commit = post("git/commits", json!({"message": "Fix it", "tree": tree.value()["sha"], "parents": [head]}));
    let reference = json!({"ref": "refs/heads/porter/one", "sha": commit.value()["sha"]});
    assert_eq!(post("git/refs", reference.clone()).status, 201);
    assert_eq!(post("git/refs", reference).value()["message"], "Reference already exists");
    let wanted = json!({"title": "Fix it", "head": "porter/one", "base": "main", "body": "Closes #9"});
    let pull = post("pulls", wanted.clone());
    assert_eq!(pull.status, 201, "{}", pull.value());
    assert_eq!(pull.value()["changed_files"], 2);
    let again = post("pulls", wanted);
    assert_eq!(again.value()["errors"][0]["message"], "A pull request already exists for acme:porter/one.");
    assert_eq!(
        ask(&world, "GET", "/repos/acme/demo/pulls?head=acme:porter/one", TOKEN, None)
            .value()
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let back = json!({"sha": head, "force": false});
    let refused = ask(&world, "PATCH", "/repos/acme/demo/git/refs/heads/porter/one", TOKEN, Some(back));
    assert_eq!((refused.status, &refused.value()["message"]), (422, &json!("Update is not a fast forward")));
    assert_eq!(world.file_at("porter/one", "README.md"), None);
    world.merge("alice", pull.value()["number"].as_i64().unwrap());
    assert_eq!(world.file_at("main", "src/main.rs").as_deref(), Some("fn main() {}\n"));
}

#[test]
fn permissions_are_told_as_github_tells_them() {
    let world = World::new(Mode::Token);
    world.role("dora", Some(Role::Maintain));
    for (login, permission, role) in [
        ("alice", "admin", "admin"),
        ("bob", "write", "write"),
        ("dora", "write", "maintain"),
        ("mallory", "read", "read"),
    ] {
        let answer =
            ask(&world, "GET", &format!("/repos/acme/demo/collaborators/{login}/permission"), TOKEN, None).value();
        assert_eq!((&answer["permission"], &answer["role_name"]), (&json!(permission), &json!(role)), "{login}");
    }
    assert_eq!(ask(&world, "GET", "/repos/acme/demo/collaborators/nobody/permission", TOKEN, None).status, 404);
    let mallory = world.user("mallory");
    let stranger = world.github.borrow_mut().add_token(mallory, &["repo"]);
    assert_eq!(ask(&world, "GET", "/repos/acme/demo/collaborators/bob/permission", &stranger, None).status, 403);
    assert_eq!(ask(&world, "POST", "/repos/acme/demo/labels", &stranger, Some(json!({"name": "x"}))).status, 403);
}

#[test]
fn conditional_requests_limits_and_faults() {
    let world = World::new(Mode::Token);
    let first = ask(&world, "GET", "/repos/acme/demo/issues/comments", TOKEN, None);
    let mut request = Request::new("GET", "/repos/acme/demo/issues/comments", Some(TOKEN));
    request.headers.push(("if-none-match".into(), first.header("etag").unwrap().to_owned()));
    let now = world.clock.now();
    let second = world.github.borrow_mut().handle(&request, now);
    assert_eq!((second.status, second.body.len()), (304, 0));
    assert_eq!(first.header("x-ratelimit-remaining"), second.header("x-ratelimit-remaining"), "304 is free");

    let fault = |trouble| RequestFault { method: "GET".into(), path: "/comments".into(), times: 1, trouble };
    world.github.borrow_mut().limits.faults =
        vec![fault(Trouble::SecondaryLimit { retry_after_s: 7 }), fault(Trouble::PrimaryLimit)];
    let limited = world.github.borrow_mut().handle(&request, now);
    assert_eq!((limited.status, limited.header("retry-after")), (403, Some("7")));
    let limited = world.github.borrow_mut().handle(&request, now);
    assert_eq!((limited.status, limited.header("x-ratelimit-remaining")), (403, Some("0")));
    world.github.borrow_mut().limits.an_hour = 1;
    assert_eq!(ask(&world, "GET", "/user", TOKEN, None).status, 403);
    world.clock.advance_ms(3_600_000);
    assert_eq!(ask(&world, "GET", "/user", TOKEN, None).value()["login"], "porter-bot");
}

#[test]
fn deliveries_are_signed_and_can_be_lost_doubled_and_redelivered() {
    let world = World::new(Mode::App);
    let issue = world.issue("alice", "t", "b");
    world.take_deliveries();
    let delivery = world.comment("bob", issue, "@porter fix it");
    let header = |name: &str| delivery.headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
    let signature = hex::decode(header("x-hub-signature-256").trim_start_matches("sha256=")).unwrap();
    let secret = Secret::new(WEBHOOK_SECRET);
    let matches = RingCrypto.hmac_sha256_matches(&secret, &delivery.body, &signature);
    assert!(futures_util::FutureExt::now_or_never(matches).unwrap().unwrap());
    let payload: Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!((&payload["comment"]["body"], payload["installation"]["id"].is_i64()), (&json!("@porter fix it"), true));

    world.github.borrow_mut().deliveries.faults.extend([DeliveryFault::Drop, DeliveryFault::Duplicate]);
    world.comment_quietly("bob", issue, "lost");
    world.comment_quietly("bob", issue, "twice");
    let arrived = world.take_deliveries();
    assert_eq!(arrived.iter().map(|one| &one.guid).collect::<std::collections::BTreeSet<_>>().len(), 1);
    assert_eq!(arrived.len(), 2);
    let jwt = jwt(&world, "4242", 600);
    let log = ask(&world, "GET", "/app/hook/deliveries", &jwt, None).value();
    assert_eq!(log[0]["status_code"], 0);
    let again = ask(&world, "POST", &format!("/app/hook/deliveries/{}/attempts", log[0]["id"]), &jwt, None);
    assert_eq!(again.status, 202);
    let redelivered = world.take_deliveries();
    assert_eq!(redelivered[0].guid, log[0]["guid"].as_str().unwrap());
}

#[test]
fn a_renamed_repository_redirects_and_a_private_one_hides() {
    let world = World::new(Mode::Token);
    world.github.borrow_mut().rename(world.repo, "renamed");
    let moved = ask(&world, "GET", "/repos/acme/demo/issues?state=all", TOKEN, None);
    let location = moved.header("location").unwrap().to_owned();
    assert_eq!(
        (moved.status, location.as_str()),
        (301, format!("https://api.github.com/repositories/{}/issues?state=all", world.repo).as_str())
    );
    assert_eq!(ask(&world, "GET", &format!("/repositories/{}/issues", world.repo), TOKEN, None).status, 200);
}

#[test]
fn a_forks_pull_request_names_the_fork() {
    let world = World::new(Mode::Token);
    let mallory = world.user("mallory");
    let fork = world.github.borrow_mut().fork(world.repo, mallory).unwrap();
    let there = world.in_repo("mallory/demo");
    assert_eq!(there.repo, fork);
    there.push_commit("mallory", "evil", "Change", &[Change::Write("README.md", "changed\n")]);
    let number = world.open_pull("mallory", Some("mallory/demo"), "evil", "Please");
    let pull = ask(&world, "GET", &format!("/repos/acme/demo/pulls/{number}"), TOKEN, None).value();
    assert_eq!(pull["head"]["repo"]["full_name"], "mallory/demo");
    let files = ask(&world, "GET", &format!("/repos/acme/demo/pulls/{number}/files"), TOKEN, None).value();
    assert_eq!(files[0]["filename"], "README.md");
}

#[test]
fn porters_own_port_reaches_github_and_nothing_else() {
    let world = World::new(Mode::Token);
    let get = |url: &str| HttpRequest {
        method: Method::Get,
        url: url.into(),
        headers: vec![("user-agent", "porter".into()), ("authorization", format!("Bearer {TOKEN}"))],
        body: Vec::new(),
        timeout_ms: 1000,
    };
    let send = |url: &str| futures_util::FutureExt::now_or_never(world.http().send(get(url))).unwrap();
    assert_eq!(send("https://api.github.com/repos/acme/demo").unwrap().status, 200);
    assert!(send("https://api.github.com.evil.example/repos/acme/demo").is_err());
}

#[test]
fn the_same_calls_give_the_same_bytes_and_copies_part_ways() {
    let run = || {
        let world = World::new(Mode::QuickApp);
        let issue = world.issue("alice", "t", "b");
        world.comment("bob", issue, "@porter").body.to_vec()
    };
    assert_eq!(run(), run());
    let world = World::new(Mode::QuickApp);
    let kept = world.github.borrow().clone();
    let other = World::from_kept(kept, world.clock.now(), world.repo, Mode::QuickApp);
    let issue = world.issue("alice", "t", "b");
    assert!(other.repository().issues.is_empty());
    assert_eq!(issue, 1);
}

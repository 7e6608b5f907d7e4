//! Tokens: scoped to one repository and one use, cached, replaced; the App's signature; who we are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use porter::clients::github::{AccountKind, GithubError, Identity, Need};
use porter::domain::credential::Credential;
use porter::domain::ids::InstallationId;
use porter::domain::time::Timestamp;
use porter::ports::Method;
use serde_json::{Value, json};

use crate::script::{START, Step, World, on, run};
use crate::{APP, name, with_app, with_token};

const MINT: &str = "/app/installations/9/access_tokens";

fn mint(token: &str, permissions: Value, lives_s: i64) -> Step {
    let expires_at = Timestamp::from_millis(START).plus_seconds(lives_s).rfc3339();
    on(Method::Post, MINT)
        .bearer(None)
        .sends(json!({"repository_ids": [7], "permissions": permissions}))
        .answers(201, json!({"token": token, "expires_at": expires_at, "permissions": {"metadata": "read"}}))
}

#[test]
fn every_need_mints_exactly_its_permissions() {
    for (need, permissions) in [
        (Need::ReadMetadata, json!({"metadata": "read"})),
        (Need::ReadContents, json!({"contents": "read"})),
        (Need::ReadIssues, json!({"issues": "read"})),
        (Need::ReadPulls, json!({"pull_requests": "read"})),
        (Need::WriteIssue, json!({"issues": "write"})),
        (Need::WritePull, json!({"pull_requests": "write"})),
        (Need::Publish, json!({"contents": "write", "pull_requests": "write"})),
    ] {
        let world = World::new([mint("minted", permissions, 3600)]);
        assert_eq!(run(with_app(&world).token(need)).unwrap().expose(), "minted");
    }
}

#[test]
fn a_token_is_reused_while_five_minutes_remain() {
    let contents = || json!({"contents": "read"});
    let world = World::new([mint("first", contents(), 3600)]);
    let token = || run(with_app(&world).token(Need::ReadContents)).unwrap().expose().to_owned();
    assert_eq!(token(), "first");
    world.wait_seconds(3300);
    assert_eq!(token(), "first");
    world.wait_seconds(1);
    world.then([mint("second", contents(), 7200)]);
    assert_eq!(token(), "second");
    // Another use of the same repository gets a token of its own.
    world.then([mint("issues", json!({"issues": "read"}), 7200)]);
    assert_eq!(run(with_app(&world).token(Need::ReadIssues)).unwrap().expose(), "issues");
    assert_eq!(token(), "second");
}

#[test]
fn tokens_do_not_cross_installations_or_repositories() {
    let world = World::new([mint("seven", json!({"metadata": "read"}), 3600)]);
    run(with_app(&world).token(Need::ReadMetadata)).unwrap();
    let expires_at = Timestamp::from_millis(START).plus_seconds(3600).rfc3339();
    let by_name = json!({"repositories": ["r"], "permissions": {"metadata": "read"}});
    let answer = json!({"token": "named", "expires_at": expires_at});
    world.then([on(Method::Post, MINT).bearer(None).sends(by_name.clone()).answers(201, answer.clone())]);
    let named = world.github().named(APP, name("o/r"));
    assert_eq!(run(named.token(Need::ReadMetadata)).unwrap().expose(), "named");
    let other = Credential::App { installation: InstallationId(10) };
    let path = "/app/installations/10/access_tokens";
    world.then([on(Method::Post, path).bearer(None).sends(by_name).answers(201, answer)]);
    run(world.github().named(other, name("o/r")).token(Need::ReadMetadata)).unwrap();
}

#[test]
fn a_cached_token_that_was_revoked_is_replaced_once() {
    let languages = |token: &str| on(Method::Get, "/repos/o/r/languages").bearer(Some(token));
    let metadata = || json!({"metadata": "read"});
    let world = World::new([mint("old", metadata(), 3600), languages("old").answers(200, json!({"C": 1, "Rust": 9}))]);
    let expected = vec![("Rust".to_owned(), 9), ("C".to_owned(), 1)];
    assert_eq!(run(with_app(&world).languages()).unwrap(), expected);
    world.then([
        languages("old").answers(401, json!({"message": "Bad credentials"})),
        mint("new", metadata(), 3600),
        languages("new").answers(200, json!({})),
    ]);
    assert_eq!(run(with_app(&world).languages()).unwrap(), Vec::new());
    world.then([
        languages("new").answers(401, json!({})),
        mint("newer", metadata(), 3600),
        languages("newer").answers(401, json!({})),
    ]);
    assert!(matches!(run(with_app(&world).languages()), Err(GithubError::Unauthorized)));
}

#[test]
fn a_refused_token_is_not_a_missing_file() {
    for (status, message) in [
        (404, "Not Found"),
        (422, "There is at least one repository that is not accessible to the parent installation."),
        (422, "The permissions requested are not granted to this installation."),
        (403, "This installation has been suspended"),
    ] {
        let refused = json!({"message": message});
        let permissions = json!({"contents": "read"});
        let world = World::new([mint("", permissions, 0).answers(status, refused)]);
        let error = run(with_app(&world).file("AGENTS.md", "main", 9)).unwrap_err();
        let expected = if status == 404 { "refused" } else { message };
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn the_app_signs_for_nine_minutes_with_a_minute_for_skew() {
    let world = World::new([on(Method::Get, "/repos/o/r/installation").bearer(None).answers(200, json!({"id": 9}))]);
    assert_eq!(run(world.github().installation(&name("o/r"))).unwrap(), InstallationId(9));
    let sent = world.sent.borrow();
    let bearer = sent[0].headers.iter().find(|(name, _)| *name == "authorization").unwrap().1.clone();
    let parts: Vec<Vec<u8>> =
        bearer["Bearer ".len()..].split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let json = |part: &[u8]| serde_json::from_slice::<Value>(part).unwrap();
    assert_eq!(json(&parts[0]), json!({"alg": "RS256", "typ": "JWT"}));
    let now = START / 1000;
    assert_eq!(json(&parts[1]), json!({"iat": now - 60, "exp": now + 480, "iss": "4711"}));
    assert!(bearer["Bearer ".len()..].starts_with(std::str::from_utf8(&parts[2][7..]).unwrap()));
}

#[test]
fn who_we_are_is_asked_once() {
    let owner = json!({"login": "o", "id": 1, "type": "Organization"});
    let app = on(Method::Get, "/app").bearer(None).answers(200, json!({"slug": "porter-dev", "owner": owner}));
    let world = World::new([app]);
    for _ in 0..2 {
        let identity = run(world.github().identity(APP)).unwrap();
        let Identity::App { slug, owner } = &identity else { panic!("{identity:?}") };
        assert_eq!((slug.as_str(), owner.kind), ("porter-dev", AccountKind::Organization));
    }
    let user = on(Method::Get, "/user").answers(200, json!({"login": "bot", "id": 5, "type": "User"}));
    world.then([user]);
    for _ in 0..2 {
        assert!(matches!(run(world.github().identity(Credential::Token)).unwrap(), Identity::User(_)));
    }
}

#[test]
fn a_credential_is_stored_as_words() {
    let json = json!({"by": "app", "installation": 9});
    assert_eq!(serde_json::to_value(APP).unwrap(), json);
    assert_eq!(serde_json::from_value::<Credential>(json).unwrap(), APP);
    assert_eq!(serde_json::to_value(Credential::Token).unwrap(), json!({"by": "token"}));
}

#[test]
fn the_bot_accounts_token_is_used_as_it_is() {
    let world = World::new([]);
    assert_eq!(run(with_token(&world).token(Need::Publish)).unwrap().expose(), "own-token");
}

#[test]
fn missed_deliveries_are_listed_and_asked_for_again() {
    let attempt = |id: i64, status: u16| {
        json!({"id": id, "guid": "g", "delivered_at": "2026-02-18T09:30:00Z", "status_code": status,
            "status": "…", "event": "issue_comment", "action": null, "redelivery": false})
    };
    let link =
        "<https://api.test/app/hook/deliveries?per_page=100&cursor=v1_5>; rel=\"next\", <https://h>; rel=\"first\"";
    let world = World::new([
        on(Method::Get, "/app/hook/deliveries?per_page=100").bearer(None).answers_with(
            200,
            &[("link", link)],
            json!([attempt(1, 202), attempt(2, 503), attempt(3, 0), attempt(4, 302)]),
        ),
        on(Method::Get, "/app/hook/deliveries?per_page=100&cursor=v1_5").bearer(None).answers(200, json!([])),
        on(Method::Post, "/app/hook/deliveries/2/attempts").bearer(None).answers(202, json!({})),
    ]);
    let page = run(world.github().deliveries(None)).unwrap();
    let arrived: Vec<_> = page.items.iter().map(|attempt| attempt.arrived()).collect();
    assert_eq!(arrived, [true, false, false, false]);
    let last = run(world.github().deliveries(page.next.as_deref())).unwrap();
    assert_eq!((last.items.len(), last.next), (0, None));
    run(world.github().redeliver(2)).unwrap();
}

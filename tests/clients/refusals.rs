//! What each of GitHub's refusals means, and which redirects are followed.

use porter::clients::github::GithubError;
use porter::domain::ids::IssueNumber;
use porter::domain::time::Timestamp;
use porter::ports::{FaultKind, HttpResponse, Method};
use serde_json::json;

use crate::script::{START, World, on, run};
use crate::with_token;

const ISSUE: &str = "/repos/o/r/issues/7";

fn refused(status: u16, headers: &[(&str, &str)], body: &str) -> GithubError {
    let world = World::new([on(Method::Get, ISSUE).answers_bytes(status, headers, body.as_bytes())]);
    run(with_token(&world).issue(IssueNumber(7))).unwrap_err()
}

/// Seconds from the start, `None` for another error.
fn limited(status: u16, headers: &[(&str, &str)], message: &str) -> Option<i64> {
    let error = refused(status, headers, &json!({"message": message}).to_string());
    let GithubError::RateLimited { until } = error else {
        return None;
    };
    let fault = error.into_fault("testing");
    assert_eq!(fault.kind, FaultKind::Transient { not_before: Some(until) });
    Some(until.since(Timestamp::from_millis(START)) / 1000)
}

#[test]
fn refusals_are_told_apart() {
    let kind = |status, body: &str| match refused(status, &[], body) {
        GithubError::NotFound => "not found".to_owned(),
        GithubError::Forbidden { message } => format!("forbidden {message}"),
        GithubError::Unauthorized => "unauthorized".to_owned(),
        GithubError::Gone => "gone".to_owned(),
        GithubError::Conflict { message } => format!("conflict {message}"),
        GithubError::Unprocessable { message, errors } => {
            format!("unprocessable {message} {errors:?}")
        }
        GithubError::RateLimited { .. } => "limited".to_owned(),
        GithubError::Fault(fault) => format!("{:?}", fault.kind),
    };
    let transient = "Transient { not_before: None }";
    for (status, body, expected) in [
        (404, "{}", "not found"),
        (401, r#"{"message":"Bad credentials"}"#, "unauthorized"),
        (
            403,
            r#"{"message":"Resource not accessible by integration"}"#,
            "forbidden Resource not accessible by integration",
        ),
        (410, r#"{"message":"Issues are disabled"}"#, "gone"),
        (451, "{}", "gone"),
        (409, r#"{"message":"Git Repository is empty."}"#, "conflict Git Repository is empty."),
        (
            422,
            r#"{"message":"Validation Failed","errors":["a",{"field":"head","code":"invalid"}]}"#,
            r#"unprocessable Validation Failed ["a", "head invalid"]"#,
        ),
        (422, r#"{"message":"Reference already exists","errors":null}"#, "unprocessable Reference already exists []"),
        (400, "{}", "unprocessable  []"),
        (500, "<html>", transient),
        (502, "", transient),
        (503, "{}", transient),
        (408, "{}", transient),
        (418, "{}", "Permanent"),
        (302, "{}", "Permanent"),
        (200, "<html>an overloaded proxy</html>", transient),
        (200, r#"{"number":"seven"}"#, "Permanent"),
    ] {
        assert_eq!(kind(status, body), expected, "{status} {body}");
    }
}

#[test]
fn a_lost_connection_is_transient() {
    let world = World::new([on(Method::Get, ISSUE).breaks()]);
    let error = run(with_token(&world).issue(IssueNumber(7))).unwrap_err();
    assert_eq!(error.into_fault("testing").kind, FaultKind::Transient { not_before: None });
}

#[test]
fn rate_limits_say_until_when() {
    let reset = (START / 1000 + 900).to_string();
    let past = (START / 1000 - 5).to_string();
    let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())];
    let stale = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", past.as_str())];
    let left = [("x-ratelimit-remaining", "10"), ("x-ratelimit-reset", reset.as_str())];
    let both = [("retry-after", "30"), spent[0], spent[1]];
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes.";
    for (status, headers, message, expected) in [
        (403, &both[..], "API rate limit exceeded", Some(30)),
        (429, &both[..1], "", Some(30)),
        (403, &spent[..], "API rate limit exceeded", Some(900)),
        (403, &stale[..], "API rate limit exceeded", Some(60)),
        (403, &left[..], secondary, Some(60)),
        (403, &[], secondary, Some(60)),
        (403, &[], "You have triggered an abuse detection mechanism", Some(60)),
        (429, &[], "", Some(60)),
        (403, &left[..], "Resource not accessible by integration", None),
        (403, &[], "", None),
        (404, &spent[..], "", None),
        (401, &[("retry-after", "5")], "", None),
    ] {
        assert_eq!(limited(status, headers, message), expected, "{status} {headers:?} {message}");
    }
}

#[test]
fn no_error_holds_the_credential() {
    let echo = r#"{"message":"Bad own-token","errors":["own-token"]}"#;
    for status in [401, 403, 422, 500] {
        let error = refused(status, &[], r#"{"message":"no"}"#);
        assert!(!format!("{error} {error:?} {}", error.words()).contains("own-token"));
    }
    // What GitHub itself repeats is shown to nobody who commented.
    assert!(!refused(422, &[], echo).words().contains("own-token"));
}

#[test]
fn a_renamed_repository_is_followed_with_the_same_method_and_body() {
    let moved = |status, path: &str, to: &str| {
        on(Method::Post, path).sends(json!({"labels": ["x"]})).answers_with(status, &[("location", to)], json!({}))
    };
    let world = World::new([
        moved(307, "/repos/o/r/issues/7/labels", "https://api.test/repositories/7/issues/7/labels"),
        moved(301, "/repositories/7/issues/7/labels", "/repositories/8/issues/7/labels"),
        moved(308, "/repositories/8/issues/7/labels", "/repositories/9/issues/7/labels"),
        on(Method::Post, "/repositories/9/issues/7/labels").sends(json!({"labels": ["x"]})).answers(200, json!([])),
    ]);
    let issue = porter::clients::github::Subject::Issue(IssueNumber(7));
    run(with_token(&world).add_label(issue, "x")).unwrap();
}

#[test]
fn no_redirect_carries_the_credential_to_another_origin() {
    for location in ["https://evil.test/x", "//evil.test/x", "http://api.test/x", "https://api.test.evil.test/x", ""] {
        let world = World::new([on(Method::Get, ISSUE).answers_with(301, &[("location", location)], json!({}))]);
        let error = run(with_token(&world).issue(IssueNumber(7))).unwrap_err();
        assert!(matches!(&error, GithubError::Fault(fault) if fault.kind == FaultKind::Permanent), "{location}");
        assert_eq!(world.sent.borrow().len(), 1);
    }
}

#[test]
fn redirects_end() {
    let hop = || on(Method::Get, ISSUE).answers_with(301, &[("location", ISSUE)], json!({}));
    let world = World::new([hop(), hop(), hop(), hop()]);
    assert!(run(with_token(&world).issue(IssueNumber(7))).is_err());
}

#[test]
fn an_answer_beyond_reason_is_not_read() {
    let huge = HttpResponse { status: 200, headers: Vec::new(), body: vec![b' '; 16 * 1024 * 1024 + 1] };
    let world = World::new([on(Method::Get, ISSUE).answers_bytes(huge.status, &[], &huge.body)]);
    let error = run(with_token(&world).issue(IssueNumber(7))).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

//! Who is let in: every operation against every kind of caller, and what every answer carries.

use porter_world::world::Mode;
use serde_json::json;

use crate::description::{NOBODY, hold, operations};
use crate::stage::{PORTER, START_TOKEN, Seen, Stage};

const HOME: &str = "127.0.0.1:8787";
const JSON: &str = "application/json";

/// A caller: where it comes from and what it shows.
#[derive(Clone, Copy)]
struct Caller {
    what: &'static str,
    /// `PUBLIC_APP_URL` of the instance it calls.
    public: Option<&'static str>,
    host: &'static str,
    origin: Option<&'static str>,
    media: Option<&'static str>,
    token: Option<&'static str>,
}

const PAGE: Caller = Caller {
    what: "Porter's own page",
    public: Some(PORTER),
    host: HOME,
    origin: Some(PORTER),
    media: Some(JSON),
    token: Some(START_TOKEN),
};

/// What a change is refused with, besides what refuses a look already.
const CHANGES: [(Caller, u16); 11] = [
    (Caller { what: "no origin", origin: None, ..PAGE }, 403),
    (Caller { what: "another origin", origin: Some("https://evil.example"), ..PAGE }, 403),
    (Caller { what: "an opaque origin", origin: Some("null"), ..PAGE }, 403),
    (Caller { what: "another port's origin", origin: Some("http://127.0.0.1:8788"), ..PAGE }, 403),
    (
        Caller { what: "an origin that begins like ours", origin: Some("http://127.0.0.1:8787.evil.example"), ..PAGE },
        403,
    ),
    (Caller { what: "no token", token: None, ..PAGE }, 403),
    (Caller { what: "a wrong token", token: Some("start-token-for-test"), ..PAGE }, 403),
    (Caller { what: "a form", media: Some("application/x-www-form-urlencoded"), ..PAGE }, 415),
    (Caller { what: "a plain text", media: Some("text/plain"), ..PAGE }, 415),
    (Caller { what: "nearly JSON", media: Some("application/jsonp"), ..PAGE }, 415),
    (Caller { what: "no media type", media: None, ..PAGE }, 415),
];

/// Those who are not on this computer, or whose Porter is not.
const OUTSIDE: [Caller; 7] = [
    Caller { what: "a foreign Host", host: "porter.example", ..PAGE },
    Caller { what: "a Host that begins like loopback", host: "127.0.0.1.evil.example:8787", ..PAGE },
    Caller { what: "a Host that ends like localhost", host: "evil.localhost.example", ..PAGE },
    Caller { what: "every address", host: "0.0.0.0:8787", ..PAGE },
    Caller { what: "an empty Host", host: "", ..PAGE },
    Caller { what: "a public instance", public: Some("https://porter.example"), ..PAGE },
    Caller { what: "a public instance with userinfo", public: Some("https://127.0.0.1@porter.example"), ..PAGE },
];

const UNSET: Caller = Caller { what: "PUBLIC_APP_URL is not set", public: None, ..PAGE };

fn call(stage: &Stage, caller: &Caller, method: &str, path: &str) -> Seen {
    stage.set("PUBLIC_APP_URL", caller.public);
    let mut headers = vec![("host", caller.host)];
    let shown = [("origin", caller.origin), ("content-type", caller.media), ("x-porter-start-token", caller.token)];
    headers.extend(shown.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let body: &[u8] = if method == "GET" || method == "HEAD" { b"" } else { b"{}" };
    let seen = stage.request(method, path, &headers, body);
    carries_what_every_answer_carries(&seen, &format!("{}: {method} {path}", caller.what));
    hold(method, path, &seen);
    seen
}

/// Headers on everything the Worker itself answers.
fn carries_what_every_answer_carries(seen: &Seen, at: &str) {
    if seen.headers.is_empty() {
        return;
    }
    let header = |name: &str| seen.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    assert_eq!(header("cache-control"), Some("no-store"), "{at}");
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{at}");
    assert_eq!(header("referrer-policy"), Some("no-referrer"), "{at}");
    assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"), "{at}");
    assert!(header("content-security-policy").is_some_and(|it| it.starts_with("default-src 'none'")), "{at}");
    let open = seen.headers.iter().find(|(name, _)| name.starts_with("access-control-") || *name == "set-cookie");
    assert!(open.is_none(), "{at}: {open:?}");
    let mut names: Vec<&str> = seen.headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{at} has a header twice: {names:?}");
}

fn code(seen: &Seen) -> String {
    seen.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn is_let_in(seen: &Seen) -> bool {
    !matches!(seen.status, 401 | 403 | 415)
}

#[test]
fn every_operation_lets_in_whom_its_guard_says() {
    let stage = Stage::new(Mode::QuickApp);
    for it in operations() {
        let to = |caller: &Caller| call(&stage, caller, &it.method, &it.path);
        let at = |caller: &Caller| format!("{} of {} {}", caller.what, it.method, it.template);
        let is_change = it.guard == "loopback_change";
        match it.guard.as_str() {
            "github" | "machine" => {
                for caller in OUTSIDE.iter().chain([&PAGE, &UNSET]).chain(CHANGES.iter().map(|(caller, _)| caller)) {
                    assert_eq!(to(caller).status, 401, "{}", at(caller));
                }
                continue;
            }
            "anyone" => {
                for caller in OUTSIDE.iter().chain([&PAGE, &UNSET]).chain(CHANGES.iter().map(|(caller, _)| caller)) {
                    assert!(is_let_in(&to(caller)), "{}", at(caller));
                }
                continue;
            }
            _ => {}
        }
        assert!(is_let_in(&to(&PAGE)), "{}", at(&PAGE));
        for caller in &OUTSIDE {
            let seen = to(caller);
            assert_eq!((seen.status, code(&seen).as_str()), (403, "not_let_in"), "{}", at(caller));
        }
        assert_eq!(is_let_in(&to(&UNSET)), it.guard == "loopback_unset", "{}", at(&UNSET));
        for (caller, status) in &CHANGES {
            let seen = to(caller);
            let expected = if *status == 403 { "forbidden" } else { "unsupported" };
            if is_change {
                assert_eq!((seen.status, code(&seen).as_str()), (*status, expected), "{}", at(caller));
            } else {
                assert!(is_let_in(&seen), "{}", at(caller));
            }
        }
    }
    stage.set("PUBLIC_APP_URL", Some(PORTER));
}

#[test]
fn without_a_start_token_nothing_can_be_changed() {
    let stage = Stage::new(Mode::QuickApp);
    stage.set("PORTER_START_TOKEN", None);
    for token in [None, Some(""), Some(START_TOKEN)] {
        for it in operations().iter().filter(|it| it.guard == "loopback_change") {
            let seen = call(&stage, &Caller { token, ..PAGE }, &it.method, &it.path);
            assert_eq!((seen.status, code(&seen).as_str()), (403, "forbidden"), "{} {}", it.method, it.template);
        }
    }
}

#[test]
fn loopback_has_many_names() {
    let stage = Stage::new(Mode::QuickApp);
    for (host, public) in [
        ("localhost:8787", "http://localhost:8787"),
        ("[::1]:8787", "http://[::1]:8787"),
        ("127.0.0.2", "http://127.0.0.2"),
    ] {
        let seen = call(&stage, &Caller { host, public: Some(public), ..PAGE }, "GET", "/api/tasks");
        assert_eq!(seen.status, 200, "{host}");
    }
    stage.set("PUBLIC_APP_URL", Some(PORTER));
}

#[test]
fn other_methods_and_addresses_are_named() {
    let stage = Stage::new(Mode::QuickApp);
    for it in operations().iter().filter(|it| !it.template.contains("/git/")) {
        let mut allowed: Vec<String> =
            operations().into_iter().filter(|other| other.template == it.template).map(|other| other.method).collect();
        allowed.sort();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.iter().any(|it| it == method) {
                continue;
            }
            let seen = call(&stage, &PAGE, method, &it.path);
            assert_eq!((seen.status, code(&seen).as_str()), (405, "wrong_method"), "{method} {}", it.template);
            let mut named: Vec<String> = seen
                .headers
                .iter()
                .filter(|(name, _)| *name == "allow")
                .flat_map(|(_, it)| it.split(", ").map(str::to_owned))
                .collect();
            named.sort();
            assert_eq!(named, allowed, "{}", it.template);
        }
        if allowed.iter().any(|it| it == "GET") {
            let (head, get) = (call(&stage, &PAGE, "HEAD", &it.path), call(&stage, &PAGE, "GET", &it.path));
            assert_eq!(head.status, get.status, "HEAD {}", it.template);
        }
    }
    let task = format!("/api/tasks/{NOBODY}/else");
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/config",
        "/api/tasks/",
        "//api/tasks",
        "/API/tasks",
        "/api/%74asks",
        "/api/tasks/history/x",
        task.as_str(),
        "/api/callbacks",
        "/healthz/",
        "/metrics/x",
        "/api/callbacks/start/",
    ] {
        let seen = call(&stage, &PAGE, "GET", path);
        assert_eq!((seen.status, code(&seen).as_str()), (404, "not_found"), "{path}");
    }
}

#[test]
fn a_change_that_is_too_large_or_no_json_says_so() {
    let stage = Stage::new(Mode::QuickApp);
    let long = json!({"repo": "acme/demo", "issueNumber": 1, "instructions": "x".repeat(70_000)}).to_string();
    for (body, status, expected) in [(long.as_str(), 413, "too_large"), ("{", 400, "not_json"), ("", 400, "not_json")] {
        let seen = stage.change("POST", "/api/tasks", body);
        hold("POST", "/api/tasks", &seen);
        assert_eq!((seen.status, code(&seen).as_str()), (status, expected));
    }
}

#[test]
fn a_fault_is_logged_once_under_its_request_id_and_not_told() {
    let stage = Stage::new(Mode::QuickApp);
    stage.rows("ALTER TABLE tasks RENAME TO hidden_tasks");
    let seen = call(&stage, &PAGE, "GET", "/api/tasks");
    stage.rows("ALTER TABLE hidden_tasks RENAME TO tasks");
    assert_eq!((seen.status, code(&seen).as_str()), (500, "internal"));
    assert!(!String::from_utf8_lossy(&seen.body).contains("no such table"));
    assert!(seen.headers.iter().all(|(name, _)| *name != "retry-after"), "a repeat does not help");
    let id = seen.json()["error"]["request_id"].as_str().expect("an id").to_owned();
    assert!(stage.log.contains(&id) && stage.log.contains("no such table"));
}

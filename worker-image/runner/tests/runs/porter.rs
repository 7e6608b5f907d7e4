//! A Porter for tests: the callbacks of the wire contracts for one task, with real git behind the gateway, and faults on request.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use porter::protocol::wire::{
    CompleteRequest, EventsRequest, JobAgent, JobRepository, Limits, StartAnswer, StartRequest,
};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

pub(crate) const CLAIM: &str = "canary-claim-000000000001";
pub(crate) const SESSION: &str = "canary-session-0000000001";
pub(crate) const ANTHROPIC: &str = "canary-anthropic-0000000001";
pub(crate) const OPENAI: &str = "canary-openai-000000000001";
pub(crate) const PROMPT: &str = "canary-prompt-0001: say hello in PORTER.md";

/// What a callback does instead of its work, or after it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answers this status and does nothing.
    Status(u16),
    /// Does the work, then cuts the connection.
    LoseReply,
}

/// What was asked of this Porter, and what it is told to do.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) boots: Vec<StartRequest>,
    pub(crate) events: Vec<EventsRequest>,
    pub(crate) results: Vec<Bytes>,
    pub(crate) start_faults: VecDeque<Fault>,
    pub(crate) complete_faults: VecDeque<Fault>,
    /// Answer the next report with a stop.
    pub(crate) stop: bool,
}

#[derive(Clone)]
pub(crate) struct TestPorter {
    pub(crate) address: String,
    pub(crate) desk: Arc<Mutex<Desk>>,
    job: Arc<StartAnswer>,
    repositories: PathBuf,
}

impl TestPorter {
    /// Serves the repository at `repositories/o/r.git`; `shape` may change the job.
    pub(crate) async fn start(
        repositories: &Path,
        agent: &str,
        model: &str,
        shape: impl FnOnce(&mut StartAnswer),
    ) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = format!("http://{}/api/callbacks", listener.local_addr().unwrap());
        let head = crate::run::git(&repositories.join("o/r.git"), &["rev-parse", "main"]);
        let mut job = StartAnswer {
            session_token: SESSION.to_owned(),
            task_id: "abcdefghij0123456789".to_owned(),
            attempt: 1,
            repository: JobRepository {
                full_name: "o/r".to_owned(),
                clone_url: format!("{address}/git/o/r.git"),
                base_ref: "main".to_owned(),
                base_sha: head.trim().to_owned(),
            },
            branch: "porter/abcdefghij0123456789".to_owned(),
            prompt: PROMPT.to_owned(),
            agent: JobAgent {
                name: agent.to_owned(),
                model: None,
            },
            keys: [("ANTHROPIC_API_KEY", ANTHROPIC), ("OPENAI_API_KEY", OPENAI)]
                .map(|(name, key)| (name.to_owned(), key.to_owned()))
                .into(),
            upstreams: ["anthropic", "openai"]
                .map(|name| (name.to_owned(), model.to_owned()))
                .into(),
            limits: Limits {
                deadline_s: 120,
                budget_micros: None,
                max_files: 300,
                max_binary_files: 20,
                max_bytes: 4_194_304,
            },
            report_every_s: 1,
        };
        shape(&mut job);
        let repositories = repositories.to_owned();
        let porter = Self {
            address,
            desk: Arc::default(),
            job: Arc::new(job),
            repositories,
        };
        let router = axum::Router::new()
            .route("/api/callbacks/start", post(claim))
            .route("/api/callbacks/events", post(events))
            .route("/api/callbacks/complete", post(complete))
            .route("/api/callbacks/git/{*rest}", any(gateway))
            .layer(axum::extract::DefaultBodyLimit::max(16 * 1024 * 1024))
            .with_state(porter.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        porter
    }

    /// The one result, read; fails when there is none or when repeats differ in a byte.
    pub(crate) fn result(&self) -> CompleteRequest {
        let desk = self.desk.lock().unwrap();
        let first = desk.results.first().expect("no result was handed over");
        assert!(
            desk.results.iter().all(|body| body == first),
            "a repeat differed"
        );
        serde_json::from_slice(first).unwrap()
    }

    /// Every log line that arrived, joined.
    pub(crate) fn log(&self) -> String {
        let desk = self.desk.lock().unwrap();
        desk.events
            .iter()
            .flat_map(|event| &event.lines)
            .map(|line| format!("{}\n", line.text))
            .collect()
    }
}

fn bearer(headers: &HeaderMap, token: &str) -> bool {
    headers
        .get("authorization")
        .is_some_and(|value| *value == format!("Bearer {token}"))
}

/// An answer whose connection breaks before its end.
fn lost() -> Response {
    let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
    Response::builder()
        .header("content-length", "100")
        .body(Body::from_stream(broken))
        .unwrap()
}

async fn claim(State(porter): State<TestPorter>, headers: HeaderMap, body: Bytes) -> Response {
    if !bearer(&headers, CLAIM) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let request: StartRequest = serde_json::from_slice(&body).unwrap();
    let mut desk = porter.desk.lock().unwrap();
    let fault = desk.start_faults.pop_front();
    if let Some(Fault::Status(status)) = fault {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let other = desk
        .boots
        .iter()
        .any(|boot| boot.boot_id != request.boot_id);
    desk.boots.push(request);
    match (other, fault) {
        (true, _) => StatusCode::CONFLICT.into_response(),
        (false, Some(_)) => lost(),
        (false, None) => axum::Json((*porter.job).clone()).into_response(),
    }
}

async fn events(State(porter): State<TestPorter>, headers: HeaderMap, body: Bytes) -> Response {
    assert!(
        bearer(&headers, SESSION),
        "a report without the session token"
    );
    assert!(body.len() <= 256 * 1024, "a report of {} bytes", body.len());
    let request: EventsRequest = serde_json::from_slice(&body).unwrap();
    assert!(request.lines.len() <= 500);
    let mut desk = porter.desk.lock().unwrap();
    let last = desk.events.last().map_or(0, |event| event.seq);
    assert!(
        request.seq == last + 1 || request.seq == last,
        "seq {} after {last}",
        request.seq
    );
    if request.seq > last {
        desk.events.push(request);
    }
    let answer = if desk.stop {
        json!({"stop": {"reason": "a person said stop"}})
    } else {
        json!({"continue": true})
    };
    axum::Json(answer).into_response()
}

async fn complete(State(porter): State<TestPorter>, headers: HeaderMap, body: Bytes) -> Response {
    assert!(
        bearer(&headers, SESSION),
        "a result without the session token"
    );
    let mut desk = porter.desk.lock().unwrap();
    desk.results.push(body);
    match desk.complete_faults.pop_front() {
        Some(Fault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::LoseReply) => lost(),
        None => axum::Json(json!({"status": "success", "pull_request": null})).into_response(),
    }
}

/// The git gateway: Basic auth with the session token, then `git http-backend` as CGI.
async fn gateway(
    State(porter): State<TestPorter>,
    UrlPath(path): UrlPath<String>,
    request: Request<Body>,
) -> Response {
    use base64::Engine as _;
    let password = request.headers().get("authorization").and_then(|value| {
        let words = value.to_str().ok()?.strip_prefix("Basic ")?;
        let words = base64::engine::general_purpose::STANDARD
            .decode(words)
            .ok()?;
        String::from_utf8(words)
            .ok()?
            .split_once(':')
            .map(|(_, password)| password.to_owned())
    });
    match password.as_deref() {
        None => {
            return (
                StatusCode::UNAUTHORIZED,
                [("www-authenticate", "Basic realm=\"porter\"")],
            )
                .into_response();
        }
        Some(SESSION) if !path.contains("receive-pack") => {}
        Some(_) => return StatusCode::FORBIDDEN.into_response(),
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap();
    backend(
        &porter.repositories,
        &path,
        &parts.method,
        &parts.uri,
        &parts.headers,
        &body,
    )
    .await
}

async fn backend(
    root: &Path,
    path: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    };
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{path}"))
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", method.as_str())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).await.unwrap();
    let output = child.wait_with_output().await.unwrap().stdout;
    let at = output
        .windows(4)
        .position(|run| run == b"\r\n\r\n")
        .unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..at]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        match name {
            "Status" => response = response.status(value[..3].parse::<u16>().unwrap()),
            name => response = response.header(name, value),
        }
    }
    response
        .body(Body::from(output[at + 4..].to_vec()))
        .unwrap()
}

//! The world behind HTTP on loopback: GitHub's API under `/api/v3`, git and pages at the root, `/_world` for the harness.

mod acts;
mod control;
mod forms;
mod git;
mod hooks;
mod mirror;
mod pages;
mod seed;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use porter::domain::time::Timestamp;

use crate::github::wire::{self, Request};
use crate::github::{Github, LOST};
use crate::model;
use mirror::Mirror;

/// How the world is set up.
pub struct Settings {
    /// The port of GitHub, its pages, git and the control API.
    pub port: u16,
    /// The port of the model provider.
    pub model_port: Option<u16>,
    /// Where the bare repositories lie.
    pub git_dir: PathBuf,
    /// Where webhooks go.
    pub webhook_url: Option<String>,
    /// The secret of their signatures.
    pub webhook_secret: Option<String>,
    /// Where the App's private key lies or is to be put; `None` for no App.
    pub app_key: Option<PathBuf>,
    /// Whether to begin with people and a demo repository.
    pub seed_demo: bool,
    /// The bot account's token.
    pub github_token: String,
    /// The keys the model provider accepts.
    pub model_keys: Vec<String>,
}

/// Everything the handlers share.
pub(crate) struct Served {
    pub(crate) settings: Settings,
    pub(crate) github: Mutex<Github>,
    pub(crate) mirror: Mirror,
    pub(crate) model: Arc<Mutex<model::Provider>>,
    clock_offset_ms: Mutex<i64>,
}

pub(crate) type Shared = Arc<Served>;

/// Why the world could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A port or directory could not be had.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The App's key could not be had.
    #[error("the App's key: {0}")]
    Key(#[from] crate::keys::KeyError),
}

impl Served {
    pub(crate) fn github(&self) -> MutexGuard<'_, Github> {
        self.github.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, model::Provider> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The computer's time, moved by what the harness asked for.
    pub(crate) fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let offset = *self.clock_offset_ms.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::from_millis(i64::try_from(since).unwrap_or(0)).plus_millis(offset)
    }

    pub(crate) fn advance(&self, millis: i64) {
        *self.clock_offset_ms.lock().unwrap_or_else(PoisonError::into_inner) += millis;
    }

    /// The world's first state, also after a reset.
    pub(crate) fn first_state(settings: &Settings) -> Result<Github, ServeError> {
        seed::github(settings)
    }
}

/// Serves until SIGTERM or SIGINT; prints `ready http://127.0.0.1:P` when everything answers.
pub async fn run(settings: Settings) -> Result<(), ServeError> {
    std::fs::create_dir_all(&settings.git_dir)?;
    let github = Served::first_state(&settings)?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", settings.port)).await?;
    let provider = model::Provider { keys: settings.model_keys.clone(), ..model::Provider::default() };
    let served = Arc::new(Served {
        mirror: Mirror::new(settings.git_dir.clone()),
        github: Mutex::new(github),
        model: Arc::new(Mutex::new(provider)),
        clock_offset_ms: Mutex::new(0),
        settings,
    });
    if let Some(port) = served.settings.model_port {
        let models = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let routes = model::router(Arc::clone(&served.model)).layer(DefaultBodyLimit::max(64 << 20));
        tokio::spawn(async move { axum::serve(models, routes).await });
    }
    tokio::spawn(hooks::deliver(Arc::clone(&served)));
    println!("ready http://{}", listener.local_addr()?);
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = async { axum::serve(listener, routes(served)).await } => result?,
        _ = terminated.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}

fn routes(served: Shared) -> Router {
    Router::new()
        .route("/api/v3", any(api))
        .route("/api/v3/{*path}", any(api))
        .route("/login/oauth/{*path}", any(web))
        .route("/_world/{*what}", any(control::handle))
        .route("/avatars/{name}", get(pages::avatar))
        .route("/", get(pages::front))
        .route("/{owner}/{name}", get(pages::repository))
        .route("/{owner}/{name}/issues/{number}", get(pages::issue))
        .route("/{owner}/{name}/pull/{number}", get(pages::issue))
        .route("/{owner}/{name}/issues/{number}/comments", post(forms::comment))
        .route("/{owner}/{name}/pull/{number}/comments", post(forms::comment))
        .route("/{owner}/{name}/info/refs", get(git::info_refs))
        .route("/{owner}/{name}/git-upload-pack", post(git::upload_pack))
        .route("/{owner}/{name}/git-receive-pack", post(git::receive_pack))
        .layer(DefaultBodyLimit::max(64 << 20))
        .with_state(served)
}

/// An HTTP request as the stand-in takes it, with its path below a root.
pub(crate) fn request(method: &Method, uri: &Uri, root: &str, headers: &HeaderMap, body: Bytes) -> Request {
    let path = uri.path().strip_prefix(root).unwrap_or(uri.path());
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Request {
        method: method.as_str().to_owned(),
        path: if path.is_empty() { "/".into() } else { path.into() },
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: body.into(),
    }
}

fn response(answer: wire::Response) -> Response {
    if answer.header(LOST).is_some() {
        // The length promises a body that never comes, so the connection breaks under the client.
        let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("lost on purpose")) });
        return ([("content-length", "1")], Body::from_stream(broken)).into_response();
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = (status, answer.body).into_response();
    reply.headers_mut().remove("content-type");
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<axum::http::HeaderName>(), value.parse()) {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}

async fn api(State(served): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request = request(&method, &uri, "/api/v3", &headers, body);
    let now = served.now();
    let answer = served.github().handle(&request, now);
    response(answer)
}

async fn web(State(served): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let now = served.now();
    let answer = served.github().handle_web(&request(&method, &uri, "", &headers, body), now);
    response(answer)
}

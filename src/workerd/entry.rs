//! The composition root: plugs the platform into the ports, and answers the two events. Nothing here returns an error or
//! panics out: whatever goes wrong is an answer and a log line.

use std::cell::OnceCell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use futures_util::FutureExt;
use wasm_bindgen::JsValue;
use web_sys::{Headers, Request, Response, ResponseInit};
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use crate::app::config::Config;
use crate::app::{App, Memory, Pauses};
use crate::http::{self, Answer, Body, BodyPlan, Reply, SAFE_HEADERS};
use crate::ports::{Entropy, Level, Log};

use super::crypto::WebCrypto;
use super::d1::Database;
use super::fetch::Fetch;
use super::runtime::Isolate;
use super::{body, events, forward, words};

thread_local! {
    static MEMORY: Rc<Memory> = Rc::new(Memory::default());
    /// Settings do not change within the life of an isolate.
    static CONFIG: OnceCell<Rc<Config>> = const { OnceCell::new() };
}

/// The settings; what is missing is named in the log, once an isolate.
fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Config {
    let config = Config::read(lookup);
    let missing = config.missing().join(", ");
    if !missing.is_empty() {
        Isolate.line(Level::Error, "Settings are missing or still placeholders", &[("names", &missing)]);
    }
    config
}

/// What an invocation works with, owned, so that work after the answer can hold it.
pub(super) struct Platform {
    config: Rc<Config>,
    database: Database,
    memory: Rc<Memory>,
    pauses: Pauses,
}

impl Platform {
    fn of(env: &Env) -> Result<Self, worker::Error> {
        let lookup = |name: &str| env.var(name).ok().map(|value| value.to_string());
        let config = CONFIG.with(|kept| Rc::clone(kept.get_or_init(|| Rc::new(read(&lookup)))));
        Ok(Self {
            config,
            database: Database(env.d1("DB")?),
            memory: MEMORY.with(Rc::clone),
            pauses: Pauses::default(),
        })
    }

    pub(super) fn app(&self) -> App<'_> {
        App {
            config: &self.config,
            sql: &self.database,
            http: &Fetch,
            clock: &Isolate,
            entropy: &Isolate,
            crypto: &WebCrypto,
            log: &Isolate,
            memory: &self.memory,
            pauses: &self.pauses,
        }
    }
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    Ok(contained("answering a request", answer(&request, &env, &context)).await.unwrap_or_else(failed))
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let work = async {
        let platform = Platform::of(&env).map_err(|error| error.to_string())?;
        platform.app().tick().await;
        Ok(())
    };
    // Already in the log; the next minute begins anew.
    drop(contained("the cron trigger's work", work).await);
}

async fn answer(request: &Request, env: &Env, context: &Context) -> Result<Response, String> {
    let platform = Rc::new(Platform::of(env).map_err(|error| format!("reading the bindings: {error}"))?);
    let (path, query) = address(&request.url());
    let body = match http::body_plan(&request.method(), &path) {
        BodyPlan::Stream => Body::Streamed,
        BodyPlan::Read { limit } => match body::read(request, limit).await {
            Ok(body) => body,
            Err(thrown) => return Err(format!("reading the body: {}", words(&thrown))),
        },
    };
    let headers = Box::new(Sent(request.headers()));
    let asked = http::Request { method: request.method(), path, query, headers, body };
    let Answer { reply, drain } = http::handle(&platform.app(), asked).await;
    if drain {
        let platform = Rc::clone(&platform);
        context.wait_until(async move {
            let work = async {
                platform.app().drain().await;
                Ok(())
            };
            drop(contained("draining the outbox", work).await);
        });
    }
    Ok(match reply {
        Reply::Full { status, headers, body } => response(status, &headers, &body),
        Reply::Forward(to) => forward::forward(request, &to).await,
        Reply::Events { task, after } => streamed(events::stream(platform, task, after))?,
    })
}

/// An answer of server-sent events.
fn streamed(
    events: impl futures_util::Stream<Item = Result<Vec<u8>, worker::Error>> + 'static,
) -> Result<Response, String> {
    let failed = |error: worker::Error| format!("opening a stream: {error}");
    let mut answer = worker::Response::from_stream(events).map_err(failed)?;
    for (name, value) in [("content-type", "text/event-stream; charset=utf-8")].into_iter().chain(SAFE_HEADERS) {
        answer.headers_mut().set(name, value).map_err(failed)?;
    }
    Ok(answer.into())
}

/// The incoming headers, read one at a time.
struct Sent(Headers);

impl http::Headers for Sent {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).ok().flatten()
    }
}

/// Path and query of an absolute address, as sent.
fn address(url: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    (path.to_owned(), query.to_owned())
}

/// Runs `work` so that neither an error nor a panic of it gets out. `None` when it failed, which is then in the log.
async fn contained<T>(doing: &'static str, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let outcome = match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(fault)) => fault,
        // The panic hook has written where and why.
        Err(_panic) => "a panic".to_owned(),
    };
    let request = request_id();
    Isolate.line(Level::Error, "The Worker failed", &[("doing", doing), ("error", &outcome), ("request_id", &request)]);
    Err(request)
}

fn failed(request: String) -> Response {
    let text = serde_json::json!({"error": {"code": "internal", "message": "Something went wrong in Porter.", "request_id": request}});
    json(500, &text)
}

fn json(status: u16, value: &serde_json::Value) -> Response {
    own(status, "application/json", value.to_string().as_bytes())
}

/// A whole answer that did not come through the door, under the headers of those that did.
pub(super) fn own(status: u16, content_type: &str, body: &[u8]) -> Response {
    let headers = [("content-type", content_type)].into_iter().chain(SAFE_HEADERS);
    let headers: Vec<_> = headers.map(|(name, value)| (name, value.to_owned())).collect();
    response(status, &headers, body)
}

fn request_id() -> String {
    let mut bytes = [0; 12];
    Isolate.fill(&mut bytes);
    hex::encode(bytes)
}

/// A whole answer. A status or header that the platform refuses becomes a bare 500.
fn response(status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Response {
    build(status, headers, body).unwrap_or_else(|thrown| {
        Isolate.line(Level::Error, "An answer could not be made", &[("error", &words(&thrown))]);
        Response::error()
    })
}

fn build(status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Result<Response, JsValue> {
    let sent = Headers::new()?;
    for (name, value) in headers {
        sent.append(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(&sent);
    // 204 and 304 may not have a body, not even an empty one.
    let body = (!body.is_empty()).then(|| js_sys::Uint8Array::from(body));
    Response::new_with_opt_js_u8_array_and_init(body.as_ref(), &init)
}

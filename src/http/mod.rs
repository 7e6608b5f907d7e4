//! The door: routes with their guards, requests and replies without any framework, and errors in words.

mod access;
mod api;
mod callbacks;
mod error;
pub mod error_code;
pub mod events;
mod git_gateway;
mod operations;
mod reply;
pub mod route;
mod task_json;
mod webhooks;

use crate::app::App;
use crate::clients::address::same_origin;
use crate::domain::ids::TaskId;
use crate::ports::Method;
use access::admit;
use error::Problem;
pub use reply::{Answer, SAFE_HEADERS};
use route::{Body as BodyRule, Route};

/// Reads a request's headers one at a time; the Worker does not copy what nobody asks for.
pub trait Headers {
    /// The header of this lower-case name.
    fn get(&self, name: &str) -> Option<String>;
}

/// A request whose body has been taken in as [`body_plan`] says.
pub struct Request {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path as sent, still percent-encoded, without the query: `/api/tasks`.
    pub path: String,
    /// The query without its question mark; empty for none.
    pub query: String,
    /// The headers.
    pub headers: Box<dyn Headers>,
    /// The body.
    pub body: Body,
}

impl Request {
    /// The header of this lower-case name; empty when missing.
    fn header(&self, name: &str) -> String {
        self.headers.get(name).unwrap_or_default()
    }
}

/// A request's body, or why there is none.
pub enum Body {
    /// The raw bytes.
    Read(Vec<u8>),
    /// Longer than the route allows; not read to its end.
    TooLarge,
    /// Left to the platform to hand on as a stream (the git gateway).
    Streamed,
}

/// How the platform is to take a request's body in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPlan {
    /// Read at most this many bytes.
    Read {
        /// The most bytes to accept.
        limit: usize,
    },
    /// Do not touch it: it is handed on as a stream.
    Stream,
}

/// The kinds of answer.
pub enum Reply {
    /// Status, headers and body.
    Full {
        /// The status code.
        status: u16,
        /// Header names in lower case, with their values.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Hand the request's body stream to another server and its answer's body stream back, untouched.
    Forward(Forward),
    /// A stream of server-sent events of a task, from after this position.
    Events {
        /// The task.
        task: TaskId,
        /// The last position the client has.
        after: i64,
    },
}

/// Where and how to hand a request on. Only the listed headers travel.
pub struct Forward {
    /// `GET` or `POST`.
    pub method: Method,
    /// The full address.
    pub url: String,
    /// What a redirect's address must end with.
    pub operation: String,
    /// Headers to add, as the credential.
    pub add: Vec<(&'static str, String)>,
    /// Names of the request's headers to pass on.
    pub pass_up: &'static [&'static str],
    /// Names of the answer's headers to pass back.
    pub pass_down: &'static [&'static str],
}

impl Forward {
    /// Where to go on when the server at `from` redirects `to` somewhere: an address or a path of the same origin, for the same
    /// operation, since the credential goes along. `None`: nowhere.
    #[must_use]
    pub fn follow(&self, from: &str, to: &str) -> Option<String> {
        same_origin(from, to).filter(|to| to.ends_with(&self.operation))
    }
}

/// How to take in the body of a request to this address.
#[must_use]
pub fn body_plan(method: &str, path: &str) -> BodyPlan {
    match Route::parse(method, path).body() {
        BodyRule::None => BodyPlan::Read { limit: 0 },
        BodyRule::AtMost(limit) => BodyPlan::Read { limit },
        BodyRule::Stream => BodyPlan::Stream,
    }
}

/// Answers a request. Never fails: whatever goes wrong is an answer.
pub async fn handle(app: &App<'_>, request: Request) -> Answer {
    let route = Route::parse(&request.method, &request.path);
    let answered = match admit(app, &request, &route) {
        Ok(()) => dispatch(app, &request, &route).await,
        Err(problem) => Err(problem),
    };
    answered.unwrap_or_else(|problem| error::answer(app, &route, problem))
}

async fn dispatch(app: &App<'_>, request: &Request, route: &Route) -> Result<Answer, Problem> {
    match route {
        Route::Webhook => webhooks::receive(app, request).await,
        Route::Start => callbacks::start(app, request).await,
        Route::Report => callbacks::report(app, request).await,
        Route::Complete => callbacks::complete(app, request).await,
        Route::Git { rest } => git_gateway::forward(app, request, rest).await,
        Route::Tasks => api::list(app, request, api::Which::All).await,
        Route::History => api::list(app, request, api::Which::Ended).await,
        Route::CreateTask => api::create(app, request).await,
        Route::Task { id } => api::show(app, id).await,
        Route::TaskEvents { id } => api::stream(app, request, id).await,
        Route::StopTask { id } => api::stop(app, id).await,
        Route::RetryTask { id } => api::retry(app, id).await,
        Route::Agents => Ok(api::agents(app)),
        Route::Agent { name } => api::agent(app, name),
        Route::StartupCheck => Ok(operations::startup_check(app).await),
        Route::Local => operations::local(app),
        Route::LocalComment => operations::local_comment(app, request).await,
        Route::Health => Ok(operations::health(app).await),
        Route::Metrics => operations::metrics(app).await,
        Route::OpenApi => Ok(operations::openapi()),
        Route::NotFound => Err(Problem::NotFound),
        Route::WrongMethod { allowed } => Err(Problem::WrongMethod(allowed)),
    }
}

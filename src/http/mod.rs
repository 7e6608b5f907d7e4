//! The door: routes with their guards, requests and replies without any framework, and errors in words.

use crate::app::App;

/// Reads a request's headers one at a time; the Worker does not copy what nobody asks for.
pub trait Headers {
    /// The header of this lower-case name.
    fn get(&self, name: &str) -> Option<String>;
}

/// A request whose body has been read (within [`body_limit`]).
pub struct Request {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path as sent, still percent-encoded, without the query: `/api/tasks`.
    pub path: String,
    /// The query without its question mark; empty for none.
    pub query: String,
    /// The headers.
    pub headers: Box<dyn Headers>,
    /// The raw body.
    pub body: Body,
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

/// What goes back.
pub struct Answer {
    /// The answer itself.
    pub reply: Reply,
    /// Whether committed effects wait, so that the platform should drain the outbox after answering.
    pub drain: bool,
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
        task: crate::domain::ids::TaskId,
        /// The last position the client has.
        after: i64,
    },
}

/// Where and how to hand a request on. Only the listed headers travel.
pub struct Forward {
    /// `GET` or `POST`.
    pub method: crate::ports::Method,
    /// The server's root, `https://github.com`: redirects are followed within this origin only.
    pub origin: String,
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

/// How to take in the body of a request to this address.
#[must_use]
pub fn body_plan(_method: &str, _path: &str) -> BodyPlan {
    BodyPlan::Read { limit: 0 }
}

/// Answers a request. Never fails: whatever goes wrong is an answer.
pub async fn handle(_app: &App<'_>, _request: Request) -> Answer {
    Answer { reply: Reply::Full { status: 404, headers: Vec::new(), body: Vec::new() }, drain: false }
}

//! The narrow waist: everything Porter needs from outside, as small traits that workerd, the tests and the simulation fill.

use async_trait::async_trait;

use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

/// Our or a provider's trouble: not the caller's fault. Logged once where it is handled; its text never reaches a client.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{doing}: {detail}")]
pub struct Fault {
    /// What was being done, as "reading the issue".
    pub doing: &'static str,
    /// Whether the same call may work later.
    pub kind: FaultKind,
    /// What went wrong, for the log; without secrets.
    pub detail: String,
}

/// Whether a repeat can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Try again: a lost connection, an overload, a rate limit. `not_before` when the provider said when.
    Transient {
        /// The earliest moment the provider wants to hear from us again.
        not_before: Option<Timestamp>,
    },
    /// A repeat gives the same: a refusal, a contradiction, a bug.
    Permanent,
}

impl Fault {
    /// A fault that a repeat may cure.
    #[must_use]
    pub fn transient(doing: &'static str, detail: impl Into<String>) -> Self {
        Self { doing, kind: FaultKind::Transient { not_before: None }, detail: detail.into() }
    }

    /// A fault that a repeat cannot cure.
    #[must_use]
    pub fn permanent(doing: &'static str, detail: impl Into<String>) -> Self {
        Self { doing, kind: FaultKind::Permanent, detail: detail.into() }
    }
}

/// A value bound to a statement or read from a row. Booleans are 0 and 1; numbers beyond 2^53 are not used.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.millis())
    }
}
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(maybe: Option<T>) -> Self {
        maybe.map_or(Self::Null, Into::into)
    }
}

/// One SQL statement with its parameters `?1…`; at most 100 of them (D1's limit), lists through `json_each`.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The text, always a constant: no stranger's byte is ever part of it.
    pub sql: &'static str,
    /// The values of `?1`, `?2`, ….
    pub params: Vec<Value>,
}

impl Statement {
    /// A statement with its parameters.
    #[must_use]
    pub fn new<const N: usize>(sql: &'static str, params: [Value; N]) -> Self {
        Self { sql, params: params.into() }
    }
}

/// A row as column name and value, in the statement's order.
pub type Row = Vec<(String, Value)>;

/// Why a statement or batch did not commit.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqlError {
    /// A primary key or unique index already has this value; nothing was written. Holds the database's own words.
    #[error("already there: {0}")]
    Conflict(String),
    /// Anything else. A transient fault leaves open whether the write happened: look, never guess.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The database: D1 in the Worker, SQLite elsewhere. Both get the same migrations.
#[async_trait(?Send)]
pub trait Sql {
    /// Runs one statement and gives its rows (also those of `RETURNING`).
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError>;

    /// Runs statements in one transaction: all of them commit or none. Gives the rows of each, in order.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, SqlError>;
}

/// The methods Porter uses towards other people's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Create or act.
    Post,
    /// Change a part.
    Patch,
    /// Set.
    Put,
    /// Remove.
    Delete,
}

impl Method {
    /// As written on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// An outgoing request. Redirects are not followed by the port.
#[derive(Clone)]
pub struct HttpRequest {
    /// What to do.
    pub method: Method,
    /// Absolute address.
    pub url: String,
    /// Header names in lower case, with their values; may hold credentials, so there is no `Debug`.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// After how many milliseconds to give up.
    pub timeout_ms: u32,
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The first header of this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Calls to other people's servers.
#[async_trait(?Send)]
pub trait Http {
    /// Sends a request. A fault is always transient and leaves open whether the server did the work.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault>;
}

/// The time. The only source of it.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Random bytes. The only source of them.
pub trait Entropy {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Cryptography that the platform does better than code in the Worker: RS256, and HMAC over large bodies.
#[async_trait(?Send)]
pub trait Crypto {
    /// Whether `mac` is the HMAC-SHA256 of `message` under `key`, in constant time.
    async fn hmac_sha256_matches(&self, key: &Secret, message: &[u8], mac: &[u8]) -> Result<bool, Fault>;

    /// The RSASSA-PKCS1-v1_5 SHA-256 signature of `message`. `pem` is PKCS#1 (as GitHub gives it) or PKCS#8.
    async fn sign_rs256(&self, pem: &Secret, message: &[u8]) -> Result<Vec<u8>, Fault>;
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Normal life.
    Info,
    /// Odd, but handled.
    Warning,
    /// Needs a person.
    Error,
}

/// The log: one line an event, readable alone, with fields.
pub trait Log {
    /// Writes a line. `message` is a sentence without data; `fields` are the data, without secrets.
    fn line(&self, level: Level, message: &str, fields: &[(&str, &str)]);
}

//! What GitHub can answer instead of a result, and what that means for a repeat and for a person.

use serde::Deserialize;

use crate::domain::time::Timestamp;
use crate::ports::{Fault, FaultKind, HttpResponse};

/// Why a call to GitHub gave no result. Never holds a credential; messages are GitHub's own words, at most 300 characters.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GithubError {
    /// 404: not there, or not visible with this credential.
    #[error("not found")]
    NotFound,
    /// 403 that is no rate limit: the credential lacks a permission, or the thing is locked or archived.
    #[error("forbidden: {message}")]
    Forbidden {
        /// GitHub's words.
        message: String,
    },
    /// 401, also after a fresh token: the key is wrong, or the installation is gone or suspended.
    #[error("the credential was refused")]
    Unauthorized,
    /// 410 or 451: it was there and is not any more, as issues of a repository that turned them off.
    #[error("gone")]
    Gone,
    /// 409: the state of the repository does not allow it, as an empty repository.
    #[error("conflict: {message}")]
    Conflict {
        /// GitHub's words.
        message: String,
    },
    /// 400 or 422: GitHub understood and refused.
    #[error("refused: {message} {errors:?}")]
    Unprocessable {
        /// GitHub's words.
        message: String,
        /// Its list of errors, one line each.
        errors: Vec<String>,
    },
    /// A primary or secondary rate limit; no call before `until`.
    #[error("rate limited until {}", until.rfc3339())]
    RateLimited {
        /// The earliest moment for the next call.
        until: Timestamp,
    },
    /// The connection, GitHub's server, or an answer nobody can read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl GithubError {
    /// As a fault of `doing`: rate limits and faults keep their time and kind, everything else is permanent.
    #[must_use]
    pub fn into_fault(self, doing: &'static str) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::RateLimited { until } => {
                Fault { doing, kind: FaultKind::Transient { not_before: Some(until) }, detail: self.to_string() }
            }
            Self::NotFound
            | Self::Forbidden { .. }
            | Self::Unauthorized
            | Self::Gone
            | Self::Conflict { .. }
            | Self::Unprocessable { .. } => Fault::permanent(doing, self.to_string()),
        }
    }

    /// What happened, for the person who commented; without GitHub's words, which may quote strangers.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::NotFound => "GitHub says it does not exist, or that Porter may not see it.",
            Self::Forbidden { .. } => "GitHub did not allow it: Porter's permission here does not cover it.",
            Self::Unauthorized => "GitHub no longer accepts Porter's credential for this repository.",
            Self::Gone => "GitHub says it is gone or turned off.",
            Self::Conflict { .. } => "The repository is in a state that does not allow it.",
            Self::Unprocessable { .. } => "GitHub refused the request.",
            Self::RateLimited { .. } => "GitHub's rate limit is used up for the moment.",
            Self::Fault(_) => "GitHub could not be reached or did not answer as expected.",
        }
    }

    /// Whether GitHub refused to create what exists: a label, a reference, a pull request for this head.
    #[must_use]
    pub fn already_exists(&self) -> bool {
        self.says(&["already exists", "already_exists"])
    }

    /// Whether a reference was not moved because its head is no ancestor of the new commit.
    #[must_use]
    pub fn not_fast_forward(&self) -> bool {
        self.says(&["not a fast forward", "not a fast-forward"])
    }

    /// Whether the reference to move is not there; GitHub says so with 422.
    #[must_use]
    pub fn no_such_ref(&self) -> bool {
        matches!(self, Self::NotFound) || self.says(&["reference does not exist"])
    }

    /// What a refused token means for the call that wanted it: never "not there", which would be said of the wrong thing.
    pub(super) fn of_minting(self) -> Self {
        match self {
            // The installation was removed.
            Self::NotFound => Self::Unauthorized,
            // It does not cover this repository or permission.
            Self::Unprocessable { message, .. } => Self::Forbidden { message },
            Self::Forbidden { .. }
            | Self::Unauthorized
            | Self::Gone
            | Self::Conflict { .. }
            | Self::RateLimited { .. }
            | Self::Fault(_) => self,
        }
    }

    fn says(&self, phrases: &[&str]) -> bool {
        let Self::Unprocessable { message, errors } = self else {
            return false;
        };
        errors.iter().chain([message]).any(|line| {
            let line = line.to_ascii_lowercase();
            phrases.iter().any(|phrase| line.contains(phrase))
        })
    }

    /// Reads an answer whose status is 400 or above.
    pub(super) fn read(response: &HttpResponse, doing: &'static str, now: Timestamp) -> Self {
        let refusal: Refusal = serde_json::from_slice(&response.body).unwrap_or_default();
        if let Some(until) = limited_until(response, &refusal.message, now) {
            return Self::RateLimited { until };
        }
        let message = shortened(&refusal.message);
        match response.status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden { message },
            404 => Self::NotFound,
            409 => Self::Conflict { message },
            410 | 451 => Self::Gone,
            400 | 422 => Self::Unprocessable { message, errors: refusal.lines() },
            408 | 500..=599 => Fault::transient(doing, format!("status {}: {message}", response.status)).into(),
            other => Fault::permanent(doing, format!("status {other}: {message}")).into(),
        }
    }
}

/// Until when to keep silent, if the answer is a rate limit (GitHub's "Rate limits for the REST API"): `retry-after`, else
/// `x-ratelimit-reset` when nothing remains, else a minute.
fn limited_until(response: &HttpResponse, message: &str, now: Timestamp) -> Option<Timestamp> {
    if !matches!(response.status, 403 | 429) {
        return None;
    }
    if let Some(seconds) = number(response, "retry-after") {
        return Some(now.plus_seconds(seconds.clamp(1, 86_400)));
    }
    let spent = number(response, "x-ratelimit-remaining") == Some(0);
    let message = message.to_ascii_lowercase();
    let said = message.contains("rate limit") || message.contains("abuse detection");
    if !(spent || said || response.status == 429) {
        return None;
    }
    Some(reset(response, now).filter(|_| spent).unwrap_or_else(|| now.plus_seconds(60)))
}

/// Until when the primary limit is used up, after whatever answer: the next call would be refused. Search has limits of its
/// own, which say nothing about other calls.
pub(super) fn used_up_until(response: &HttpResponse, now: Timestamp) -> Option<Timestamp> {
    let is_core = response.header("x-ratelimit-resource").is_none_or(|resource| resource == "core");
    (is_core && number(response, "x-ratelimit-remaining") == Some(0)).then(|| reset(response, now))?
}

/// The end of the limit's window. One that is already past, or far away, is a clock that disagrees with ours.
fn reset(response: &HttpResponse, now: Timestamp) -> Option<Timestamp> {
    let seconds = number(response, "x-ratelimit-reset")?;
    let reset = Timestamp::from_millis(seconds.saturating_mul(1000));
    Some(reset).filter(|reset| reset.since(now) > 0 && reset.since(now) <= 2 * 3_600_000)
}

fn number(response: &HttpResponse, header: &str) -> Option<i64> {
    response.header(header).and_then(|text| text.trim().parse().ok())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    message: String,
    errors: serde_json::Value,
}

impl Refusal {
    fn lines(&self) -> Vec<String> {
        let Some(errors) = self.errors.as_array() else {
            return Vec::new();
        };
        errors.iter().take(10).map(line).collect()
    }
}

fn line(error: &serde_json::Value) -> String {
    if let Some(text) = error.as_str() {
        return shortened(text);
    }
    let words = ["field", "code", "message"].map(|key| error.get(key).and_then(serde_json::Value::as_str));
    shortened(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

//! What the machine host can answer instead of a machine.

use serde::Deserialize;

use crate::domain::ids::MachineId;
use crate::domain::time::Timestamp;
use crate::ports::{Fault, FaultKind, HttpResponse};

/// Why a call to the machine host gave no result. Never holds a credential; messages are the host's own words, shortened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FlyError {
    /// No room at the moment: try again later or elsewhere.
    #[error("no capacity: {message}")]
    Capacity {
        /// The host's words.
        message: String,
    },
    /// 429; no call before `until`.
    #[error("rate limited until {}", until.rfc3339())]
    RateLimited {
        /// The earliest moment for the next call.
        until: Timestamp,
    },
    /// 401 or 403: the token is wrong or may not do this.
    #[error("the machine host refused the token")]
    Unauthorized,
    /// 404: no such machine or app.
    #[error("not found")]
    NotFound,
    /// The host understood and refused; a repeat gives the same.
    #[error("refused: {message}")]
    Rejected {
        /// The host's words.
        message: String,
    },
    /// The connection, the host's server, or an answer nobody can read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl FlyError {
    /// As a fault of `doing`: capacity, rate limits and faults may pass, everything else is permanent.
    #[must_use]
    pub fn into_fault(self, doing: &'static str) -> Fault {
        let detail = self.to_string();
        match self {
            Self::Fault(fault) => fault,
            Self::Capacity { .. } => Fault::transient(doing, detail),
            Self::RateLimited { until } => {
                Fault { doing, kind: FaultKind::Transient { not_before: Some(until) }, detail }
            }
            Self::Unauthorized | Self::NotFound | Self::Rejected { .. } => Fault::permanent(doing, detail),
        }
    }

    /// What happened, for the person who commented.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Capacity { .. } => "The machine host has no room for another machine at the moment.",
            Self::RateLimited { .. } => "The machine host's rate limit is used up for the moment.",
            Self::Unauthorized => "The machine host does not accept Porter's token (FLY_API_TOKEN).",
            Self::NotFound => "The machine host does not know the app (FLY_APP_NAME) or the machine.",
            Self::Rejected { .. } => "The machine host refused to make the machine.",
            Self::Fault(_) => "The machine host could not be reached or did not answer as expected.",
        }
    }
}

/// A refusal in the host's words: `{"error":"…","status":"…"}`.
pub(super) struct Refusal {
    status: u16,
    code: String,
    message: String,
    pub(super) until: Timestamp,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: String,
    message: String,
    status: String,
}

impl Refusal {
    pub(super) fn read(response: &HttpResponse, now: Timestamp) -> Self {
        let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
        let message = if body.error.is_empty() { body.message } else { body.error };
        let wait = response.header("retry-after").and_then(|text| text.trim().parse::<i64>().ok());
        let until = now.plus_seconds(wait.unwrap_or(2).clamp(1, 3600));
        let message = message.chars().take(300).collect();
        Self { status: response.status, code: body.status, message, until }
    }

    /// The machine that has the wanted name already, if that is what the host says.
    pub(super) fn name_conflict(&self) -> Option<Option<MachineId>> {
        let said = self.code == "name_taken" || self.message.contains("unique machine name violation");
        (matches!(self.status, 409 | 422) && said).then(|| self.named_machine())
    }

    /// The id in `… machine ID 4d89… already exists …`. The host's words, so only a well-formed id is taken.
    fn named_machine(&self) -> Option<MachineId> {
        let (_, after) = self.message.split_once("machine ID ")?;
        let word = after.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).next()?;
        MachineId::parse(word).ok()
    }

    pub(super) fn into_error(self, doing: &'static str) -> FlyError {
        let words = self.message.to_ascii_lowercase();
        let capacity = self.code == "insufficient_capacity"
            || ["insufficient capacity", "insufficient resources", "no capacity", "could not reserve resource"]
                .iter()
                .any(|phrase| words.contains(phrase));
        let message = self.message;
        match self.status {
            429 => FlyError::RateLimited { until: self.until },
            401 | 403 => FlyError::Unauthorized,
            404 => FlyError::NotFound,
            409 | 412 | 422 | 503 if capacity => FlyError::Capacity { message },
            408 | 409 | 500..=599 => Fault::transient(doing, format!("status {}: {message}", self.status)).into(),
            400..=499 => FlyError::Rejected { message },
            other => Fault::permanent(doing, format!("unexpected status {other}")).into(),
        }
    }
}

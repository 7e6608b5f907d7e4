//! Why a request was not carried out, worded as Fly words it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::machine::Machine;

/// Why a request was not carried out: status and text as Fly words them.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The status code.
    pub(crate) status: u16,
    /// The `error` of the body.
    pub(crate) text: String,
}

impl Problem {
    /// A problem with its text.
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// The machine is in a state that does not allow it.
    pub(crate) fn precondition(doing: &str, machine: &Machine) -> Self {
        let state = machine.state.word();
        Self::new(412, format!("failed_precondition: unable to {doing} machine from current state: '{state}'"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(json!({ "error": self.text, "status": "unknown" }))).into_response()
    }
}

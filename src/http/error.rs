//! The only place that turns trouble into a response.
//!
//! The rule: what the caller did wrong is named with field, limit and remedy (4xx). What a rule refuses says why and what
//! to do. Our own and providers' trouble is logged once, here, with the request's id, and its text never reaches a client:
//! 503 when a repeat may help, 500 when not. Every body is `{"error":{"code","message","request_id"}}`.

use serde_json::json;

use super::Answer;
use super::route::Route;
use crate::app::App;
use crate::app::claim_attempt::TurnedAway;
use crate::ports::{Fault, FaultKind, Level};

/// Why there is no ordinary answer.
pub(super) enum Problem {
    /// Nothing is at this address.
    NotFound,
    /// Something is, for these methods.
    WrongMethod(&'static str),
    /// Pages and API are for this computer only, until accounts exist.
    NotLetIn,
    /// The change is not let in, and why.
    Forbidden(&'static str),
    /// The body must be JSON.
    Unsupported,
    /// No or a wrong credential.
    Unauthorized,
    /// The body is not JSON.
    NotJson,
    /// A field of the body or query is wrong.
    Field {
        /// Its name.
        field: String,
        /// The rule, and the remedy.
        rule: String,
    },
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// A result larger than this many bytes: its task has ended with that reason, and people are to be told.
    ResultTooLarge(usize),
    /// The state of things does not allow it, and why.
    Conflict(&'static str),
    /// A machine is turned away.
    Machine(TurnedAway),
    /// Later again, after so many seconds.
    Busy(u32),
    /// Our or a provider's trouble.
    Fault(Fault),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The response to a problem.
pub(super) fn answer(app: &App<'_>, route: &Route, problem: Problem) -> Answer {
    let mut id = [0_u8; 8];
    app.entropy.fill(&mut id);
    // A machine that is turned away learns nothing from the body: the same bytes for the same status. Nothing is logged
    // under its id either.
    let id = if matches!(problem, Problem::Machine(_)) { "0".repeat(16) } else { hex::encode(id) };
    let (status, code, message) = words(&problem);
    let body = json!({"error": {"code": code, "message": message, "request_id": id}});
    let answer = Answer::json(status, &body);
    match problem {
        Problem::ResultTooLarge(_) => answer.and_drain(),
        Problem::WrongMethod(allowed) => answer.with("allow", allowed),
        Problem::Busy(seconds) => answer.with("retry-after", seconds.to_string()),
        Problem::Fault(fault) => {
            let route = format!("{route:?}");
            app.log_fault(Level::Error, "A request failed", &fault, &[("request_id", &id), ("route", &route)]);
            match fault.kind {
                FaultKind::Transient { .. } => answer.with("retry-after", "5"),
                FaultKind::Permanent => answer,
            }
        }
        Problem::NotFound
        | Problem::NotLetIn
        | Problem::Forbidden(_)
        | Problem::Unsupported
        | Problem::Unauthorized
        | Problem::NotJson
        | Problem::Field { .. }
        | Problem::TooLarge(_)
        | Problem::Conflict(_)
        | Problem::Machine(_) => answer,
    }
}

fn words(problem: &Problem) -> (u16, &'static str, String) {
    let plain = |status, code, message: &str| (status, code, message.to_owned());
    match problem {
        Problem::NotFound => plain(404, "not_found", "There is nothing at this address."),
        Problem::WrongMethod(allowed) => (405, "wrong_method", format!("This address answers {allowed} only.")),
        Problem::NotLetIn => plain(
            403,
            "not_let_in",
            "Pages and the API answer only on this computer: open Porter at its own loopback address, as npm start prints it.",
        ),
        Problem::Forbidden(why) => plain(403, "forbidden", why),
        Problem::Unsupported => plain(415, "unsupported", "Send a JSON body (content-type: application/json)."),
        Problem::Unauthorized => plain(401, "unauthorized", "The credential is missing or not valid here."),
        Problem::NotJson => plain(400, "not_json", "The body is not JSON."),
        Problem::Field { field, rule } => (422, "invalid", format!("{field}: {rule}")),
        Problem::TooLarge(limit) | Problem::ResultTooLarge(limit) => {
            (413, "too_large", format!("The body may have at most {limit} bytes."))
        }
        Problem::Conflict(why) => plain(409, "conflict", why),
        Problem::Machine(TurnedAway::WrongToken) => plain(401, "unauthorized", "The token is not valid."),
        Problem::Machine(TurnedAway::OtherBoot) => plain(409, "claimed", "Another boot has claimed this attempt."),
        Problem::Machine(TurnedAway::Closed) => plain(410, "closed", "This attempt is closed."),
        Problem::Busy(seconds) => (503, "busy", format!("Send the same again in {seconds} seconds.")),
        Problem::Fault(fault) => match fault.kind {
            FaultKind::Transient { .. } => {
                plain(503, "try_again", "That did not work just now. Try again in a moment.")
            }
            FaultKind::Permanent => {
                plain(500, "internal", "That did not work. The log has the details under this request id.")
            }
        },
    }
}

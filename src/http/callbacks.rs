//! The machine's calls: start, events, complete.

use serde::de::DeserializeOwned;

use super::error::Problem;
use super::events::SEQ_BITS;
use super::{Answer, Body, Request};
use crate::app::App;
use crate::app::accept_result::Handed;
use crate::app::claim_attempt::{Session, TurnedAway};
use crate::protocol::wire::{CompleteRequest, EventsRequest, Outcome, StartRequest};

/// Lines in one report.
const MOST_LINES: usize = 500;
/// The highest number of a report: what a position in a stream of events has room for.
const MOST_REPORTS: u64 = (1 << SEQ_BITS) - 1;
/// Their bytes.
const MOST_LINE_BYTES: usize = 256 * 1024;
/// Seconds after which a machine sends the same result again.
const AGAIN_S: u32 = 3;

/// `POST /api/callbacks/start`
pub(super) async fn start(app: &App<'_>, request: &Request) -> Result<Answer, Problem> {
    let token = bearer(request).ok_or(Problem::Machine(TurnedAway::WrongToken))?;
    let body: StartRequest = read(bytes(request, 64 * 1024)?)?;
    if body.boot_id.is_empty() || body.boot_id.len() > 100 {
        let rule = "must have 1 to 100 characters, random for each boot".to_owned();
        return Err(Problem::Field { field: "boot_id".to_owned(), rule });
    }
    match app.claim(&body, &token).await? {
        Ok(job) => Ok(Answer::json(200, &job).and_drain()),
        Err(away) => Err(Problem::Machine(away)),
    }
}

/// `POST /api/callbacks/events`
pub(super) async fn report(app: &App<'_>, request: &Request) -> Result<Answer, Problem> {
    let session = session(app, request).await?;
    let body: EventsRequest = read(bytes(request, 1024 * 1024)?)?;
    own(&session, &body.task_id, body.attempt)?;
    if body.seq > MOST_REPORTS {
        let rule = format!("must be a whole number from 1 to {MOST_REPORTS}");
        return Err(Problem::Field { field: "seq".to_owned(), rule });
    }
    let line_bytes: usize = body.lines.iter().map(|line| line.text.len()).sum();
    if body.lines.len() > MOST_LINES || line_bytes > MOST_LINE_BYTES {
        let rule = format!(
            "at most {MOST_LINES} lines and {MOST_LINE_BYTES} bytes of text a call; send the rest with the next"
        );
        return Err(Problem::Field { field: "lines".to_owned(), rule });
    }
    match app.take_report(&session, body).await? {
        Ok(answer) => Ok(Answer::json(200, &answer).and_drain()),
        Err(away) => Err(Problem::Machine(away)),
    }
}

/// `POST /api/callbacks/complete`
pub(super) async fn complete(app: &App<'_>, request: &Request) -> Result<Answer, Problem> {
    let session = session(app, request).await?;
    if matches!(request.body, Body::TooLarge) {
        app.refuse_result(&session).await?;
        return Err(Problem::ResultTooLarge(8 * 1024 * 1024));
    }
    let raw = bytes(request, 8 * 1024 * 1024)?;
    let hand_over = match app.look_at(&session, raw).await? {
        Ok(hand_over) => hand_over,
        Err(handed) => return handed_back(handed),
    };
    let body: CompleteRequest = read(raw)?;
    own(&session, &body.task_id, body.attempt)?;
    if body.outcome == Outcome::Changes && body.change_set.is_none() {
        let rule = "must be there when the outcome is \"changes\"".to_owned();
        return Err(Problem::Field { field: "change_set".to_owned(), rule });
    }
    handed_back(app.accept_result(&session, hand_over, body).await?)
}

/// What a hand-over is answered.
fn handed_back(handed: Handed) -> Result<Answer, Problem> {
    match handed {
        Handed::Answer(answer) => {
            Ok(Answer::typed(answer.status, "application/json", answer.body.into_bytes()).and_drain())
        }
        Handed::Busy => Err(Problem::Busy(AGAIN_S)),
        Handed::OtherBytes => Err(Problem::Conflict("Another result was handed over for this attempt.")),
        Handed::Away(away) => Err(Problem::Machine(away)),
    }
}

async fn session(app: &App<'_>, request: &Request) -> Result<Session, Problem> {
    let away = Problem::Machine(TurnedAway::WrongToken);
    let Some(token) = bearer(request) else { return Err(away) };
    app.session(&token).await?.ok_or(away)
}

/// A session speaks for its own launch only.
fn own(session: &Session, task: &str, attempt: u32) -> Result<(), Problem> {
    let is_own = session.row.task.as_str() == task && session.row.attempt.0 == attempt;
    if is_own { Ok(()) } else { Err(Problem::Machine(TurnedAway::WrongToken)) }
}

fn bearer(request: &Request) -> Option<String> {
    let header = request.header("authorization");
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim().to_owned())
}

pub(super) fn bytes(request: &Request, limit: usize) -> Result<&[u8], Problem> {
    match &request.body {
        Body::Read(bytes) => Ok(bytes),
        Body::TooLarge => Err(Problem::TooLarge(limit)),
        Body::Streamed => Err(Problem::NotJson),
    }
}

/// Reads JSON: not JSON is 400, a wrong type 422 with the field's place.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err() {
        return Err(Problem::NotJson);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body".to_owned() } else { path };
        // serde's own words name types and fields, and for a wrong value also the value: that is the caller's own.
        Problem::Field { field, rule: error.inner().to_string() }
    })
}

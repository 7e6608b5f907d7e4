//! GitHub's deliveries: the signature over the raw bytes first, then the mention, and only then the JSON.

use serde_json::json;

use super::error::Problem;
use super::{Answer, Body, Request};
use crate::app::App;
use crate::app::accept_command::Heard;
use crate::app::receive_delivery::Received;
use crate::clients::github::webhook::BadDelivery;
use crate::crypto::webhook_signature;
use crate::domain::command::may_mention;
use crate::ports::Level;

/// The events Porter uses.
const USED: [&str; 9] = [
    "issue_comment",
    "pull_request_review_comment",
    "pull_request_review",
    "issues",
    "pull_request",
    "member",
    "installation",
    "installation_repositories",
    "ping",
];
/// Those that only a mention can make interesting.
const BY_MENTION: [&str; 3] = ["issue_comment", "pull_request_review_comment", "pull_request_review"];

/// Takes a delivery in.
pub(super) async fn receive(app: &App<'_>, request: &Request) -> Result<Answer, Problem> {
    if app.config.webhook_secret.is_none() || signature(request).is_none() {
        return Err(Problem::Unauthorized);
    }
    let body = match &request.body {
        Body::Read(body) => body,
        Body::TooLarge => return Err(Problem::TooLarge(25 * 1024 * 1024)),
        Body::Streamed => return Err(Problem::NotJson),
    };
    verify(app, request, body).await?;
    let event = request.header("x-github-event");
    if !USED.contains(&event.as_str()) {
        return Ok(Answer::empty(204));
    }
    let id = request.header("x-github-delivery");
    if id.is_empty() || id.len() > 100 {
        let rule = "must be the delivery's id".to_owned();
        return Err(Problem::Field { field: "X-GitHub-Delivery".to_owned(), rule });
    }
    if !looks_like_json(body) {
        return Err(Problem::NotJson);
    }
    if BY_MENTION.contains(&event.as_str()) && !may_mention(body, &app.config.mention) {
        return Ok(not_for_us());
    }
    match app.receive(&id, &event, body).await {
        Ok(Received::Heard(Heard::Accepted(task))) => Ok(Answer::json(202, &json!({"task_id": task})).and_drain()),
        Ok(Received::Heard(Heard::Known)) => Ok(Answer::json(200, &json!({"status": "known"}))),
        Ok(Received::Heard(Heard::NotForUs)) => Ok(not_for_us()),
        Ok(Received::Unused) => Ok(Answer::empty(204)),
        Ok(Received::Bad(BadDelivery::NotJson)) => Err(Problem::NotJson),
        Ok(Received::Bad(BadDelivery::Shape { field, problem })) => Err(Problem::Field { field, rule: problem }),
        // GitHub marks a delivery as failed by any 5xx, and only then it is delivered again.
        Err(fault) => {
            app.log_fault(Level::Error, "A delivery could not be taken in", &fault, &[("delivery", &id)]);
            Err(Problem::Busy(30))
        }
    }
}

async fn verify(app: &App<'_>, request: &Request, body: &[u8]) -> Result<(), Problem> {
    let Some(secret) = &app.config.webhook_secret else { return Err(Problem::Unauthorized) };
    let Some(mac) = signature(request) else { return Err(Problem::Unauthorized) };
    if app.crypto.hmac_sha256_matches(secret, body, &mac).await? { Ok(()) } else { Err(Problem::Unauthorized) }
}

fn signature(request: &Request) -> Option<[u8; 32]> {
    webhook_signature::parse(&request.header("x-hub-signature-256"))
}

/// A look at both ends, which spares most deliveries the parse: an object opens with a quoted name or closes at once.
fn looks_like_json(body: &[u8]) -> bool {
    let inner = body.trim_ascii().strip_prefix(b"{").and_then(|body| body.strip_suffix(b"}"));
    inner.is_some_and(|inner| matches!(inner.trim_ascii_start().first(), Some(b'"') | None))
}

fn not_for_us() -> Answer {
    Answer::json(200, &json!({"status": "not_for_us"}))
}

//! For the operator: health, start-up check, metrics, the description of the API, and what `npm start` hands its page.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use super::callbacks::{bytes, read};
use super::error::Problem;
use super::{Answer, Request};
use crate::app::App;
use crate::app::check_setup::{Check, Verdict};
use crate::ports::{HttpRequest, Method};
use crate::store::{effects, facts, read as numbers};

/// `GET /healthz`: whether the database answers.
pub(super) async fn health(app: &App<'_>) -> Answer {
    let ok = numbers::is_migrated(app.sql).await;
    let (status, database) = if ok { (200, "ok") } else { (503, "no answer, or no tables") };
    Answer::json(status, &json!({"ok": ok, "database": database}))
}

/// `GET /api/startup/check`: everything that is missing, by name, at once.
pub(super) async fn startup_check(app: &App<'_>) -> Answer {
    let checks = app.check_settings().await;
    let ok = checks.iter().all(|check| check.verdict != Verdict::Bad);
    let checks: Vec<Value> = checks.iter().map(check_json).collect();
    let missing = app.config.missing();
    Answer::json(if ok { 200 } else { 503 }, &json!({"ok": ok, "missing": missing, "checks": checks}))
}

fn check_json(check: &Check) -> Value {
    let remedy = Some(&check.remedy).filter(|remedy| !remedy.is_empty());
    json!({"name": check.name, "ok": check.verdict != Verdict::Bad, "detail": check.detail, "remedy": remedy})
}

/// `GET /api/local`: what `npm start` wants its page to have; nothing elsewhere.
pub(super) fn local(app: &App<'_>) -> Result<Answer, Problem> {
    let Some(mut local) = local_settings(app) else { return Err(Problem::NotFound) };
    if let Some(fields) = local.as_object_mut() {
        if fields.remove("comment_url").is_some() {
            fields.insert("comment_url".to_owned(), Value::String("/api/local/comment".to_owned()));
        }
        if let Some(token) = &app.config.start_token {
            fields.insert("start_token".to_owned(), Value::String(token.expose().to_owned()));
        }
    }
    Ok(Answer::json(200, &local))
}

/// `POST /api/local/comment`: hands the demo's comment to the stand-in GitHub, which the page itself may not reach.
pub(super) async fn local_comment(app: &App<'_>, request: &Request) -> Result<Answer, Problem> {
    #[derive(Deserialize)]
    struct Written {
        body: String,
    }
    let Some(local) = local_settings(app) else { return Err(Problem::NotFound) };
    let Some(url) = local.get("comment_url").and_then(Value::as_str) else { return Err(Problem::NotFound) };
    let Written { body } = read(bytes(request, 64 * 1024)?)?;
    let named = |name: &str| local.get(name).cloned().unwrap_or_default();
    let comment = json!({"repo": named("repo"), "issue": named("issue"), "author": named("author"), "body": body});
    let headers = vec![("content-type", "application/json".to_owned()), ("user-agent", "porter".to_owned())];
    let body = comment.to_string().into_bytes();
    let asked = HttpRequest { method: Method::Post, url: url.to_owned(), headers, body, timeout_ms: 10_000 };
    let sent = app.http.send(asked).await?;
    Ok(Answer::typed(sent.status, "application/json", sent.body))
}

fn local_settings(app: &App<'_>) -> Option<Value> {
    serde_json::from_str(app.config.local.as_ref()?).ok()
}

/// `GET /metrics`: numbers in Prometheus' text format.
pub(super) async fn metrics(app: &App<'_>) -> Result<Answer, Problem> {
    let mut text = String::new();
    gauge(&mut text, "porter_tasks", "Tasks by state.", &numbers::counts(app.sql).await?);
    gauge(
        &mut text,
        "porter_effects",
        "Effects by state; dead ones were given up, and the doctor says why.",
        &effects::counts(app.sql).await?,
    );
    if let Some(tick) = facts::load(app.sql, facts::LAST_TICK).await? {
        let age = app.clock.now().since(tick.at) / 1000;
        let name = "porter_seconds_since_tick";
        text.push_str(&format!(
            "# HELP {name} Seconds since the cron trigger last ran.\n# TYPE {name} gauge\n{name} {age}\n"
        ));
    }
    Ok(Answer::typed(200, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes()))
}

fn gauge(text: &mut String, name: &str, help: &str, counts: &[(String, i64)]) {
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
    for (state, count) in counts {
        // Writing to a String cannot fail.
        let written = writeln!(text, "{name}{{state=\"{state}\"}} {count}");
        debug_assert!(written.is_ok());
    }
}

/// `GET /api/openapi.json`
pub(super) fn openapi() -> Answer {
    Answer::typed(200, "application/json", include_bytes!("openapi.json").to_vec())
}

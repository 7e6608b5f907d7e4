//! The door: the Machines API's addresses, the bearer token, and errors as JSON with a `fly-request-id`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::fault::{Fault, Faults};
use crate::host::Host;
use crate::machine::{self, Machine, random_hex};
use crate::order::{Order, metadata_value, signal_named};
use crate::pace::Action;
use crate::problem::Problem;

type Shared = State<Arc<Host>>;
type Done = Result<Reply, Problem>;

/// What a request that worked is answered with.
enum Reply {
    Body(Value),
    Empty,
}

/// All addresses.
pub(crate) fn router(host: Arc<Host>) -> Router {
    let mut router = Router::new()
        .route("/v1/apps/{app}", get(app))
        .route("/v1/apps/{app}/machines", get(list).post(create))
        .route("/v1/apps/{app}/machines/{id}", get(read).delete(destroy))
        .route("/v1/apps/{app}/machines/{id}/start", post(start))
        .route("/v1/apps/{app}/machines/{id}/stop", post(stop))
        .route("/v1/apps/{app}/machines/{id}/signal", post(signal))
        .route("/v1/apps/{app}/machines/{id}/wait", get(wait))
        .route("/v1/apps/{app}/machines/{id}/events", get(events))
        .route("/v1/apps/{app}/machines/{id}/metadata", get(metadata))
        .route("/v1/apps/{app}/machines/{id}/metadata/{key}", post(set_metadata).delete(remove_metadata));
    if host.settings.faults {
        router = router.route("/_machines/faults", post(set_faults).delete(clear_faults));
    }
    router
        .fallback(|| async { Problem::new(404, "not found") })
        .method_not_allowed_fallback(|| async { Problem::new(405, "method not allowed") })
        .layer(middleware::from_fn_with_state(Arc::clone(&host), guard))
        .with_state(host)
}

/// Lets in who has the token, and gives every answer its request id.
async fn guard(State(host): Shared, request: Request, next: Next) -> Response {
    let presented = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = presented.and_then(|value| value.strip_prefix("Bearer "));
    let mut response = if token.is_some_and(|token| host.settings.token_is(token)) {
        next.run(request).await
    } else {
        Problem::new(401, "unauthorized").into_response()
    };
    if let Ok(id) = HeaderValue::from_str(&format!("{}-local", random_hex(13))) {
        response.headers_mut().insert("fly-request-id", id);
    }
    response
}

/// Carries out one request within the limits and under the faults that are switched on.
async fn answer(host: &Host, action: Action, app: &str, subject: &str, work: impl Future<Output = Done>) -> Response {
    if app != host.settings.app {
        return Problem::new(404, format!("app not found: {app}")).into_response();
    }
    let fault = match host.admit(action, subject) {
        Ok(fault) => fault,
        Err(problem) => return problem.into_response(),
    };
    let done = work.await;
    match fault {
        Some(Fault::After(status)) => Problem::new(status, "switched on: it was done nevertheless").into_response(),
        Some(Fault::EmptyList) => Json(json!([])).into_response(),
        Some(Fault::Before(_)) | None => match done {
            Ok(Reply::Body(body)) => Json(body).into_response(),
            Ok(Reply::Empty) => StatusCode::NO_CONTENT.into_response(),
            Err(problem) => problem.into_response(),
        },
    }
}

fn ok() -> Done {
    Ok(Reply::Body(json!({ "ok": true })))
}

/// A body's JSON; an empty body is an empty object, as Fly takes it.
fn json_of(body: &Bytes) -> Result<Value, Problem> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|e| Problem::new(400, format!("invalid_argument: the body is not JSON: {e}")))
}

fn object_of(body: &Bytes) -> Result<Map<String, Value>, Problem> {
    let Value::Object(object) = json_of(body)? else {
        return Err(Problem::new(422, "invalid_argument: the body must be an object"));
    };
    Ok(object)
}

fn unprocessable(text: String) -> Problem {
    Problem::new(422, text)
}

async fn app(State(host): Shared, Path(app): Path<String>) -> Response {
    let work = async {
        let count = host.machines().iter().filter(|machine| machine.state != machine::State::Destroyed).count();
        Ok(Reply::Body(json!({
            "id": app, "name": app, "machine_count": count, "status": "deployed",
            "organization": { "name": "local", "slug": "local" },
        })))
    };
    answer(&host, Action::App, &app, &app, work).await
}

async fn create(State(host): Shared, Path(app): Path<String>, body: Bytes) -> Response {
    let work = async {
        let order = Order::read(&json_of(&body)?).map_err(unprocessable)?;
        Ok(Reply::Body(host.create(order)?.shown()))
    };
    answer(&host, Action::Create, &app, &app, work).await
}

async fn list(State(host): Shared, Path(app): Path<String>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let work = async {
        let deleted = query.iter().any(|(key, value)| key == "include_deleted" && value == "true");
        let wanted = |machine: &Machine| {
            let alive = machine.state != machine::State::Destroyed;
            (deleted || alive)
                && query.iter().all(|(key, value)| match key.split_once('.') {
                    Some(("metadata", key)) => machine.metadata(key) == Some(value),
                    _ => key != "region" || value == "local",
                })
        };
        let found = host.machines().into_iter().filter(wanted).map(|machine| machine.shown());
        Ok(Reply::Body(found.collect()))
    };
    answer(&host, Action::List, &app, &app, work).await
}

async fn read(State(host): Shared, Path((app, id)): Path<(String, String)>) -> Response {
    let work = async { Ok(Reply::Body(host.machine(&id)?.shown())) };
    answer(&host, Action::Get, &app, &id, work).await
}

async fn destroy(
    State(host): Shared,
    Path((app, id)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let work = async {
        // The docs say `force`; Fly's own client sends `kill`.
        let force = ["force", "kill"].iter().any(|key| query.get(*key).is_some_and(|value| value == "true"));
        host.destroy(&id, force).await?;
        ok()
    };
    answer(&host, Action::Delete, &app, &id, work).await
}

async fn start(State(host): Shared, Path((app, id)): Path<(String, String)>) -> Response {
    let work =
        async { Ok(Reply::Body(json!({ "previous_state": host.start(&id)?, "migrated": false, "new_host": "" }))) };
    answer(&host, Action::Start, &app, &id, work).await
}

async fn stop(State(host): Shared, Path((app, id)): Path<(String, String)>, body: Bytes) -> Response {
    let work = async {
        host.stop(&id, &object_of(&body)?)?;
        ok()
    };
    answer(&host, Action::Stop, &app, &id, work).await
}

async fn signal(State(host): Shared, Path((app, id)): Path<(String, String)>, body: Bytes) -> Response {
    let work = async {
        let asked = object_of(&body)?;
        let word = asked.get("signal").and_then(Value::as_str).unwrap_or_default();
        host.signal(&id, signal_named(word).map_err(unprocessable)?)?;
        ok()
    };
    answer(&host, Action::Signal, &app, &id, work).await
}

async fn wait(
    State(host): Shared,
    Path((app, id)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let work = async {
        let state = query.get("state").map_or("started", String::as_str);
        if !["started", "stopped", "suspended", "destroyed"].contains(&state) {
            return Err(Problem::new(400, format!("invalid_argument: cannot wait for state {state}")));
        }
        if state == "stopped" && query.get("instance_id").is_none_or(String::is_empty) {
            return Err(Problem::new(400, "invalid_argument: instance_id is required to wait for stopped"));
        }
        let seconds = query.get("timeout").map_or(Some(60), |text| text.parse().ok());
        let seconds: u64 =
            seconds.ok_or_else(|| Problem::new(400, "invalid_argument: timeout must be whole seconds"))?;
        host.wait(&id, state, Duration::from_secs(seconds.min(60))).await?;
        ok()
    };
    answer(&host, Action::Wait, &app, &id, work).await
}

async fn events(State(host): Shared, Path((app, id)): Path<(String, String)>) -> Response {
    let work = async {
        let events = host.machine(&id)?.shown().get_mut("events").map(Value::take);
        Ok(Reply::Body(events.unwrap_or_default()))
    };
    answer(&host, Action::Events, &app, &id, work).await
}

async fn metadata(State(host): Shared, Path((app, id)): Path<(String, String)>) -> Response {
    let work = async {
        let metadata = host.machine(&id)?.config.get("metadata").cloned();
        Ok(Reply::Body(metadata.unwrap_or_else(|| json!({}))))
    };
    answer(&host, Action::Metadata, &app, &id, work).await
}

async fn set_metadata(
    State(host): Shared,
    Path((app, id, key)): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    let work = async {
        let value = metadata_value(&json_of(&body)?).map_err(unprocessable)?;
        host.set_metadata(&id, &key, Some(value))?;
        Ok(Reply::Empty)
    };
    answer(&host, Action::Metadata, &app, &id, work).await
}

async fn remove_metadata(State(host): Shared, Path((app, id, key)): Path<(String, String, String)>) -> Response {
    let work = async {
        host.set_metadata(&id, &key, None)?;
        Ok(Reply::Empty)
    };
    answer(&host, Action::Metadata, &app, &id, work).await
}

async fn set_faults(State(host): Shared, body: Bytes) -> Result<StatusCode, Problem> {
    host.set_faults(Faults::read(&json_of(&body)?).map_err(unprocessable)?);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(host): Shared) -> StatusCode {
    host.set_faults(Faults::default());
    StatusCode::NO_CONTENT
}

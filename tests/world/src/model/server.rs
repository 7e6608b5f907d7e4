//! The provider behind HTTP: checks the key, keeps a record, picks the script, answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Behaviour, Script, Turn, anthropic, openai};

/// One request to the provider.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// The key as it came, whatever header it came in.
    pub key: Option<String>,
    /// The model asked for.
    pub model: String,
    /// The script that answered.
    pub script: String,
    /// The answer's status.
    pub status: u16,
    /// The raw body.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// The provider's settings and record.
#[derive(Default)]
pub struct Provider {
    /// The keys it accepts.
    pub keys: Vec<String>,
    /// What it does unless the model's name says otherwise; `None`: the default script.
    pub script: Option<Script>,
    /// Everything it was asked.
    pub asked: Vec<Asked>,
}

/// A provider shared with the control API.
pub(crate) type Shared = Arc<Mutex<Provider>>;

#[derive(Clone, Copy)]
enum Api {
    Anthropic,
    Responses,
    Chat,
}

/// The provider's routes.
pub fn router(provider: Shared) -> Router {
    Router::new()
        .route("/v1/messages", post(|state, headers, uri, body| answer(Api::Anthropic, state, headers, uri, body)))
        .route("/v1/messages/count_tokens", post(async || axum::Json(json!({"input_tokens": 1200}))))
        .route("/v1/responses", post(|state, headers, uri, body| answer(Api::Responses, state, headers, uri, body)))
        .route("/v1/chat/completions", post(|state, headers, uri, body| answer(Api::Chat, state, headers, uri, body)))
        .route("/v1/models", get(async || axum::Json(json!({"object": "list", "data": [], "models": []}))))
        .with_state(provider)
}

/// The key, by `x-api-key` or as a bearer.
fn key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key = text("x-api-key").or_else(|| text("authorization")?.strip_prefix("Bearer "));
    key.map(str::to_owned)
}

async fn answer(api: Api, State(provider): State<Shared>, headers: HeaderMap, uri: Uri, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
    let key = key(&headers);
    let (script, status) = {
        let mut provider = provider.lock().unwrap_or_else(PoisonError::into_inner);
        let script = Script::of_model(&model).or_else(|| provider.script.clone()).or_else(|| Script::named("default"));
        let known = key.as_ref().is_some_and(|key| provider.keys.contains(key));
        let status = match script.as_ref().map(|script| &script.behaviour) {
            _ if !known => 401,
            Some(Behaviour::Fail(status)) => *status,
            Some(Behaviour::Answer | Behaviour::Slow(_)) | None => 200,
        };
        let name = script.as_ref().map_or("", |script| script.name.as_str()).to_owned();
        provider.asked.push(Asked {
            path: uri.path().to_owned(),
            key,
            model: model.clone(),
            script: name,
            status,
            body: body.to_vec(),
        });
        (script, status)
    };
    let Some(script) = script.filter(|_| status == 200) else {
        return refusal(api, status);
    };
    if let Behaviour::Slow(millis) = script.behaviour {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    let streamed = request.get("stream").and_then(Value::as_bool) == Some(true);
    write(api, &script, &request, &model, streamed)
}

fn write(api: Api, script: &Script, request: &Value, model: &str, streamed: bool) -> Response {
    let turn = match api {
        Api::Anthropic => Turn::of(script, &anthropic::tools(request), anthropic::ran(request)),
        Api::Responses | Api::Chat => Turn::of(script, &openai::tools(request), openai::ran(request)),
    };
    if streamed {
        let text = match api {
            Api::Anthropic => anthropic::stream(model, &turn),
            Api::Responses => openai::response_stream(model, &turn),
            Api::Chat => openai::chat_stream(model, &turn),
        };
        return ([("content-type", "text/event-stream"), ("cache-control", "no-cache")], text).into_response();
    }
    axum::Json(match api {
        Api::Anthropic => anthropic::message(model, &turn),
        Api::Responses => openai::response(model, &turn),
        Api::Chat => openai::chat(model, &turn),
    })
    .into_response()
}

fn refusal(api: Api, status: u16) -> Response {
    let body = match api {
        Api::Anthropic => anthropic::error(status),
        Api::Responses | Api::Chat => openai::error(status),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(body)).into_response()
}

/// Sets a field of an object.
pub(crate) fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(field.to_owned(), value);
    }
}

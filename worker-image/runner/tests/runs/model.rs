//! A scripted model provider: answers the first turn with a shell command and the next with words, in the shapes of
//! Anthropic's Messages and OpenAI's Responses APIs, streaming.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The words of the last turn.
pub(crate) const WORDS: &str = "Add PORTER.md\n\nIt says hello.";

/// How the provider behaves.
#[derive(Clone)]
pub(crate) enum Mood {
    /// Runs this shell command through the agent's own tool, then says [`WORDS`].
    Script(String),
    /// Answers every call with this status.
    Fails(u16),
    /// Never answers.
    Silent,
}

/// The provider, listening.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
    mood: Mood,
}

impl Model {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let model = Self {
            address,
            seen: Arc::default(),
            mood,
        };
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(model.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        model
    }

    /// Paths that were called, with the credentials they came with.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let key = |headers: &HeaderMap| {
            let header = headers.get("x-api-key").or(headers.get("authorization"));
            header
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|(path, headers, _)| (path.clone(), key(headers)))
            .collect()
    }

    /// Whether any call's body holds these words.
    pub(crate) fn was_told(&self, words: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .any(|(_, _, body)| String::from_utf8_lossy(body).contains(words))
    }
}

async fn answer(State(model): State<Model>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    model
        .seen
        .lock()
        .unwrap()
        .push((uri.path().to_owned(), headers, body.clone()));
    let script = match &model.mood {
        Mood::Script(script) => script.clone(),
        Mood::Fails(status) => {
            let body = json!({"type":"error","error":{"type":"stand_in","message":"the stand-in refuses"}});
            return (StatusCode::from_u16(*status).unwrap(), axum::Json(body)).into_response();
        }
        Mood::Silent => std::future::pending().await,
    };
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let items = |key: &str| request[key].as_array().cloned().unwrap_or_default();
    let is_result =
        |part: &Value| part["type"] == "tool_result" || part["type"] == "function_call_output";
    let in_content = |message: &Value| {
        message["content"]
            .as_array()
            .is_some_and(|parts| parts.iter().any(is_result))
    };
    let second = items("messages").iter().any(in_content) || items("input").iter().any(is_result);
    let events = match uri.path() {
        "/v1/messages" => anthropic(&request, &script, second),
        "/v1/responses" => responses(&request, &script, second),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let text: String = events
        .into_iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().unwrap()
            )
        })
        .collect();
    ([("content-type", "text/event-stream")], Body::from(text)).into_response()
}

/// The shell tool by whatever name and argument the agent offers it.
fn shell(request: &Value, script: &str) -> Option<(String, Value)> {
    let tools = request["tools"].as_array()?;
    let named = |name: &str| {
        let found = tools
            .iter()
            .any(|tool| tool["name"] == name || tool["function"]["name"] == name);
        found.then(|| name.to_owned())
    };
    if let Some(name) = named("exec_command") {
        return Some((name, json!({"cmd": script})));
    }
    let name = named("Bash").or_else(|| named("bash"))?;
    Some((name, json!({"command": script, "description": "work"})))
}

fn anthropic(request: &Value, script: &str, second: bool) -> Vec<Value> {
    let tool = shell(request, script).filter(|_| !second);
    let (block, delta, reason) = match tool {
        Some((name, input)) => (
            json!({"type":"tool_use","id":"toolu_1","name":name,"input":{}}),
            json!({"type":"input_json_delta","partial_json":input.to_string()}),
            "tool_use",
        ),
        None => (
            json!({"type":"text","text":""}),
            json!({"type":"text_delta","text":WORDS}),
            "end_turn",
        ),
    };
    vec![
        json!({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-stand-in",
            "content":[],"stop_reason":null,"stop_sequence":null,
            "usage":{"input_tokens":100,"cache_read_input_tokens":7,"cache_creation_input_tokens":0,"output_tokens":1}}}),
        json!({"type":"content_block_start","index":0,"content_block":block}),
        json!({"type":"content_block_delta","index":0,"delta":delta}),
        json!({"type":"content_block_stop","index":0}),
        json!({"type":"message_delta","delta":{"stop_reason":reason,"stop_sequence":null},"usage":{"output_tokens":20}}),
        json!({"type":"message_stop"}),
    ]
}

fn responses(request: &Value, script: &str, second: bool) -> Vec<Value> {
    let tool = shell(request, script).filter(|_| !second);
    let head = json!({"id":"resp_1","object":"response","created_at":1,"model":"gpt-stand-in","status":"in_progress","output":[]});
    let mut events = vec![json!({"type":"response.created","response":head})];
    let item = match tool {
        Some((name, input)) => {
            let item = |arguments: &str| {
                json!({"type":"function_call","id":"fc_1","call_id":"call_1","name":name,
                    "arguments":arguments,"status":"completed"})
            };
            let arguments = input.to_string();
            events.push(
                json!({"type":"response.output_item.added","output_index":0,"item":item("")}),
            );
            events.push(json!({"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"delta":arguments}));
            item(&arguments)
        }
        None => {
            let item = |content: Value| json!({"type":"message","id":"msg_1","role":"assistant","status":"completed","content":content});
            events.push(json!({"type":"response.output_item.added","output_index":0,"item":item(json!([]))}));
            events.push(
                json!({"type":"response.content_part.added","item_id":"msg_1","output_index":0,
                "content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}),
            );
            events.push(
                json!({"type":"response.output_text.delta","item_id":"msg_1","output_index":0,
                "content_index":0,"delta":WORDS}),
            );
            item(json!([{"type":"output_text","text":WORDS,"annotations":[]}]))
        }
    };
    events.push(json!({"type":"response.output_item.done","output_index":0,"item":item}));
    let usage = json!({"input_tokens":100,"input_tokens_details":{"cached_tokens":7},"output_tokens":20,
        "output_tokens_details":{"reasoning_tokens":0},"total_tokens":120});
    let done = json!({"id":"resp_1","object":"response","created_at":1,"model":"gpt-stand-in","status":"completed",
        "output":[item],"usage":usage});
    events.push(json!({"type":"response.completed","response":done}));
    events
}

//! Anthropic's Messages API: requests read, answers written, streaming or not.

use serde_json::{Value, json};

use super::{Turn, event};

/// The names of the tools a request offers.
pub(crate) fn tools(request: &Value) -> Vec<String> {
    let list = request.get("tools").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|tool| tool.get("name")?.as_str().map(str::to_owned)).collect()
}

/// Whether a tool has already run: some message holds its result.
pub(crate) fn ran(request: &Value) -> bool {
    let messages = request.get("messages").and_then(Value::as_array).into_iter().flatten();
    let blocks = messages.filter_map(|message| message.get("content")?.as_array()).flatten();
    blocks.into_iter().any(|block| block.get("type").and_then(Value::as_str) == Some("tool_result"))
}

fn blocks(turn: &Turn) -> (Vec<Value>, &'static str) {
    match turn {
        Turn::Say(words) => (vec![json!({"type": "text", "text": words})], "end_turn"),
        Turn::Call { words, tool, arguments } => {
            let call = json!({"type": "tool_use", "id": "toolu_world_1", "name": tool, "input": arguments});
            (vec![json!({"type": "text", "text": words}), call], "tool_use")
        }
    }
}

fn usage(turn: &Turn) -> Value {
    let tokens = turn.tokens();
    json!({
        "input_tokens": tokens.input, "cache_creation_input_tokens": 0, "cache_read_input_tokens": tokens.cached,
        "output_tokens": tokens.output,
    })
}

/// The whole answer as JSON.
pub(crate) fn message(model: &str, turn: &Turn) -> Value {
    let (content, stop) = blocks(turn);
    json!({
        "id": "msg_world", "type": "message", "role": "assistant", "model": model, "content": content, "stop_reason": stop,
        "stop_sequence": null, "usage": usage(turn),
    })
}

/// The answer as server-sent events.
pub(crate) fn stream(model: &str, turn: &Turn) -> String {
    let (content, stop) = blocks(turn);
    let named = |value: Value| {
        let name = value.get("type").and_then(Value::as_str).map(str::to_owned);
        event(name.as_deref(), &value)
    };
    let mut begin = message(model, turn);
    super::server::set(&mut begin, "content", json!([]));
    super::server::set(&mut begin, "stop_reason", Value::Null);
    let mut text = named(json!({"type": "message_start", "message": begin}));
    for (index, block) in content.into_iter().enumerate() {
        let (start, delta) = match block.get("input") {
            None => (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block.get("text")})),
            Some(input) => {
                let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
                let mut start = block.clone();
                super::server::set(&mut start, "input", json!({}));
                (start, delta)
            }
        };
        text += &named(json!({"type": "content_block_start", "index": index, "content_block": start}));
        text += &named(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        text += &named(json!({"type": "content_block_stop", "index": index}));
    }
    text += &named(
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": usage(turn)}),
    );
    text + &named(json!({"type": "message_stop"}))
}

/// An error in Anthropic's shape.
pub(crate) fn error(status: u16) -> Value {
    let (kind, words) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        429 => ("rate_limit_error", "This request would exceed your rate limit."),
        529 => ("overloaded_error", "Overloaded"),
        404 => ("not_found_error", "Not found"),
        _ => ("api_error", "Internal server error"),
    };
    json!({"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_world"})
}

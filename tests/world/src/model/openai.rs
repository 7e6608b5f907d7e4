//! OpenAI's Responses and Chat Completions APIs: requests read, answers written, streaming or not.

use serde_json::{Value, json};

use super::{Tokens, Turn, event};

/// The names of the tools a request offers, in either API's form.
pub(crate) fn tools(request: &Value) -> Vec<String> {
    let list = request.get("tools").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|tool| tool.get("name").or_else(|| tool.get("function")?.get("name"))?.as_str().map(str::to_owned))
        .collect()
}

/// Whether a tool has already run.
pub(crate) fn ran(request: &Value) -> bool {
    let items = ["input", "messages"].into_iter().filter_map(|field| request.get(field)?.as_array()).flatten();
    items.into_iter().any(|item| {
        item.get("type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("_call_output"))
            || item.get("role").and_then(Value::as_str) == Some("tool")
    })
}

/// The items of a Responses answer.
fn items(turn: &Turn) -> Vec<Value> {
    let message = |words: &str| {
        json!({
            "type": "message", "id": "msg_world", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": words, "annotations": []}],
        })
    };
    match turn {
        Turn::Say(words) => vec![message(words)],
        Turn::Call { words, tool, arguments } => vec![
            message(words),
            json!({
                "type": "function_call", "id": "fc_world", "call_id": "call_world", "name": tool, "arguments": arguments.to_string(),
                "status": "completed",
            }),
        ],
    }
}

/// A Responses answer as JSON.
pub(crate) fn response(model: &str, turn: &Turn) -> Value {
    let Tokens { input, cached, output } = turn.tokens();
    json!({
        "id": "resp_world", "object": "response", "created_at": 1_771_407_000, "status": "completed", "model": model, "output": items(turn),
        "error": null, "incomplete_details": null, "usage": {
            "input_tokens": input + cached, "input_tokens_details": {"cached_tokens": cached}, "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + cached + output,
        },
    })
}

/// A Responses answer as server-sent events.
pub(crate) fn response_stream(model: &str, turn: &Turn) -> String {
    let mut text = String::new();
    let mut number = 0;
    let mut say = |kind: &str, mut value: Value| {
        super::server::set(&mut value, "type", json!(kind));
        super::server::set(&mut value, "sequence_number", json!(number));
        number += 1;
        text += &event(Some(kind), &value);
    };
    let mut begun = response(model, turn);
    super::server::set(&mut begun, "status", json!("in_progress"));
    super::server::set(&mut begun, "output", json!([]));
    super::server::set(&mut begun, "usage", Value::Null);
    say("response.created", json!({"response": begun}));
    for (index, item) in items(turn).into_iter().enumerate() {
        let id = item.get("id").cloned();
        let mut start = item.clone();
        super::server::set(&mut start, "status", json!("in_progress"));
        if let Some(arguments) = item.get("arguments").cloned() {
            super::server::set(&mut start, "arguments", json!(""));
            say("response.output_item.added", json!({"output_index": index, "item": start}));
            say(
                "response.function_call_arguments.delta",
                json!({"item_id": id, "output_index": index, "delta": arguments}),
            );
            say(
                "response.function_call_arguments.done",
                json!({"item_id": id, "output_index": index, "arguments": arguments}),
            );
        } else {
            let part = item.pointer("/content/0").cloned().unwrap_or_default();
            let words = part.get("text").cloned();
            super::server::set(&mut start, "content", json!([]));
            let empty = json!({"type": "output_text", "text": "", "annotations": []});
            let place = |more: Value| {
                let mut value = json!({"item_id": id, "output_index": index, "content_index": 0});
                crate::github::wire::merge_into(&mut value, more);
                value
            };
            say("response.output_item.added", json!({"output_index": index, "item": start}));
            say("response.content_part.added", place(json!({"part": empty})));
            say("response.output_text.delta", place(json!({"delta": words})));
            say("response.output_text.done", place(json!({"text": words})));
            say("response.content_part.done", place(json!({"part": part})));
        }
        say("response.output_item.done", json!({"output_index": index, "item": item}));
    }
    say("response.completed", json!({"response": response(model, turn)}));
    text
}

fn chat_usage(turn: &Turn) -> Value {
    let Tokens { input, cached, output } = turn.tokens();
    json!({
        "prompt_tokens": input + cached, "completion_tokens": output, "total_tokens": input + cached + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    })
}

fn chat_message(turn: &Turn, streamed: bool) -> (Value, &'static str) {
    match turn {
        Turn::Say(words) => (json!({"role": "assistant", "content": words}), "stop"),
        Turn::Call { words, tool, arguments } => {
            let mut call = json!({"id": "call_world", "type": "function", "function": {"name": tool, "arguments": arguments.to_string()}});
            if streamed {
                super::server::set(&mut call, "index", json!(0));
            }
            (json!({"role": "assistant", "content": words, "tool_calls": [call]}), "tool_calls")
        }
    }
}

/// A Chat Completions answer as JSON.
pub(crate) fn chat(model: &str, turn: &Turn) -> Value {
    let (message, finish) = chat_message(turn, false);
    json!({
        "id": "chatcmpl-world", "object": "chat.completion", "created": 1_771_407_000, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": chat_usage(turn),
    })
}

/// A Chat Completions answer as server-sent events.
pub(crate) fn chat_stream(model: &str, turn: &Turn) -> String {
    let (delta, finish) = chat_message(turn, true);
    let chunk = |choices: Value, usage: Value| {
        let value = json!({
            "id": "chatcmpl-world", "object": "chat.completion.chunk", "created": 1_771_407_000, "model": model, "choices": choices,
            "usage": usage,
        });
        event(None, &value)
    };
    chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null)
        + &chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish}]), Value::Null)
        + &chunk(json!([]), chat_usage(turn))
        + "data: [DONE]\n\n"
}

/// An error in OpenAI's shape.
pub(crate) fn error(status: u16) -> Value {
    let (kind, code, words) = match status {
        401 => ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        429 => ("requests", "rate_limit_exceeded", "Rate limit reached."),
        404 => ("invalid_request_error", "model_not_found", "The model does not exist."),
        _ => ("server_error", "server_error", "The server had an error while processing your request."),
    };
    json!({"error": {"message": words, "type": kind, "param": null, "code": code}})
}

//! Reads usage out of an answer as it passes: server-sent events line by line, or one JSON document.

use serde_json::Value;

use super::meter::{Meter, Tokens};
use super::providers::Provider;

/// A longer event or document is passed on but not read.
const LONGEST: usize = 8 * 1024 * 1024;

/// Follows one answer. What it learned is added to the meter when the answer ends, however it ends.
pub(crate) struct UsageReader {
    provider: Provider,
    meter: Meter,
    /// The line, or the document, that is not complete yet.
    pending: Vec<u8>,
    model: Option<String>,
    tokens: Option<Tokens>,
}

impl UsageReader {
    /// A reader for one answer of this provider.
    pub(crate) fn new(provider: Provider, meter: Meter) -> Self {
        Self {
            provider,
            meter,
            pending: Vec::new(),
            model: None,
            tokens: None,
        }
    }

    /// Looks at the next bytes.
    pub(crate) fn take(&mut self, chunk: &[u8]) {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.pending.len() + piece.len() <= LONGEST {
                self.pending.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") && self.is_event_stream() {
                let line = std::mem::take(&mut self.pending);
                self.line(&line);
            }
        }
    }

    /// A JSON document begins with a brace; lines of an event stream never do.
    fn is_event_stream(&self) -> bool {
        !self.pending.trim_ascii_start().starts_with(b"{")
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(data) = line.strip_prefix(b"data:") {
            self.document(data);
        }
    }

    fn document(&mut self, text: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(text) else {
            return;
        };
        match self.provider {
            Provider::Anthropic => self.anthropic(&event),
            Provider::OpenAi => self.openai(&event),
        }
    }

    /// `message_start` carries the input, each `message_delta` the output so far; a whole message carries both.
    fn anthropic(&mut self, event: &Value) {
        let message = event.get("message").unwrap_or(event);
        self.learn_model(message);
        let Some(usage) = message.get("usage") else {
            return;
        };
        let tokens = self.tokens.get_or_insert_default();
        let fresh = number(usage, "/input_tokens");
        if let Some(fresh) = fresh.filter(|fresh| *fresh > 0 || tokens.input == 0) {
            tokens.input = fresh + number(usage, "/cache_creation_input_tokens").unwrap_or(0);
        }
        tokens.cache_read = number(usage, "/cache_read_input_tokens").unwrap_or(tokens.cache_read);
        tokens.output = number(usage, "/output_tokens").unwrap_or(tokens.output);
    }

    /// Responses: in `response.completed`. Chat Completions: in the last chunk or the document. Input counts the cached ones.
    fn openai(&mut self, event: &Value) {
        let response = event.get("response").unwrap_or(event);
        self.learn_model(response);
        let Some(usage) = response.get("usage").filter(|usage| usage.is_object()) else {
            return;
        };
        let either = |new: &str, old: &str| number(usage, new).or_else(|| number(usage, old));
        let cached = either(
            "/input_tokens_details/cached_tokens",
            "/prompt_tokens_details/cached_tokens",
        )
        .unwrap_or(0);
        let input = either("/input_tokens", "/prompt_tokens").unwrap_or(0);
        let output = either("/output_tokens", "/completion_tokens").unwrap_or(0);
        self.tokens = Some(Tokens {
            input: (input - cached).max(0),
            output,
            cache_read: cached,
        });
    }

    fn learn_model(&mut self, from: &Value) {
        if let Some(model) = from.get("model").and_then(Value::as_str) {
            self.model = Some(model.chars().take(100).collect());
        }
    }
}

impl Drop for UsageReader {
    fn drop(&mut self) {
        let rest = std::mem::take(&mut self.pending);
        match rest.trim_ascii_start().starts_with(b"{") {
            true => self.document(&rest),
            false => self.line(&rest),
        }
        if let Some(tokens) = self.tokens {
            self.meter
                .add(self.model.as_deref().unwrap_or("unknown"), tokens);
        }
    }
}

fn number(usage: &Value, pointer: &str) -> Option<i64> {
    usage.pointer(pointer).and_then(Value::as_i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(provider: Provider, text: &str) -> porter::protocol::wire::Usage {
        // Every way of cutting the answer into chunks must count the same.
        for size in [1, 7, 64, 100_000] {
            let meter = Meter::default();
            meter.call_answered();
            let mut reader = UsageReader::new(provider, meter.clone());
            text.as_bytes()
                .chunks(size)
                .for_each(|chunk| reader.take(chunk));
            drop(reader);
            if size == 100_000 {
                return meter.usage().unwrap();
            }
            assert!(meter.usage().unwrap().output_tokens.is_some());
        }
        unreachable!()
    }

    #[test]
    fn anthropic_streams_and_documents_are_counted() {
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-x\",\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":42}}\n\n";
        let usage = read(Provider::Anthropic, stream);
        assert_eq!(
            (
                usage.input_tokens,
                usage.cache_read_tokens,
                usage.output_tokens
            ),
            (Some(15), Some(7), Some(42))
        );
        assert_eq!(usage.model.as_deref(), Some("claude-x"));
        let whole = "{\n \"model\": \"claude-x\",\n \"usage\": {\"input_tokens\": 3, \"output_tokens\": 4}}";
        let usage = read(Provider::Anthropic, whole);
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(3), Some(4))
        );
    }

    #[test]
    fn openai_responses_and_chat_are_counted_without_the_cached() {
        let stream = "data: {\"type\":\"response.created\",\"response\":{\"model\":\"gpt-x\",\"usage\":null}}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"model\":\"gpt-x\",\"usage\":{\"input_tokens\":20,\"input_tokens_details\":{\"cached_tokens\":8},\"output_tokens\":9}}}\n\n";
        let usage = read(Provider::OpenAi, stream);
        assert_eq!(
            (
                usage.input_tokens,
                usage.cache_read_tokens,
                usage.output_tokens
            ),
            (Some(12), Some(8), Some(9))
        );
        let chat = "data: {\"model\":\"gpt-x\",\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\ndata: [DONE]\n\n";
        assert_eq!(read(Provider::OpenAi, chat).output_tokens, Some(6));
    }
}

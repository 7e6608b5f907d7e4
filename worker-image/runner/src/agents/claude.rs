//! Claude Code: `claude -p` with stream-json events. A good end is a `result` without `is_error`; its exit status lies.

use porter::domain::agent::Agent;
use porter::protocol::wire::LineLevel;
use serde_json::Value;

use super::{Adapter, Launch, Terms, processor, text, tool_line};
use crate::findings::Seen;
use crate::gateway::providers::Provider;

/// The adapter.
pub(super) struct Claude;

/// The native binary below `node_modules`: it runs without Node and without npm's install scripts.
fn program() -> String {
    format!("@anthropic-ai/claude-code-linux-{}/claude", processor())
}

impl Adapter for Claude {
    fn launch(&self, terms: &Terms) -> Result<Launch, String> {
        terms.need(Provider::Anthropic, Agent::Claude)?;
        let mut args: Vec<String> = [
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--dangerously-skip-permissions",
        ]
        .map(str::to_owned)
        .to_vec();
        args.extend(terms.model.iter().map(|model| format!("--model={model}")));
        let mut env = vec![
            ("ANTHROPIC_BASE_URL", terms.base(Provider::Anthropic)),
            ("ANTHROPIC_API_KEY", terms.stand_in.clone()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
            ("DISABLE_AUTOUPDATER", "1".to_owned()),
            // Ten tries with growing pauses, its default, take three minutes to say that a key is wrong.
            ("CLAUDE_CODE_MAX_RETRIES", "4".to_owned()),
        ];
        if terms.as_root {
            env.push(("IS_SANDBOX", "1".to_owned()));
        }
        Ok(Launch {
            program: terms.modules.join(program()),
            args,
            env,
        })
    }

    fn read(&mut self, event: &Value) -> Vec<Seen> {
        match (text(event, "/type"), text(event, "/subtype")) {
            ("system", "init") => {
                let words = format!(
                    "Claude Code {} with {}",
                    text(event, "/claude_code_version"),
                    text(event, "/model")
                );
                vec![Seen::Line(LineLevel::Info, words)]
            }
            ("system", "api_retry") => {
                let status = event
                    .get("error_status")
                    .and_then(Value::as_u64)
                    .unwrap_or(0);
                let words = format!(
                    "The model did not answer ({status} {}); trying again",
                    text(event, "/error")
                );
                vec![Seen::Line(LineLevel::Warning, words)]
            }
            ("assistant", _) => content(event).filter_map(assistant).collect(),
            ("user", _) => content(event).filter_map(tool_result).collect(),
            ("result", _) => result(event),
            _ => Vec::new(),
        }
    }
}

fn content(event: &Value) -> impl Iterator<Item = &Value> {
    event
        .pointer("/message/content")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn assistant(part: &Value) -> Option<Seen> {
    match text(part, "/type") {
        "text" => Some(Seen::Said(text(part, "/text").to_owned())),
        "tool_use" => {
            let input = part.get("input").unwrap_or(&Value::Null);
            Some(Seen::Tool(tool_line(text(part, "/name"), input)))
        }
        _ => None,
    }
}

fn tool_result(part: &Value) -> Option<Seen> {
    let failed = part.get("is_error").and_then(Value::as_bool) == Some(true);
    let words = part.get("content").map(|content| match content {
        Value::String(words) => words.clone(),
        Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            text(content, "/0/text").to_owned()
        }
    })?;
    failed.then(|| {
        Seen::Line(
            LineLevel::Warning,
            format!("tool failed: {}", words.lines().next().unwrap_or_default()),
        )
    })
}

fn result(event: &Value) -> Vec<Seen> {
    let denied = event
        .get("permission_denials")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut seen: Vec<Seen> = denied
        .map(|denial| Seen::Denied(text(denial, "/tool_name").to_owned()))
        .collect();
    let words = text(event, "/result");
    let failed = event.get("is_error").and_then(Value::as_bool) != Some(false);
    if failed || text(event, "/subtype") != "success" {
        let errors = event
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let listed: Vec<&str> = errors.filter_map(Value::as_str).collect();
        let reason = [words, &listed.join("; "), text(event, "/subtype")];
        let reason = reason
            .into_iter()
            .find(|reason| !reason.is_empty())
            .unwrap_or("no reason given");
        seen.push(Seen::Failed(reason.to_owned()));
    } else {
        seen.push(Seen::Finished(
            (!words.is_empty()).then(|| words.to_owned()),
        ));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_success_that_is_an_error_is_an_error() {
        let event =
            json!({"type":"result","subtype":"success","is_error":true,"result":"API Error: 401"});
        assert_eq!(
            Claude.read(&event),
            [Seen::Failed("API Error: 401".to_owned())]
        );
        let event =
            json!({"type":"result","subtype":"error_max_turns","is_error":false,"errors":[]});
        assert_eq!(
            Claude.read(&event),
            [Seen::Failed("error_max_turns".to_owned())]
        );
    }

    #[test]
    fn denied_tools_and_words_are_kept() {
        let event = json!({"type":"result","subtype":"success","is_error":false,"result":"Done",
            "permission_denials":[{"tool_name":"Write"}]});
        let expected = [
            Seen::Denied("Write".to_owned()),
            Seen::Finished(Some("Done".to_owned())),
        ];
        assert_eq!(Claude.read(&event), expected);
        let event = json!({"message":{"content":[{"type":"text","text":"Hi"},
            {"type":"tool_use","name":"Bash","input":{"command":"ls -l\nrm x"}}]},"type":"assistant"});
        let expected = [
            Seen::Said("Hi".to_owned()),
            Seen::Tool("Bash ls -l".to_owned()),
        ];
        assert_eq!(Claude.read(&event), expected);
    }
}

//! Codex: `codex exec --json`. A good end is `turn.completed`; `error` events before it are only retries.

use porter::domain::agent::Agent;
use porter::protocol::wire::LineLevel;
use serde_json::Value;

use super::{Adapter, Launch, Terms, processor, text};
use crate::findings::Seen;
use crate::gateway::providers::Provider;

/// The adapter.
pub(super) struct Codex;

/// The static binary below `node_modules`.
fn program() -> String {
    let target = if processor() == "arm64" {
        "aarch64"
    } else {
        "x86_64"
    };
    format!(
        "@openai/codex-linux-{}/vendor/{target}-unknown-linux-musl/bin/codex",
        processor()
    )
}

impl Adapter for Codex {
    fn launch(&self, terms: &Terms) -> Result<Launch, String> {
        terms.need(Provider::OpenAi, Agent::Codex)?;
        let base_url = format!(
            "model_providers.porter.base_url={}/v1",
            terms.base(Provider::OpenAi)
        );
        let settings = [
            // A provider of our own: the built-in one first tries a WebSocket seven times.
            "model_provider=porter",
            "model_providers.porter.name=Porter",
            &base_url,
            "model_providers.porter.env_key=OPENAI_API_KEY",
            "model_providers.porter.wire_api=responses",
            "model_providers.porter.request_max_retries=3",
            "model_providers.porter.stream_max_retries=3",
            "analytics.enabled=false",
            "check_for_update_on_startup=false",
            "otel.exporter=none",
        ];
        let mut args = vec!["exec".to_owned(), "--json".to_owned()];
        args.extend(
            settings
                .into_iter()
                .flat_map(|setting| ["-c".to_owned(), setting.to_owned()]),
        );
        let rest = [
            "--disable",
            "plugins",
            "--disable",
            "apps",
            "--dangerously-bypass-approvals-and-sandbox",
        ];
        args.extend(rest.map(str::to_owned));
        args.extend(terms.model.iter().map(|model| format!("--model={model}")));
        args.push("-".to_owned());
        let env = vec![("OPENAI_API_KEY", terms.stand_in.clone())];
        Ok(Launch {
            program: terms.modules.join(program()),
            args,
            env,
        })
    }

    fn read(&mut self, event: &Value) -> Vec<Seen> {
        match text(event, "/type") {
            "item.started" | "item.completed" => item(event).into_iter().collect(),
            "error" => vec![Seen::Line(
                LineLevel::Warning,
                text(event, "/message").to_owned(),
            )],
            "turn.completed" => vec![Seen::Finished(None)],
            "turn.failed" => vec![Seen::Failed(text(event, "/error/message").to_owned())],
            _ => Vec::new(),
        }
    }
}

fn item(event: &Value) -> Option<Seen> {
    let completed = text(event, "/type") == "item.completed";
    let status = event
        .pointer("/item/exit_code")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    match (text(event, "/item/type"), completed) {
        ("agent_message", true) => Some(Seen::Said(text(event, "/item/text").to_owned())),
        ("command_execution", false) => {
            Some(Seen::Tool(format!("$ {}", text(event, "/item/command"))))
        }
        ("command_execution", true) if status != 0 => Some(Seen::Line(
            LineLevel::Warning,
            format!("the command ended with status {status}"),
        )),
        ("file_change", true) => {
            let changes = event
                .pointer("/item/changes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let paths: Vec<&str> = changes.map(|change| text(change, "/path")).collect();
            Some(Seen::Tool(format!("edit {}", paths.join(", "))))
        }
        ("error", true) => Some(Seen::Line(
            LineLevel::Warning,
            text(event, "/item/message").to_owned(),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reconnect_is_not_the_end() {
        let mut codex = Codex;
        let retry = json!({"type":"error","message":"Reconnecting... 3/5"});
        assert!(matches!(
            codex.read(&retry)[..],
            [Seen::Line(LineLevel::Warning, _)]
        ));
        let end = json!({"type":"turn.failed","error":{"message":"401 Unauthorized"}});
        assert_eq!(
            codex.read(&end),
            [Seen::Failed("401 Unauthorized".to_owned())]
        );
        assert_eq!(
            codex.read(&json!({"type":"turn.completed","usage":{}})),
            [Seen::Finished(None)]
        );
    }

    #[test]
    fn a_command_is_shown_once() {
        let started =
            json!({"type":"item.started","item":{"type":"command_execution","command":"ls"}});
        assert_eq!(Codex.read(&started), [Seen::Tool("$ ls".to_owned())]);
        let ended =
            json!({"type":"item.completed","item":{"type":"command_execution","exit_code":0}});
        assert_eq!(Codex.read(&ended), []);
    }
}

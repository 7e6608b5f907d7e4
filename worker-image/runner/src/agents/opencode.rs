//! opencode: `opencode run --format json`. Its stream has no last event: the process's end is the end.

use porter::domain::agent::Agent;
use porter::protocol::wire::LineLevel;
use serde_json::{Value, json};

use super::{Adapter, Launch, Terms, processor, text, tool_line};
use crate::findings::Seen;
use crate::gateway::providers::Provider;

/// The adapter.
pub(super) struct Opencode;

/// The native binary below `node_modules`; the baseline build where the processor is older than AVX2.
fn program() -> String {
    let old = processor() == "x64"
        && std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| !text.contains(" avx2"));
    format!(
        "opencode-linux-{}{}/bin/opencode",
        processor(),
        if old { "-baseline" } else { "" }
    )
}

impl Adapter for Opencode {
    fn launch(&self, terms: &Terms) -> Result<Launch, String> {
        let model = model(terms)?;
        let options = |provider: Provider| json!({"options": {"baseURL": format!("{}/v1", terms.base(provider)), "apiKey": terms.stand_in}});
        let config = json!({
            "autoupdate": false, "share": "disabled", "permission": "allow", "small_model": model,
            "provider": {"anthropic": options(Provider::Anthropic), "openai": options(Provider::OpenAi)},
        });
        let on = || "1".to_owned();
        Ok(Launch {
            program: terms.modules.join(program()),
            // With a title of its own it does not ask a model for one.
            args: ["run", "--format", "json", "--title", "Porter task"]
                .map(str::to_owned)
                .into_iter()
                .chain([format!("--model={model}")])
                .collect(),
            env: vec![
                ("OPENCODE_CONFIG_CONTENT", config.to_string()),
                ("OPENCODE_DISABLE_MODELS_FETCH", on()),
                ("OPENCODE_DISABLE_AUTOUPDATE", on()),
                ("OPENCODE_DISABLE_LSP_DOWNLOAD", on()),
                ("OPENCODE_DISABLE_DEFAULT_PLUGINS", on()),
            ],
        })
    }

    fn read(&mut self, event: &Value) -> Vec<Seen> {
        match text(event, "/type") {
            "text" => vec![Seen::Said(text(event, "/part/text").to_owned())],
            "tool_use" => tool(event),
            "step_finish" if text(event, "/part/reason") == "stop" => vec![Seen::Finished(None)],
            "error" => vec![Seen::Failed(error(event))],
            _ => Vec::new(),
        }
    }

    fn exit_tells(&self) -> bool {
        true
    }
}

/// `provider/model` as opencode names it; by default of the first provider there is a key for.
fn model(terms: &Terms) -> Result<String, String> {
    let bare = terms.model.as_deref();
    if let Some(full) = bare.filter(|name| name.contains('/')) {
        let provider = Provider::ALL
            .into_iter()
            .find(|provider| full.split('/').next() == Some(provider.word()));
        return match provider {
            Some(provider) => terms
                .need(provider, Agent::Opencode)
                .map(|()| full.to_owned()),
            None => Err(format!(
                "Porter has no provider for the model {full}; it knows anthropic/… and openai/…"
            )),
        };
    }
    let provider = Provider::ALL
        .into_iter()
        .find(|provider| terms.providers.contains(provider));
    let guessed = match bare {
        Some(name) if name.starts_with("claude") => Some(Provider::Anthropic),
        Some(name) if name.starts_with("gpt") || name.starts_with('o') => Some(Provider::OpenAi),
        Some(_) | None => provider,
    };
    let Some(provider) = guessed else {
        let names = Provider::ALL.map(Provider::key_name).join(" nor ");
        return Err(format!(
            "opencode needs a model provider's key, and Porter has neither {names}"
        ));
    };
    terms.need(provider, Agent::Opencode)?;
    let default = match provider {
        Provider::Anthropic => "claude-sonnet-4-5",
        Provider::OpenAi => "gpt-5.1",
    };
    Ok(format!("{}/{}", provider.word(), bare.unwrap_or(default)))
}

fn tool(event: &Value) -> Vec<Seen> {
    let input = event.pointer("/part/state/input").unwrap_or(&Value::Null);
    let mut seen = vec![Seen::Tool(tool_line(text(event, "/part/tool"), input))];
    if text(event, "/part/state/status") == "error" {
        let words = text(event, "/part/state/error")
            .lines()
            .next()
            .unwrap_or_default();
        seen.push(Seen::Line(
            LineLevel::Warning,
            format!("tool failed: {words}"),
        ));
    }
    seen
}

fn error(event: &Value) -> String {
    let (name, words) = (
        text(event, "/error/name"),
        text(event, "/error/data/message"),
    );
    match event
        .pointer("/error/data/statusCode")
        .and_then(Value::as_u64)
    {
        Some(status) => format!("{name} {status}: {words}"),
        None => format!("{name}: {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn terms(model: Option<&str>, providers: &[Provider]) -> Terms {
        Terms {
            modules: PathBuf::new(),
            gateway: String::new(),
            stand_in: String::new(),
            model: model.map(str::to_owned),
            providers: providers.to_vec(),
            as_root: false,
        }
    }

    #[test]
    fn the_model_follows_the_keys() {
        let (both, openai) = (&Provider::ALL[..], &[Provider::OpenAi][..]);
        for (asked, keys, got) in [
            (None, both, Some("anthropic/claude-sonnet-4-5")),
            (None, openai, Some("openai/gpt-5.1")),
            (Some("gpt-5.2"), both, Some("openai/gpt-5.2")),
            (Some("anthropic/claude-x"), both, Some("anthropic/claude-x")),
            (Some("claude-x"), openai, None),
            (Some("other/model"), both, None),
            (None, &[], None),
        ] {
            assert_eq!(model(&terms(asked, keys)).ok().as_deref(), got, "{asked:?}");
        }
    }

    #[test]
    fn an_error_event_is_a_bad_end() {
        let event = json!({"type":"error","error":{"name":"APIError","data":{"message":"no","statusCode":401}}});
        assert_eq!(
            Opencode.read(&event),
            [Seen::Failed("APIError 401: no".to_owned())]
        );
    }
}

//! `.porter/config.json`: what a repository asks of Porter. Read from the default branch only.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::agent::Agent;

/// A repository's wishes. Every field may be missing; unknown fields are ignored.
///
/// JSON names: `agent`, `model`, `setup`, `verify`, `protected_paths`, `allow_hosts`, `template`, `auto_run`,
/// `skip_labels`, `max_prompt_tokens` (docs/REPOSITORY-CONFIG.md).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryConfig {
    /// `agent`: who works when the command names nobody.
    pub agent: Option<Agent>,
    /// `model`: a model's name, or one for each agent: `"opus"` or `{"claude": "opus"}`.
    pub model: ModelChoice,
    /// `setup`: a shell command that prepares the checkout, run before the agent.
    pub setup: Option<String>,
    /// `verify`: a shell command that tells whether the work is good, run after the agent.
    pub verify: Option<String>,
    /// `protected_paths`: patterns of paths that make the pull request a draft, besides Porter's own.
    pub protected_paths: Vec<String>,
    /// `allow_hosts`: host names the agent may reach, besides Porter's own; `*.example.com` for all below.
    pub allow_hosts: Vec<String>,
    /// `template`: the path of the prompt template, default `.porter/prompt.md`.
    pub template: Option<String>,
    /// `auto_run`: whether every opened issue is a command.
    pub auto_run: bool,
    /// `skip_labels`: labels that keep an issue from running by itself.
    pub skip_labels: Vec<String>,
    /// `max_prompt_tokens`: the prompt's budget, 2,000 to 200,000 tokens.
    pub max_prompt_tokens: Option<u32>,
}

/// Which model an agent is to use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ModelChoice {
    /// The agent's own default.
    #[default]
    AgentsOwn,
    /// The same name for every agent.
    Every(String),
    /// A name for each of these agents.
    Each(BTreeMap<&'static str, String>),
}

impl ModelChoice {
    /// The model for an agent, when one was chosen.
    #[must_use]
    pub fn for_agent(&self, agent: Agent) -> Option<&str> {
        match self {
            Self::AgentsOwn => None,
            Self::Every(model) => Some(model),
            Self::Each(models) => models.get(agent.word()).map(String::as_str),
        }
    }
}

/// Why a configuration cannot be used, in words for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(".porter/config.json, line {line}: {field}{problem}")]
pub struct BadConfig {
    /// The line, from 1.
    pub line: usize,
    /// The field followed by `: `, or nothing when the text is no JSON.
    pub field: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

/// The most bytes a configuration may have.
const LONGEST_FILE: usize = 64 * 1024;
/// The most bytes one text in it may have.
const LONGEST_TEXT: usize = 2_000;
/// The most entries a list may have.
const LONGEST_LIST: usize = 100;

impl RepositoryConfig {
    /// Reads the file's text. The first thing wrong is named with its field and line.
    pub fn parse(json: &str) -> Result<Self, BadConfig> {
        let whole = |line, problem: String| BadConfig { line, field: String::new(), problem };
        if json.len() > LONGEST_FILE {
            return Err(whole(1, format!("the file must be at most {LONGEST_FILE} bytes")));
        }
        let json = json.strip_prefix('\u{feff}').unwrap_or(json);
        let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(json)
            .map_err(|error| whole(error.line().max(1), format!("must be a JSON object ({error})")))?;
        let mut config = Self::default();
        for (name, value) in fields {
            if value.is_null() {
                continue;
            }
            config.set(&name, value).map_err(|problem| BadConfig {
                line: line_of(json, &name),
                field: format!("`{name}`: "),
                problem,
            })?;
        }
        Ok(config)
    }

    /// Sets one field, or says what it must be.
    fn set(&mut self, name: &str, value: serde_json::Value) -> Result<(), String> {
        match name {
            "agent" => self.agent = Some(agent(&text(value)?)?),
            "model" => self.model = model(value)?,
            "setup" => self.setup = Some(text(value)?),
            "verify" => self.verify = Some(text(value)?),
            "protected_paths" => self.protected_paths = list(value, pattern)?,
            "allow_hosts" => self.allow_hosts = list(value, host)?,
            "template" => self.template = Some(pattern(text(value)?)?),
            "auto_run" => self.auto_run = value.as_bool().ok_or("must be true or false")?,
            "skip_labels" => self.skip_labels = list(value, Ok)?,
            "max_prompt_tokens" => self.max_prompt_tokens = Some(tokens(&value)?),
            _ => {}
        }
        Ok(())
    }
}

fn text(value: serde_json::Value) -> Result<String, String> {
    let text = String::deserialize(value).map_err(|_wrong_type| "must be a text".to_owned())?;
    let fits = !text.trim().is_empty() && text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(format!("must be one line of 1 to {LONGEST_TEXT} bytes")) }
}

fn list(value: serde_json::Value, check: fn(String) -> Result<String, String>) -> Result<Vec<String>, String> {
    let values =
        Vec::<serde_json::Value>::deserialize(value).map_err(|_wrong_type| "must be a list of texts".to_owned())?;
    if values.len() > LONGEST_LIST {
        return Err(format!("must have at most {LONGEST_LIST} entries"));
    }
    let numbered = values.into_iter().zip(1..);
    numbered.map(|(value, at)| text(value).and_then(check).map_err(|problem| format!("entry {at} {problem}"))).collect()
}

fn agent(word: &str) -> Result<Agent, String> {
    Agent::parse(word).ok_or_else(|| format!("must be one of {}", Agent::ALL.map(Agent::word).join(", ")))
}

fn model(value: serde_json::Value) -> Result<ModelChoice, String> {
    let serde_json::Value::Object(models) = value else { return text(value).map(ModelChoice::Every) };
    let mut each = BTreeMap::new();
    for (word, name) in models {
        each.insert(agent(&word)?.word(), text(name).map_err(|problem| format!("`{word}` {problem}"))?);
    }
    Ok(ModelChoice::Each(each))
}

/// A relative path or pattern that stays inside the repository.
fn pattern(path: String) -> Result<String, String> {
    let inside = !path.starts_with('/') && !path.contains('\\') && !path.split('/').any(|part| part == "..");
    if inside { Ok(path) } else { Err("must be a path inside the repository, with / between its parts".to_owned()) }
}

/// A host's name, without scheme, port or path; `*.` in front stands for every name below.
fn host(name: String) -> Result<String, String> {
    let bare = name.strip_prefix("*.").unwrap_or(&name);
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let fits = bare.len() <= 253 && bare.contains('.') && bare.split('.').all(label);
    if fits { Ok(name.to_ascii_lowercase()) } else { Err("must be a host name such as example.com".to_owned()) }
}

fn tokens(value: &serde_json::Value) -> Result<u32, String> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (2_000..=200_000).contains(number))
        .ok_or_else(|| "must be a whole number from 2000 to 200000".to_owned())
}

/// The line where a top-level field's name stands: the last one of that name, which is the one JSON readers keep.
fn line_of(json: &str, name: &str) -> usize {
    let (mut depth, mut line, mut found) = (0_usize, 1, 1);
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        match c {
            '\n' => line += 1,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            '"' => {
                let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let text = texts.next().and_then(Result::ok).unwrap_or_default();
                let after = rest.get(texts.byte_offset().max(1)..).unwrap_or("");
                if depth == 1 && text == name && after.trim_start().starts_with(':') {
                    found = line;
                }
                rest = after;
                continue;
            }
            _ => {}
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_may_be_missing_and_the_unknown_is_ignored() {
        assert_eq!(RepositoryConfig::parse("{}"), Ok(RepositoryConfig::default()));
        assert_eq!(
            RepositoryConfig::parse(r#"{"colour": {"a": [1]}, "agent": null}"#),
            Ok(RepositoryConfig::default())
        );
    }

    #[test]
    fn every_field_is_read() {
        let json = r#"{"agent": "claude-code", "model": {"claude": "opus"}, "setup": "npm ci", "verify": "npm test",
            "protected_paths": ["infra/**"], "allow_hosts": ["*.Example.com"], "template": "docs/prompt.md",
            "auto_run": true, "skip_labels": ["no porter"], "max_prompt_tokens": 8000}"#;
        let config = RepositoryConfig::parse(json).unwrap();
        assert_eq!(config.agent, Some(Agent::Claude));
        assert_eq!(config.model.for_agent(Agent::Claude), Some("opus"));
        assert_eq!(config.model.for_agent(Agent::Amp), None);
        assert_eq!(config.setup.as_deref(), Some("npm ci"));
        assert_eq!(config.verify.as_deref(), Some("npm test"));
        assert_eq!(config.protected_paths, ["infra/**"]);
        assert_eq!(config.allow_hosts, ["*.example.com"]);
        assert_eq!(config.template.as_deref(), Some("docs/prompt.md"));
        assert!(config.auto_run);
        assert_eq!(config.skip_labels, ["no porter"]);
        assert_eq!(config.max_prompt_tokens, Some(8000));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (json, words) in [
            ("{\n  \"agent\": \"cloud\"\n}", "line 2: `agent`: must be one of opencode, claude, amp, codex, gemini"),
            ("{\n\n \"auto_run\": 1}", "line 3: `auto_run`: must be true or false"),
            ("{\"x\": {\"verify\": 1},\n\"verify\": 1}", "line 2: `verify`: must be a text"),
            ("{\"setup\": \"a\\nb\"}", "line 1: `setup`: must be one line of 1 to 2000 bytes"),
            ("{\"protected_paths\": [\"a\", \"../b\"]}", "`protected_paths`: entry 2 must be a path inside"),
            ("{\"allow_hosts\": [\"https://a.b\"]}", "`allow_hosts`: entry 1 must be a host name"),
            ("{\"model\": {\"gpt\": \"x\"}}", "`model`: must be one of"),
            ("{\"max_prompt_tokens\": 10}", "`max_prompt_tokens`: must be a whole number from 2000"),
            ("{\"skip_labels\": \"x\"}", "`skip_labels`: must be a list of texts"),
            ("{\n\"agent\": }", "line 2: must be a JSON object"),
            ("[]", "line 1: must be a JSON object"),
            ("", "line 1: must be a JSON object"),
        ] {
            let error = RepositoryConfig::parse(json).unwrap_err().to_string();
            assert!(error.contains(words), "{json}: {error}");
        }
    }

    #[test]
    fn the_line_is_of_the_field_not_of_a_text_that_looks_like_it() {
        let json = "{\"setup\": \"\\\"verify\\\": {\",\n \"a\": [\"verify\"],\n \"verify\": 1}";
        assert!(RepositoryConfig::parse(json).unwrap_err().to_string().contains("line 3: `verify`"));
    }
}

//! Each real agent makes a change set, boxed and unboxed, without ever holding a key.

use porter::protocol::wire::Outcome;

use crate::model::{Mood, WORDS};
use crate::porter::{ANTHROPIC, OPENAI, PROMPT};
use crate::run::{Stage, listed};

const SCRIPT: &str =
    "echo hello > PORTER.md; rm old.txt; chmod +x README.md; mkdir -p ignored; echo x > ignored/x";

async fn makes_a_change_set(agent: &str, boxed: &'static str, key: &str) {
    let input = if key == ANTHROPIC { 200 } else { 186 };
    let stage = Stage::set_with(agent, boxed, Mood::Script(SCRIPT.to_owned()), |job| {
        // Codex's own default offers its tools as JavaScript, which the scripted provider does not speak.
        job.agent.model = (agent == "codex").then(|| "gpt-5.1".to_owned());
    });
    let stage = stage.await;
    assert!(stage.finish().await.success());
    let result = stage.porter.result();
    assert_eq!(
        result.outcome,
        Outcome::Changes,
        "{:?}\n{}",
        result.reason,
        stage.porter.log()
    );
    let set = result.change_set.unwrap();
    assert_eq!(
        listed(&set.files),
        [
            "PORTER.md 100644 hello\n",
            "README.md 100755 # Demo\n",
            "old.txt deleted"
        ]
    );
    assert_eq!(set.message, "Add PORTER.md");
    assert_eq!(result.summary.as_deref(), Some(WORDS));
    let usage = result.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens),
        (Some(input), Some(40))
    );
    let calls = stage.model.calls();
    assert!(calls.iter().all(|(_, used)| used == key), "{calls:?}");
    assert!(stage.model.was_told(PROMPT));
    let warned = stage.porter.log().contains("unboxed");
    assert_eq!(warned, boxed == "off");
}

#[tokio::test]
async fn claude_in_the_box() {
    makes_a_change_set("claude", "bwrap", ANTHROPIC).await;
}

#[tokio::test]
async fn claude_without_a_box() {
    makes_a_change_set("claude", "off", ANTHROPIC).await;
}

#[tokio::test]
async fn codex_in_the_box() {
    makes_a_change_set("codex", "bwrap", &format!("Bearer {OPENAI}")).await;
}

#[tokio::test]
async fn codex_without_a_box() {
    makes_a_change_set("codex", "off", &format!("Bearer {OPENAI}")).await;
}

#[tokio::test]
async fn opencode_in_the_box() {
    makes_a_change_set("opencode", "bwrap", ANTHROPIC).await;
}

#[tokio::test]
async fn opencode_without_a_box() {
    makes_a_change_set("opencode", "off", ANTHROPIC).await;
}

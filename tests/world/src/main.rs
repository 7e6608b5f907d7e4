//! `porter-world`: the world Porter is tested in and shown in, on loopback. See `--help`.

use std::path::PathBuf;
use std::process::ExitCode;

use porter_world::serve::{self, Settings};

const HELP: &str =
    "porter-world --port P --git-dir DIR [--webhook-url URL] [--model-port M] [--app-key FILE] [--seed-demo]

Serves on 127.0.0.1:
  GITHUB_URL      http://127.0.0.1:P           pages, sign-in, git (owner/name.git)
  GITHUB_API_URL  http://127.0.0.1:P/api/v3    the REST API
  control         http://127.0.0.1:P/_world/…  GET /_world/help lists it
  models          http://127.0.0.1:M           Anthropic and OpenAI, scripted

From the environment: GITHUB_WEBHOOK_SECRET signs deliveries (none are made without it);
WORLD_GITHUB_TOKEN is the token of porter-bot (default canary-github-0001);
WORLD_MODEL_KEYS are the keys the models accept, comma-separated (default canary-anthropic-0001,canary-openai-0001).
--app-key makes a GitHub App (id 4242) whose private key lies in FILE; made there when missing.
Prints `ready http://127.0.0.1:P` and ends on SIGTERM.";

fn settings() -> Option<Settings> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let keys = variable("WORLD_MODEL_KEYS").unwrap_or_else(|| "canary-anthropic-0001,canary-openai-0001".into());
    let mut settings = Settings {
        port: 0,
        model_port: None,
        git_dir: PathBuf::new(),
        webhook_url: None,
        webhook_secret: variable("GITHUB_WEBHOOK_SECRET"),
        app_key: None,
        seed_demo: false,
        github_token: variable("WORLD_GITHUB_TOKEN").unwrap_or_else(|| "canary-github-0001".into()),
        model_keys: keys.split(',').map(str::to_owned).collect(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--port" => settings.port = words.next()?.parse().ok()?,
            "--model-port" => settings.model_port = Some(words.next()?.parse().ok()?),
            "--git-dir" => settings.git_dir = words.next()?.into(),
            "--webhook-url" => settings.webhook_url = Some(words.next()?),
            "--app-key" => settings.app_key = Some(words.next()?.into()),
            "--seed-demo" => settings.seed_demo = true,
            _ => return None,
        }
    }
    (settings.port != 0 && !settings.git_dir.as_os_str().is_empty()).then_some(settings)
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(settings) = settings() else {
        eprintln!("{HELP}");
        return ExitCode::from(2);
    };
    match serve::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("porter-world: {error}");
            ExitCode::FAILURE
        }
    }
}

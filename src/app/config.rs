//! What the instance is set to: every variable, its default and its unit, read in this one place.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::clients::github::{AppKey, GithubSettings};
use crate::domain::ids::RepoName;
use crate::domain::redact::Redactor;
use crate::domain::secret::Secret;

/// The instance's settings. What is missing or wrong is in `problems`, by name, and whatever needs it is refused with it.
pub struct Config {
    /// `PUBLIC_APP_URL`: where Porter is reached, without a trailing slash. No default.
    pub public_app_url: Option<String>,
    /// `GITHUB_URL`: the web and git root.
    pub github_url: String,
    /// `GITHUB_API_URL`, `GITHUB_APP_ID`, `GITHUB_APP_PRIVATE_KEY` and `GITHUB_TOKEN`, as the client wants them.
    pub github: GithubSettings,
    /// `GITHUB_WEBHOOK_SECRET`; without it every delivery is refused.
    pub webhook_secret: Option<Secret>,
    /// `GITHUB_USER`: the login of the account Porter is, when it is no App.
    pub account_login: Option<String>,
    /// `PORTER_POLL`: repositories to poll.
    pub poll: Vec<RepoName>,
    /// `PORTER_OWNERS`: logins whose repositories the instance's keys serve, in lower case; `None` for the default.
    pub owners: Option<Vec<String>>,
    /// `ENCRYPTION_KEYS`: `1:base64of32bytes,2:…`.
    pub encryption_keys: Option<Secret>,
    /// `FLY_API_URL`: the machine host's root.
    pub fly_api_url: String,
    /// `FLY_API_TOKEN`.
    pub fly_api_token: Option<Secret>,
    /// `FLY_APP_NAME`.
    pub fly_app_name: Option<String>,
    /// `WORKER_IMAGE`: the image of a machine.
    pub worker_image: Option<String>,
    /// `MENTION`: the word people write.
    pub mention: String,
    /// Model keys by the name of their variable.
    pub provider_keys: BTreeMap<&'static str, Secret>,
    /// Model addresses by provider.
    pub upstreams: BTreeMap<&'static str, String>,
    /// `TASK_TIMEOUT_S`: seconds from the start's answer to the end of the run.
    pub task_timeout_s: u32,
    /// `LAUNCH_TIMEOUT_S`: seconds until a machine must have claimed.
    pub launch_timeout_s: u32,
    /// `HEARTBEAT_TIMEOUT_S`: seconds of silence after which a machine counts as lost.
    pub heartbeat_timeout_s: u32,
    /// `MAX_RUNNING_PER_USER`.
    pub max_running_per_user: u32,
    /// `MAX_RETRIES`: launches after the first, for causes that a launch can cure.
    pub max_retries: u32,
    /// `PORTER_START_TOKEN`: what a page must show to change something before accounts exist.
    pub start_token: Option<Secret>,
    /// `PORTER_LOCAL`: JSON that `npm start` wants its page to have.
    pub local: Option<String>,
    /// What is missing or wrong.
    pub problems: Vec<Problem>,
    /// What takes this instance's secrets out of a text: made when first needed, for it learns thousands of pieces.
    pub(super) redactor: OnceCell<Redactor>,
}

/// A setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: &'static str,
    /// What is wrong, without the value.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
    /// Whether nothing works without it.
    pub required: bool,
}

/// The model keys an instance can have, with the provider whose address goes with each.
pub const PROVIDERS: [(&str, &str, &str, &str); 4] = [
    ("ANTHROPIC_API_KEY", "anthropic", "ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
    ("OPENAI_API_KEY", "openai", "OPENAI_BASE_URL", "https://api.openai.com"),
    ("GEMINI_API_KEY", "gemini", "GEMINI_BASE_URL", "https://generativelanguage.googleapis.com"),
    ("AMP_API_KEY", "amp", "AMP_URL", "https://ampcode.com"),
];

/// Reads settings and gathers what is wrong with them.
struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// A value that is set and is no placeholder.
    fn value(&mut self, name: &'static str, remedy: &'static str) -> Option<String> {
        let value = (self.lookup)(name)?.trim().to_owned();
        if value.is_empty() {
            return None;
        }
        if is_placeholder(&value) {
            self.wrong(name, "is still a placeholder", remedy);
            return None;
        }
        Some(value)
    }

    fn wrong(&mut self, name: &'static str, what: &str, remedy: &'static str) {
        self.problems.push(Problem { name, what: what.to_owned(), remedy, required: false });
    }

    fn missing(&mut self, name: &'static str, remedy: &'static str) {
        match self.problems.iter_mut().find(|problem| problem.name == name) {
            Some(known) => known.required = true,
            None => self.problems.push(Problem { name, what: "is not set".to_owned(), remedy, required: true }),
        }
    }

    fn secret(&mut self, name: &'static str, remedy: &'static str) -> Option<Secret> {
        self.value(name, remedy).map(Secret::new)
    }

    /// An address without its trailing slash.
    fn address(&mut self, name: &'static str, default: &str) -> String {
        let remedy = "set it to an address that starts with https:// (or http:// on this computer)";
        match self.value(name, remedy) {
            Some(text) if text.starts_with("https://") || text.starts_with("http://") => {
                text.trim_end_matches('/').to_owned()
            }
            Some(_) => {
                self.wrong(name, "is not an address", remedy);
                default.to_owned()
            }
            None => default.to_owned(),
        }
    }

    fn number(&mut self, name: &'static str, default: u32, (least, most): (u32, u32)) -> u32 {
        let Some(text) = self.value(name, "set it to a whole number") else { return default };
        match text.parse::<u32>() {
            Ok(number) if (least..=most).contains(&number) => number,
            Ok(_) | Err(_) => {
                let what = format!("must be a whole number from {least} to {most}; {default} is used");
                self.wrong(name, &what, "set it to a whole number");
                default
            }
        }
    }
}

/// Example values that get copied into real settings.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let marks = ["changeme", "change-me", "change_me", "placeholder", "your-", "your_", "replace-me", "replace_me"];
    marks.iter().any(|mark| lower.contains(mark))
        || (lower.starts_with('<') && lower.ends_with('>'))
        || matches!(lower.as_str(), "todo" | "xxx" | "...")
}

impl Config {
    /// Reads the settings by name through `lookup` (environment variables and secrets alike). Never fails: what is missing
    /// or a placeholder is named by the start-up check, and whatever needs it is refused with its name.
    #[must_use]
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader { lookup, problems: Vec::new() };
        let public_app_url = Some(reader.address("PUBLIC_APP_URL", "")).filter(|url| !url.is_empty());
        let app = read_app(&mut reader);
        let account = read_account(&mut reader);
        let poll = read_poll(&mut reader);
        let owners = reader.value("PORTER_OWNERS", "set it to logins, separated by commas").map(|text| {
            text.split(',').map(|login| login.trim().to_ascii_lowercase()).filter(|l| !l.is_empty()).collect()
        });
        let (mut provider_keys, mut upstreams) = (BTreeMap::new(), BTreeMap::new());
        for (key, provider, address, default) in PROVIDERS {
            if let Some(secret) = reader.secret(key, "set it to a key of that provider") {
                provider_keys.insert(key, secret);
            }
            upstreams.insert(provider, reader.address(address, default));
        }
        let keys = "generate 32 random bytes: echo \"1:$(openssl rand -base64 32)\"";
        let mut config = Self {
            public_app_url,
            github_url: reader.address("GITHUB_URL", "https://github.com"),
            github: GithubSettings {
                api_root: reader.address("GITHUB_API_URL", "https://api.github.com"),
                app,
                token: account.as_ref().map(|(_, token)| token.clone()),
            },
            webhook_secret: reader.secret("GITHUB_WEBHOOK_SECRET", "set it to the App's webhook secret"),
            account_login: account.map(|(login, _)| login),
            poll,
            owners,
            encryption_keys: reader.secret("ENCRYPTION_KEYS", keys),
            fly_api_url: reader.address("FLY_API_URL", "https://api.machines.dev"),
            fly_api_token: reader.secret("FLY_API_TOKEN", "create one: fly tokens create deploy"),
            fly_app_name: reader.value("FLY_APP_NAME", "set it to the Fly app that machines are made in"),
            worker_image: reader.value("WORKER_IMAGE", "set it to the image that worker-image/ builds"),
            mention: reader
                .value("MENTION", "set it to a word such as @porter")
                .unwrap_or_else(|| "@porter".to_owned()),
            provider_keys,
            upstreams,
            task_timeout_s: reader.number("TASK_TIMEOUT_S", 600, (1, 21_600)),
            launch_timeout_s: reader.number("LAUNCH_TIMEOUT_S", 180, (1, 3600)),
            heartbeat_timeout_s: reader.number("HEARTBEAT_TIMEOUT_S", 90, (1, 3600)),
            max_running_per_user: reader.number("MAX_RUNNING_PER_USER", 5, (1, 100)),
            max_retries: reader.number("MAX_RETRIES", 3, (0, 10)),
            start_token: reader.secret("PORTER_START_TOKEN", "start with npm start"),
            local: reader.value("PORTER_LOCAL", "start with npm start"),
            problems: Vec::new(),
            redactor: OnceCell::new(),
        };
        config.require(&mut reader);
        config.problems = reader.problems;
        config
    }

    /// Names everything without which no task can be carried out.
    fn require(&self, reader: &mut Reader<'_>) {
        let unset = [
            (self.public_app_url.is_none(), "PUBLIC_APP_URL", "set it to the address machines reach Porter at"),
            (self.encryption_keys.is_none(), "ENCRYPTION_KEYS", "set it to 1: and 32 random bytes as base64"),
            (self.fly_api_token.is_none(), "FLY_API_TOKEN", "create one: fly tokens create deploy"),
            (self.fly_app_name.is_none(), "FLY_APP_NAME", "set it to the Fly app that machines are made in"),
            (self.worker_image.is_none(), "WORKER_IMAGE", "set it to the image that worker-image/ builds"),
        ];
        for (is_unset, name, remedy) in unset {
            if is_unset {
                reader.missing(name, remedy);
            }
        }
        if self.github.app.is_none() && self.github.token.is_none() {
            reader.missing("GITHUB_APP_ID", "create a GitHub App, or set GITHUB_TOKEN and GITHUB_USER instead");
        }
        if self.github.app.is_some() && self.webhook_secret.is_none() {
            reader.missing("GITHUB_WEBHOOK_SECRET", "set it to the App's webhook secret");
        }
        if self.provider_keys.is_empty() {
            reader.missing("ANTHROPIC_API_KEY", "set it, or another provider's key for the agents you use");
        }
    }

    /// The names of the required settings that are missing, in the order they are read.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.problems.iter().filter(|problem| problem.required).map(|problem| problem.name).collect()
    }
}

fn read_app(reader: &mut Reader<'_>) -> Option<AppKey> {
    let id = reader.value("GITHUB_APP_ID", "set it to the App's number");
    let key = reader.secret("GITHUB_APP_PRIVATE_KEY", "set it to the App's private key, PEM");
    match (id, key) {
        (Some(id), Some(key)) => Some(AppKey { id, key }),
        (Some(_), None) => {
            reader.missing("GITHUB_APP_PRIVATE_KEY", "set it to the App's private key, PEM");
            None
        }
        (None, Some(_)) => {
            reader.missing("GITHUB_APP_ID", "set it to the App's number");
            None
        }
        (None, None) => None,
    }
}

fn read_account(reader: &mut Reader<'_>) -> Option<(String, Secret)> {
    let token = reader.secret("GITHUB_TOKEN", "set it to a token of the account Porter is to be");
    let login = reader.value("GITHUB_USER", "set it to the login the token belongs to");
    match (login, token) {
        (Some(login), Some(token)) => Some((login, token)),
        (None, Some(_)) => {
            reader.missing("GITHUB_USER", "set it to the login the token belongs to");
            None
        }
        (Some(_), None) => {
            reader.missing("GITHUB_TOKEN", "set it to a token of that account");
            None
        }
        (None, None) => None,
    }
}

fn read_poll(reader: &mut Reader<'_>) -> Vec<RepoName> {
    let Some(text) = reader.value("PORTER_POLL", "set it to owner/name, separated by commas") else {
        return Vec::new();
    };
    let mut repos: Vec<RepoName> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match RepoName::parse(part) {
            Ok(repo) if repos.iter().any(|known| known.same(&repo)) => {}
            Ok(repo) => repos.push(repo),
            Err(error) => reader.wrong("PORTER_POLL", &error.to_string(), "set it to owner/name, separated by commas"),
        }
    }
    repos
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Config {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::read(&move |name| pairs.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        assert_eq!(
            read(&[]).missing(),
            [
                "PUBLIC_APP_URL",
                "ENCRYPTION_KEYS",
                "FLY_API_TOKEN",
                "FLY_APP_NAME",
                "WORKER_IMAGE",
                "GITHUB_APP_ID",
                "ANTHROPIC_API_KEY"
            ]
        );
    }

    #[test]
    fn placeholders_count_as_missing_and_are_named() {
        let config = read(&[("FLY_API_TOKEN", "your-fly-token"), ("ENCRYPTION_KEYS", "<keys>")]);
        assert!(config.fly_api_token.is_none());
        for name in ["FLY_API_TOKEN", "ENCRYPTION_KEYS"] {
            let problem = config.problems.iter().find(|problem| problem.name == name).unwrap();
            assert!(problem.what.contains("placeholder"), "{name}");
        }
    }

    #[test]
    fn numbers_out_of_range_keep_the_default_and_say_so() {
        let config = read(&[("TASK_TIMEOUT_S", "soon"), ("MAX_RUNNING_PER_USER", "0"), ("MAX_RETRIES", "2")]);
        assert_eq!((config.task_timeout_s, config.max_running_per_user, config.max_retries), (600, 5, 2));
        assert_eq!(config.problems.iter().filter(|p| p.what.contains("whole number")).count(), 2);
    }

    #[test]
    fn addresses_lose_their_slash_and_lists_their_doubles() {
        let config = read(&[
            ("GITHUB_API_URL", "http://127.0.0.1:1/api/v3/"),
            ("PORTER_POLL", "o/r, O/R ,x/y,bad"),
            ("PORTER_OWNERS", "Alice, bob"),
        ]);
        assert_eq!(config.github.api_root, "http://127.0.0.1:1/api/v3");
        assert_eq!(config.poll.len(), 2);
        assert_eq!(config.owners.as_deref(), Some(&["alice".to_owned(), "bob".to_owned()][..]));
        assert!(config.problems.iter().any(|problem| problem.name == "PORTER_POLL"));
    }
}

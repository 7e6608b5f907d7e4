//! What the runner is told at boot: the names of the protocol's "Porter -> machine host" section, and local settings.

use std::path::PathBuf;

use porter::domain::secret::Secret;

/// How the agent is kept apart from the computer it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BoxKind {
    /// In namespaces of its own, made by bubblewrap: a person's own computer.
    Bubblewrap,
    /// As another user of a machine that exists for this task only: the image.
    Image,
    /// As the same user, seeing all that the runner's user sees. Only when a person insisted.
    Off,
}

impl BoxKind {
    /// What Porter is told of it at the claim.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bwrap",
            Self::Image => "user",
            Self::Off => "off",
        }
    }
}

/// The configuration of `porter-runner start`. Holds the claim, so there is no `Debug`.
pub(crate) struct Settings {
    /// `TASK_ID`.
    pub(crate) task_id: String,
    /// `ATTEMPT`, from 1.
    pub(crate) attempt: u32,
    /// `CALLBACK_URL`, without a trailing slash.
    pub(crate) callback_url: String,
    /// `CLAIM_TOKEN`: good for one boot.
    pub(crate) claim: Secret,
    /// `PORTER_WORK_DIR`: where the run's own directory is made; the system's temporary directory by default.
    pub(crate) work_dir: PathBuf,
    /// `PORTER_AGENTS_DIR`: holds the `node_modules` with the agents; `/opt/porter/agents` by default, as in the image.
    pub(crate) agents_dir: PathBuf,
    /// `PORTER_BOX`: `bwrap` (the default), `image` or `off`.
    pub(crate) box_kind: BoxKind,
    /// `PORTER_AGENT_USER`: who the agent runs as in the image; `agent` by default.
    pub(crate) agent_user: String,
}

impl Settings {
    /// Reads the environment through `get`; on trouble says everything that is missing or wrong at once.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut wrong = Vec::new();
        let mut required = |name: &str| {
            let value = get(name).filter(|value| !value.is_empty());
            value.unwrap_or_else(|| {
                wrong.push(format!("{name} is missing"));
                String::new()
            })
        };
        let (task_id, attempt) = (required("TASK_ID"), required("ATTEMPT"));
        let (callback_url, claim) = (required("CALLBACK_URL"), required("CLAIM_TOKEN"));
        let attempt = attempt.parse().unwrap_or_else(|error| {
            wrong.push(format!("ATTEMPT is not a number: {error}"));
            0
        });
        let box_kind = match get("PORTER_BOX").as_deref() {
            None | Some("" | "bwrap") => BoxKind::Bubblewrap,
            Some("image") => BoxKind::Image,
            Some("off") => BoxKind::Off,
            Some(other) => {
                wrong.push(format!("PORTER_BOX is bwrap, image or off, not {other}"));
                BoxKind::Bubblewrap
            }
        };
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        let or = |name: &str, default: PathBuf| get(name).map_or(default, PathBuf::from);
        Ok(Self {
            task_id,
            attempt,
            callback_url: callback_url.trim_end_matches('/').to_owned(),
            claim: Secret::new(claim),
            work_dir: or("PORTER_WORK_DIR", std::env::temp_dir()),
            agents_dir: or("PORTER_AGENTS_DIR", PathBuf::from("/opt/porter/agents")),
            box_kind,
            agent_user: get("PORTER_AGENT_USER").unwrap_or_else(|| "agent".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const ENOUGH: [(&str, &str); 4] = [
        ("TASK_ID", "t"),
        ("ATTEMPT", "2"),
        ("CALLBACK_URL", "http://127.0.0.1:1/api/callbacks/"),
        ("CLAIM_TOKEN", "canary-claim"),
    ];

    #[test]
    fn everything_missing_is_named_at_once() {
        let said = read(&[("ATTEMPT", "x"), ("PORTER_BOX", "maybe")]).err().unwrap();
        for word in ["TASK_ID", "ATTEMPT", "CALLBACK_URL", "CLAIM_TOKEN", "maybe"] {
            assert!(said.contains(word), "{word} in {said}");
        }
    }

    #[test]
    fn the_box_is_on_unless_someone_says_otherwise() {
        let settings = read(&ENOUGH).ok().unwrap();
        assert_eq!(settings.box_kind, BoxKind::Bubblewrap);
        assert_eq!(settings.callback_url, "http://127.0.0.1:1/api/callbacks");
        let off = [&ENOUGH[..], &[("PORTER_BOX", "off")]].concat();
        assert_eq!(read(&off).ok().unwrap().box_kind, BoxKind::Off);
    }
}

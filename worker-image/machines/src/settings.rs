//! What the machine host is told when it is started: its arguments, and its token from the environment.

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

const USAGE: &str = "porter-machines --port P --state DIR --runner PATH [--agents-dir DIR] [--box bwrap|off] [--app NAME] \
[--rate-limit] [--boot-delay-ms N] [--faults]; the bearer token comes from FLY_API_TOKEN";

/// How the host is set.
pub(crate) struct Settings {
    /// The port on 127.0.0.1; 0 for any free one.
    pub(crate) port: u16,
    /// Where records and machines' directories are kept.
    pub(crate) state: PathBuf,
    /// The runner's program; started as `PATH start`.
    pub(crate) runner: PathBuf,
    /// Where the agents' programs are, handed to the runner as `PORTER_AGENTS_DIR`.
    pub(crate) agents_dir: Option<PathBuf>,
    /// How the runner is to box its agent, handed on as `PORTER_BOX`.
    pub(crate) boxing: Boxing,
    /// The one app there is; another name is a 404.
    pub(crate) app: String,
    /// Whether Fly's limit of one request a second and action holds.
    pub(crate) rate_limit: bool,
    /// How long a machine stays `created` before it boots.
    pub(crate) boot_delay: Duration,
    /// Whether tests may switch faults on under `/_machines/faults`.
    pub(crate) faults: bool,
    /// `PATH` for the machines: the host's own, since that is where git and node are.
    pub(crate) path: String,
    /// SHA-256 of the bearer token; the token itself is not kept.
    token: [u8; 32],
}

/// The agent's box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boxing {
    /// New user, mount and pid namespaces by bubblewrap.
    Bwrap,
    /// None.
    Off,
}

impl Boxing {
    /// The word in `PORTER_BOX`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Bwrap => "bwrap",
            Self::Off => "off",
        }
    }
}

impl Settings {
    /// Reads arguments and environment; the error is a sentence.
    pub(crate) fn read(
        mut arguments: impl Iterator<Item = String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let token = environment("FLY_API_TOKEN").filter(|token| !token.trim().is_empty());
        let token = token.ok_or("FLY_API_TOKEN is not set: give the bearer token that callers must send")?;
        let (mut port, mut state, mut runner) = (None, None, None);
        let mut settings = Self {
            port: 0,
            state: PathBuf::new(),
            runner: PathBuf::new(),
            agents_dir: None,
            boxing: Boxing::Bwrap,
            app: environment("FLY_APP_NAME").filter(|app| !app.is_empty()).unwrap_or_else(|| "porter-local".into()),
            rate_limit: false,
            boot_delay: Duration::ZERO,
            faults: false,
            path: environment("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
            token: Sha256::digest(token.trim().as_bytes()).into(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value\n{USAGE}"));
            match argument.as_str() {
                "--port" => port = Some(value()?.parse().map_err(|e| format!("--port: {e}"))?),
                "--state" => state = Some(PathBuf::from(value()?)),
                "--runner" => runner = Some(PathBuf::from(value()?)),
                "--agents-dir" => settings.agents_dir = Some(PathBuf::from(value()?)),
                "--app" => settings.app = value()?,
                "--box" => settings.boxing = boxing(&value()?)?,
                "--boot-delay-ms" => {
                    let millis = value()?.parse().map_err(|e| format!("--boot-delay-ms: {e}"))?;
                    settings.boot_delay = Duration::from_millis(millis);
                }
                "--rate-limit" => settings.rate_limit = true,
                "--faults" => settings.faults = true,
                unknown => return Err(format!("unknown argument {unknown}\n{USAGE}")),
            }
        }
        settings.port = port.ok_or_else(|| format!("--port is missing\n{USAGE}"))?;
        settings.state = absolute(state, "--state")?;
        settings.runner = absolute(runner, "--runner")?;
        settings.agents_dir = settings.agents_dir.map(|dir| absolute(Some(dir), "--agents-dir")).transpose()?;
        Ok(settings)
    }

    /// Whether this is the bearer token. Digests are compared, so the time taken says nothing about the token.
    pub(crate) fn token_is(&self, presented: &str) -> bool {
        <[u8; 32]>::from(Sha256::digest(presented.as_bytes())) == self.token
    }
}

fn boxing(word: &str) -> Result<Boxing, String> {
    match word {
        "bwrap" => Ok(Boxing::Bwrap),
        "off" => Ok(Boxing::Off),
        other => Err(format!("--box is bwrap or off, not {other}")),
    }
}

/// Machines run in directories of their own, so a relative path would mean something else there.
fn absolute(path: Option<PathBuf>, argument: &str) -> Result<PathBuf, String> {
    let path = path.ok_or_else(|| format!("{argument} is missing\n{USAGE}"))?;
    std::path::absolute(&path).map_err(|e| format!("{argument} {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], token: Option<&str>) -> Result<Settings, String> {
        Settings::read(arguments.iter().map(ToString::to_string), |name| {
            (name == "FLY_API_TOKEN").then(|| token.map(ToOwned::to_owned)).flatten()
        })
    }

    #[test]
    fn what_is_missing_is_named() {
        let full = ["--port", "0", "--state", "s", "--runner", "r"];
        assert!(read(&full, None).err().unwrap().contains("FLY_API_TOKEN"));
        assert!(read(&full, Some(" ")).err().unwrap().contains("FLY_API_TOKEN"));
        assert!(read(&full[2..], Some("t")).err().unwrap().contains("--port"));
        assert!(read(&full[..4], Some("t")).err().unwrap().contains("--runner"));
        assert!(read(&["--box", "docker"], Some("t")).err().unwrap().contains("bwrap or off"));
        assert!(read(&["--state"], Some("t")).err().unwrap().contains("wants a value"));
        let settings = read(&full, Some("t")).unwrap();
        assert!(settings.state.is_absolute() && settings.boxing == Boxing::Bwrap && !settings.faults);
        assert!(settings.token_is("t") && !settings.token_is("T") && !settings.token_is(""));
    }
}

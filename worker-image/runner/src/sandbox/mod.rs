//! The box: how an agent's process is kept from the runner's keys and from the computer it runs on.

mod bubblewrap;
pub(crate) mod inside;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::agents::Launch;
use crate::places::Places;
use crate::settings::{BoxKind, Settings};

/// One of the three ways to run an agent.
pub(crate) struct Sandbox<'a> {
    settings: &'a Settings,
    places: &'a Places,
}

impl<'a> Sandbox<'a> {
    /// The way the settings ask for.
    pub(crate) fn new(settings: &'a Settings, places: &'a Places) -> Self {
        Self { settings, places }
    }

    /// Whether the gateway is reached through a socket, since the agent has no network.
    pub(crate) fn has_own_network(&self) -> bool {
        self.settings.box_kind == BoxKind::Bubblewrap
    }

    /// The gateway's address as an agent without a network sees it.
    pub(crate) fn inner_gateway() -> String {
        format!("http://127.0.0.1:{}", inside::PORT)
    }

    /// Where the agents' modules are as the agent sees them.
    pub(crate) fn modules(&self) -> PathBuf {
        match self.settings.box_kind {
            BoxKind::Bubblewrap => PathBuf::from(bubblewrap::AGENTS).join("node_modules"),
            BoxKind::Image | BoxKind::Off => self.settings.agents_dir.join("node_modules"),
        }
    }

    /// Whether the agent's process will be root.
    pub(crate) fn agent_is_root(&self) -> bool {
        self.settings.box_kind == BoxKind::Off && nix::unistd::geteuid().is_root()
    }

    /// The command that runs an agent. Its environment is built from nothing; its prompt goes in on standard input.
    pub(crate) fn command(&self, launch: &Launch) -> Result<Command, String> {
        let relative = launch
            .program
            .strip_prefix(self.modules())
            .unwrap_or(&launch.program);
        let program = self.settings.agents_dir.join("node_modules").join(relative);
        if !program.is_file() {
            let shown = relative.display();
            return Err(format!(
                "this machine does not have the agent installed ({shown} is missing)"
            ));
        }
        let mut command = match self.settings.box_kind {
            BoxKind::Bubblewrap => {
                let mut words = bubblewrap::arguments(self.settings, self.places)?;
                words.extend([
                    OsString::from("--"),
                    OsString::from(bubblewrap::RUNNER),
                    "inside".into(),
                ]);
                words.push(launch.program.clone().into());
                let mut command = Command::new("bwrap");
                command.args(words);
                command
            }
            BoxKind::Image if nix::unistd::geteuid().is_root() => self.as_other_user(launch)?,
            BoxKind::Image | BoxKind::Off => Command::new(&launch.program),
        };
        command
            .args(&launch.args)
            .env_clear()
            .envs(self.environment())
            .envs(launch.env.iter().cloned());
        command.current_dir(&self.places.tree);
        Ok(command)
    }

    /// The image: the checkout and the home are given to the agent's user, and the command drops to it for good.
    fn as_other_user(&self, launch: &Launch) -> Result<Command, String> {
        let user = self.settings.agent_user.as_str();
        let found = nix::unistd::User::from_name(user).map_err(|error| error.to_string())?;
        let found =
            found.ok_or_else(|| format!("this machine has no user {user} to run the agent as"))?;
        let places = [&self.places.tree, &self.places.home, &self.places.scratch];
        let given = places
            .into_iter()
            .try_for_each(|path| give(path, found.uid.as_raw(), found.gid.as_raw()));
        // The way in to its directories, and no more: listing stays ours.
        let opened = fs::set_permissions(&self.places.root, fs::Permissions::from_mode(0o711));
        given
            .and(opened)
            .map_err(|error| format!("the checkout could not be given to {user}: {error}"))?;
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={}", found.gid))
            .args([
                "--clear-groups",
                "--no-new-privs",
                "--bounding-set=-all",
                "--inh-caps=-all",
                "--",
            ])
            .arg(&launch.program);
        Ok(command)
    }

    /// What every agent's environment holds besides its own settings.
    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let (home, scratch, path) = match self.settings.box_kind {
            BoxKind::Bubblewrap => (bubblewrap::HOME.into(), "/tmp".into(), bubblewrap::path()),
            BoxKind::Image | BoxKind::Off => (
                self.places.home.clone().into_os_string(),
                self.places.scratch.clone().into_os_string(),
                std::env::var_os("PATH").unwrap_or_default(),
            ),
        };
        // Without a box, the machine host finds what is left of an agent by its own mark, should this process be killed.
        let mark = match self.settings.box_kind {
            BoxKind::Off => std::env::var_os("PORTER_MACHINE"),
            BoxKind::Bubblewrap | BoxKind::Image => None,
        };
        let fixed = vec![
            ("HOME", home),
            ("TMPDIR", scratch),
            ("PATH", path),
            ("USER", "agent".into()),
            ("LOGNAME", "agent".into()),
            ("SHELL", "/bin/bash".into()),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "dumb".into()),
            ("CI", "true".into()),
            ("NO_COLOR", "1".into()),
            // A pager or an editor would wait for a person for ever.
            ("PAGER", "cat".into()),
            ("GIT_PAGER", "cat".into()),
            ("GIT_EDITOR", "true".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
        ];
        fixed
            .into_iter()
            .chain(mark.map(|mark| ("PORTER_MACHINE", mark)))
            .collect()
    }
}

/// Gives a tree to a user, without following links.
fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

/// Whether the box can be had on this computer; if not, why, and what to do.
pub(crate) async fn examine() -> Result<String, String> {
    bubblewrap::examine().await
}

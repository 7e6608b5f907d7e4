//! Git, hardened: no configuration but ours, no hooks, no helpers, no program started on a repository's word.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porter::domain::secret::Secret;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Settings of every call. Given as arguments, they win over any file.
const HARDENED: [&str; 16] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.symlinks=true",
    "credential.helper=",
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "http.followRedirects=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.precomposeUnicode=false",
];

/// What a person's own network may need: where certificates lie, and a proxy.
const PASSED_ON: [&str; 9] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
];

/// A git directory and, if it has one, the tree it works on; both are ours to choose, never discovered.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    /// The git directory.
    pub(crate) dir: PathBuf,
    /// The work tree.
    pub(crate) tree: PathBuf,
    /// The index; not the git directory's own when trees are compared.
    pub(crate) index: PathBuf,
}

impl Git {
    /// A call of git that reads nothing of the user's or the system's configuration.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .kill_on_drop(true)
            .current_dir(&self.tree);
        for name in PASSED_ON {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            )
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("GIT_DIR", &self.dir)
            .env("GIT_WORK_TREE", &self.tree)
            .env("GIT_INDEX_FILE", &self.index)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_LFS_SKIP_SMUDGE", "1");
        for setting in HARDENED {
            command.args(["-c", setting]);
        }
        command.args(args);
        command
    }

    /// Runs git and gives its output; the error is git's own last words.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<Vec<u8>, String> {
        self.feed(args, Vec::new()).await
    }

    /// Runs git with `input` on its standard input.
    pub(crate) async fn feed(&self, args: &[&str], input: Vec<u8>) -> Result<Vec<u8>, String> {
        finish(self.command(args), args, input).await
    }

    /// Reads from a remote with a password that only git's own environment holds, and only for this call and address.
    pub(crate) async fn with_password(
        &self,
        url: &str,
        password: &Secret,
        args: &[&str],
    ) -> Result<Vec<u8>, String> {
        let credentials = STANDARD.encode(format!("porter:{}", password.expose()));
        let mut command = self.command(args);
        command
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", format!("http.{url}.extraHeader"))
            .env(
                "GIT_CONFIG_VALUE_0",
                format!("Authorization: Basic {credentials}"),
            );
        finish(command, args, Vec::new()).await
    }

    /// As [`Self::run`], with another repository's objects readable; its configuration is not looked at.
    pub(crate) async fn with_objects_of(
        &self,
        objects: &Path,
        args: &[&str],
    ) -> Result<Vec<u8>, String> {
        let mut command = self.command(args);
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects);
        finish(command, args, Vec::new()).await
    }
}

async fn finish(mut command: Command, args: &[&str], input: Vec<u8>) -> Result<Vec<u8>, String> {
    let name = args.first().copied().unwrap_or_default();
    let broken = |error: std::io::Error| format!("git {name} could not be run: {error}");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(broken)?;
    let stdin = child.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            stdin.write_all(&input).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    // Written while the output is read: both pipes are short.
    let (written, output) = tokio::join!(write, child.wait_with_output());
    let output: Output = output.map_err(broken)?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().rev().find(|line| !line.trim().is_empty());
        return Err(format!(
            "git {name} failed: {}",
            last.unwrap_or("no reason given")
        ));
    }
    written.map_err(broken)?;
    Ok(output.stdout)
}

//! One run of the real program: a repository, a model, a Porter, the runner's process and what it left behind.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use porter::protocol::wire::{ChangedFile, StartAnswer};

use crate::model::{Model, Mood};
use crate::porter::{CLAIM, TestPorter};

/// Runs git in a directory and gives its output; fails the test when git fails.
pub(crate) fn git(at: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(at)
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.invalid",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Where the agents are. Tests need them: a run without a real agent proves nothing.
pub(crate) fn agents_dir() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents");
    let dir = std::env::var_os("PORTER_AGENTS_DIR").map_or(here, PathBuf::from);
    let found = dir.join("node_modules/opencode-ai").is_dir();
    assert!(
        found,
        "the agents are not installed in {}: run `npm ci` there, or set PORTER_AGENTS_DIR",
        dir.display()
    );
    dir
}

/// What a played Claude Code prints to end well.
pub(crate) const DONE: &str =
    r#"echo '{"type":"result","subtype":"success","is_error":false,"result":"Done"}'"#;

/// A task about to be run.
pub(crate) struct Stage {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) porter: TestPorter,
    pub(crate) model: Model,
    pub(crate) agents: PathBuf,
    boxed: &'static str,
    /// Run as this user and group instead of the test's own; only root can ask for it.
    pub(crate) uid: Option<u32>,
}

impl Stage {
    pub(crate) async fn set(agent: &str, boxed: &'static str, mood: Mood) -> Self {
        Self::set_with(agent, boxed, mood, |_| {}).await
    }

    /// `shape` may change the job.
    pub(crate) async fn set_with(
        agent: &str,
        boxed: &'static str,
        mood: Mood,
        shape: impl FnOnce(&mut StartAnswer),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repositories = directory.path().join("repositories");
        make_repository(directory.path(), &repositories.join("o/r.git"));
        let model = Model::start(mood).await;
        let porter = TestPorter::start(&repositories, agent, &model.address, shape).await;
        Self {
            directory,
            porter,
            model,
            agents: agents_dir(),
            boxed,
            uid: None,
        }
    }

    /// Puts a shell script in the place of Claude Code, for behaviour that no real agent shows. It has [`DONE`] to say
    /// that it ended well.
    pub(crate) fn play_claude(&mut self, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.agents = self.directory.path().join("agents");
        let processor = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x64"
        };
        let bin = self.agents.join(format!(
            "node_modules/@anthropic-ai/claude-code-linux-{processor}"
        ));
        std::fs::create_dir_all(&bin).unwrap();
        let program = bin.join("claude");
        std::fs::write(
            &program,
            format!("#!/bin/bash\ncat > /dev/null\n{script}\n"),
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Where the runner works.
    pub(crate) fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// Starts the runner as a machine host does: by environment only.
    pub(crate) fn start(&self) -> tokio::process::Child {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_porter-runner"));
        if let Some(uid) = self.uid {
            command = tokio::process::Command::new(self.open_to(uid));
            command.uid(uid).gid(uid);
        }
        command
            .arg("start")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs([
                ("TASK_ID", "abcdefghij0123456789"),
                ("ATTEMPT", "1"),
                ("REPO_FULL_NAME", "o/r"),
                ("AGENT", "claude"),
                ("BRANCH", "porter/abcdefghij0123456789"),
                ("CALLBACK_URL", &self.porter.address),
                ("CLAIM_TOKEN", CLAIM),
                ("PORTER_BOX", self.boxed),
                ("PORTER_AGENT_USER", "nobody"),
            ])
            .env("PORTER_WORK_DIR", self.work())
            .env("PORTER_AGENTS_DIR", &self.agents)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Lets a user into the stage, and gives a copy of the runner that it can execute.
    fn open_to(&self, uid: u32) -> PathBuf {
        self.open();
        std::fs::create_dir_all(self.work()).unwrap();
        std::os::unix::fs::chown(self.work(), Some(uid), Some(uid)).unwrap();
        let copy = self.directory.path().join("porter-runner");
        std::fs::copy(env!("CARGO_BIN_EXE_porter-runner"), &copy).unwrap();
        copy
    }

    /// Lets other users into the stage, as into any machine's directories.
    pub(crate) fn open(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(
            self.directory.path(),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
    }

    /// Runs to the end, with a limit far above what any run here needs.
    pub(crate) async fn finish(&self) -> ExitStatus {
        let mut child = self.start();
        let status = tokio::time::timeout(Duration::from_secs(110), child.wait()).await;
        let status = status
            .unwrap_or_else(|_| panic!("the runner did not end; its log:\n{}", self.porter.log()));
        self.assert_clean();
        status.unwrap()
    }

    /// Nothing of the task is left in the runner's directory.
    pub(crate) fn assert_clean(&self) {
        let left = std::fs::read_dir(self.work()).into_iter().flatten().count();
        assert_eq!(left, 0, "something was left in the work directory");
    }
}

/// A repository with one commit on `main`, and a few traps for whoever compares carelessly.
fn make_repository(scratch: &Path, bare: &Path) {
    let tree = scratch.join("seed");
    std::fs::create_dir_all(tree.join("src")).unwrap();
    for (path, text) in [
        ("README.md", "# Demo\n"),
        ("src/main.txt", "one\ntwo\n"),
        ("old.txt", "old\n"),
        ("run.sh", "#!/bin/sh\necho run\n"),
        (".gitignore", "ignored/\n*.log\n"),
        (
            ".gitattributes",
            "*.crlf text eol=crlf\n*.evil filter=evil\n",
        ),
        ("dos.crlf", "a\nb\n"),
        ("odd \"name\"\\.txt", "odd\n"),
    ] {
        std::fs::write(tree.join(path), text).unwrap();
    }
    std::os::unix::fs::symlink("README.md", tree.join("link")).unwrap();
    for args in [
        &["init", "-q"][..],
        &["add", "-A"],
        &["update-index", "--chmod=+x", "run.sh"],
        &["commit", "-qm", "Seed"],
    ] {
        git(&tree, args);
    }
    std::fs::create_dir_all(bare.parent().unwrap()).unwrap();
    git(
        scratch,
        &["clone", "-q", "--bare", "seed", bare.to_str().unwrap()],
    );
}

/// A change set's files as `path mode content`, or `path deleted`.
pub(crate) fn listed(files: &[ChangedFile]) -> Vec<String> {
    let line = |file: &ChangedFile| match file {
        ChangedFile::Deleted { path, .. } => format!("{path} deleted"),
        ChangedFile::Written {
            path,
            mode,
            content,
            ..
        } => format!("{path} {mode} {content}"),
    };
    files.iter().map(line).collect()
}

//! Where a run keeps its files, and how they are gone afterwards.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The directories of one run, all below its own directory.
pub(crate) struct Places {
    /// The run's own directory; removed at the end.
    pub(crate) root: PathBuf,
    /// What the agent must not see: our git directory, the box's made-up `/etc`.
    pub(crate) private: PathBuf,
    /// The checkout.
    pub(crate) tree: PathBuf,
    /// The agent's home, where it has no home in memory.
    pub(crate) home: PathBuf,
    /// The agent's temporary directory, where it has none in memory.
    pub(crate) scratch: PathBuf,
    /// The gateway's socket, for a box.
    pub(crate) socket: PathBuf,
}

impl Places {
    /// Makes the run's directories below `work_dir`, for this user only.
    pub(crate) fn make(work_dir: &Path, task_id: &str, attempt: u32) -> io::Result<Self> {
        fs::create_dir_all(work_dir)?;
        let root = fs::canonicalize(work_dir)?.join(format!("run-{task_id}-{attempt}"));
        if root.exists() {
            // A runner that was killed left it; nothing of it can be trusted.
            remove(&root)?;
        }
        let at = |name: &str| root.join(name);
        let places = Self {
            private: at("private"),
            tree: at("tree"),
            home: at("home"),
            scratch: at("tmp"),
            socket: at("private").join("gateway.sock"),
            root: root.clone(),
        };
        for path in [
            &root,
            &places.private,
            &places.tree,
            &places.home,
            &places.scratch,
        ] {
            fs::create_dir_all(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(places)
    }

    /// Removes all of it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(&self.root)
    }
}

/// Removes a directory tree, even where the agent took the rights to it away; links are removed, not followed.
fn remove(path: &Path) -> io::Result<()> {
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    open_up(path)?;
    fs::remove_dir_all(path)
}

fn open_up(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(path)? {
            open_up(&entry?.path())?;
        }
    }
    Ok(())
}

//! The subject of the agent's last commit, which makes a good message. The checkout's `.git` is read as data only: two
//! small files by ourselves, one object through our own git directory; never its configuration.

use std::fs;
use std::path::Path;

use crate::git::Git;

/// A larger commit object is nobody's honest work.
const LARGEST: u64 = 64 * 1024;

/// The first line of the message of the commit that the checkout's `HEAD` names, unless that is the base.
pub(crate) async fn last_subject(git: &Git, base_sha: &str) -> Option<String> {
    let theirs = git.tree.join(".git");
    let objects = theirs.join("objects");
    if !is_directory(&theirs) || !is_directory(&objects) {
        return None;
    }
    let head = small(&theirs.join("HEAD"))?;
    let sha = match head.strip_prefix("ref: ") {
        Some(name) => resolve(&theirs, name)?,
        None => head,
    };
    let hex = sha.len() == base_sha.len() && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex || sha == base_sha {
        return None;
    }
    let size = git
        .with_objects_of(&objects, &["cat-file", "-s", &sha])
        .await
        .ok()?;
    if String::from_utf8(size).ok()?.trim().parse::<u64>().ok()? > LARGEST {
        return None;
    }
    let commit = git
        .with_objects_of(&objects, &["cat-file", "commit", &sha])
        .await
        .ok()?;
    let text = String::from_utf8(commit).ok()?;
    let (_, message) = text.split_once("\n\n")?;
    message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

/// A branch's commit: its own file, or a line of the packed ones.
fn resolve(theirs: &Path, name: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    if !name.starts_with("refs/heads/") || name.contains("..") || !name.bytes().all(plain) {
        return None;
    }
    small(&theirs.join(name)).or_else(|| {
        let packed = small(&theirs.join("packed-refs"))?;
        let line = packed
            .lines()
            .find(|line| line.split_once(' ').is_some_and(|(_, ours)| ours == name))?;
        line.split_once(' ').map(|(sha, _)| sha.to_owned())
    })
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// A small plain file's text; nothing for links, pipes and anything large.
fn small(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    if !found.is_file() || found.len() > LARGEST {
        return None;
    }
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim_end().to_owned())
}

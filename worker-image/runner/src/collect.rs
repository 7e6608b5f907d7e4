//! What the agent changed: the checkout compared with the base commit, through our own git directory and a fresh index.
//! Nothing in the checkout's `.git` is read as configuration, no link is followed, and no program is run on its word.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porter::domain::redact::Kind;
use porter::protocol::wire::{ChangedFile, Encoding, Limits, LineLevel};

use crate::git::Git;
use crate::report::Log;

/// What agents leave behind in a checkout for themselves; not part of their work unless the repository already has it.
const DROPPINGS: &str = "\
/.claude/settings.local.json
/.claude/worktrees/
/.opencode/node_modules/
/.opencode/bun.lock
/.codex/sessions/
.DS_Store
*.swp
";

/// A path of a tree, as raw bytes: git's paths need not be UTF-8.
type TreePath = Vec<u8>;

/// One entry of the base commit.
struct Base {
    mode: String,
    object: String,
    size: u64,
}

/// What lies at a path of the checkout now.
enum Now {
    Nothing,
    File { mode: &'static str, size: u64 },
    Link(Vec<u8>),
}

/// One entry that differs from the base.
struct Change {
    path: String,
    /// Mode and object; `None` when the path is gone.
    to: Option<(&'static str, String)>,
}

/// The files that differ from `base_sha`; empty when none does. The error is a rule that was broken, for people.
pub(crate) async fn collect(git: &Git, base_sha: &str, limits: &Limits, log: &Log) -> Result<Vec<ChangedFile>, String> {
    let git = Git { index: git.dir.join("compare-index"), ..git.clone() };
    write_droppings(&git)?;
    git.run(&["read-tree", base_sha]).await?;
    let base = base_entries(&git, base_sha).await?;
    let added = added_paths(&git, log).await?;
    let mut looked = Checkout { root: git.tree.clone(), directories: HashMap::new() };
    let mut seen: Vec<(TreePath, Now)> = Vec::new();
    for path in base.keys().chain(added.iter()) {
        let now = looked.at(path);
        if let Now::File { size, .. } = now {
            let same_size = base.get(path).is_some_and(|base| base.size == size);
            if size > limits.max_bytes && !same_size {
                return Err(format!("{} is too large: {size} bytes", String::from_utf8_lossy(path)));
            }
        }
        seen.push((path.clone(), now));
    }
    let changes = differing(&git, &base, seen).await?;
    let most = usize::try_from(limits.max_files).unwrap_or(usize::MAX);
    if changes.len() > most {
        return Err(format!("{} files were changed, and the limit is {most}", changes.len()));
    }
    contents(&git, changes, limits, log).await
}

fn write_droppings(git: &Git) -> Result<(), String> {
    let info = git.dir.join("info");
    let written = fs::create_dir_all(&info).and_then(|()| fs::write(info.join("exclude"), DROPPINGS));
    written.map_err(|error| format!("the machine's disk could not be written: {error}"))
}

/// Everything in the base commit but submodules, which no change set can hold.
async fn base_entries(git: &Git, base_sha: &str) -> Result<HashMap<TreePath, Base>, String> {
    let listed = git.run(&["ls-tree", "-r", "-z", "-l", "--full-tree", base_sha]).await?;
    let entries = listed.split(|byte| *byte == 0).filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b'\t')?;
        let (head, path) = line.split_at(at);
        let mut words = std::str::from_utf8(head).ok()?.split_whitespace();
        let (mode, kind, object, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let base = Base { mode: mode.to_owned(), object: object.to_owned(), size: size.parse().unwrap_or(0) };
        (kind == "blob").then(|| (path.get(1..).unwrap_or_default().to_vec(), base))
    });
    Ok(entries.collect())
}

/// Paths that the base does not have and that are not ignored.
async fn added_paths(git: &Git, log: &Log) -> Result<Vec<TreePath>, String> {
    let listed = git.run(&["ls-files", "-z", "--others", "--exclude-standard"]).await?;
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    let (repositories, files): (Vec<&[u8]>, Vec<&[u8]>) = paths.partition(|path| path.ends_with(b"/"));
    for path in repositories {
        let words = format!("{} is a git repository of its own and is left out", String::from_utf8_lossy(path));
        log.say(LineLevel::Warning, &words);
    }
    Ok(files.into_iter().map(<[u8]>::to_vec).collect())
}

/// Looks at the checkout without ever following a link, not even one in the middle of a path.
struct Checkout {
    root: PathBuf,
    directories: HashMap<PathBuf, bool>,
}

impl Checkout {
    fn at(&mut self, path: &[u8]) -> Now {
        let relative = Path::new(std::ffi::OsStr::from_bytes(path));
        if !relative.parent().is_none_or(|parent| self.is_directory(parent)) {
            return Now::Nothing;
        }
        let full = self.root.join(relative);
        let Ok(found) = fs::symlink_metadata(&full) else {
            return Now::Nothing;
        };
        if found.is_symlink() {
            return fs::read_link(&full).map_or(Now::Nothing, |to| Now::Link(to.as_os_str().as_bytes().to_vec()));
        }
        if !found.is_file() {
            return Now::Nothing;
        }
        let bits = found.permissions().mode();
        if bits & 0o400 == 0 {
            // Left unreadable by the agent; if it stays so, git says which file it was.
            drop(fs::set_permissions(&full, fs::Permissions::from_mode(bits | 0o400)));
        }
        let mode = if bits & 0o100 == 0 { "100644" } else { "100755" };
        Now::File { mode, size: found.len() }
    }

    /// Whether a path and all above it are real directories.
    fn is_directory(&mut self, path: &Path) -> bool {
        if path.as_os_str().is_empty() {
            return true;
        }
        if let Some(known) = self.directories.get(path) {
            return *known;
        }
        let above = path.parent().is_none_or(|parent| self.is_directory(parent));
        let real = above && fs::symlink_metadata(self.root.join(path)).is_ok_and(|found| found.is_dir());
        self.directories.insert(path.to_owned(), real);
        real
    }
}

/// Hashes what is there as git would store it, and keeps what differs from the base, ordered by path.
async fn differing(
    git: &Git,
    base: &HashMap<TreePath, Base>,
    seen: Vec<(TreePath, Now)>,
) -> Result<Vec<Change>, String> {
    let files: Vec<&TreePath> =
        seen.iter().filter(|(_, now)| matches!(now, Now::File { .. })).map(|(path, _)| path).collect();
    let list: Vec<u8> = files.iter().flat_map(|path| quoted(path)).collect();
    let hashed = git.feed(&["hash-object", "-w", "--stdin-paths"], list).await?;
    let mut objects = hashed.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned());
    let untouched = untouched(git, base, &files).await?;
    let mut changes = Vec::new();
    for (path, now) in &seen {
        let to = match now {
            Now::Nothing => None,
            Now::File { mode, .. } => {
                let filtered = objects.next().unwrap_or_default();
                Some((*mode, untouched.get(path).cloned().unwrap_or(filtered)))
            }
            Now::Link(target) => Some(("120000", link_object(git, target).await?)),
        };
        let before = base.get(path).map(|base| (base.mode.as_str(), base.object.as_str()));
        if to.as_ref().map(|(mode, object)| (*mode, object.as_str())) != before {
            let named = String::from_utf8(path.clone());
            let path = named.map_err(|error| format!("a file's name is not UTF-8: {error}"))?;
            changes.push(Change { path, to });
        }
    }
    changes.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(changes)
}

/// Files whose bytes are those of the base, by the base's object: line-ending filters can make another object of the same
/// bytes, where a repository keeps what its own attributes would not.
async fn untouched(
    git: &Git,
    base: &HashMap<TreePath, Base>,
    files: &[&TreePath],
) -> Result<HashMap<TreePath, String>, String> {
    let list: Vec<u8> = files.iter().flat_map(|path| quoted(path)).collect();
    let raw = git.feed(&["hash-object", "--no-filters", "--stdin-paths"], list).await?;
    let objects = raw.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned());
    let same = |(path, object): (&&TreePath, String)| {
        let base = base.get(*path)?;
        (base.object == object).then(|| ((*path).clone(), object))
    };
    Ok(files.iter().zip(objects).filter_map(same).collect())
}

async fn link_object(git: &Git, target: &[u8]) -> Result<String, String> {
    let object = git.feed(&["hash-object", "-w", "--stdin"], target.to_vec()).await?;
    Ok(String::from_utf8_lossy(object.trim_ascii()).into_owned())
}

/// A path as a line of git's input; quoted the way git reads when it holds what would end or begin a quote or a line.
fn quoted(path: &[u8]) -> Vec<u8> {
    let plain = !path.iter().any(|byte| byte.is_ascii_control() || b"\"\\".contains(byte));
    let mut line = Vec::with_capacity(path.len() + 3);
    if plain {
        line.extend_from_slice(path);
    } else {
        line.push(b'"');
        for byte in path {
            line.extend(format!("\\{byte:03o}").into_bytes());
        }
        line.push(b'"');
    }
    line.push(b'\n');
    line
}

/// Reads the changed contents and holds them to the limits; a file that carries a secret of this run is refused by name.
async fn contents(git: &Git, changes: Vec<Change>, limits: &Limits, log: &Log) -> Result<Vec<ChangedFile>, String> {
    let (mut files, mut bytes, mut binary) = (Vec::new(), 0_u64, 0_u32);
    for Change { path, to } in changes {
        let Some((mode, object)) = to else {
            files.push(ChangedFile::Deleted { path, deleted: true });
            continue;
        };
        let content = git.run(&["cat-file", "blob", &object]).await?;
        bytes += content.len() as u64;
        if bytes > limits.max_bytes {
            return Err(format!("the changes are larger than {} bytes", limits.max_bytes));
        }
        for (bytes, what) in [(content.as_slice(), "holds"), (path.as_bytes(), "is named with")] {
            match log.redactor().finds(bytes) {
                Some(Kind::Issued) => return Err(format!("{} {what} a key or token of this run", log.redact(&path))),
                Some(Kind::LooksLike(kind)) => {
                    let words = format!("{} {what} what looks like {kind}", log.redact(&path));
                    log.say(LineLevel::Warning, &words);
                }
                None => {}
            }
        }
        let (encoding, content) = match String::from_utf8(content) {
            Ok(text) if !text.contains('\0') => (Encoding::Utf8, text),
            Ok(text) => (Encoding::Base64, STANDARD.encode(text)),
            Err(error) => (Encoding::Base64, STANDARD.encode(error.as_bytes())),
        };
        binary += u32::from(encoding == Encoding::Base64);
        if binary > limits.max_binary_files {
            return Err(format!("more than {} binary files were changed", limits.max_binary_files));
        }
        files.push(ChangedFile::Written { path, mode: mode.to_owned(), encoding, content });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_through_a_link_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let (outside, root) = (directory.path().join("outside"), directory.path().join("tree"));
        fs::create_dir_all(outside.join("deep")).unwrap();
        fs::create_dir_all(root.join("real")).unwrap();
        fs::write(outside.join("deep/file"), "host").unwrap();
        fs::write(root.join("real/file"), "ours").unwrap();
        std::os::unix::fs::symlink(&outside, root.join("linked")).unwrap();
        let mut looked = Checkout { root, directories: HashMap::new() };
        assert!(matches!(looked.at(b"real/file"), Now::File { mode: "100644", size: 4 }));
        assert!(matches!(looked.at(b"linked"), Now::Link(_)));
        assert!(matches!(looked.at(b"linked/deep/file"), Now::Nothing));
        assert!(matches!(looked.at(b"real"), Now::Nothing));
    }

    #[test]
    fn odd_names_reach_git_as_they_are() {
        assert_eq!(quoted(b"plain name"), b"plain name\n");
        assert_eq!(quoted(b"a\"\n"), b"\"\\141\\042\\012\"\n");
    }
}

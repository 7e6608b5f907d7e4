//! Git objects with their real names: the same bytes and the same SHA-1 that git itself makes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha1::{Digest as _, Sha1};

/// An object's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid([u8; 20]);

impl Oid {
    /// Reads 40 hexadecimal characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who made a commit and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Seconds since 1970; always written in UTC.
    pub seconds: i64,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The tree it shows.
    pub tree: Oid,
    /// The commits before it.
    pub parents: Vec<Oid>,
    /// Who wrote it.
    pub author: Signature,
    /// Who made it.
    pub committer: Signature,
    /// The message, as given.
    pub message: String,
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `100644`, `100755`, `120000`, `040000` or `160000`.
    pub mode: Mode,
    /// What it points to.
    pub oid: Oid,
}

/// The kinds of tree entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A file.
    File,
    /// A program.
    Executable,
    /// A symbolic link.
    Link,
    /// A directory.
    Tree,
    /// A submodule.
    Submodule,
}

impl Mode {
    /// Reads GitHub's six digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Executable, Self::Link, Self::Tree, Self::Submodule]
            .into_iter()
            .find(|mode| mode.word() == text)
    }

    /// As GitHub writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Tree => "040000",
            Self::Submodule => "160000",
        }
    }

    /// The kind of object it points to.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::File | Self::Executable | Self::Link => "blob",
            Self::Tree => "tree",
            Self::Submodule => "commit",
        }
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A file's content.
    Blob(Arc<[u8]>),
    /// A directory by name.
    Tree(BTreeMap<String, Entry>),
    /// A commit.
    Commit(Commit),
}

impl Object {
    /// The kind in git's word and the body in git's bytes.
    #[must_use]
    pub fn encode(&self) -> (&'static str, Vec<u8>) {
        match self {
            Self::Blob(bytes) => ("blob", bytes.to_vec()),
            Self::Tree(entries) => ("tree", encode_tree(entries)),
            Self::Commit(commit) => ("commit", encode_commit(commit)),
        }
    }

    /// The object's name.
    #[must_use]
    pub fn oid(&self) -> Oid {
        Oid(Sha1::digest(self.framed()).into())
    }

    /// The bytes git hashes and, deflated, stores: header and body.
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        let (kind, body) = self.encode();
        let mut framed = format!("{kind} {}\0", body.len()).into_bytes();
        framed.extend(body);
        framed
    }
}

/// Git sorts a directory as if its name ended with a slash.
fn encode_tree(entries: &BTreeMap<String, Entry>) -> Vec<u8> {
    let mut sorted: Vec<(String, &String, &Entry)> = entries
        .iter()
        .map(|(name, entry)| (if entry.mode == Mode::Tree { format!("{name}/") } else { name.clone() }, name, entry))
        .collect();
    sorted.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut body = Vec::new();
    for (_, name, entry) in sorted {
        body.extend(entry.mode.word().trim_start_matches('0').as_bytes());
        body.push(b' ');
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(entry.oid.0);
    }
    body
}

fn encode_commit(commit: &Commit) -> Vec<u8> {
    let mut text = format!("tree {}\n", commit.tree);
    for parent in &commit.parents {
        text.push_str(&format!("parent {parent}\n"));
    }
    for (role, who) in [("author", &commit.author), ("committer", &commit.committer)] {
        text.push_str(&format!("{role} {} <{}> {} +0000\n", who.name, who.email, who.seconds));
    }
    text.push('\n');
    text.push_str(&commit.message);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_gits_own() {
        let blob = Object::Blob(Arc::from(&b"hello\n"[..]));
        assert_eq!(blob.oid().to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(Object::Tree(BTreeMap::new()).oid().to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }

    #[test]
    fn directories_sort_as_git_sorts_them() {
        let blob = Object::Blob(Arc::from(&b""[..])).oid();
        let entries = BTreeMap::from([
            ("a".to_owned(), Entry { mode: Mode::Tree, oid: blob }),
            ("a.b".to_owned(), Entry { mode: Mode::File, oid: blob }),
        ]);
        let body = encode_tree(&entries);
        assert!(body.starts_with(b"100644 a.b\0"), "a.b sorts before a/");
    }
}

//! One repository's objects and refs, and the work on trees that GitHub does for its callers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::objects::{Commit, Entry, Mode, Object, Oid};

/// Objects by name, and refs by full name (`refs/heads/main`).
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// Every object ever made; nothing is collected.
    pub objects: BTreeMap<Oid, Arc<Object>>,
    /// Where each ref points.
    pub refs: BTreeMap<String, Oid>,
}

/// A flat tree: path to entry, without the directories themselves.
pub(crate) type Files = BTreeMap<String, Entry>;

impl Store {
    /// Keeps an object and gives its name.
    pub fn put(&mut self, object: Object) -> Oid {
        let oid = object.oid();
        self.objects.entry(oid).or_insert_with(|| Arc::new(object));
        oid
    }

    pub(crate) fn put_blob(&mut self, bytes: &[u8]) -> Oid {
        self.put(Object::Blob(Arc::from(bytes)))
    }

    #[must_use]
    pub fn blob(&self, oid: Oid) -> Option<&[u8]> {
        if let Object::Blob(bytes) = self.objects.get(&oid)?.as_ref() { Some(bytes) } else { None }
    }

    pub(crate) fn tree(&self, oid: Oid) -> Option<&BTreeMap<String, Entry>> {
        if let Object::Tree(entries) = self.objects.get(&oid)?.as_ref() { Some(entries) } else { None }
    }

    #[must_use]
    pub fn commit(&self, oid: Oid) -> Option<&Commit> {
        if let Object::Commit(commit) = self.objects.get(&oid)?.as_ref() { Some(commit) } else { None }
    }

    /// Where a branch points.
    #[must_use]
    pub fn branch(&self, name: &str) -> Option<Oid> {
        self.refs.get(&format!("refs/heads/{name}")).copied()
    }

    /// A commit by branch, tag, full ref or object name.
    pub(crate) fn resolve(&self, name: &str) -> Option<Oid> {
        let by_ref =
            [format!("refs/heads/{name}"), format!("refs/tags/{name}"), format!("refs/{name}"), name.to_owned()];
        let found = by_ref.iter().find_map(|full| self.refs.get(full).copied());
        found.or_else(|| Oid::parse(name).filter(|oid| self.commit(*oid).is_some()))
    }

    /// The tree of a commit, or the tree itself.
    #[must_use]
    pub fn tree_of(&self, oid: Oid) -> Option<Oid> {
        self.commit(oid).map(|commit| commit.tree).or_else(|| self.tree(oid).map(|_| oid))
    }

    /// Every file below a tree.
    pub(crate) fn files(&self, tree: Oid) -> Files {
        let mut files = Files::new();
        self.walk(tree, "", &mut |path, entry| {
            if entry.mode != Mode::Tree {
                files.insert(path, entry.clone());
            }
        });
        files
    }

    /// Every file a commit shows.
    pub(crate) fn files_at(&self, commit: Oid) -> Files {
        self.tree_of(commit).map(|tree| self.files(tree)).unwrap_or_default()
    }

    /// Visits every entry below a tree, directories before what they hold.
    pub(crate) fn walk(&self, tree: Oid, prefix: &str, visit: &mut dyn FnMut(String, &Entry)) {
        for (name, entry) in self.tree(tree).into_iter().flatten() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            visit(path.clone(), entry);
            if entry.mode == Mode::Tree {
                self.walk(entry.oid, &path, visit);
            }
        }
    }

    /// The entry at a path below a tree.
    #[must_use]
    pub fn at(&self, tree: Oid, path: &str) -> Option<Entry> {
        let mut entry = Entry { mode: Mode::Tree, oid: tree };
        for part in path.split('/').filter(|part| !part.is_empty()) {
            entry = self.tree(entry.oid)?.get(part)?.clone();
        }
        Some(entry)
    }

    /// Makes the nested trees of flat files and gives the root's name.
    pub(crate) fn put_files(&mut self, files: &Files) -> Oid {
        let mut here: BTreeMap<String, Entry> = BTreeMap::new();
        let mut below: BTreeMap<String, Files> = BTreeMap::new();
        for (path, entry) in files {
            match path.split_once('/') {
                Some((name, rest)) => {
                    below.entry(name.to_owned()).or_default().insert(rest.to_owned(), entry.clone());
                }
                None => {
                    here.insert(path.clone(), entry.clone());
                }
            }
        }
        for (name, inner) in below {
            let oid = self.put_files(&inner);
            here.insert(name, Entry { mode: Mode::Tree, oid });
        }
        self.put(Object::Tree(here))
    }

    /// The commits reachable from one, newest first by distance.
    pub(crate) fn history(&self, from: Oid) -> Vec<Oid> {
        let (mut seen, mut order, mut queue) = (BTreeSet::new(), Vec::new(), VecDeque::from([from]));
        while let Some(oid) = queue.pop_front() {
            let Some(commit) = self.commit(oid) else {
                continue;
            };
            if seen.insert(oid) {
                order.push(oid);
                queue.extend(commit.parents.iter().copied());
            }
        }
        order
    }

    /// Whether `ancestor` is reachable from `oid` (or is it).
    pub(crate) fn descends(&self, oid: Oid, ancestor: Oid) -> bool {
        self.history(oid).contains(&ancestor)
    }

    /// The best common ancestor of two commits.
    pub(crate) fn merge_base(&self, a: Oid, b: Oid) -> Option<Oid> {
        let of_a: BTreeSet<Oid> = self.history(a).into_iter().collect();
        self.history(b).into_iter().find(|oid| of_a.contains(oid))
    }

    /// Three-way merge by whole files: the tree, or `None` when both sides changed a path differently.
    pub(crate) fn merged(&mut self, base: Oid, head: Oid) -> Option<Oid> {
        let origin = self.merge_base(base, head).map(|oid| self.files_at(oid)).unwrap_or_default();
        let (ours, theirs) = (self.files_at(base), self.files_at(head));
        let mut merged = ours.clone();
        let paths: BTreeSet<&String> = origin.keys().chain(theirs.keys()).collect();
        for path in paths {
            let (was, mine, new) = (origin.get(path), ours.get(path), theirs.get(path));
            if was == new || mine == new {
                continue;
            }
            if mine != was {
                return None;
            }
            match new {
                Some(entry) => merged.insert(path.clone(), entry.clone()),
                None => merged.remove(path),
            };
        }
        Some(self.put_files(&merged))
    }
}

//! Repositories as bare git directories on disk, written through from the stand-in's own objects for `git http-backend`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::github::Repository;
use crate::github::objects::{Object, Oid};

/// The bare directories below one root, `<repository id>.git` each.
pub(crate) struct Mirror {
    root: PathBuf,
    written: Mutex<BTreeMap<i64, BTreeSet<Oid>>>,
}

impl Mirror {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, written: Mutex::default() }
    }

    /// Brings a repository's directory up to date and gives its name below the root.
    pub(crate) fn sync(&self, repository: &Repository) -> std::io::Result<String> {
        let name = format!("{}.git", repository.id);
        let folder = self.root.join(&name);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let done = written.entry(repository.id).or_default();
        if done.is_empty() {
            begin(&folder)?;
        }
        for (oid, object) in &repository.git.objects {
            if done.insert(*oid) {
                write_object(&folder, *oid, object)?;
            }
        }
        write_whole(&folder.join("HEAD"), format!("ref: refs/heads/{}\n", repository.default_branch).as_bytes())?;
        let mut refs = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
        for (name, oid) in &repository.git.refs {
            refs.push_str(&format!("{oid} {name}\n"));
        }
        write_whole(&folder.join("packed-refs"), refs.as_bytes())?;
        Ok(name)
    }

    /// Forgets everything, so that a reset world writes anew.
    pub(crate) fn clear(&self) -> std::io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        for id in written.keys() {
            std::fs::remove_dir_all(self.root.join(format!("{id}.git")))?;
        }
        written.clear();
        Ok(())
    }
}

/// An empty bare repository that, as GitHub's, lets any commit be asked for.
fn begin(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder.join("objects"))?;
    std::fs::create_dir_all(folder.join("refs"))?;
    let config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[uploadpack]\n\tallowAnySHA1InWant = true\n\tallowFilter = true\n";
    std::fs::write(folder.join("config"), config)
}

fn write_object(folder: &Path, oid: Oid, object: &Object) -> std::io::Result<()> {
    let name = oid.to_string();
    let (first, rest) = name.split_at(2);
    let place = folder.join("objects").join(first);
    std::fs::create_dir_all(&place)?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&object.framed())?;
    write_whole(&place.join(rest), &packed.finish()?)
}

/// Written aside and moved: a reader never sees half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let aside = path.with_extension("new");
    std::fs::write(&aside, bytes)?;
    std::fs::rename(aside, path)
}

//! What the host keeps on disk: one record a machine, readable by its owner only, and a directory a machine while it is not
//! destroyed. One host at a time may use a state directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::machine::{Machine, State};

/// The most records of destroyed machines kept.
const TOMBSTONES_KEPT: usize = 200;

/// The records, in memory and on disk.
pub(crate) struct Records {
    state: PathBuf,
    machines: BTreeMap<String, Machine>,
    /// Held as long as the host lives: the lock goes with the file.
    _lock: File,
}

impl Records {
    /// Opens a state directory and reads what is there. The error is a sentence.
    pub(crate) fn open(state: &Path) -> Result<Self, String> {
        let trouble = |what: &Path, e: std::io::Error| format!("{}: {e}", what.display());
        for directory in [state.to_owned(), state.join("records"), state.join("machines")] {
            private_directory(&directory).map_err(|e| trouble(&directory, e))?;
        }
        let lock = File::create(state.join("lock")).map_err(|e| trouble(state, e))?;
        lock.try_lock().map_err(|_held| format!("{} is in use by another porter-machines", state.display()))?;
        let mut machines = BTreeMap::new();
        for entry in fs::read_dir(state.join("records")).map_err(|e| trouble(state, e))?.flatten() {
            if entry.path().extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(entry.path()).map_err(|e| trouble(&entry.path(), e))?;
            let machine: Machine =
                serde_json::from_str(&text).map_err(|e| format!("{} is not a record: {e}", entry.path().display()))?;
            machines.insert(machine.id.clone(), machine);
        }
        Ok(Self { state: state.to_owned(), machines, _lock: lock })
    }

    /// The machine with this id, destroyed or not.
    pub(crate) fn get(&self, id: &str) -> Option<&Machine> {
        self.machines.get(id)
    }

    /// All machines, destroyed ones too.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    /// Puts a record in place, in memory and on disk.
    pub(crate) fn put(&mut self, machine: Machine) -> Result<(), String> {
        self.write(&machine).map_err(|e| format!("cannot write the record of machine {}: {e}", machine.id))?;
        self.machines.insert(machine.id.clone(), machine);
        self.prune();
        Ok(())
    }

    /// Changes a record in place. Nothing happens for an unknown id.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Machine)) {
        let Some(mut machine) = self.machines.get(id).cloned() else {
            return;
        };
        change(&mut machine);
        // Memory leads: a full disk must not keep a machine from being ended.
        if let Err(reason) = self.write(&machine) {
            eprintln!("porter-machines: cannot write the record of machine {id}: {reason}");
        }
        self.machines.insert(machine.id.clone(), machine);
        self.prune();
    }

    /// A machine's own directory.
    pub(crate) fn directory(&self, id: &str) -> PathBuf {
        self.state.join("machines").join(id)
    }

    fn write(&self, machine: &Machine) -> std::io::Result<()> {
        let path = self.record(&machine.id);
        let draft = path.with_extension("draft");
        let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec(machine)?)?;
        fs::rename(draft, path)
    }

    fn record(&self, id: &str) -> PathBuf {
        self.state.join("records").join(format!("{id}.json"))
    }

    fn prune(&mut self) {
        let gone = self.machines.values().filter(|machine| machine.state == State::Destroyed);
        let mut gone: Vec<(String, String)> = gone.map(|m| (m.updated_at.clone(), m.id.clone())).collect();
        gone.sort();
        let surplus = gone.len().saturating_sub(TOMBSTONES_KEPT);
        for (_, id) in gone.into_iter().take(surplus) {
            if let Err(reason) = fs::remove_file(self.record(&id)) {
                eprintln!("porter-machines: cannot remove the record of machine {id}: {reason}");
            }
            self.machines.remove(&id);
        }
    }
}

/// Makes a directory that only its owner can enter.
pub(crate) fn private_directory(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

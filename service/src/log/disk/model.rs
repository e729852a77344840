//! A disk in memory that can lose its power at any operation, and fail at any.
//!
//! It keeps apart what was written and what was synced. When the power fails, every sector that
//! was written and not synced is as before, or as written, or zeros, or garbage, each by itself; a
//! file that grew or shrank has some length in between; and of what was done to names since the
//! folder was synced the first few are there.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::io;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::Disk;

const SECTOR_BYTES: usize = 512;

/// What goes wrong, and at which operation; reading counts as one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The power fails: nothing can be done any more.
    PowerFailure { at: u64 },
    /// One operation fails and is not done.
    Error { at: u64, kind: io::ErrorKind },
}

/// A disk in memory.
pub(crate) struct ModelDisk(RefCell<DiskState>);

#[derive(Clone, Default)]
struct DiskState {
    files: Vec<ModelFile>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// What was done to names since they were synced.
    changes: Vec<NameChange>,
    operations: u64,
    fault: Option<Fault>,
    is_off: bool,
}

#[derive(Clone, Default)]
struct ModelFile {
    written: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Clone)]
enum NameChange {
    Created(String, usize),
    /// From one name to another, never with both or neither.
    Renamed(String, String),
    Removed(String),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Created(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

impl ModelDisk {
    pub(crate) fn empty() -> Self {
        Self(RefCell::default())
    }

    /// Something goes wrong from now on, after so many operations more.
    pub(crate) fn plan(&self, fault: Fault) {
        let mut state = self.0.borrow_mut();
        state.operations = 0;
        state.fault = Some(fault);
    }

    /// How many operations there were since that was planned.
    pub(crate) fn operations(&self) -> u64 {
        self.0.borrow().operations
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.borrow().is_off
    }

    /// The disk after the power has failed now and come back: one of all that it may be.
    pub(crate) fn after_power_failure(&self, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut state = self.0.borrow().clone();
        let kept = random.random_range(0..=state.changes.len());
        let mut names = state.synced_names.clone();
        state.changes[..kept].iter().for_each(|change| change.apply(&mut names));
        for file in &mut state.files {
            let left = file.left_by_power_failure(&mut random);
            *file = ModelFile { written: left.clone(), synced: left };
        }
        Self(RefCell::new(DiskState {
            files: state.files,
            synced_names: names.clone(),
            names,
            ..DiskState::default()
        }))
    }

    /// The state, for one operation more; an error if it is the one that goes wrong.
    fn operate(&self) -> io::Result<RefMut<'_, DiskState>> {
        let mut state = self.0.borrow_mut();
        let at = state.operations;
        state.operations += 1;
        match state.fault {
            Some(Fault::PowerFailure { at: planned }) if at >= planned => state.is_off = true,
            Some(Fault::Error { at: planned, kind }) if at == planned => return Err(kind.into()),
            _ => {}
        }
        if state.is_off { Err(io::Error::other("the power is off")) } else { Ok(state) }
    }
}

impl DiskState {
    fn file(&mut self, name: &str) -> io::Result<&mut ModelFile> {
        let file = *self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(&mut self.files[file])
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }
}

impl ModelFile {
    fn left_by_power_failure(&self, random: &mut StdRng) -> Vec<u8> {
        let (before, after) = (self.synced.len(), self.written.len());
        let len = random.random_range(before.min(after)..=before.max(after));
        let mut left = self.synced.clone();
        left.resize(len, 0);
        for start in (0..len).step_by(SECTOR_BYTES) {
            let fate = random.random_range(0..4);
            let sector = left.iter_mut().enumerate().skip(start).take(SECTOR_BYTES);
            for (at, byte) in sector {
                let (old, new) = (self.synced.get(at), self.written.get(at));
                if old == new {
                    continue;
                }
                *byte = match fate {
                    0 => old.copied().unwrap_or(0),
                    1 => new.copied().unwrap_or(0),
                    2 => 0,
                    _ => random.random(),
                };
            }
        }
        left
    }
}

impl Disk for ModelDisk {
    fn create(&self, name: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(ModelFile::default());
        state.change(NameChange::Created(name.to_owned(), file));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.operate()?.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        state.file(from)?;
        state.change(NameChange::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        state.file(name)?;
        state.change(NameChange::Removed(name.to_owned()));
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.operate()?;
        state.synced_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(self.operate()?.file(name)?.written.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut state = self.operate()?;
        let bytes = &state.file(name)?.written;
        let start = usize::try_from(offset).map_or(bytes.len(), |start| start.min(bytes.len()));
        Ok(bytes[start..bytes.len().min(start.saturating_add(bytes_max))].to_vec())
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let is_last = {
            let state = self.0.borrow();
            matches!(state.fault, Some(Fault::PowerFailure { at }) if at == state.operations)
        };
        if is_last && !self.is_off() {
            // What was being written when the power failed may be there as well.
            self.0.borrow_mut().file(name)?.write(offset, bytes);
        }
        self.operate()?.file(name)?.write(offset, bytes);
        Ok(())
    }

    fn set_len(&self, name: &str, len: u64) -> io::Result<()> {
        let mut state = self.operate()?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        state.file(name)?.written.resize(len, 0);
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        let file = state.file(name)?;
        file.synced = file.written.clone();
        Ok(())
    }
}

impl ModelFile {
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let start = usize::try_from(offset).expect("tests write near the beginning");
        let end = start + bytes.len();
        if self.written.len() < end {
            self.written.resize(end, 0);
        }
        self.written[start..end].copy_from_slice(bytes);
    }
}

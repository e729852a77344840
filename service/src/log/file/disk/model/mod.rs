//! A disk in memory that keeps apart what was written and what was synced, and crashes when it is told
//! to.
//!
//! After a crash each sector that was written and not synced is the old one, the new one, or zeros or
//! garbage where it has changed; a file that has changed its length has either length or one in between;
//! and of the changes of names any are lost. What was synced is there, and so are bytes that were
//! written again as they were (as SQLite assumes, and calls powersafe overwrite): disks write sectors
//! whole or not at all.

mod content;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Disk, DiskFile, FileContent};
use content::ModelContent;

/// The disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub(in crate::log::file) struct ModelDisk(Arc<Mutex<ModelState>>);

/// A file of it.
#[derive(Clone, Debug)]
pub(in crate::log::file) struct ModelFile {
    disk: ModelDisk,
    number: usize,
    /// Open as long as it is there.
    _handle: Arc<()>,
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::log::file) struct Plan {
    /// The operation, from 0, after which everything fails.
    pub(in crate::log::file) crash_after: Option<usize>,
    /// The sync, from 0, that fails.
    pub(in crate::log::file) failing_sync: Option<usize>,
    /// No file can be removed.
    pub(in crate::log::file) keeps_files: bool,
    /// No file can be opened while so many are open, as where a process has too many.
    pub(in crate::log::file) opens_max: Option<usize>,
    /// So many of the next attempts to open a file fail.
    pub(in crate::log::file) failing_opens: usize,
    /// One fails as a disk does, after so many others.
    pub(in crate::log::file) bad_open_after: Option<usize>,
    /// No file can be created, for the same reason.
    pub(in crate::log::file) creates_none: bool,
    /// How many bytes all files together may have.
    pub(in crate::log::file) capacity: Option<u64>,
}

#[derive(Debug)]
struct ModelState {
    plan: Plan,
    operations: usize,
    syncs: usize,
    files: Vec<ModelContent>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// Since the last sync of names, in order.
    changes: Vec<NameChange>,
    /// One for each file that is open, and this one.
    handles: Arc<()>,
    most_open: usize,
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl ModelDisk {
    pub(in crate::log::file) fn new(plan: Plan) -> Self {
        Self(Arc::new(Mutex::new(ModelState {
            plan,
            operations: 0,
            syncs: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            changes: Vec::new(),
            handles: Arc::default(),
            most_open: 0,
        })))
    }

    /// How many operations there were.
    pub(in crate::log::file) fn operations(&self) -> usize {
        self.lock().operations
    }

    /// What a machine finds when it starts again.
    pub(in crate::log::file) fn after_crash(&self, seed: u64, plan: Plan) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let state = self.lock();
        let mut names = state.synced_names.clone();
        for change in state.changes.iter().filter(|_| random.random_bool(0.5)) {
            change.apply(&mut names);
        }
        let files = state.files.iter().map(|content| content.after_crash(&mut random)).collect();
        let disk = Self::new(plan);
        let mut after = disk.lock();
        (after.files, after.names) = (files, names.clone());
        after.synced_names = names;
        drop(after);
        disk
    }

    /// The same disk, with nothing lost, as after a process was killed.
    pub(in crate::log::file) fn after_kill(&self, plan: Plan) -> Self {
        let state = self.lock();
        let disk = Self::new(plan);
        let mut after = disk.lock();
        after.files = state.files.clone();
        after.names = state.names.clone();
        after.synced_names = state.synced_names.clone();
        after.changes = state.changes.clone();
        drop(after);
        disk
    }

    /// Changes a byte of a file, as a disk that rots.
    pub(in crate::log::file) fn flip(&self, name: &str, at: usize, bits: u8) {
        let mut state = self.lock();
        let number = state.names[name];
        state.files[number].flip(at, bits);
    }

    /// From now on some sectors of a file cannot be read.
    pub(in crate::log::file) fn spoil(&self, name: &str, bytes: std::ops::Range<usize>) {
        let mut state = self.lock();
        let number = state.names[name];
        state.files[number].spoil(bytes);
    }

    /// Everything can be read again.
    pub(in crate::log::file) fn heal(&self) {
        self.lock().files.iter_mut().for_each(ModelContent::heal);
    }

    /// From now on the sync fails that is to come after so many others.
    pub(in crate::log::file) fn fail_sync(&self, after: usize) {
        let mut state = self.lock();
        state.plan.failing_sync = Some(state.syncs + after);
    }

    /// From now on files can be removed, or not.
    pub(in crate::log::file) fn keep_files(&self, keeps_files: bool) {
        self.lock().plan.keeps_files = keeps_files;
    }

    /// From now on files can be opened, or not.
    pub(in crate::log::file) fn fail_opens(&self, opens_none: bool) {
        self.limit_opens(opens_none.then_some(0));
    }

    /// From now on no more files can be opened while so many are open.
    pub(in crate::log::file) fn limit_opens(&self, opens_max: Option<usize>) {
        self.lock().plan.opens_max = opens_max;
    }

    /// The next attempts to open a file fail, so many.
    pub(in crate::log::file) fn fail_next_opens(&self, count: usize) {
        self.lock().plan.failing_opens = count;
    }

    /// One attempt to open a file fails as a disk does, after so many others.
    pub(in crate::log::file) fn fail_open_after(&self, count: usize) {
        self.lock().plan.bad_open_after = Some(count);
    }

    /// How many files are open.
    pub(in crate::log::file) fn open_files(&self) -> usize {
        self.lock().open_files()
    }

    /// How many files were open at the same time at most, since the last time this was asked.
    pub(in crate::log::file) fn most_open_files(&self) -> usize {
        let mut state = self.lock();
        let now = state.open_files();
        std::mem::replace(&mut state.most_open, now)
    }

    /// From now on files can be created, or not.
    pub(in crate::log::file) fn fail_creates(&self, creates_none: bool) {
        self.lock().plan.creates_none = creates_none;
    }

    /// From now on there is so much room.
    pub(in crate::log::file) fn set_capacity(&self, capacity: Option<u64>) {
        self.lock().plan.capacity = capacity;
    }

    /// What all files take.
    pub(in crate::log::file) fn bytes(&self) -> u64 {
        self.lock().bytes()
    }

    /// All that is in a file.
    pub(in crate::log::file) fn content(&self, name: &str) -> Vec<u8> {
        let state = self.lock();
        state.files[state.names[name]].written().to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, ModelState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more operation, unless the machine is off.
    fn operate(&self) -> io::Result<MutexGuard<'_, ModelState>> {
        let mut state = self.lock();
        if state.plan.crash_after.is_some_and(|last| state.operations > last) {
            return Err(io::Error::other("the machine is off"));
        }
        state.operations += 1;
        Ok(state)
    }

    fn file(&self, number: usize, state: &mut ModelState) -> ModelFile {
        let file = ModelFile { disk: self.clone(), number, _handle: Arc::clone(&state.handles) };
        state.most_open = state.most_open.max(state.open_files());
        file
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create(name, number) => {
                names.insert(name.clone(), *number);
            }
            Self::Rename(from, to, number) => {
                if names.get(from) == Some(number) {
                    names.remove(from);
                }
                names.insert(to.clone(), *number);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl ModelState {
    fn open_files(&self) -> usize {
        Arc::strong_count(&self.handles) - 1
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn bytes(&self) -> u64 {
        self.names.values().map(|&at| self.files[at].written().len() as u64).sum()
    }

    fn has_room_for(&self, more: u64) -> io::Result<()> {
        match self.plan.capacity {
            Some(capacity) if self.bytes() + more > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }
}

impl Disk for ModelDisk {
    type File = ModelFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.operate()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<ModelFile> {
        let mut state = self.operate()?;
        if state.plan.creates_none {
            return Err(rustix::io::Errno::MFILE.into());
        }
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.files.len();
        state.files.push(ModelContent::default());
        state.change(NameChange::Create(name.to_owned(), number));
        Ok(self.file(number, &mut state))
    }

    fn open(&self, name: &str) -> io::Result<ModelFile> {
        let mut state = self.operate()?;
        if state.plan.opens_max.is_some_and(|max| state.open_files() >= max) {
            return Err(rustix::io::Errno::MFILE.into());
        }
        let after = state.plan.bad_open_after;
        state.plan.bad_open_after = after.and_then(|left| left.checked_sub(1));
        if after == Some(0) {
            return Err(rustix::io::Errno::IO.into());
        }
        if let Some(left) = state.plan.failing_opens.checked_sub(1) {
            state.plan.failing_opens = left;
            return Err(rustix::io::Errno::MFILE.into());
        }
        let number = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(number, &mut state))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        let number = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change(NameChange::Rename(from.to_owned(), to.to_owned(), number));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        if state.plan.keeps_files {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.operate()?;
        state.synced_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let capacity = self.lock().plan.capacity;
        Ok(capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.bytes())))
    }
}

impl FileContent for ModelFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.operate()?.files[self.number].written().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.disk.operate()?.files[self.number].read_at(buffer, to_usize(at))
    }
}

impl DiskFile for ModelFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.operate()?;
        let from = to_usize(at);
        let before = state.files[self.number].written().len();
        state.has_room_for((from + bytes.len()).saturating_sub(before) as u64)?;
        state.files[self.number].write_at(bytes, from);
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.operate()?;
        let bytes = to_usize(bytes);
        let before = state.files[self.number].written().len();
        state.has_room_for(bytes.saturating_sub(before) as u64)?;
        if bytes > before {
            state.files[self.number].resize(bytes);
        }
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.disk.operate()?.files[self.number].resize(to_usize(bytes));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.operate()?;
        let is_failing = state.plan.failing_sync == Some(state.syncs);
        state.syncs += 1;
        let content = &mut state.files[self.number];
        if is_failing {
            content.fail_sync();
            return Err(io::Error::other("the disk is broken"));
        }
        content.sync();
        Ok(())
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

//! A disk in memory that keeps apart what was written and what was synced, and crashes when it is told
//! to.
//!
//! After a crash each sector that was written and not synced is the old one, the new one, or zeros or
//! garbage where it has changed; a file that has changed its length has either length or one in between;
//! and of the changes of names any are lost. What was synced is there, and so are bytes that were
//! written again as they were (as SQLite assumes, and calls powersafe overwrite): disks write sectors
//! whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Disk, DiskFile, FileContent};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

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

#[derive(Clone, Debug, Default)]
struct ModelContent {
    written: Vec<u8>,
    synced: Vec<u8>,
    /// Sectors that were written and not synced.
    dirty: BTreeSet<usize>,
    /// The same where a sync has failed: none after it makes them durable, unless they are written again.
    lost: BTreeSet<usize>,
    /// Sectors that the disk gives back no more, unless they are written again.
    unreadable: BTreeSet<usize>,
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
        let content = &mut state.files[number];
        content.written[at] ^= bits;
        content.synced[at] ^= bits;
    }

    /// From now on some sectors of a file cannot be read.
    pub(in crate::log::file) fn spoil(&self, name: &str, bytes: std::ops::Range<usize>) {
        let mut state = self.lock();
        let number = state.names[name];
        let sectors = ModelContent::sectors(bytes.start, bytes.end);
        state.files[number].unreadable.extend(sectors);
    }

    /// Everything can be read again.
    pub(in crate::log::file) fn heal(&self) {
        self.lock().files.iter_mut().for_each(|content| content.unreadable.clear());
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
        let state = self.lock();
        state.names.values().map(|&at| state.files[at].written.len() as u64).sum()
    }

    /// All that is in a file.
    pub(in crate::log::file) fn content(&self, name: &str) -> Vec<u8> {
        let state = self.lock();
        state.files[state.names[name]].written.clone()
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

    fn has_room_for(&self, more: u64) -> io::Result<()> {
        let used: u64 = self.names.values().map(|&at| self.files[at].written.len() as u64).sum();
        match self.plan.capacity {
            Some(capacity) if used + more > capacity => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl ModelContent {
    fn sectors(from: usize, to: usize) -> std::ops::Range<usize> {
        from / SECTOR..to.div_ceil(SECTOR)
    }

    fn resize(&mut self, bytes: usize) {
        let before = self.written.len();
        self.written.resize(bytes, 0);
        self.dirty.extend(Self::sectors(before.min(bytes), before.max(bytes)));
    }

    fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty).difference(&self.lost) {
            let from = (sector * SECTOR).min(self.written.len());
            let to = (from + SECTOR).min(self.written.len());
            if self.synced.len() < to {
                self.synced.resize(to, 0);
            }
            self.synced[from..to].copy_from_slice(&self.written[from..to]);
        }
        self.synced.resize(self.written.len(), 0);
    }

    fn after_crash(&self, random: &mut StdRng) -> Self {
        let (old, new) = (self.synced.len(), self.written.len());
        let bytes = match random.random_range(0..3) {
            0 => old,
            1 => new,
            _ => random.random_range(old.min(new)..=old.max(new)),
        };
        let mut found = self.synced.clone();
        found.resize(bytes, 0);
        for sector in self.dirty.union(&self.lost) {
            let fate = random.random_range(0..4);
            let bytes = found.iter_mut().enumerate().skip(sector * SECTOR).take(SECTOR);
            for (at, byte) in bytes {
                let (old, new) = (self.synced.get(at), self.written.get(at));
                let is_changed = old != new;
                *byte = match fate {
                    0 if is_changed => 0,
                    1 if is_changed => random.random(),
                    2 => new.copied().unwrap_or(0),
                    _ => old.copied().unwrap_or(0),
                };
            }
        }
        Self { written: found.clone(), synced: found, ..Self::default() }
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
        Ok(self.disk.operate()?.files[self.number].written.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.disk.operate()?;
        let content = &state.files[self.number];
        let written = &content.written;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(written.len());
        let count = buffer.len().min(written.len() - from);
        let mut sectors = ModelContent::sectors(from, from + count);
        if sectors.any(|sector| content.unreadable.contains(&sector)) {
            return Err(rustix::io::Errno::IO.into());
        }
        buffer[..count].copy_from_slice(&written[from..from + count]);
        Ok(count)
    }
}

impl DiskFile for ModelFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.operate()?;
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        let to = from + bytes.len();
        let before = state.files[self.number].written.len();
        state.has_room_for(to.saturating_sub(before) as u64)?;
        let content = &mut state.files[self.number];
        if to > before {
            content.resize(to);
        }
        content.written[from..to].copy_from_slice(bytes);
        for sector in ModelContent::sectors(from, to) {
            content.lost.remove(&sector);
            content.unreadable.remove(&sector);
            content.dirty.insert(sector);
        }
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.operate()?;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let before = state.files[self.number].written.len();
        state.has_room_for(bytes.saturating_sub(before) as u64)?;
        if bytes > before {
            state.files[self.number].resize(bytes);
        }
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.operate()?;
        state.files[self.number].resize(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.operate()?;
        let is_failing = state.plan.failing_sync == Some(state.syncs);
        state.syncs += 1;
        let content = &mut state.files[self.number];
        if is_failing {
            let dirty = std::mem::take(&mut content.dirty);
            content.lost.extend(dirty);
            return Err(io::Error::other("the disk is broken"));
        }
        content.sync();
        Ok(())
    }
}

//! What is in a file of the model, by sectors: what was written, what is durable, and what a crash leaves.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use rand::RngExt as _;
use rand::rngs::StdRng;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct ModelContent {
    written: Vec<u8>,
    synced: Vec<u8>,
    /// Sectors that were written and not synced.
    dirty: BTreeSet<usize>,
    /// The same where a sync has failed: none after it makes them durable, unless they are written again.
    lost: BTreeSet<usize>,
    /// Sectors that the disk gives back no more, unless they are written again.
    unreadable: BTreeSet<usize>,
}

impl ModelContent {
    fn sectors(from: usize, to: usize) -> Range<usize> {
        from / SECTOR..to.div_ceil(SECTOR)
    }

    /// All of it, synced or not.
    pub(super) fn written(&self) -> &[u8] {
        &self.written
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], at: usize) -> io::Result<usize> {
        let from = at.min(self.written.len());
        let count = buffer.len().min(self.written.len() - from);
        let mut sectors = Self::sectors(from, from + count);
        if sectors.any(|sector| self.unreadable.contains(&sector)) {
            return Err(rustix::io::Errno::IO.into());
        }
        buffer[..count].copy_from_slice(&self.written[from..from + count]);
        Ok(count)
    }

    pub(super) fn write_at(&mut self, bytes: &[u8], from: usize) {
        let to = from + bytes.len();
        if to > self.written.len() {
            self.resize(to);
        }
        self.written[from..to].copy_from_slice(bytes);
        for sector in Self::sectors(from, to) {
            self.lost.remove(&sector);
            self.unreadable.remove(&sector);
            self.dirty.insert(sector);
        }
    }

    pub(super) fn resize(&mut self, bytes: usize) {
        let before = self.written.len();
        self.written.resize(bytes, 0);
        self.dirty.extend(Self::sectors(before.min(bytes), before.max(bytes)));
    }

    pub(super) fn sync(&mut self) {
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

    pub(super) fn fail_sync(&mut self) {
        self.lost.append(&mut self.dirty);
    }

    /// Changes a byte, as a disk that rots.
    pub(super) fn flip(&mut self, at: usize, bits: u8) {
        self.written[at] ^= bits;
        self.synced[at] ^= bits;
    }

    /// From now on the sectors of these bytes cannot be read.
    pub(super) fn spoil(&mut self, bytes: Range<usize>) {
        self.unreadable.extend(Self::sectors(bytes.start, bytes.end));
    }

    /// All of it can be read again.
    pub(super) fn heal(&mut self) {
        self.unreadable.clear();
    }

    pub(super) fn after_crash(&self, random: &mut StdRng) -> Self {
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

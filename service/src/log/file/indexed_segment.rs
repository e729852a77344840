//! A sealed segment that has its index.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::disk::{Disk, FileContent};
use super::index::{self, IdFilter, IndexHead, IndexLookup};
use super::segment::SegmentHead;

/// A sealed segment that has its index.
#[derive(Debug)]
pub(super) struct IndexedSegment {
    pub(super) head: IndexHead,
    filter: IdFilter,
    /// All of the index has been read once, and was as it was written.
    is_verified: AtomicBool,
    /// Only one makes it anew.
    pub(super) making: Mutex<()>,
    /// The index, as long as the disk has no room for its file.
    pub(super) in_memory: Option<Arc<[u8]>>,
}

/// The index of a segment, wherever it is.
#[derive(Debug)]
pub(super) enum IndexFile<F> {
    OnDisk(F),
    InMemory(Arc<[u8]>),
}

impl IndexedSegment {
    /// One whose index was found.
    pub(super) fn found(head: IndexHead, filter: IdFilter) -> Self {
        Self { is_verified: AtomicBool::new(false), ..Self::just_written(head, filter) }
    }

    /// One whose index has been made now.
    pub(super) fn just_written(head: IndexHead, filter: IdFilter) -> Self {
        let (is_verified, making) = (AtomicBool::new(true), Mutex::new(()));
        Self { head, filter, is_verified, making, in_memory: None }
    }

    /// One for whose index the disk has no room.
    pub(super) fn in_memory(head: IndexHead, filter: IdFilter, index: Arc<[u8]>) -> Self {
        Self { in_memory: Some(index), ..Self::just_written(head, filter) }
    }

    /// The same when the file of its index has been written.
    pub(super) fn with_file(&self) -> Self {
        Self::just_written(self.head, self.filter.clone())
    }

    pub(super) fn is_verified(&self) -> bool {
        self.is_verified.load(Ordering::Acquire)
    }

    /// Something of it could not be read: the index is to be verified anew. Whether it was verified.
    pub(super) fn doubt(&self) -> bool {
        self.is_verified.swap(false, Ordering::AcqRel)
    }

    pub(super) fn set_verified(&self) {
        self.is_verified.store(true, Ordering::Release);
    }

    /// What segment and index take on the disk, in bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        let index = if self.in_memory.is_some() { 0 } else { self.head.index_bytes() };
        self.head.bytes + index
    }

    /// What is kept of it in memory, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let index = self.in_memory.as_ref().map_or(0, |index| index.len());
        size_of::<Self>() + self.filter.bytes() + index
    }

    /// Whether an event may be in it that ends the topic of this hash.
    pub(super) fn may_have_end(&self, hash: u64) -> bool {
        self.head.ends > 0 && self.filter.may_have(hash)
    }

    /// Whether an event with this id may be in it.
    pub(super) fn may_have_id(&self, hash: u64) -> bool {
        self.filter.may_have(hash)
    }
}

/// The index that stands beside a segment, if its header is good and is that of this segment.
pub(super) fn find_index<D: Disk>(
    disk: &D,
    segment: SegmentHead,
    bytes: u64,
) -> Option<IndexedSegment> {
    // One that cannot be read is made anew.
    read_index(disk, segment, bytes).ok().flatten()
}

fn read_index<D: Disk>(
    disk: &D,
    segment: SegmentHead,
    bytes: u64,
) -> io::Result<Option<IndexedSegment>> {
    let file = disk.open(&index::name_of(segment.first))?;
    let mut header = [0; index::HEADER_BYTES];
    let count = file.read_at(&mut header, 0)?;
    let Some(head) = IndexHead::read(&header[..count]) else { return Ok(None) };
    let is_of_it = (head.salt, head.first, head.bytes) == (segment.salt, segment.first, bytes)
        && file.bytes()? == head.index_bytes();
    if !is_of_it {
        return Ok(None);
    }
    let filter = IndexLookup::new(&file, &head).filter()?;
    Ok(filter.map(|filter| IndexedSegment::found(head, filter)))
}

impl<F: FileContent> FileContent for IndexFile<F> {
    fn bytes(&self) -> io::Result<u64> {
        match self {
            Self::OnDisk(file) => file.bytes(),
            Self::InMemory(index) => (&index[..]).bytes(),
        }
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::OnDisk(file) => file.read_at(buffer, at),
            Self::InMemory(index) => (&index[..]).read_at(buffer, at),
        }
    }
}

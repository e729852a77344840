//! A sealed segment that has its index.

use std::io;
use std::sync::Mutex;

use super::disk::{Disk, DiskFile};
use super::index::{self, IdFilter, IndexHead, IndexLookup};
use super::segment::SegmentHead;

/// A sealed segment that has its index.
#[derive(Debug)]
pub(super) struct IndexedSegment {
    pub(super) head: IndexHead,
    filter: IdFilter,
    /// All of the index has been read once, and was as it was written.
    pub(super) is_verified: Mutex<bool>,
}

impl IndexedSegment {
    /// One whose index was found.
    pub(super) fn found(head: IndexHead, filter: IdFilter) -> Self {
        Self { head, filter, is_verified: Mutex::new(false) }
    }

    /// One whose index has been made now.
    pub(super) fn just_written(head: IndexHead, filter: IdFilter) -> Self {
        Self { head, filter, is_verified: Mutex::new(true) }
    }

    /// What segment and index take on the disk, in bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.head.bytes + self.head.index_bytes()
    }

    /// What is kept of it in memory, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.filter.bytes()
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
) -> io::Result<Option<IndexedSegment>> {
    let file = match disk.open(&index::name_of(segment.first)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
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

//! What a start finds in the newest segment, which has no index yet.

use super::batch::BatchKind;
use super::chain::FoundBatch;
use crate::event::Sequence;

/// A newest segment that is larger is sealed at the start: what is in it is then read from the disk, and
/// need not be in memory.
const KEPT_BYTES_MAX: u64 = 16 << 20;

/// The records of the newest segment, as they were found.
#[derive(Default)]
pub(super) struct NewestBatches {
    pub(super) segment: Sequence,
    pub(super) batches: Vec<NewestBatch>,
    /// The records of older events that were written again.
    pub(super) again: Vec<Vec<u8>>,
    /// Without a look at what is in it.
    pub(super) is_too_large: bool,
    bytes: u64,
}

pub(super) struct NewestBatch {
    pub(super) first: Sequence,
    pub(super) count: u64,
    /// None of a hole.
    pub(super) records: Vec<u8>,
}

impl NewestBatches {
    pub(super) fn add(&mut self, found: &FoundBatch<'_>) {
        if found.segment != self.segment {
            *self = Self { segment: found.segment, ..Self::default() };
        }
        if found.batch.head.kind == BatchKind::Again {
            self.again.push(found.batch.records.to_vec());
            return;
        }
        self.bytes += found.batch.records.len() as u64;
        if self.bytes > KEPT_BYTES_MAX {
            (self.is_too_large, self.batches) = (true, Vec::new());
            return;
        }
        let head = found.batch.head;
        let records = found.batch.records.to_vec();
        self.batches.push(NewestBatch { first: head.first, count: head.count, records });
    }
}

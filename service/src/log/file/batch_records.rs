//! The records in a batch.

use super::batch::SegmentBatch;
use crate::log::record::{RecordKind, read_record};

/// What can be read of the records of a batch, from its beginning: how many bytes, and how many events.
pub(super) fn readable_records(batch: &SegmentBatch<'_>) -> (usize, u64) {
    let (mut bytes, mut events) = (0, 0);
    while let Some(rest) = batch.records.get(bytes..).filter(|rest| !rest.is_empty()) {
        let Ok((record, length)) = read_record(rest) else { break };
        if record.kind == RecordKind::Next {
            if record.sequence.0 != batch.head.first.0 + events || events == batch.head.count {
                break;
            }
            events += 1;
        }
        bytes += length;
    }
    (bytes, events)
}

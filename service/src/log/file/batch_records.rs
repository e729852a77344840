//! The records in a batch.

use super::batch::SegmentBatch;
use super::chain::NewerRecord;
use crate::log::record::{RecordError, RecordKind, view_record};

/// What can be read of the records of a batch, from its beginning: how many bytes, and how many events.
///
/// # Errors
/// When there is one of a later version, which is none that cannot be read.
pub(super) fn readable_records(batch: &SegmentBatch<'_>) -> Result<(usize, u64), NewerRecord> {
    let (mut bytes, mut events) = (0, 0);
    while let Some(rest) = batch.records.get(bytes..).filter(|rest| !rest.is_empty()) {
        let (record, length) = match view_record(rest) {
            Ok(read) => read,
            Err(RecordError::Version { version }) => return Err(NewerRecord { version }),
            Err(_) => break,
        };
        if record.kind == RecordKind::Next {
            if record.sequence.0 != batch.head.first.0 + events || events == batch.head.count {
                break;
            }
            events += 1;
        }
        bytes += length;
    }
    Ok((bytes, events))
}

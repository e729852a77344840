//! What must hold for whatever bytes are taken for a record: fuzzing checks it.

use std::path::Path;
use std::time::Instant;

use super::record::{
    Record, RecordError, RecordKind, put_content, put_record, read_content, read_record,
    view_record,
};
use crate::event::fuzzing::check_message;
use crate::event::{Buffers, EncodedEvent, Epoch, EventContent, Sequence};

/// Reads a record, and once more what stands behind its checksum, made fit: a mutator would hardly
/// find one.
pub(crate) fn record(bytes: &[u8]) {
    check_record(bytes);
    let length = u32::try_from(bytes.len()).expect("inputs are short").to_le_bytes();
    let checksum = crc32c::crc32c(bytes).to_le_bytes();
    check_record(&[&length, &checksum, bytes].concat());
    match read_content(bytes) {
        Ok(event) => {
            let mut again = Vec::new();
            put_content(&mut again, &event.content()).expect("it fitted before");
            let read = read_content(&again).expect("what was written can be read");
            assert_eq!(frame_of(read), frame_of(event));
        }
        Err(error) => check_error(&error),
    }
}

fn check_record(bytes: &[u8]) {
    let (record, taken) = match read_record(bytes) {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(view_record(bytes).expect_err("it is refused"), error);
            return check_error(&error);
        }
    };
    assert!(taken <= bytes.len());
    check_view(bytes, &record, taken);
    assert!(matches!(record.kind, RecordKind::Next | RecordKind::Again));
    let place = (record.sequence, record.accepted_ms);
    let mut again = Vec::new();
    put_record(&mut again, record.kind, place, &record.event.content()).expect("it fitted before");
    let (read, length) = read_record(&again).expect("what was written can be read");
    assert_eq!(length, again.len());
    assert_eq!((read.kind, read.sequence, read.accepted_ms), (record.kind, place.0, place.1));
    assert_eq!(read.event.content(), record.event.content());
    assert_eq!(frame_of(read.event), frame_of(record.event));
}

/// Whoever needs no event sees the same record.
fn check_view(bytes: &[u8], record: &Record, taken: usize) {
    let (view, viewed) = view_record(bytes).expect("it can be read");
    assert_eq!((viewed, view.kind), (taken, record.kind));
    assert_eq!((view.sequence, view.accepted_ms), (record.sequence, record.accepted_ms));
    // Encoding made one kind of line breaks.
    let content = record.event.content();
    assert_eq!(EventContent { data: content.data, ..view.content }, content);
}

/// Makes a data folder of some bytes, opens it, and repairs it if it is refused: then it has to open,
/// and to show the same.
pub(crate) fn recovery(folder: &Path, bytes: &[u8]) {
    super::file::fuzzing::recovery(folder, bytes);
}

fn frame_of(event: EncodedEvent) -> Vec<u8> {
    let (epoch, at) = (Epoch::begun_at(1_000, 7), (1_000, Instant::now()));
    event.assign(Sequence(1), at, epoch, &Buffers::default()).frame().to_vec()
}

fn check_error(error: &RecordError) {
    // One of a topic quotes it, and a topic in a file may be long.
    if !matches!(error, RecordError::Content(_)) {
        check_message(&error.to_string());
    }
}

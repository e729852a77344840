//! What memory has of a log that is opened: the newest events, and what rules keep of the older ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::OpenError;
use super::chain::SegmentChain;
use super::cold_page::{ColdPageKey, LoadedPage, ReadDirection, ReadFault};
use super::disk::Disk;
use super::identity::LogIdentity;
use super::indexed_segment::IndexedSegment;
use super::newest_batches::{NewestBatch, NewestBatches};
use super::retained::RetainedStart;
use super::segment_reader::SegmentReader;
use crate::event::{Buffers, Event, Sequence};
use crate::log::KeptSettings;
use crate::log::record::{RecordKind, read_record};
use crate::log::window::Window;

/// How much before the newest segment is read into memory, in events and in bytes of frames: clients that
/// were cut off by a restart are hardly farther behind.
const FILLED_MAX: usize = 10_000;
const FILLED_BYTES_MAX: usize = 16 << 20;

/// The window with the events of the newest segment, and some of before it.
pub(super) fn filled_window<D: Disk>(
    segments: &[Arc<IndexedSegment>],
    reader: &SegmentReader<D>,
    (chain, identity): (&SegmentChain<D>, LogIdentity),
    newest: &NewestBatches,
    (kept, buffers): (KeptSettings, &Buffers),
) -> Window {
    let active_first = chain.active_first();
    let key = ColdPageKey {
        direction: ReadDirection::Backwards,
        from: active_first.previous(),
        topics: None,
        events_max: FILLED_MAX,
        bytes_max: FILLED_BYTES_MAX,
    };
    let mut before = match reader.load(segments, &key) {
        LoadedPage::Events { events, .. } => events,
        LoadedPage::Unreadable { .. } => Vec::new(),
    };
    let newest_ms = segments.iter().map(|segment| segment.head.newest_ms).max().unwrap_or(0);
    let is_from_first = before.last().is_none_or(|first| first.sequence() == Sequence(1));
    let oldest = if is_from_first { None } else { before.pop() };
    let begin = match &oldest {
        // It stays on the disk alone: when the event before it was accepted is not known here, and the id of a
        // client that has seen that one has to fit.
        Some(oldest) => (oldest.sequence(), oldest.accepted_ms()),
        None if before.is_empty() => (active_first.previous(), newest_ms.max(identity.created_ms)),
        None => (Sequence(0), identity.created_ms),
    };
    let last_uncounted = segments.iter().map(|segment| segment.head.last_uncounted).max();
    let last_uncounted = last_uncounted.unwrap_or_default();
    let filled = Window::resumed_after(begin, last_uncounted, identity.epoch, buffers.clone());
    let filled = match oldest.is_none() && before.is_empty() && active_first > Sequence(1) {
        true => filled.with_latest_start(),
        false => filled,
    };
    let mut filled = filled.with_rules(kept);
    for event in before.iter().rev() {
        filled.hole_through(event.sequence().previous());
        if let Ok(encoded) = event.content().encode() {
            filled.push(encoded, event.sequence(), (event.accepted_ms(), None));
        }
    }
    filled.hole_through(active_first.previous());
    for batch in &newest.batches {
        fill_from_batch(&mut filled, batch);
    }
    filled.hole_through(chain.next().previous());
    filled
}

fn fill_from_batch(window: &mut Window, batch: &NewestBatch) {
    let mut rest = &batch.records[..];
    let end = batch.first.0 + batch.count;
    window.hole_through(batch.first.previous());
    while let Ok((record, bytes)) = read_record(rest) {
        // What does not follow is no event of this batch, whatever its check says.
        let is_next = record.sequence == window.bounds().head.next();
        if record.kind != RecordKind::Next || !is_next || record.sequence.0 >= end {
            break;
        }
        window.push(record.event, record.sequence, (record.accepted_ms, None));
        rest = &rest[bytes..];
    }
    window.hole_through(Sequence(end).previous());
}

/// What is retained when the log has been opened, by what the segments and the window say.
pub(super) fn start_of<D: Disk>(
    segments: &[Arc<IndexedSegment>],
    reader: &SegmentReader<D>,
    chain: &SegmentChain<D>,
    identity: LogIdentity,
    window: Window,
) -> RetainedStart {
    let first_indexed = segments.first().map(|segment| segment.head.first);
    let oldest = first_indexed.unwrap_or(chain.active_first()).min(window.oldest());
    let oldest_ms = match window.time_at(oldest).filter(|_| oldest <= window.bounds().head) {
        Some(ms) => Some(ms),
        None => reader.first_from(segments, oldest).map(|event| event.accepted_ms()),
    };
    RetainedStart {
        segments: segments.to_vec(),
        active_first: chain.active_first(),
        active_bytes: chain.active_bytes(),
        oldest,
        // When what was before the oldest event was accepted is not known any more, but no later.
        start_ms: oldest_ms.filter(|_| oldest > Sequence(1)).unwrap_or(identity.created_ms),
        oldest_ms,
        window,
        restored: Vec::new(),
    }
}

/// Keeps what was written again of the events before the oldest segment, as far as rules still want it.
pub(super) fn restore<D: Disk>(
    start: &mut RetainedStart,
    reader: &SegmentReader<D>,
    newest: &NewestBatches,
    now_ms: u64,
) -> Result<(), OpenError> {
    let mut found = BTreeMap::new();
    let mut note = |events: Vec<Arc<Event>>, segment| {
        // Of those that are in the segments as well nothing has to be restored.
        let of_before = events.into_iter().filter(|event| event.sequence() < start.oldest);
        found.extend(of_before.map(|event| (event.sequence(), (event, segment))));
    };
    for segment in &start.segments {
        match reader.written_again(segment) {
            Ok(events) => note(events, segment.head.first),
            // The next start may find them.
            Err(error) if ReadFault::of(&error) == ReadFault::Passing => return Err(error.into()),
            Err(error) => tracing::error!(
                segment = %segment.head.first,
                "what rules had kept cannot be read, and is kept no longer: {error}"
            ),
        }
    }
    for records in &newest.again {
        note(reader.events_again(records), newest.segment);
    }
    let segments: Vec<_> = found.iter().map(|(event, (_, segment))| (*event, *segment)).collect();
    start.window.adopt(found.into_values().map(|(event, _)| event).collect(), now_ms);
    let kept = segments.into_iter().filter(|(event, _)| start.window.is_kept(*event));
    start.restored = kept.collect();
    Ok(())
}

//! Scanning a segment: which batches are whole, where they end, and what is behind them. Nothing is
//! changed and nothing is decided here.

use std::io;
use std::ops::Range;

use super::super::batch::{self, BatchHead, Salt, SegmentBatch};
use super::super::disk::{FileContent, is_media_error};
use super::super::segment::{BATCHES_AT, ReadHead, SegmentHead};
use crate::event::Sequence;

/// A batch that was found, and where.
#[derive(Clone, Copy, Debug)]
pub(in crate::log::file) struct FoundBatch<'a> {
    /// The segment that it is in, by its first event.
    pub(in crate::log::file) segment: Sequence,
    /// Where in it its records begin.
    pub(in crate::log::file) records_at: u64,
    pub(in crate::log::file) batch: SegmentBatch<'a>,
}

/// What is whole of a segment: the batches from its beginning that follow on each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct WholePart {
    /// Where the last one ends.
    pub(super) end: usize,
    /// Up to where it is known to have been synced.
    pub(super) synced: usize,
    /// The sequence behind the last one.
    pub(super) next: Sequence,
    /// The check of the last one, if there is one.
    pub(super) last_check: Option<u32>,
    pub(super) rest: SegmentRest,
}

/// What is behind the last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SegmentRest {
    Nothing,
    /// Room for batches to come.
    Zeros,
    /// Something that nothing says was synced.
    Unsynced,
    /// Something that was synced, and so was whole.
    Synced,
}

/// Goes through the batches of a segment and shows each.
pub(super) fn scan(
    bytes: &[u8],
    head: SegmentHead,
    each: &mut impl FnMut(FoundBatch<'_>),
) -> WholePart {
    let begin = batches_at().min(bytes.len());
    let (next, last_check, rest) = (head.first, None, SegmentRest::Nothing);
    let mut part = WholePart { end: begin, synced: begin, next, last_check, rest };
    while let Some(batch) = batch::read(&bytes[part.end..], head.salt) {
        if batch.head.first != part.next {
            break;
        }
        let records_at = (part.end + batch::HEADER_BYTES) as u64;
        each(FoundBatch { segment: head.first, records_at, batch });
        (part.next, part.last_check) = (batch.head.next(), Some(batch.check));
        let synced = usize::try_from(batch.head.synced).unwrap_or(begin);
        part.synced = part.synced.max(synced.min(part.end));
        part.end = bytes.len().min(part.end + batch::whole_bytes(batch.records.len()));
    }
    part.rest = rest_at(bytes, part.end, head.salt);
    part
}

fn rest_at(bytes: &[u8], end: usize, salt: Salt) -> SegmentRest {
    match &bytes[end..] {
        [] => SegmentRest::Nothing,
        rest if is_zero(rest) => SegmentRest::Zeros,
        _ if was_synced(bytes, end, salt) => SegmentRest::Synced,
        _ => SegmentRest::Unsynced,
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    bytes.chunks(ZEROS.len()).all(|part| *part == ZEROS[..part.len()])
}

/// Whether what begins at a position had been synced: a batch behind it says so.
fn was_synced(bytes: &[u8], at: usize, salt: Salt) -> bool {
    let behind = batch::candidates(bytes, at);
    let mut whole = behind.filter_map(|begin| batch::read(&bytes[begin..], salt));
    whole.any(|batch| batch.head.synced > at as u64)
}

/// All batches of a segment that are whole, wherever they are, and where.
pub(super) fn whole_batches(bytes: &[u8], salt: Salt) -> Vec<(usize, SegmentBatch<'_>)> {
    let mut end = batches_at();
    let mut whole = Vec::new();
    for at in batch::candidates(bytes, batches_at()) {
        if at < end {
            continue;
        }
        if let Some(batch) = batch::read(&bytes[at..], salt) {
            end = at + batch::whole_bytes(batch.records.len());
            whole.push((at, batch));
        }
    }
    whole
}

/// Those of them that follow on each other, though not closely, from a sequence on and up to another.
pub(super) fn batches_within(
    bytes: &[u8],
    salt: Salt,
    from: Sequence,
    limit: Option<Sequence>,
) -> Vec<(usize, SegmentBatch<'_>)> {
    let mut next = from;
    let mut batches = whole_batches(bytes, salt);
    batches.retain(|(_, batch)| {
        let BatchHead { first, .. } = batch.head;
        let is_within = limit.is_none_or(|limit| batch.head.next() <= limit);
        let follows = first >= next && is_within;
        if follows {
            next = batch.head.next();
        }
        follows
    });
    batches
}

/// Whether the newest segment was being made when the machine went down, so that nothing was ever in it.
pub(super) fn is_unbegun(bytes: &[u8]) -> bool {
    let is_bad = SegmentHead::read(bytes) == ReadHead::Bad || bytes.len() < batches_at();
    is_bad && batch::candidates(bytes, batches_at()).next().is_none()
}

/// Up to where the newest segment may have reached whose header is lost. Its batches cannot be verified
/// without the salt, so that what they say is believed only for the length of a hole: no sequence of
/// theirs is to be given to another event.
pub(super) fn claimed(bytes: &[u8], first: Sequence) -> Sequence {
    claimed_behind(bytes, batches_at(), first)
}

/// The same for what is behind a place in it, where a sequence is the next.
pub(super) fn claimed_behind(bytes: &[u8], from: usize, next: Sequence) -> Sequence {
    let max = Sequence(next.0.saturating_add(bytes.len() as u64)).min(Sequence::MAX.next());
    let claims = batch::candidates(bytes, from.next_multiple_of(batch::ALIGNMENT))
        .filter_map(|at| batch::claimed_next(&bytes[at..]))
        .filter(|claimed| *claimed <= max);
    claims.max().unwrap_or(next).max(next)
}

/// Where the batches of a segment begin.
pub(super) fn batches_at() -> usize {
    usize::try_from(BATCHES_AT).unwrap_or(usize::MAX)
}

/// All that is in a file.
pub(in crate::log::file) fn content<F: FileContent>(file: &F) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.bytes()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let count = file.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// What a disk still reads of a file.
pub(super) struct ReadableContent {
    /// All of it. In what cannot be read stands a byte of which no batch is whole.
    pub(super) bytes: Vec<u8>,
    pub(super) unreadable: Vec<Range<usize>>,
}

/// What is read at once where something cannot be read: disks fail by sectors of this size at most.
const SECTOR_BYTES: usize = 4_096;

/// All of a file that can be read.
///
/// # Errors
/// When it is not the disk that fails.
pub(super) fn readable_content<F: FileContent>(file: &F) -> io::Result<ReadableContent> {
    match content(file) {
        Ok(bytes) => return Ok(ReadableContent { bytes, unreadable: Vec::new() }),
        Err(error) if !is_media_error(&error) => return Err(error),
        Err(_) => {}
    }
    let length = usize::try_from(file.bytes()?).map_err(io::Error::other)?;
    let mut bytes = vec![0xff; length];
    let mut unreadable: Vec<Range<usize>> = Vec::new();
    for (number, sector) in bytes.chunks_mut(SECTOR_BYTES).enumerate() {
        let at = number * SECTOR_BYTES;
        match file.read_at(sector, at as u64) {
            Ok(_) => continue,
            Err(error) if !is_media_error(&error) => return Err(error),
            Err(_) => {}
        }
        sector.fill(0xff);
        let end = at + sector.len();
        match unreadable.last_mut().filter(|last| last.end == at) {
            Some(last) => last.end = end,
            None => unreadable.push(at..end),
        }
    }
    Ok(ReadableContent { bytes, unreadable })
}

//! The entry point for fuzzing bodies of NDJSON.

use bytes::Bytes;

use super::event_line;
use super::lines::{Line, Lines};
use crate::event::EventLimits;
use crate::event::fuzzing::{check_draft, check_message};
use crate::memory::MemoryBudget;

/// Long enough for an event, short enough that a fuzzer reaches it.
const LINE_BYTES_MAX: usize = 512;

/// A body, after a byte that says in how large chunks it comes. The lines are the same however it
/// is cut, and none is longer than a line may be.
///
/// # Panics
/// When they are not.
pub fn ndjson(bytes: &[u8]) {
    let Some((&size, body)) = bytes.split_first() else { return };
    let memory = MemoryBudget::new(1 << 20);
    let lines = cut(body, body.len().max(1), &memory);
    assert_eq!(cut(body, usize::from(size).max(1), &memory), lines, "in pieces of {size}");
    assert_eq!(memory.held(), 0, "what is let go of is not counted any more");
    for (index, (number, bytes)) in lines.iter().enumerate() {
        assert!(*number > index as u64);
        let Some(bytes) = bytes else { continue };
        assert!(bytes.len() <= LINE_BYTES_MAX);
        match event_line::read(bytes, EventLimits::default().topics_max) {
            Ok(fields) => check_draft(fields),
            Err(problem) => check_message(&problem.to_string()),
        }
    }
}

/// The number and the bytes of each line; of one that is too long, its number alone.
fn cut(body: &[u8], size: usize, memory: &MemoryBudget) -> Vec<(u64, Option<Bytes>)> {
    let mut lines = Lines::new(LINE_BYTES_MAX, memory);
    let mut found = Vec::new();
    let plain = |line: Line| (line.number, line.bytes.ok());
    for piece in body.chunks(size) {
        lines.feed(Bytes::copy_from_slice(piece));
        found.extend((&mut lines).map(plain));
        lines.piece_published();
    }
    lines.end();
    found.extend((&mut lines).map(plain));
    found
}

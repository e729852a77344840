//! The entry point for fuzzing bodies of NDJSON.

use super::{Fields, Line, Lines};
use crate::fuzzing::{check_draft, check_message};

/// Long enough for an event, short enough that a fuzzer reaches it.
const LINE_BYTES_MAX: usize = 512;

/// A body, after a byte that says in how large pieces it comes. The lines are the same however it is
/// cut, and none is longer than a line may be.
///
/// # Panics
/// When they are not.
pub fn ndjson(bytes: &[u8]) {
    let Some((&size, body)) = bytes.split_first() else { return };
    let lines = cut(body, body.len().max(1));
    assert_eq!(cut(body, usize::from(size).max(1)), lines, "in pieces of {size}");
    for (index, line) in lines.iter().enumerate() {
        assert!(line.number > index as u64);
        let Some(bytes) = &line.bytes else { continue };
        assert!(bytes.len() <= LINE_BYTES_MAX);
        let Ok(fields) = serde_json::from_slice::<Fields<'_>>(bytes) else { continue };
        match fields.into_draft_fields() {
            Ok(fields) => check_draft(fields),
            Err(problem) => check_message(&problem.to_string()),
        }
    }
}

fn cut(body: &[u8], size: usize) -> Vec<Line> {
    let mut lines = Lines::new(LINE_BYTES_MAX);
    let mut found = Vec::new();
    for piece in body.chunks(size) {
        lines.feed(piece);
        found.extend(&mut lines);
    }
    lines.end();
    found.extend(&mut lines);
    found
}

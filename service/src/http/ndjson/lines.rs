//! Cuts a body into lines, of which only an incomplete one is kept.
//!
//! A line that lies whole in a chunk of the body is a slice of it; only what a chunk ends with is
//! copied, into a buffer that is counted. A line that is too long, or for which there is no room,
//! is thrown away as it comes: it is one error, and the next line is read.

use bytes::Bytes;
use memchr::memchr;

use crate::http::body_memory::{CountedBuffer, Full};
use crate::memory::{HeldMemory, MemoryBudget};

/// A byte-order mark, which some programs write before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a body.
#[derive(Debug)]
pub(super) struct Lines {
    memory: MemoryBudget,
    bytes_max: usize,
    /// What has not been cut yet.
    piece: Bytes,
    /// The count of the chunk, for as long as its lines are being published; `None` when there was
    /// no room for it.
    piece_held: Option<HeldMemory>,
    /// The beginning of a line whose end has not come.
    unfinished: CountedBuffer,
    /// Why that line is thrown away.
    fault: Option<Full>,
    /// Something of a line has come, whether it is kept or thrown away.
    in_line: bool,
    ended: bool,
    /// Of the last line that came out.
    number: u64,
}

#[derive(Debug)]
pub(super) struct Line {
    /// The first is 1; blank ones count.
    pub(super) number: u64,
    /// Its bytes, without the line break.
    pub(super) bytes: Result<Bytes, Full>,
    /// The count of a line that came in several chunks.
    pub(super) held: Option<HeldMemory>,
}

impl Lines {
    /// Lines of so many bytes at most.
    pub(super) fn new(bytes_max: usize, memory: &MemoryBudget) -> Self {
        Self {
            memory: memory.clone(),
            bytes_max,
            piece: Bytes::new(),
            piece_held: None,
            unfinished: CountedBuffer::new(memory, bytes_max),
            fault: None,
            in_line: false,
            ended: false,
            number: 0,
        }
    }

    /// Takes the next chunk of the body. All lines of the chunk before have been taken out.
    pub(super) fn feed(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "what has not been cut would be lost");
        self.piece_held = self.memory.hold(piece.len()).ok();
        self.piece = piece;
    }

    /// The events of all lines that came out have been handed on, and hold nothing any more.
    pub(super) fn piece_published(&mut self) {
        self.piece_held = None;
    }

    /// Nothing more comes: what is left is the last line.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The number of the line of which something has come, and not its end.
    pub(super) fn unfinished(&self) -> Option<u64> {
        self.in_line.then(|| self.next_number())
    }

    /// The number of the line that comes next.
    pub(super) fn next_number(&self) -> u64 {
        self.number + 1
    }

    /// The longest line.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    fn next_raw(&mut self) -> Option<Line> {
        if let Some(end) = memchr(b'\n', &self.piece) {
            let mut last = self.piece.split_to(end + 1);
            last.truncate(end);
            return Some(self.complete(last));
        }
        let rest = std::mem::take(&mut self.piece);
        self.keep(&rest);
        (self.ended && self.in_line).then(|| self.complete(Bytes::new()))
    }

    fn keep(&mut self, part: &[u8]) {
        self.in_line |= !part.is_empty();
        if self.fault.is_none()
            && let Err(full) = self.unfinished.extend(part)
        {
            self.unfinished.clear();
            self.fault = Some(full);
        }
    }

    /// A line whose last bytes these are.
    fn complete(&mut self, last: Bytes) -> Line {
        self.number += 1;
        let (bytes, held) = if std::mem::take(&mut self.in_line) {
            self.keep(&last);
            self.in_line = false;
            let (bytes, held) = self.unfinished.take();
            (self.fault.take().map_or(Ok(bytes.into()), Err), Some(held))
        } else if last.len() > self.bytes_max {
            (Err(Full::TooLong), None)
        } else if self.piece_held.is_none() {
            (Err(Full::NoRoom), None)
        } else {
            (Ok(last), None)
        };
        Line { number: self.number, bytes: bytes.map(|bytes| self.without_mark(bytes)), held }
    }

    fn without_mark(&self, bytes: Bytes) -> Bytes {
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            return bytes.slice(BYTE_ORDER_MARK.len()..);
        }
        bytes
    }
}

impl Iterator for Lines {
    type Item = Line;

    /// The next complete line; blank ones are counted and passed over.
    fn next(&mut self) -> Option<Line> {
        loop {
            let line = self.next_raw()?;
            if line.bytes.as_ref().is_ok_and(|bytes| bytes.trim_ascii().is_empty()) {
                continue;
            }
            return Some(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Cut = (u64, Result<String, Full>);

    fn cut(text: &[u8], piece_bytes: usize, bytes_max: usize) -> Vec<Cut> {
        let mut lines = Lines::new(bytes_max, &MemoryBudget::new(1 << 20));
        let mut found = Vec::new();
        for piece in text.chunks(piece_bytes.max(1)) {
            lines.feed(Bytes::copy_from_slice(piece));
            found.extend(&mut lines);
        }
        lines.end();
        found.extend(&mut lines);
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
        found.into_iter().map(|line| (line.number, line.bytes.map(text))).collect()
    }

    fn good(number: u64, text: &str) -> Cut {
        (number, Ok(text.to_owned()))
    }

    #[test]
    fn lines_come_out_whole_wherever_the_body_was_split() {
        for piece_bytes in 1..12 {
            let found = cut(b"one\ntwo\r\n\n  \nfive", piece_bytes, 100);
            let expected = [good(1, "one"), good(2, "two\r"), good(5, "five")];
            assert_eq!(found, expected, "pieces of {piece_bytes}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_one_error_and_the_next_one_is_read() {
        for piece_bytes in 1..12 {
            let found = cut(b"123456789\nok\n123456789", piece_bytes, 5);
            let expected = [(1, Err(Full::TooLong)), good(2, "ok"), (3, Err(Full::TooLong))];
            assert_eq!(found, expected, "pieces of {piece_bytes}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_at_the_very_beginning_and_nowhere_else() {
        for piece_bytes in 1..12 {
            let found = cut("\u{feff}one\n\u{feff}two".as_bytes(), piece_bytes, 100);
            assert_eq!(found, [good(1, "one"), good(2, "\u{feff}two")], "pieces of {piece_bytes}");
            assert_eq!(cut("\u{feff}\ntwo".as_bytes(), piece_bytes, 100), [good(2, "two")]);
        }
    }

    #[test]
    fn a_line_that_is_not_complete_is_counted_and_given_back_with_its_event() {
        let memory = MemoryBudget::new(100);
        let mut lines = Lines::new(80, &memory);
        for _ in 0..6 {
            lines.feed(Bytes::from_static(b"0123456789"));
            assert!(lines.next().is_none());
            lines.piece_published();
        }
        assert!((60..=80).contains(&memory.held()), "{}", memory.held());
        assert_eq!(lines.unfinished(), Some(1));
        lines.feed(Bytes::from_static(b"\n"));
        let line = lines.next().unwrap();
        assert_eq!((line.bytes.unwrap().len(), lines.unfinished()), (60, None));
        assert!(memory.held() >= 60, "its event has not been handed on");
        assert!(lines.next().is_none());
        lines.piece_published();
        drop(line.held);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn a_line_without_room_is_an_error_and_lets_go_of_what_it_held() {
        let memory = MemoryBudget::new(100);
        let mut lines = Lines::new(80, &memory);
        lines.feed(Bytes::from_static(b"begun "));
        assert!(lines.next().is_none());
        lines.piece_published();
        let others = memory.hold(100 - memory.held()).unwrap();
        lines.feed(Bytes::from_static(b"and\nwhole\nunfinished"));
        let found: Vec<_> = (&mut lines).map(|line| (line.number, line.bytes.err())).collect();
        assert_eq!(found, [(1, Some(Full::NoRoom)), (2, Some(Full::NoRoom))]);
        drop(others);
        lines.feed(Bytes::from_static(b"\ngood\n"));
        let found: Vec<_> = (&mut lines).map(|line| (line.number, line.bytes.ok())).collect();
        assert_eq!(found, [(3, None), (4, Some(Bytes::from_static(b"good")))]);
        lines.piece_published();
        assert_eq!(memory.held(), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_the_same_way_however_they_arrive(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            piece_bytes in 1_usize..50,
        ) {
            prop_assert_eq!(cut(&bytes, piece_bytes, 40), cut(&bytes, 1_000, 40));
        }
    }
}

//! The parser: a line at a time, state only for what a segment of input cut off.
//!
//! Invariant between two calls: `partial` holds the bytes of the line that has not ended yet, and
//! `data` holds the data lines of the event that has not ended yet. Both are empty, and use no
//! memory, for a stream that rests between two events.

use std::mem;
use std::ops::Range;

use memchr::memchr2;

/// Bytes of a line, and of the data of an event, unless set otherwise. Browsers have no limit; a
/// generator with 19,000 streams needs one.
const LONGEST: usize = 16 << 20;

/// A buffer larger than this is given back when it is empty again.
const KEEP: usize = 1 << 10;

/// An event that has been dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event` field; empty means `message`.
    pub kind: &'a [u8],
    /// The `data` lines, joined by line feeds.
    pub data: &'a [u8],
    /// The last event id in force, from this event or one before it.
    pub id: &'a [u8],
}

/// A line or an event is longer than the limit: the stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line or an event is longer than {0} bytes")]
pub struct TooLong(usize);

/// The state of one stream.
#[derive(Debug, Default)]
pub struct Parser {
    partial: Vec<u8>,
    data: Vec<u8>,
    kind: Vec<u8>,
    /// Set by an `id` field, in force from the end of its event.
    next_id: Vec<u8>,
    last_id: Vec<u8>,
    has_next_id: bool,
    /// How many `data` fields the event has so far.
    data_lines: u32,
    /// Milliseconds, from the last `retry` field.
    retry: Option<u32>,
    comments: u32,
    /// Lines that are neither a field nor a comment.
    strange: u32,
    /// There was a field or a comment in this stream.
    has_known: bool,
    /// The last segment ended with CR: an LF that follows belongs to it.
    skip_lf: bool,
    /// The first line has been seen, so a byte order mark is no longer one.
    begun: bool,
}

impl Parser {
    /// Reads a segment and calls `on_event` for each event that it completes.
    ///
    /// # Errors
    /// When a line or the data of an event is longer than 16 MiB.
    pub fn feed(
        &mut self,
        input: &[u8],
        mut on_event: impl FnMut(Event<'_>),
    ) -> Result<(), TooLong> {
        // The data line of an unfinished event, as long as it is the only one and lies in `input`.
        let mut span: Option<Range<usize>> = None;
        let mut at = 0;
        // An empty segment says nothing of what follows a `\r`.
        if let Some(&first) = input.first()
            && mem::take(&mut self.skip_lf)
            && first == b'\n'
        {
            at = 1;
        }
        while let Some(length) = memchr2(b'\n', b'\r', &input[at..]) {
            let end = at + length;
            if self.partial.is_empty() && self.begun {
                self.line(&input[at..end], Some((input, at)), &mut span, &mut on_event);
            } else {
                self.partial.extend_from_slice(&input[at..end]);
                self.line_in_pieces(input, &mut span, &mut on_event);
            }
            at = end + 1;
            if input[end] == b'\r' {
                match input.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.skip_lf = true,
                }
            }
        }
        self.partial.extend_from_slice(&input[at..]);
        if let Some(span) = span {
            self.data.extend_from_slice(&input[span]);
        }
        let longest = self.partial.len().max(self.data.len());
        if longest > LONGEST { Err(TooLong(LONGEST)) } else { Ok(()) }
    }

    /// The stream has ended: what had not been dispatched is dropped, as the standard says. The
    /// last event id and the retry time stay.
    pub fn end(&mut self) {
        let kept = Self {
            last_id: mem::take(&mut self.last_id),
            retry: self.retry,
            comments: self.comments,
            ..Self::default()
        };
        *self = kept;
    }

    /// What a new attempt sends as `Last-Event-ID`; empty means nothing.
    #[must_use]
    pub fn last_id(&self) -> &[u8] {
        &self.last_id
    }

    /// How long to wait before a new attempt, in milliseconds, when the server has said so.
    #[must_use]
    pub fn retry(&self) -> Option<u32> {
        self.retry
    }

    /// How many comment lines there were.
    #[must_use]
    pub fn comments(&self) -> u32 {
        self.comments
    }

    /// Whether what has come of this stream holds something, and no line of an event stream. The
    /// standard has unknown fields ignored, so a page of HTML is a stream of no events.
    #[must_use]
    pub fn is_strange(&self) -> bool {
        let unlike = self.partial.first().is_some_and(|first| !b"dier:\xef".contains(first));
        !self.has_known && (self.strange > 0 || unlike)
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap(&self) -> usize {
        let buffers = [&self.partial, &self.data, &self.kind, &self.next_id, &self.last_id];
        buffers.iter().map(|buffer| buffer.capacity()).sum()
    }

    /// The line in `partial`: one that came in several segments, or the first of the stream.
    fn line_in_pieces(
        &mut self,
        input: &[u8],
        span: &mut Option<Range<usize>>,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        let mut line = mem::take(&mut self.partial);
        let mark = if mem::replace(&mut self.begun, true) { None } else { byte_order_mark(&line) };
        if let Some(span) = span.take() {
            // The data that lies in this input must come before what this line may add.
            self.data.extend_from_slice(&input[span]);
        }
        self.line(&line[mark.unwrap_or(0)..], None, span, on_event);
        line.clear();
        give_back(&mut line);
        self.partial = line;
    }

    /// One line without its end. `source` is the input and the line's place in it, if it lies
    /// there.
    fn line(
        &mut self,
        line: &[u8],
        source: Option<(&[u8], usize)>,
        span: &mut Option<Range<usize>>,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        let is_known = match line {
            [] => {
                self.dispatch(source.map(|(input, _)| input), span.take(), on_event);
                return;
            }
            [b':', ..] => {
                self.comments = self.comments.saturating_add(1);
                true
            }
            [b'd', b'a', b't', b'a', rest @ ..] => value(rest).is_some_and(|value| {
                let place = source.map(|(input, at)| (input, at + line.len() - value.len()));
                self.data_line(value, place, span);
                true
            }),
            [b'i', b'd', rest @ ..] => value(rest).is_some_and(|value| {
                if !value.contains(&0) {
                    replace(&mut self.next_id, value);
                    self.has_next_id = true;
                }
                true
            }),
            [b'e', b'v', b'e', b'n', b't', rest @ ..] => value(rest).is_some_and(|value| {
                replace(&mut self.kind, value);
                true
            }),
            [b'r', b'e', b't', b'r', b'y', rest @ ..] => value(rest).is_some_and(|value| {
                self.retry = digits(value).or(self.retry);
                true
            }),
            _ => false,
        };
        self.has_known |= is_known;
        self.strange = self.strange.saturating_add(u32::from(!is_known));
    }

    fn data_line(
        &mut self,
        value: &[u8],
        place: Option<(&[u8], usize)>,
        span: &mut Option<Range<usize>>,
    ) {
        self.data_lines = self.data_lines.saturating_add(1);
        if self.data_lines == 1 {
            match place {
                Some((_, at)) => *span = Some(at..at + value.len()),
                None => self.data.extend_from_slice(value),
            }
            return;
        }
        if let (Some(first), Some((input, _))) = (span.take(), place) {
            self.data.extend_from_slice(&input[first]);
        }
        self.data.push(b'\n');
        self.data.extend_from_slice(value);
    }

    /// A blank line: the id is in force from here, and an event with data goes out.
    fn dispatch(
        &mut self,
        input: Option<&[u8]>,
        span: Option<Range<usize>>,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        if mem::take(&mut self.has_next_id) {
            mem::swap(&mut self.last_id, &mut self.next_id);
        }
        if mem::take(&mut self.data_lines) > 0 {
            let data = match (span, input) {
                (Some(span), Some(input)) => &input[span],
                _ => self.data.as_slice(),
            };
            on_event(Event { kind: &self.kind, data, id: &self.last_id });
        }
        self.data.clear();
        give_back(&mut self.data);
        self.kind.clear();
    }
}

/// What follows a field's name: nothing when the name goes on, so that it is another field.
fn value(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [] => Some(rest),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// A number of ASCII digits and nothing else. Longer than any wait that makes sense counts as the
/// longest.
fn digits(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some(value.iter().fold(0, add))
}

fn byte_order_mark(line: &[u8]) -> Option<usize> {
    line.starts_with(b"\xef\xbb\xbf").then_some(3)
}

fn replace(buffer: &mut Vec<u8>, value: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(value);
}

fn give_back(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEEP {
        *buffer = Vec::new();
    }
}

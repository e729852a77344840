//! Tables of streams and the events that they hold, read in every way in which they can be cut.

use proptest::prelude::*;

use super::Parser;

/// An event, with text for bytes: kind, data, id.
pub(super) type Seen = (String, String, String);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The events of a stream that comes in these segments.
pub(super) fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, Parser) {
    let mut parser = Parser::default();
    let mut seen = Vec::new();
    for piece in pieces {
        let taken = parser.feed(piece, |event| {
            seen.push((text(event.kind), text(event.data), text(event.id)));
        });
        taken.expect("short lines");
    }
    (seen, parser)
}

/// The events of a stream, the same however it is cut in two or in single bytes.
pub(super) fn read(stream: &[u8]) -> Vec<Seen> {
    let (whole, _) = read_pieces([stream]);
    for cut in 0..=stream.len() {
        let (left, right) = stream.split_at(cut);
        assert_eq!(read_pieces([left, right]).0, whole, "cut at {cut} of {:?}", text(stream));
    }
    assert_eq!(read_pieces(stream.chunks(1)).0, whole, "in single bytes: {:?}", text(stream));
    // A frame of HTTP/2 may be empty, also between the two bytes of a line end.
    let with_empty = stream.chunks(1).flat_map(|byte| [&[][..], byte]);
    assert_eq!(read_pieces(with_empty).0, whole, "with empty pieces: {:?}", text(stream));
    whole
}

/// Only the data of each event.
pub(super) fn data(stream: &[u8]) -> Vec<String> {
    read(stream).into_iter().map(|(_, data, _)| data).collect()
}

fn seen(kind: &str, data: &str, id: &str) -> Seen {
    (kind.to_owned(), data.to_owned(), id.to_owned())
}

#[test]
fn every_line_end_reads_the_same_at_every_cut() {
    let lines =
        ["\u{feff}: hello", "id: 7", "event: tick", "data: a", "data: b", "retry: 250", "", ""];
    for end in ["\n", "\r", "\r\n"] {
        let stream = lines.join(end) + end;
        assert_eq!(read(stream.as_bytes()), [seen("tick", "a\nb", "7")], "{end:?}");
    }
}

#[test]
fn an_id_alone_is_no_event_and_is_what_a_new_attempt_goes_on_from() {
    const FIRST: &str = "e:0Rz_-9aAbBcC012345678";
    const LAST: &str = "e:0Rz_-9aAbBcC012345679";
    let cases = [
        (format!(": hello\n\nid: {FIRST}\n\n"), vec![], FIRST),
        (format!("id: {FIRST}\n\ndata: x\n\n"), vec![seen("", "x", FIRST)], FIRST),
        // A heartbeat renews it; one that is cut off does not.
        (format!("id: {FIRST}\n\n:\nid: {LAST}\n\n"), vec![], LAST),
        (format!("id: {FIRST}\n\n:\nid: {LAST}\n"), vec![], FIRST),
        (format!("id: {FIRST}\ndata: x\n\nid: {LAST}\n\n"), vec![seen("", "x", FIRST)], LAST),
    ];
    for (stream, events, last) in cases {
        assert_eq!(read(stream.as_bytes()), events, "{stream:?}");
        let (_, mut parser) = read_pieces([stream.as_bytes()]);
        parser.end();
        assert_eq!(text(parser.last_id()), last, "{stream:?}");
    }
}

/// A stream, and the kind, data and id of its events.
type Case = (&'static [u8], &'static [(&'static str, &'static str, &'static str)]);

#[test]
fn fields_are_read_as_the_standard_says() {
    let cases: &[Case] = &[
        (b"data: one\n\n", &[("", "one", "")]),
        // One space is taken off, not two, and no tab.
        (b"data:  two\n\ndata:\tt\n\n", &[("", " two", ""), ("", "\tt", "")]),
        // Empty data is an event; no data is none.
        (b"data\n\ndata:\n\n\n\nevent: x\n\n", &[("", "", ""), ("", "", "")]),
        (b"data\ndata\n\n", &[("", "\n", "")]),
        // An event without its blank line is dropped.
        (b"data: kept\n\ndata: cut off", &[("", "kept", "")]),
        (b"data: kept\n\ndata: cut off\n", &[("", "kept", "")]),
        // The kind is for one event, the id for all that follow.
        (b"event: a\nid: 1\ndata: x\n\ndata: y\n\n", &[("a", "x", "1"), ("", "y", "1")]),
        // An id without data counts; an empty one takes it away; one with NUL is none.
        (b"id: 1\n\ndata: x\n\nid\ndata: y\n\n", &[("", "x", "1"), ("", "y", "")]),
        (b"id: 1\nid: a\0b\ndata: x\n\n", &[("", "x", "1")]),
        // Other fields, and names that only begin like one, are passed over.
        (b"datax: n\nids: n\n data: n\nData: n\n:data: n\ndata: x\n\n", &[("", "x", "")]),
        // A byte order mark counts only as the first character.
        (
            b"\xef\xbb\xbfdata: x\n\n\xef\xbb\xbfdata: y\n\ndata: z\n\n",
            &[("", "x", ""), ("", "z", "")],
        ),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", &[]),
        (b"data:\xef\xbb\xbfx\n\n", &[("", "\u{feff}x", "")]),
        (b"\r\r\n\n\rdata: x\r\n\r\n", &[("", "x", "")]),
        (b"data: a\rdata: b\ndata: c\r\n\r", &[("", "a\nb\nc", "")]),
        (b"data: nul \0 inside\n\n", &[("", "nul \0 inside", "")]),
    ];
    for (stream, events) in cases {
        let wanted: Vec<_> = events.iter().map(|(k, d, i)| seen(k, d, i)).collect();
        assert_eq!(read(stream), wanted, "{:?}", text(stream));
    }
}

#[test]
fn retry_takes_digits_and_nothing_else() {
    let cases: [(&[u8], Option<u32>); 9] = [
        (b"retry: 3000\n", Some(3000)),
        (b"retry:0\n", Some(0)),
        (b"retry: 03000\n", Some(3000)),
        (b"retry\n", None),
        (b"retry: -1\n", None),
        (b"retry: 1.5\n", None),
        (b"retry: 1e3\n", None),
        (b"retry:  5\n", None),
        (b"retry: 99999999999999999999\n", Some(u32::MAX)),
    ];
    for (stream, wanted) in cases {
        assert_eq!(read_pieces([stream]).1.retry(), wanted, "{:?}", text(stream));
    }
}

#[test]
fn the_id_counts_from_the_end_of_its_event_and_outlives_the_stream() {
    let (_, mut parser) = read_pieces([b"id: 1\ndata: x\n\nid: 2\ndata: cut o".as_slice()]);
    parser.end();
    assert_eq!(parser.last_id(), b"1");
    let mut later = Vec::new();
    // A new stream may begin with a byte order mark again.
    let piece = b"\xef\xbb\xbfdata: y\n\n";
    parser.feed(piece, |event| later.push((text(event.data), text(event.id)))).expect("short");
    assert_eq!(later, [("y".to_owned(), "1".to_owned())]);
}

#[test]
fn comments_are_counted() {
    assert_eq!(read_pieces([b": a\n:\n\n:b".as_slice()]).1.comments(), 2);
}

#[test]
fn a_line_without_an_end_is_refused_at_last() {
    let mut parser = Parser::default();
    let piece = vec![b'x'; 1 << 20];
    let refused = (0..40).find_map(|_| parser.feed(&piece, |_| ()).err());
    assert_eq!(
        refused.expect("a limit").to_string(),
        "a line or an event is longer than 16777216 bytes"
    );
}

#[test]
fn a_stream_at_rest_holds_little_memory() {
    let (_, parser) =
        read_pieces([[b"id: 12345\ndata: ", "x".repeat(100_000).as_bytes(), b"\n\n"]
            .concat()
            .as_slice()]);
    assert!(parser.heap() < 128, "{}", parser.heap());
    let mut cut = Parser::default();
    cut.feed(&[b'x'; 100_000], |_| ()).expect("short");
    cut.feed(b"\n", |_| ()).expect("short");
    assert!(cut.heap() < 128, "{}", cut.heap());
}

/// The alphabet of the format.
const WORDS: &[&[u8]] = &[
    b"data",
    b"data: ",
    b"id",
    b"id:",
    b"event:",
    b"retry: 1",
    b":",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"x",
];

proptest! {
    /// Any bytes from the alphabet of the format read the same in any segments.
    #[test]
    fn any_stream_reads_the_same_in_any_pieces(
        stream in proptest::collection::vec(proptest::sample::select(WORDS), 0..40)
            .prop_map(|words| words.concat()),
        cuts in proptest::collection::vec(0_usize..120, 0..8),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.sort_unstable();
        cuts.push(stream.len());
        let mut from = 0;
        let pieces: Vec<&[u8]> =
            cuts.into_iter().map(|cut| &stream[std::mem::replace(&mut from, cut)..cut]).collect();
        let (in_pieces, first) = read_pieces(pieces);
        let (whole, second) = read_pieces([stream.as_slice()]);
        prop_assert_eq!(in_pieces, whole);
        prop_assert_eq!(first.retry(), second.retry());
        prop_assert_eq!(first.comments(), second.comments());
        prop_assert_eq!(first.last_id(), second.last_id());
    }
}

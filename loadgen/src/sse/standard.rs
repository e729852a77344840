//! The streams of the Web Platform Tests, `eventsource/format-*`, as inputs: what a browser must
//! make of them, our parser must make of them. The comments name the test that each is from.

use super::tables::{data, read, read_pieces};

/// The stream of a test and the data of the events that it must give.
type StandardCase = (&'static str, &'static [u8], &'static [&'static str]);

const FORMAT: &[StandardCase] = &[
    ("format-bom", b"\xef\xbb\xbfdata:1\n\n\xef\xbb\xbfdata:2\n\ndata:3\n\n", &["1", "3"]),
    ("format-bom-2", b"\xef\xbb\xbf\xef\xbb\xbfdata:1\n\ndata:2\n\ndata:3\n\n", &["2", "3"]),
    ("format-comments", COMMENTS, &["1\n2\n3\n4"]),
    (
        "format-data-before-final-empty-line",
        b"retry:1000\ndata:test1\n\nid:test\ndata:test2",
        &["test1"],
    ),
    ("format-field-data", b"data:\n\ndata\ndata\n\ndata:test\n\n", &["", "\n", "test"]),
    ("format-field-event", b"event:test\ndata:x\n\ndata:x\n\n", &["x", "x"]),
    ("format-field-event-empty", b"event: \ndata:data\n\n", &["data"]),
    ("format-field-parsing", PARSING, &["\0\n 2\n1\n3\n\n4"]),
    ("format-field-retry", b"retry:3000\nretry:1000x\ndata:x\n\n", &["x"]),
    ("format-field-retry-empty", b"retry\ndata:test\n\n", &["test"]),
    (
        "format-field-unknown",
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\n\n",
        &["test\n"],
    ),
    ("format-leading-space", b"data:\ttest\rdata: \ndata:test\n\n", &["\ttest\n\ntest"]),
    ("format-newlines", b"data:test\r\ndata\ndata:test\r\n\r\n", &["test\n\ntest"]),
    ("format-null-character", b"data:\0\n\n\n\n", &["\0"]),
    ("format-utf-8", b"data:ok\xe2\x80\xa6\n\n", &["ok\u{2026}"]),
];

/// Comments of every kind between the lines; those of the test are two thousand characters long.
const COMMENTS: &[u8] = b"data:1\r:\0\n:\r\ndata:2\n:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\rdata:3\n:data:fail\r:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\ndata:4\n\n";

const PARSING: &[u8] = b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n";

#[test]
fn the_streams_of_the_web_platform_tests_read_as_they_must() {
    for (name, stream, wanted) in FORMAT {
        assert_eq!(data(stream), *wanted, "{name}");
    }
}

#[test]
fn ids_are_kept_and_taken_away() {
    // format-field-id, format-field-id-2, format-field-id-3, format-field-id-null
    let ids =
        |stream: &[u8]| -> Vec<String> { read(stream).into_iter().map(|(_, _, id)| id).collect() };
    assert_eq!(ids(b"id: 1\ndata: a\n\ndata: b\n\n"), ["1", "1"]);
    assert_eq!(ids("id:\u{2026}\ndata:x\n\n".as_bytes()), ["\u{2026}"]);
    assert_eq!(ids(b"id: ...\ndata:1\n\nid\ndata:2\n\n"), ["...", ""]);
    assert_eq!(ids(b"id: \0\0\0\ndata:x\n\n"), [""]);
    assert_eq!(ids(b"id: keep\ndata:1\n\nid: a\0\ndata:2\n\n"), ["keep", "keep"]);
}

#[test]
fn a_retry_that_is_not_a_number_changes_nothing() {
    // format-field-retry, format-field-retry-bogus, format-field-retry-empty
    let retry = |stream: &'static [u8]| read_pieces([stream]).1.retry();
    assert_eq!(retry(b"retry:3000\ndata:x\n\n"), Some(3000));
    assert_eq!(retry(b"retry:3000\nretry:1000x\ndata:x\n\n"), Some(3000));
    assert_eq!(retry(b"retry\ndata:test\n\n"), None);
}

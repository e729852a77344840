use proptest::prelude::*;

use super::*;

fn cut(text: &[u8], piece_bytes: usize, bytes_max: usize) -> Vec<(u64, Option<String>)> {
    let mut lines = Lines::new(bytes_max);
    let mut found = Vec::new();
    for piece in text.chunks(piece_bytes.max(1)) {
        lines.feed(piece);
        found.extend(&mut lines);
    }
    lines.end();
    found.extend(&mut lines);
    let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
    found.into_iter().map(|line| (line.number, line.bytes.map(text))).collect()
}

#[test]
fn lines_come_out_whole_wherever_the_body_was_split() {
    for piece_bytes in 1..12 {
        let found = cut(b"one\ntwo\r\n\n  \nfive", piece_bytes, 100);
        let found: Vec<_> = found.iter().map(|(n, t)| (*n, t.as_deref().unwrap())).collect();
        assert_eq!(found, [(1, "one"), (2, "two\r"), (5, "five")], "pieces of {piece_bytes}");
    }
}

#[test]
fn a_line_that_is_too_long_is_one_error_and_the_next_one_is_read() {
    for piece_bytes in 1..12 {
        let found = cut(b"123456789\nok\n123456789", piece_bytes, 5);
        let expected = [(1, None), (2, Some("ok".to_owned())), (3, None)];
        assert_eq!(found, expected, "pieces of {piece_bytes}");
    }
}

fn fields(json: &str) -> Result<(Vec<String>, String, Option<String>), String> {
    let fields: Fields<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let fields = fields.into_draft_fields().map_err(|problem| problem.to_string())?;
    let topics = fields.topics.into_iter().map(Cow::into_owned).collect();
    Ok((topics, fields.data.into_owned(), fields.retry.map(Cow::into_owned)))
}

#[test]
fn data_may_be_text_or_any_json_value_and_is_sent_as_it_was_written() {
    let cases = [
        (r#""plain""#, "plain"),
        (r#""two\nlines \u00e9 \ud83d\ude00""#, "two\nlines é 😀"),
        ("12345678901234567890.10", "12345678901234567890.10"),
        (r#"{"b": 1, "a":[true,null]}"#, r#"{"b": 1, "a":[true,null]}"#),
    ];
    for (data, expected) in cases {
        let line = format!(r#"{{"topic":"t","data":{data}}}"#);
        assert_eq!(fields(&line).unwrap().1, expected);
    }
}

#[test]
fn a_topic_is_a_string_or_an_array_and_retry_a_number_or_digits() {
    let line = r#"{"topic":["a","b"],"data":"x","retry":1500}"#;
    let expected = (vec!["a".to_owned(), "b".to_owned()], "x".to_owned(), Some("1500".to_owned()));
    assert_eq!(fields(line).unwrap(), expected);
    assert_eq!(fields(r#"{"topic":"a","retry":"20"}"#).unwrap().2.as_deref(), Some("20"));
}

#[test]
fn what_is_not_an_event_is_an_error_that_names_the_fault() {
    let cases = [
        ("nonsense", "expected"),
        ("[]", "invalid"),
        (r#"{"topics":"a"}"#, "unknown field `topics`"),
        (r#"{"topic":1}"#, "a topic or an array of topics"),
        (r#"{"topic":"a","private":"yes"}"#, "expected a boolean"),
    ];
    for (line, fault) in cases {
        let error = fields(line).unwrap_err();
        assert!(error.contains(fault), "{line}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_cut_the_same_way_however_they_arrive(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
        piece_bytes in 1_usize..50,
    ) {
        prop_assert_eq!(cut(&bytes, piece_bytes, 1_000), cut(&bytes, 1_000, 1_000));
    }

    #[test]
    fn any_line_is_read_or_refused(line in any::<String>()) {
        let _ = fields(&line);
    }
}

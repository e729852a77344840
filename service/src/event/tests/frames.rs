//! Frames.

use super::*;

#[test]
fn an_event_is_its_id_its_data_and_a_blank_line() {
    let event = event(fields("hello"));
    assert_eq!(frame_text(&event), format!("id: {HUB_ID}\ndata: hello\n\n"));
    assert_eq!(event.id(), HUB_ID);
    assert_eq!(event.sequence(), Sequence(7));
    assert_eq!(event.accepted_ms(), ACCEPTED_MS);
    assert!(!event.has_custom_id() && !event.is_private() && !event.ends_topic());
}

#[test]
fn the_fields_stand_in_the_order_id_event_retry_data() {
    let event = event(DraftFields {
        event_type: Some("price".into()),
        id: Some("order 66".into()),
        retry: Some("2500".into()),
        private: true,
        ..fields("1\n2")
    });
    let expected = "id: order 66\nevent: price\nretry: 2500\ndata: 1\ndata: 2\n\n";
    assert_eq!(frame_text(&event), expected);
    assert_eq!(event.id(), "order 66");
    assert!(event.has_custom_id());
    assert!(event.is_private());
}

#[test]
fn an_end_without_data_and_name_is_an_id_and_nothing_else() {
    let end = |fields| event(DraftFields { end: true, ..fields });
    let named = DraftFields { event_type: Some("done".into()), ..fields("") };
    let retry = DraftFields { retry: Some("5".into()), ..fields("") };
    let cases = [
        (end(fields("")), format!("id: {HUB_ID}\n\n")),
        (end(retry), format!("id: {HUB_ID}\nretry: 5\n\n")),
        (end(named), format!("id: {HUB_ID}\nevent: done\ndata: \n\n")),
        (end(fields("bye")), format!("id: {HUB_ID}\ndata: bye\n\n")),
        (end(fields("\n")), format!("id: {HUB_ID}\ndata: \ndata: \n\n")),
        (event(fields("")), format!("id: {HUB_ID}\ndata: \n\n")),
    ];
    for (event, frame) in cases {
        assert_eq!(frame_text(&event), frame);
        let again = number_again(&event);
        assert_eq!(frame_text(&again), frame, "made again from what it says");
        assert_eq!(again.ends_topic(), event.ends_topic());
    }
}

/// The event once more, from what it says.
fn number_again(event: &Event) -> Event {
    let encoded = event.content().encode().unwrap();
    let place = (event.accepted_ms(), Instant::now());
    let epoch = Epoch::begun_at(ACCEPTED_MS, 0xab);
    encoded.assign(event.sequence(), place, epoch, &Buffers::default())
}

#[test]
fn the_notice_of_an_end_names_the_topics_and_has_no_id() {
    let topics = ["orders/1", "a \"b\""].map(|text| Topic::parse(text, 100).unwrap());
    let frame = end_frame(topics.iter());
    let expected = "event: fanfare-end\ndata: {\"topics\":[\"orders/1\",\"a \\\"b\\\"\"]}\n\n";
    assert_eq!(std::str::from_utf8(&frame).unwrap(), expected);
}

#[test]
fn every_line_of_data_gets_a_data_field_of_its_own() {
    let cases: [(&str, &[&str]); 26] = [
        ("", &[""]),
        ("a", &["a"]),
        ("a\nb", &["a", "b"]),
        ("a\rb", &["a", "b"]),
        ("a\r\nb", &["a", "b"]),
        ("a\n\rb", &["a", "", "b"]),
        ("a\r\r\nb", &["a", "", "b"]),
        ("a\r\n\nb", &["a", "", "b"]),
        ("a\nb\rc\r\nd", &["a", "b", "c", "d"]),
        ("a\n", &["a", ""]),
        ("a\r", &["a", ""]),
        ("a\r\n", &["a", ""]),
        ("\na", &["", "a"]),
        ("\n", &["", ""]),
        ("\r", &["", ""]),
        ("\r\n", &["", ""]),
        ("\n\n", &["", "", ""]),
        ("\r\r", &["", "", ""]),
        ("\r\n\r\n", &["", "", ""]),
        (" a\n  b ", &[" a", "  b "]),
        ("\u{1f600}\n\u{1f600}", &["\u{1f600}", "\u{1f600}"]),
        ("\u{feff}a", &["\u{feff}a"]),
        // Line breaks elsewhere, but not in an event stream.
        ("a\u{b}b\u{c}c\u{85}d\u{2028}e", &["a\u{b}b\u{c}c\u{85}d\u{2028}e"]),
        ("a\0b\tc", &["a\0b\tc"]),
        (":comment", &[":comment"]),
        ("x\n\nevent: y\nid: z", &["x", "", "event: y", "id: z"]),
    ];
    for (data, lines) in cases {
        let data_fields: String = lines.iter().map(|line| format!("data: {line}\n")).collect();
        let expected = format!("id: {HUB_ID}\n{data_fields}\n");
        assert_eq!(frame_text(&event(fields(data))), expected, "{data:?}");
    }
}

#[test]
fn a_heartbeat_is_a_comment() {
    assert_eq!(HEARTBEAT, ":\n");
}

#[test]
fn a_retry_frame_is_nothing_but_the_time_to_wait() {
    assert_eq!(retry_frame(0), "retry: 0\n\n");
    assert_eq!(retry_frame(4_999), "retry: 4999\n\n");
}

#[test]
fn a_gap_frame_has_no_id_and_tells_what_is_known_as_json() {
    let check = |missed, after: Option<&str>, before: Option<&str>, expected: &str| {
        let after = after.map(str::to_owned);
        let notice = GapNotice { missed, after, before: before.map(str::to_owned) };
        assert_eq!(gap_frame(&notice), format!("event: fanfare-gap\ndata: {expected}\n\n"));
    };
    check(Some(3), Some("a"), Some("b"), r#"{"missed":3,"after":"a","before":"b"}"#);
    check(None, None, None, r#"{"missed":null,"after":null,"before":null}"#);
    // The client's own text comes back in it, and stays in its line.
    check(
        None,
        Some("a\"\r\n\nid: 1"),
        None,
        r#"{"missed":null,"after":"a\"\r\n\nid: 1","before":null}"#,
    );
}

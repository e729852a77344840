use std::borrow::Cow;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use sse_stream::{Sse, SseByteStream};

use super::*;
use crate::topic::TopicError;

const ACCEPTED_MS: u64 = 0x018b_cfe5_6800;
const HUB_ID: &str = "urn:uuid:018bcfe5-6800-7abc-8000-000000000007";

fn fields(data: &str) -> DraftFields<'_> {
    DraftFields { topics: vec!["t".into()], data: data.into(), ..DraftFields::default() }
}

fn check(fields: DraftFields<'_>) -> Result<Draft, DraftError> {
    fields.check(&EventLimits::default())
}

fn number(draft: Draft) -> Event {
    Unnumbered::encode(draft).number(Sequence(7), ACCEPTED_MS, Life::new(0xabc))
}

fn event(fields: DraftFields<'_>) -> Event {
    number(check(fields).unwrap())
}

fn frame_text(event: &Event) -> &str {
    std::str::from_utf8(event.frame()).unwrap()
}

// Frames.

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

// Drafts.

#[test]
fn a_type_can_be_any_text_in_one_line() {
    for name in ["price", " a b ", "data: x", ":", "\u{1f600}", &"x".repeat(256)] {
        let event = event(DraftFields { event_type: Some(name.into()), ..fields("d") });
        assert_eq!(frame_text(&event), format!("id: {HUB_ID}\nevent: {name}\ndata: d\n\n"));
    }
}

#[test]
fn an_empty_type_is_none() {
    let event = event(DraftFields { event_type: Some("".into()), ..fields("d") });
    assert_eq!(frame_text(&event), format!("id: {HUB_ID}\ndata: d\n\n"));
}

#[test]
fn neither_a_type_nor_an_id_can_start_another_field() {
    for control in ['\n', '\r', '\0', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'] {
        for text in [format!("a{control}data: b"), format!("{control}"), format!("a{control}")] {
            let as_type = DraftFields { event_type: Some(text.as_str().into()), ..fields("d") };
            assert_eq!(check(as_type).unwrap_err(), DraftError::TypeControlCharacter, "{text:?}");
            let as_id = DraftFields { id: Some(text.as_str().into()), ..fields("d") };
            assert_eq!(
                check(as_id).unwrap_err(),
                DraftError::Id(IdError::ControlCharacter),
                "{text:?}"
            );
        }
    }
}

#[test]
fn an_id_is_1_to_1024_bytes_and_neither_a_fragment_nor_earliest() {
    let longest = "x".repeat(1_024);
    let too_long = "\u{e9}".repeat(513);
    let cases = [
        ("a", Ok(())),
        ("a#b", Ok(())),
        ("Earliest", Ok(())),
        ("earliest-2", Ok(())),
        ("two words", Ok(())),
        ("earliest ", Err(IdError::OuterSpace)),
        (" a", Err(IdError::OuterSpace)),
        ("data: x", Ok(())),
        ("\u{1f600}", Ok(())),
        ("urn:uuid:11111111-1111-4111-8111-111111111111", Ok(())),
        (longest.as_str(), Ok(())),
        (too_long.as_str(), Err(IdError::TooLong { bytes: 1_026 })),
        ("", Err(IdError::Empty)),
        ("#", Err(IdError::Fragment)),
        ("#x", Err(IdError::Fragment)),
        ("earliest", Err(IdError::Earliest)),
    ];
    for (id, expected) in cases {
        let draft = check(DraftFields { id: Some(id.into()), ..fields("d") });
        match expected {
            Ok(()) => {
                let event = number(draft.unwrap());
                assert_eq!(event.id(), id);
                assert_eq!(frame_text(&event), format!("id: {id}\ndata: d\n\n"));
            }
            Err(error) => assert_eq!(draft.unwrap_err(), DraftError::Id(error), "{id:?}"),
        }
    }
}

#[test]
fn retry_is_ascii_digits_that_a_browser_timer_can_hold() {
    let cases = [
        ("0", Some("0")),
        ("1500", Some("1500")),
        ("0001500", Some("1500")),
        ("2147483647", Some("2147483647")),
        ("2147483648", None),
        ("4294967296", None),
        ("99999999999999999999999", None),
        ("", None),
        ("+1", None),
        ("-1", None),
        (" 1", None),
        ("1 ", None),
        ("1.5", None),
        ("1e3", None),
        ("0x10", None),
        ("\u{661}", None),
        ("1\ndata: x", None),
    ];
    for (digits, expected) in cases {
        let draft = check(DraftFields { retry: Some(digits.into()), ..fields("d") });
        match expected {
            Some(ms) => {
                let expected = format!("id: {HUB_ID}\nretry: {ms}\ndata: d\n\n");
                assert_eq!(frame_text(&number(draft.unwrap())), expected);
            }
            None => assert_eq!(draft.unwrap_err(), DraftError::BadRetry, "{digits:?}"),
        }
    }
}

#[test]
fn each_limit_is_itself_allowed() {
    let limits = EventLimits { data_bytes_max: 4, topics_max: 2, topic_bytes_max: 3 };
    let check = |topics: &[&'static str], data, expected: Result<(), DraftError>| {
        let topics = topics.iter().copied().map(Cow::from).collect();
        let fields = DraftFields { topics, ..fields(data) };
        assert_eq!(fields.check(&limits).map(|_| ()), expected);
    };
    check(&["abc", "b"], "\u{e9}\u{e9}", Ok(()));
    check(&["abc"], "12345", Err(DraftError::DataTooLarge { bytes: 5, max: 4 }));
    check(&["a", "b", "c"], "", Err(DraftError::TooManyTopics { count: 3, max: 2 }));
    check(&[], "", Err(DraftError::NoTopic));
    check(&["a", "abcd"], "", Err(DraftError::Topic(TopicError::TooLong { bytes: 4, max: 3 })));
    check(&["a", ""], "", Err(DraftError::Topic(TopicError::Empty)));
    check(&["a\n"], "", Err(DraftError::Topic(TopicError::ControlCharacter { at: 1 })));
}

#[test]
fn a_repeated_topic_counts_once_and_the_first_stays_first() {
    let topics = ["b", "a", "b", "a", "c"].map(Cow::from).to_vec();
    let event = event(DraftFields { topics, ..fields("d") });
    let topics: Vec<_> = event.topics().iter().map(Topic::as_str).collect();
    assert_eq!(topics, ["b", "a", "c"]);
}

#[test]
fn what_the_server_itself_publishes_needs_no_fields() {
    let topic = Topic::parse("t", 1).unwrap();
    let plain = number(Draft::new(topic.clone(), "d".to_owned()));
    assert_eq!(plain.frame(), event(fields("d")).frame());
    assert!(!plain.is_private() && !plain.ends_topic());

    let name = EventType::parse("end").unwrap();
    let last = number(Draft::new(topic, String::new()).named(name).private().ending_topic());
    assert_eq!(frame_text(&last), format!("id: {HUB_ID}\nevent: end\ndata: \n\n"));
    assert!(last.is_private() && last.ends_topic());
}

#[test]
fn every_message_says_what_to_do_next() {
    let messages = [
        (DraftError::NoTopic.to_string(), "give at least one"),
        (DraftError::TooManyTopics { count: 3, max: 2 }.to_string(), "3 topics"),
        (DraftError::TooManyTopics { count: 3, max: 2 }.to_string(), "at most 2"),
        (DraftError::Topic(TopicError::Empty).to_string(), "name one"),
        (DraftError::DataTooLarge { bytes: 5, max: 4 }.to_string(), "at most 4, or publish a link"),
        (DraftError::TypeTooLong { bytes: 257 }.to_string(), "at most 256"),
        (DraftError::TypeControlCharacter.to_string(), "printable characters only"),
        (DraftError::BadRetry.to_string(), "use ASCII digits, at most 2147483647"),
        (DraftError::Id(IdError::Empty).to_string(), "leave the field out"),
        (DraftError::Id(IdError::TooLong { bytes: 1_025 }).to_string(), "at most 1024"),
        (DraftError::Id(IdError::ControlCharacter).to_string(), "printable characters only"),
        (DraftError::Id(IdError::Fragment).to_string(), "choose another first character"),
        (DraftError::Id(IdError::Earliest).to_string(), "choose another id"),
    ];
    for (message, expected) in messages {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_type_that_is_too_long_is_refused() {
    let name = "x".repeat(257);
    let draft = check(DraftFields { event_type: Some(name.into()), ..fields("d") });
    assert_eq!(draft.unwrap_err(), DraftError::TypeTooLong { bytes: 257 });
}

// Sequences, sizes and ids.

#[test]
fn nothing_comes_before_sequence_0() {
    assert_eq!(Sequence(0).next(), Sequence(1));
    assert_eq!(Sequence(1).previous(), Sequence(0));
    assert_eq!(Sequence(0).previous(), Sequence(0));
    assert_eq!(Sequence(12).to_string(), "12");
}

#[test]
fn an_event_holds_its_frame_its_topics_and_some_structure() {
    let small = event(fields("d"));
    let more_data = event(fields("dddd"));
    assert_eq!(more_data.bytes_held() - small.bytes_held(), 3);
    let topics = ["t", "four"].map(Cow::from).to_vec();
    let more_topics = event(DraftFields { topics, ..fields("d") });
    // A topic costs more than its name: the index keeps it too.
    assert!(more_topics.bytes_held() - small.bytes_held() > 4 + 100);
    assert!(small.bytes_held() > small.frame().len() + 1);
}

fn hub_id(accepted_ms: u64, life: u16, sequence: u64) -> HubId {
    HubId { accepted_ms, life: Life::new(life), sequence: Sequence(sequence) }
}

#[test]
fn a_hub_id_is_a_uuid_of_version_7_that_reads_back() {
    let (latest, last) = ((1 << 48) - 1, (1 << 62) - 1);
    let cases = [
        (hub_id(ACCEPTED_MS, 0xabc, 7), HUB_ID),
        (hub_id(0, 0, 0), "urn:uuid:00000000-0000-7000-8000-000000000000"),
        (hub_id(latest, 0xfff, last), "urn:uuid:ffffffff-ffff-7fff-bfff-ffffffffffff"),
        (hub_id(1, 2, 1 << 48), "urn:uuid:00000000-0001-7002-8001-000000000000"),
    ];
    for (id, text) in cases {
        assert_eq!(id.to_string(), text);
        assert_eq!(HubId::parse(text), Some(id));
        let uuid: uuid::Uuid = text.parse().unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }
}

#[test]
fn a_life_keeps_12_of_its_16_bits() {
    assert_eq!(Life::new(0xfabc), Life::new(0xabc));
    assert_ne!(Life::new(0xabd), Life::new(0xabc));
}

#[test]
fn ids_of_a_life_sort_as_text_by_time_and_then_by_sequence() {
    let ids =
        [(0, 9), (1, 1), (1, 2), (1, 10), (1, 1 << 61), (2, 0), (255, 0), (256, 0), (1 << 47, 0)]
            .map(|(ms, sequence)| hub_id(ms, 5, sequence).to_string());
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:#?}");
}

#[test]
fn an_id_of_any_other_form_is_not_a_hub_id() {
    for text in [
        "",
        "earliest",
        "urn:uuid:",
        "018bcfe5-6800-7abc-8000-000000000007",
        "URN:UUID:018bcfe5-6800-7abc-8000-000000000007",
        "urn:uuid:{018bcfe5-6800-7abc-8000-000000000007}",
        "{018bcfe5-6800-7abc-8000-000000000007}",
        "urn:uuid:018bcfe568007abc8000000000000007",
        "urn:uuid:urn:uuid:018bcfe5-6800-7abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-8000-00000000000",
        "urn:uuid:018bcfe5-6800-7abc-8000-00000000000g",
        "urn:uuid:018bcfe5-6800-7abc-8000-000000000007 ",
        " urn:uuid:018bcfe5-6800-7abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-8000-00000000000\u{e9}",
        // Versions 1, 4 and 8, and another variant.
        "urn:uuid:018bcfe5-6800-1abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-4abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-8abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-c000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-0000-000000000007",
    ] {
        assert_eq!(HubId::parse(text), None, "{text:?}");
    }
}

// Any draft, against an independent reader of event streams.

/// Any characters, and often those that mean something in an event stream.
fn any_data() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(any::<char>(), 0..40).prop_map(|characters| characters.into_iter().collect()),
        "[ab :\r\n\0\u{feff}\u{e9}\u{1f600}]{0,24}",
        vec(
            prop_oneof![Just("\r"), Just("\n"), Just("\r\n"), Just("data: "), Just(" "), Just("x")],
            0..12
        )
        .prop_map(|parts| parts.concat()),
    ]
}

#[derive(Clone, Debug)]
struct AnyDraft {
    data: String,
    event_type: Option<String>,
    id: Option<String>,
    retry: Option<u32>,
}

fn any_draft() -> impl Strategy<Value = AnyDraft> {
    let line = r"\P{Cc}{0,12}|[ :#a-c\x{feff}]{0,6}";
    let id = line.prop_filter("not an id", |id| CustomId::parse(id).is_ok());
    let retry = option::of(0..=Retry::MAX_MS);
    (any_data(), option::of(line), option::of(id), retry)
        .prop_map(|(data, event_type, id, retry)| AnyDraft { data, event_type, id, retry })
}

fn encode_any(draft: &AnyDraft) -> Event {
    let retry = draft.retry.map(|ms| ms.to_string().into());
    let event_type = draft.event_type.as_deref().map(Cow::from);
    let id = draft.id.as_deref().map(Cow::from);
    event(DraftFields { event_type, id, retry, ..fields(&draft.data) })
}

/// What an independent reader makes of a stream that arrives in these pieces.
fn read(pieces: Vec<&[u8]>) -> Vec<Sse> {
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::convert::Infallible>));
    let blocks: Vec<_> = SseByteStream::new(pieces).collect().now_or_never().unwrap();
    blocks.into_iter().map(Result::unwrap).collect()
}

fn split<'a>(bytes: &'a [u8], at: &[Index]) -> Vec<&'a [u8]> {
    let mut points: Vec<usize> = at.iter().map(|index| index.index(bytes.len() + 1)).collect();
    points.sort_unstable();
    let ends = points.iter().copied().chain([bytes.len()]);
    let starts = [0].into_iter().chain(points.iter().copied());
    starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_events_in_any_pieces_are_read_back(
        drafts in vec(any_draft(), 1..5),
        at in vec(any::<Index>(), 0..12),
    ) {
        let events: Vec<_> = drafts.iter().map(encode_any).collect();
        let mut bytes = Vec::new();
        for event in &events {
            bytes.extend_from_slice(&HEARTBEAT);
            bytes.extend_from_slice(event.frame());
            bytes.extend_from_slice(&retry_frame(1_000));
        }
        let mut read = read(split(&bytes, &at)).into_iter();
        for draft in drafts {
            let expected = Sse {
                id: Some(draft.id.unwrap_or_else(|| HUB_ID.to_owned())),
                event: draft.event_type.filter(|name| !name.is_empty()),
                retry: draft.retry.map(u64::from),
                data: Some(draft.data.replace("\r\n", "\n").replace('\r', "\n")),
            };
            prop_assert_eq!(read.next(), Some(expected));
            prop_assert_eq!(read.next(), Some(Sse::default().retry(1_000)));
        }
        prop_assert_eq!(read.next(), None);
    }
}

proptest! {
    #[test]
    fn any_text_is_an_id_or_is_refused(text in any::<String>(), digits in "[0-9a-fA-F-]{30,40}") {
        for id in [text, format!("urn:uuid:{digits}")] {
            if let Some(hub_id) = HubId::parse(&id) {
                prop_assert_eq!(hub_id.to_string(), id.to_lowercase());
            }
            if let Ok(custom) = CustomId::parse(&id) {
                prop_assert_eq!(custom.as_str(), id);
            }
        }
    }
}

//! Drafts.

use super::*;

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
fn neither_a_type_nor_an_id_has_characters_that_are_not_seen() {
    let unseen = [
        '\u{ad}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{202e}',
        '\u{2028}',
        '\u{2029}',
        '\u{2060}',
        '\u{feff}',
        '\u{e0041}',
    ];
    for character in unseen {
        let text = format!("a{character}b");
        let as_type = DraftFields { event_type: Some(text.as_str().into()), ..fields("d") };
        assert_eq!(check(as_type).unwrap_err(), DraftError::TypeUnseenCharacter, "{text:?}");
        let as_id = DraftFields { id: Some(text.as_str().into()), ..fields("d") };
        let error = DraftError::Id(IdError::UnseenCharacter);
        assert_eq!(check(as_id).unwrap_err(), error, "{text:?}");
    }
}

#[test]
fn names_of_the_server_are_not_for_publishers() {
    let name = DraftFields { event_type: Some("fanfare-gap".into()), ..fields("d") };
    assert_eq!(check(name).unwrap_err(), DraftError::Reserved(ReservedName::Type));
    let topics = vec!["free".into(), "fanfare/server".into()];
    let draft = DraftFields { topics, ..fields("d") };
    assert_eq!(check(draft).unwrap_err(), DraftError::Reserved(ReservedName::ServerTopic));
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
        ("now", Err(IdError::Reserved { word: "now" })),
        ("-1", Err(IdError::Reserved { word: "-1" })),
        ("Now", Ok(())),
        ("-10", Ok(())),
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
    let limits = EventLimits {
        data_bytes_max: 4,
        topics_max: 2,
        topic_bytes_max: 3,
        ..EventLimits::default()
    };
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

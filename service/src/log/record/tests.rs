use std::time::Instant;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::event::{
    Buffers, CustomId, Draft, DraftFields, Epoch, Event, EventData, EventLimits, EventType,
};

const PLACE: (Sequence, u64) = (Sequence(7), 1_764_000_000_123);

fn draft(fields: DraftFields<'_>) -> Draft {
    fields.check(&EventLimits::default()).unwrap()
}

fn simple() -> EncodedEvent {
    let fields = DraftFields { topics: vec!["t".into()], data: "d".into(), ..<_>::default() };
    EncodedEvent::encode(draft(fields))
}

fn written(event: &EncodedEvent) -> Vec<u8> {
    let mut buffer = Vec::new();
    put_record(&mut buffer, RecordKind::Next, PLACE, &event.content()).unwrap();
    buffer
}

fn placed(event: EncodedEvent, (sequence, ms): (Sequence, u64)) -> Event {
    let epoch = Epoch::begun_at(1_000, 3);
    event.assign(sequence, (ms, Instant::now()), epoch, &Buffers::default())
}

/// With a checksum that fits.
fn record_of(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_le_bytes();
    [&length, &crc32c::crc32c(body).to_le_bytes(), body].concat()
}

#[test]
fn the_form_is_the_one_that_is_described() {
    let fields = DraftFields {
        topics: vec!["a".into(), "bc".into()],
        data: "x\r\ny".into(),
        event_type: Some("n".into()),
        id: Some("me".into()),
        retry: Some("258".into()),
        private: true,
        end: false,
    };
    let event = EncodedEvent::encode(draft(fields).idempotent());
    let body = [
        &[1, 0][..],
        &[7, 0, 0, 0, 0, 0, 0, 0],
        &PLACE.1.to_le_bytes(),
        &[0b111_1001, 0],
        &[2, 0, 1, 0, b'a', 2, 0, b'b', b'c'],
        &[2, 0, b'm', b'e', 1, 0, b'n', 2, 1, 0, 0],
        b"x\ny",
    ];
    assert_eq!(written(&event), record_of(&body.concat()));
}

#[test]
fn the_checksum_is_crc_32c() {
    // The check value of the catalogue of CRC algorithms.
    assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
}

#[test]
fn records_follow_each_other_and_each_says_where_it_ends() {
    let mut buffer = written(&simple());
    let first = buffer.len();
    put_record(&mut buffer, RecordKind::Again, (Sequence(3), 5), &simple().content()).unwrap();
    buffer.extend([0; 20]);
    assert_eq!(read_record(&buffer).unwrap().1, first);
    let (second, bytes) = read_record(&buffer[first..]).unwrap();
    assert_eq!(
        (second.kind, second.sequence, second.accepted_ms),
        (RecordKind::Again, Sequence(3), 5)
    );
    assert_eq!(read_record(&buffer[first + bytes..]).unwrap_err(), RecordError::Blank);
}

/// Why there is no record, whether an event is wanted of it or not.
fn why_refused(bytes: &[u8]) -> RecordError {
    let error = read_record(bytes).unwrap_err();
    assert_eq!(view_record(bytes).unwrap_err(), error);
    error
}

#[test]
fn a_record_that_was_cut_anywhere_is_seen_as_cut() {
    let record = written(&simple());
    assert_eq!(why_refused(&[]), RecordError::Blank);
    for found in 1..record.len() {
        let bytes = if found < PREFIX_BYTES { PREFIX_BYTES } else { record.len() };
        assert_eq!(why_refused(&record[..found]), RecordError::Cut { bytes, found });
    }
}

#[test]
fn a_bit_that_has_changed_anywhere_is_seen() {
    let record = written(&simple());
    for bit in 0..record.len() * 8 {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        why_refused(&changed);
    }
}

#[test]
fn what_is_no_record_is_refused_with_the_reason() {
    let body = written(&simple())[PREFIX_BYTES..].to_vec();
    let with = |at: usize, bytes: &[u8]| {
        let mut body = body.clone();
        body.splice(at..at + bytes.len(), bytes.iter().copied());
        record_of(&body)
    };
    let malformed = |what| RecordError::Malformed { what };
    let cases = [
        (vec![0; 100], RecordError::Blank),
        (
            [&u32::MAX.to_le_bytes()[..], &[1; 100]].concat(),
            RecordError::Length { bytes: 0xFFFF_FFFF },
        ),
        (record_of(b"short"), RecordError::Length { bytes: 5 }),
        ([&[18, 0, 0, 0][..], &[1; 22]].concat(), RecordError::Checksum),
        (with(0, &[2]), RecordError::Version { version: 2 }),
        (with(1, &[2]), malformed("the kind")),
        (with(2, &[0; 8]), malformed("the sequence")),
        (with(2, &[0xFF; 8]), malformed("the sequence")),
        (with(18, &[0, 1]), malformed("the flags")),
        (with(20, &[0, 0]), RecordError::Content(ContentError::NoTopic)),
        (with(20, &[0xFF, 0xFF]), malformed("a topic")),
        (with(22, &[9, 0]), malformed("a topic")),
        (with(24, &[0xFF]), malformed("a topic")),
        (with(25, &[0xFF]), malformed("the data")),
        (record_of(&body[..PLACE_BYTES + 1]), malformed("the flags")),
    ];
    for (bytes, error) in cases {
        assert_eq!(why_refused(&bytes), error);
    }
}

#[test]
fn no_field_that_would_break_a_frame_is_believed() {
    let long = "x".repeat(1_025);
    let good = simple();
    let content = good.content();
    let refused = |content: EventContent<'_>| {
        let mut bytes = Vec::new();
        put_content(&mut bytes, &content).unwrap();
        let Err(RecordError::Content(error)) = read_content(&bytes) else { panic!("{content:?}") };
        assert_eq!(content.check().as_ref(), Err(&error), "whether an event is made of it or not");
        error
    };
    for text in ["", "a\nb", "a\0", &long] {
        let with_id = EventContent { id: Some(text), ..content.clone() };
        assert_eq!(refused(with_id), ContentError::Id);
        let with_type = EventContent { event_type: Some(text), ..content.clone() };
        assert_eq!(refused(with_type), ContentError::Type);
    }
    let repeated =
        EventContent { topics: ["b", "a", "b"].into_iter().collect(), ..content.clone() };
    assert_eq!(refused(repeated), ContentError::RepeatedTopic { topic: "b".to_owned() });
    let broken = EventContent { topics: ["a\nb"].into_iter().collect(), ..content.clone() };
    assert!(matches!(refused(broken), ContentError::Topic(_)));
    let retry = EventContent { retry_ms: Some(u32::MAX), ..content };
    assert_eq!(refused(retry), ContentError::Retry { ms: u32::MAX });
}

#[test]
fn what_is_too_large_is_refused_and_nothing_of_it_is_written() {
    let data = "x".repeat(RECORD_BYTES_MAX);
    let good = simple();
    let topic = "t".repeat(usize::from(u16::MAX) + 1);
    let large = EventContent { data: EventData::Text(&data), ..good.content() };
    let named = EventContent { topics: [&*topic].into_iter().collect(), ..good.content() };
    for content in [large, named] {
        let mut buffer = vec![1];
        assert!(put_record(&mut buffer, RecordKind::Next, PLACE, &content).is_err());
        assert!(put_content(&mut buffer, &content).is_err());
        assert_eq!(buffer, [1]);
    }
}

fn any_event() -> impl Strategy<Value = EncodedEvent> {
    let data = prop_oneof![
        "[ab :\r\n\0\u{feff}\u{e9}\u{1f600}]{0,24}",
        Just(String::new()),
        vec(any::<char>(), 0..40).prop_map(|characters| characters.into_iter().collect()),
        vec(prop::sample::select(&["\r", "\n", "\r\n", "data: ", "event: x", ""][..]), 0..9)
            .prop_map(|parts| parts.concat()),
    ];
    let line = r"\P{Cc}{1,12}|[ :#a-c]{1,6}";
    let id = line.prop_filter("an id", |id| CustomId::parse(id).is_ok());
    let name = line.prop_filter("a type", |name| EventType::parse(name).is_ok());
    let topics = prop::collection::btree_set("[a-z/{}]{1,9}", 1..5);
    let flags = any::<[bool; 4]>();
    (topics, data, option::of(id), option::of(name), option::of(0..=i32::MAX as u32), flags)
        .prop_map(|(topics, data, id, event_type, retry, flags)| {
            let mut draft = draft(DraftFields {
                topics: topics.into_iter().map(Into::into).collect(),
                data: data.into(),
                id: id.map(Into::into),
                event_type: event_type.map(Into::into),
                retry: retry.map(|ms| ms.to_string().into()),
                private: flags[0],
                end: false,
            });
            let also: [fn(Draft) -> Draft; 3] =
                [Draft::for_one_stream, Draft::idempotent, Draft::ending_topic];
            for (change, _) in also.into_iter().zip(&flags[1..]).filter(|(_, is_set)| **is_set) {
                draft = change(draft);
            }
            EncodedEvent::encode(draft)
        })
}

fn is_viewed_as(record: &[u8], place: (Sequence, u64), event: &EncodedEvent) -> bool {
    let (view, bytes) = view_record(record).unwrap();
    let is_whole = bytes == record.len() && view.kind == RecordKind::Next;
    is_whole && (view.sequence, view.accepted_ms) == place && view.content == event.content()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Ids and frames are the same bytes on every node and after every restart.
    #[test]
    fn an_event_that_is_read_again_has_the_bytes_of_the_first_one(
        event in any_event(),
        sequence in 1..=Sequence::MAX.0,
        ms in 0..1_u64 << 42,
    ) {
        let place = (Sequence(sequence), ms);
        let (mut record, mut alone) = (Vec::new(), Vec::new());
        put_record(&mut record, RecordKind::Next, place, &event.content()).unwrap();
        put_content(&mut alone, &event.content()).unwrap();
        let (read, bytes) = read_record(&record).unwrap();
        prop_assert_eq!(bytes, record.len());
        prop_assert_eq!((read.sequence, read.accepted_ms), place);
        prop_assert_eq!(read.event.content(), event.content());
        prop_assert!(is_viewed_as(&record, place, &event));
        let again = read_content(&alone).unwrap();
        let idempotent = event.is_idempotent();
        let original = placed(event, place);
        for event in [read.event, again] {
            prop_assert_eq!(event.is_idempotent(), idempotent);
            prop_assert!(event.is_repeat_of(&original) || event.custom_id().is_none());
            let event = placed(event, place);
            prop_assert_eq!(event.frame(), original.frame());
            prop_assert_eq!(event.chunk(), original.chunk());
            prop_assert_eq!(event.id(), original.id());
            prop_assert_eq!(event.topics(), original.topics());
            prop_assert_eq!(event.bytes_held(), original.bytes_held());
        }
        // An event that has its place is written down as the same.
        let mut later = Vec::new();
        put_record(&mut later, RecordKind::Next, place, &original.content()).unwrap();
        prop_assert_eq!(later, record);
    }

    #[test]
    fn no_bytes_make_it_panic_or_hold_what_is_not_there(
        bytes in vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
        event in any_event(),
    ) {
        super::super::fuzzing::record(&bytes);
        let mut mixed = written(&event);
        let at = cut.index(mixed.len());
        mixed.truncate(at);
        mixed.extend(bytes);
        super::super::fuzzing::record(&mixed);
        super::super::fuzzing::record(mixed.get(PREFIX_BYTES..).unwrap_or_default());
    }
}

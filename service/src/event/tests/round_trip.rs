//! Any draft, against an independent reader of event streams.

use super::*;

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
    let name = line.prop_filter("not a type", |name| EventType::parse(name).is_ok());
    let retry = option::of(0..=Retry::MAX_MS);
    (any_data(), option::of(name), option::of(id), retry)
        .prop_map(|(data, event_type, id, retry)| AnyDraft { data, event_type, id, retry })
}

fn encode_any(draft: &AnyDraft) -> Event {
    let retry = draft.retry.map(|ms| ms.to_string().into());
    let event_type = draft.event_type.as_deref().map(Cow::from);
    let id = draft.id.as_deref().map(Cow::from);
    event(DraftFields { event_type, id, retry, ..fields(&draft.data) })
}

/// What an independent reader makes of a stream that arrives in these chunks.
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

//! What must hold for every event that a parser accepts, and for every error that it gives: fuzzing
//! of each of the ways to publish checks it.

use std::time::Instant;

use super::{Buffers, DraftFields, EncodedEvent, Epoch, Event, EventLimits, Retry, Sequence};

/// An error is a sentence for a person. It quotes a part of a long input, and never all of it.
const ERROR_BYTES_MAX: usize = 2_048;

/// Checks fields as every way to publish does, and reads the frame of what is accepted.
pub(crate) fn check_draft(fields: DraftFields<'_>) {
    let given = fields.clone();
    match fields.check(&EventLimits::default()) {
        Err(error) => check_message(&error.to_string()),
        Ok(draft) => {
            let (epoch, buffers) = (Epoch::begun_at(1_000, 7), Buffers::default());
            let accepted = (1_000, Instant::now());
            let event = EncodedEvent::encode(draft).assign(Sequence(1), accepted, epoch, &buffers);
            check_frame(&given, &event);
        }
    }
}

/// Reads a frame as the standard says (HTML, section 9.2.6), and compares.
fn check_frame(given: &DraftFields<'_>, event: &Event) {
    let frame = std::str::from_utf8(event.frame()).expect("frames are text");
    let lines = frame.strip_suffix("\n\n").expect("a frame ends with an empty line");
    let (mut data, mut found) = (Vec::new(), (None, None, None));
    for line in lines.split(['\n', '\r']) {
        let (name, value) = line.split_once(':').expect("every line of a frame is a field");
        let value = value.strip_prefix(' ').unwrap_or(value);
        let field = match name {
            "data" => {
                data.push(value);
                continue;
            }
            "event" => &mut found.0,
            "id" => &mut found.1,
            "retry" => &mut found.2,
            _ => panic!("the frame has a field `{name}`: {frame:?}"),
        };
        assert_eq!(field.replace(value), None, "`{name}` stands twice: {frame:?}");
    }
    let expected = given.data.replace("\r\n", "\n").replace('\r', "\n");
    assert_eq!(data.join("\n"), expected);
    let named = given.event_type.as_deref().filter(|name| !name.is_empty());
    assert_eq!(found.0, named);
    assert_eq!(found.1, Some(given.id.as_deref().unwrap_or(event.id())));
    assert_eq!(found.2.map(Retry::parse), given.retry.as_deref().map(Retry::parse));
}

/// An error says something, and not too much.
pub(crate) fn check_message(message: &str) {
    assert!(!message.is_empty());
    assert!(message.len() <= ERROR_BYTES_MAX, "an error of {} bytes", message.len());
}

//! Reading what was written down.

use super::{
    ENDS_TOPIC, FOR_ONE_STREAM, HAS_ID, HAS_RETRY, HAS_TYPE, IDEMPOTENT, KNOWN_FLAGS, PLACE_BYTES,
    PREFIX_BYTES, PRIVATE, RECORD_BYTES_MAX, Record, RecordError, RecordKind, RecordView, VERSION,
};
use crate::event::{EncodedEvent, EventContent, EventData, Sequence, TopicTexts};

/// Reads the record with which some bytes begin, and says how many bytes it has.
///
/// # Errors
/// Says why there is none.
pub(crate) fn read_record(bytes: &[u8]) -> Result<(Record, usize), RecordError> {
    let (view, whole) = unchecked_record(bytes)?;
    let RecordView { kind, sequence, accepted_ms, content } = view;
    Ok((Record { kind, sequence, accepted_ms, event: content.encode()? }, whole))
}

/// The same for whoever needs no event: what [`read_record`] refuses is refused, and nothing is allocated for
/// nearly all records.
///
/// # Errors
/// Says why there is none.
pub(crate) fn view_record(bytes: &[u8]) -> Result<(RecordView<'_>, usize), RecordError> {
    let (view, whole) = unchecked_record(bytes)?;
    view.content.check()?;
    Ok((view, whole))
}

/// A record of which nobody has looked whether its content is that of an event.
fn unchecked_record(bytes: &[u8]) -> Result<(RecordView<'_>, usize), RecordError> {
    let mut input = Input { rest: bytes };
    let (Ok(length), Ok(checksum)) = (input.u32("the length"), input.u32("the checksum")) else {
        let is_blank = bytes.iter().all(|&byte| byte == 0);
        let cut = RecordError::Cut { bytes: PREFIX_BYTES, found: bytes.len() };
        return Err(if is_blank { RecordError::Blank } else { cut });
    };
    if length == 0 && checksum == 0 {
        return Err(RecordError::Blank);
    }
    let length = length as usize;
    if !(PLACE_BYTES..=RECORD_BYTES_MAX).contains(&length) {
        return Err(RecordError::Length { bytes: length });
    }
    let whole = PREFIX_BYTES + length;
    let cut = RecordError::Cut { bytes: whole, found: bytes.len() };
    let body = bytes.get(PREFIX_BYTES..whole).ok_or(cut)?;
    if crc32c::crc32c(body) != checksum {
        return Err(RecordError::Checksum);
    }
    Ok((read_body(body)?, whole))
}

fn read_body(body: &[u8]) -> Result<RecordView<'_>, RecordError> {
    let mut input = Input { rest: body };
    input.version()?;
    let kind = match input.u8("the kind")? {
        0 => RecordKind::Next,
        1 => RecordKind::Again,
        _ => return Err(RecordError::Malformed { what: "the kind" }),
    };
    let sequence = Sequence(input.u64("the sequence")?);
    if sequence == Sequence(0) || sequence > Sequence::MAX {
        return Err(RecordError::Malformed { what: "the sequence" });
    }
    let accepted_ms = input.u64("the time")?;
    Ok(RecordView { kind, sequence, accepted_ms, content: input.fields()? })
}

/// Reads version and content, which must be all of the bytes.
///
/// # Errors
/// Says why they are none.
pub(crate) fn read_content(bytes: &[u8]) -> Result<EncodedEvent, RecordError> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(RecordError::Length { bytes: bytes.len() });
    }
    let mut input = Input { rest: bytes };
    input.version()?;
    Ok(input.fields()?.encode()?)
}

/// Bytes that have yet to be read.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], RecordError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(RecordError::Malformed { what })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], RecordError> {
        self.take(N, what)?.try_into().map_err(|_| RecordError::Malformed { what })
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, RecordError> {
        self.array(what).map(u8::from_le_bytes)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, RecordError> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, RecordError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, RecordError> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn text(&mut self, what: &'static str) -> Result<&'a str, RecordError> {
        let bytes = self.u16(what)?;
        let text = self.take(bytes.into(), what)?;
        std::str::from_utf8(text).map_err(|_| RecordError::Malformed { what })
    }

    fn version(&mut self) -> Result<(), RecordError> {
        let version = self.u8("the version")?;
        if version == VERSION { Ok(()) } else { Err(RecordError::Version { version }) }
    }

    /// Everything that is left.
    fn fields(mut self) -> Result<EventContent<'a>, RecordError> {
        let flags = self.u16("the flags")?;
        if flags & !KNOWN_FLAGS != 0 {
            return Err(RecordError::Malformed { what: "the flags" });
        }
        let has = |flag| flags & flag != 0;
        let count = usize::from(self.u16("the number of topics")?);
        // A count is believed as far as there are bytes for it.
        let mut topics = TopicTexts::with_capacity(count.min(self.rest.len() / 3));
        for _ in 0..count {
            topics.push(self.text("a topic")?);
        }
        let id = has(HAS_ID).then(|| self.text("the id")).transpose()?;
        let event_type = has(HAS_TYPE).then(|| self.text("the type")).transpose()?;
        let retry_ms = has(HAS_RETRY).then(|| self.u32("the retry")).transpose()?;
        let data = std::str::from_utf8(self.rest);
        let data = data.map_err(|_| RecordError::Malformed { what: "the data" })?;
        Ok(EventContent {
            topics,
            id,
            event_type,
            retry_ms,
            data: EventData::Text(data),
            private: has(PRIVATE),
            for_one_stream: has(FOR_ONE_STREAM),
            ends_topic: has(ENDS_TOPIC),
            idempotent: has(IDEMPOTENT),
        })
    }
}

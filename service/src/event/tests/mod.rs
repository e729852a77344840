use std::borrow::Cow;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use sse_stream::{Sse, SseByteStream};

use super::*;
use crate::topic::TopicError;

mod drafts;
mod frames;
/// Sequences, sizes and ids.
mod ids;
/// Any draft, against an independent reader of event streams.
mod round_trip;

const ACCEPTED_MS: u64 = 0x018b_cfe5_6800;
const HUB_ID: &str = "e:OKEl-9g------6NjEtLV-";

fn fields(data: &str) -> DraftFields<'_> {
    DraftFields { topics: vec!["t".into()], data: data.into(), ..DraftFields::default() }
}

fn check(fields: DraftFields<'_>) -> Result<Draft, DraftError> {
    fields.check(&EventLimits::default())
}

fn number(draft: Draft) -> Event {
    let epoch = Epoch::begun_at(ACCEPTED_MS, 0xab);
    let now = Instant::now();
    EncodedEvent::encode(draft).assign(Sequence(7), (ACCEPTED_MS, now), epoch, &Buffers::default())
}

fn event(fields: DraftFields<'_>) -> Event {
    number(check(fields).unwrap())
}

fn frame_text(event: &Event) -> &str {
    std::str::from_utf8(event.frame()).unwrap()
}

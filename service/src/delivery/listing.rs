//! Looking at the streams that are open: what a shard is asked, and what is said of each stream.

use std::ops::Bound;
use std::time::Duration;

use tokio::sync::oneshot;

use super::audience::Walk;
use super::backpressure::{BackpressurePolicy, Lag};
use super::carrier::StreamConnection;
use super::keys::{AudienceKey, SubscriberKey};
use super::stream_id::StreamId;
use crate::metrics::EndReason;
use crate::topic::Topic;

/// The most selectors that are shown of a stream, and the most bytes of each.
pub(super) const SELECTORS_SHOWN: usize = 8;
const SELECTOR_BYTES_SHOWN: usize = 256;

/// An open stream, as it is shown.
#[derive(Clone, Debug)]
pub struct ListedStream {
    pub id: StreamId,
    pub connection: StreamConnection,
    /// How long it has been open.
    pub age: Duration,
    /// Some of its selectors, and the beginning of each.
    pub selectors: Vec<String>,
    pub selectors_count: usize,
    pub policy: BackpressurePolicy,
    pub progress: StreamProgress,
    /// Its sink has been full since it last caught up.
    pub is_slow: bool,
    /// Its sink is full now.
    pub is_blocked: bool,
    /// How far it is behind; nothing while it is replayed, when it means nothing.
    pub lag: Option<Lag>,
    /// Bytes that its sink has taken and that have yet to leave.
    pub held_bytes: usize,
    /// How long ago it was handed bytes.
    pub idle: Duration,
    /// In how long it ends whatever comes, and why.
    pub ends: Option<(Duration, EndReason)>,
}

/// What a stream is given until it has caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamProgress {
    Live,
    Replaying,
    Conflating,
}

/// A shard is asked for its streams.
#[derive(Debug)]
pub(super) struct ListRequest {
    /// The number of the shard that is asked.
    pub(super) shard: usize,
    pub(super) what: ShardOrder,
    /// The most streams.
    pub(super) limit: usize,
    /// What is found goes here, and has room for all of it.
    pub(super) found: Vec<ListedStream>,
    /// The slowest that have been met so far, if those are asked for, with room for twice the limit.
    pub(super) slowest: Vec<(Slowness, SubscriberKey)>,
    pub(super) recipient: oneshot::Sender<ShardStreams>,
}

/// A shard is asked how many subscribers some topics have.
#[derive(Debug)]
pub(super) struct CountRequest {
    /// The one whose audiences are being counted, and from which of them on.
    pub(super) place: (usize, Bound<AudienceKey>),
    pub(super) counted: CountedTopics,
    pub(super) recipient: oneshot::Sender<CountedTopics>,
}

/// How many subscribers topics have that name them.
#[derive(Debug, Default)]
pub(super) struct CountedTopics {
    /// They go back with the answer: whoever asks frees what he has allocated.
    pub(super) topics: Vec<Topic>,
    /// As many as there are topics.
    pub(super) counts: Vec<u64>,
}

impl CountRequest {
    pub(super) fn new(topics: Vec<Topic>, recipient: oneshot::Sender<CountedTopics>) -> Self {
        let counts = vec![0; topics.len()];
        Self { place: (0, Bound::Unbounded), counted: CountedTopics { topics, counts }, recipient }
    }
}

/// How slow a stream is, to be compared: events and bytes of its lag, and whether its sink has been full.
pub(super) type Slowness = (u64, u64, bool);

impl ListRequest {
    /// With room for the whole answer, but for the texts of each stream. Whoever asks allocates it: in
    /// a shard, glibc's `malloc` and `free` of a large piece first merge all small pieces that thousands of
    /// connections have freed (`malloc_consolidate`), and an iteration took 7 to 24 ms with 18,000 streams
    /// (Intel Xeon, 2026-11-29).
    pub(super) fn new(
        shard: usize,
        what: ShardOrder,
        limit: usize,
        recipient: oneshot::Sender<ShardStreams>,
    ) -> Self {
        let slowest = match what {
            ShardOrder::SlowestFirst => 2 * limit,
            ShardOrder::From(_) => 0,
        };
        let (found, slowest) = (Vec::with_capacity(limit), Vec::with_capacity(slowest));
        Self { shard, what, limit, found, slowest, recipient }
    }
}

/// Which streams of a shard are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShardOrder {
    /// From a walk on, or from the beginning.
    From(Option<Walk>),
    SlowestFirst,
}

/// Some streams of a shard.
#[derive(Debug, Default)]
pub(super) struct ShardStreams {
    pub(super) streams: Vec<ListedStream>,
    pub(super) next: Option<Walk>,
    /// What the request had room in, empty: whoever asked frees it, as it has made it.
    pub(super) slowest: Vec<(Slowness, SubscriberKey)>,
}

impl ListedStream {
    /// How slow it is, to be compared.
    pub(super) fn slowness(&self) -> Slowness {
        let lag = self.lag.unwrap_or_default();
        (lag.events, lag.bytes, self.is_slow)
    }
}

/// The beginning of a selector.
pub(super) fn shown(selector: &str) -> String {
    if selector.len() <= SELECTOR_BYTES_SHOWN {
        return selector.to_owned();
    }
    format!("{}…", &selector[..selector.floor_char_boundary(SELECTOR_BYTES_SHOWN)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_selector_is_cut_between_two_characters() {
        let long = "é".repeat(200);
        let cut = shown(&format!("a{long}"));
        assert_eq!((cut.len(), cut.ends_with('…')), (255 + '…'.len_utf8(), true));
        assert_eq!(shown(&long[..256]), long[..256]);
    }
}

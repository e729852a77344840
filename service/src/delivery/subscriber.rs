//! One open stream, as its shard keeps it.

use mio::Token;
use slotmap::{Key as _, KeyData, new_key_type};

use super::audience::AudienceKey;
use super::batch::Batch;
use super::deadlines::Tick;
use super::policy::Lag;
use super::sink::Sink;
use crate::event::Sequence;
use crate::hub::Presence;
use crate::metrics::EndReason;

new_key_type! {
    /// Names a subscriber within its shard. Keys are never used twice, so a notice about one that
    /// has left finds nothing.
    pub struct SubscriberKey;
}

// A key is 64 bits, and has to fit into a token.
const _: () = assert!(usize::BITS >= u64::BITS, "sockets are named by 64-bit tokens");

/// The token under which a subscriber's socket is registered. Keys are never 0, so 0 is free for
/// the bell.
pub(super) fn token(key: SubscriberKey) -> Token {
    Token(key.data().as_ffi() as usize)
}

/// Whose socket a token is.
pub(super) fn key_of(token: Token) -> SubscriberKey {
    KeyData::from_ffi(token.0 as u64).into()
}

/// One open stream.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) sink: Box<dyn Sink>,
    pub(super) audience: AudienceKey,
    /// Where it stands in its audience's list of members.
    pub(super) member_index: usize,
    /// Everything up to here has been handed to the sink, or is not for this subscriber.
    pub(super) cursor: Sequence,
    /// The position of the last id that its client holds: of an event, or of a place that it was
    /// told.
    pub(super) sent: Sequence,
    /// That id is one that a publisher made.
    pub(super) sent_by_publisher: bool,
    /// What it has been served of all that its audience has counted; the difference is its lag.
    /// Means something only while it is not replaying, because a replay reaches further back.
    pub(super) served: Lag,
    /// It resumed, and has not been level yet: the lag limit does not apply.
    pub(super) replaying: bool,
    /// Its sink has been full since it was level last. Others may be behind without being slow: those
    /// who joined, or changed places, in the middle of a pass. Their lag is not theirs.
    pub(super) stalled: bool,
    /// It is given only the newest event of each topic until it is level.
    pub(super) conflating: bool,
    /// When it was last handed bytes.
    pub(super) last_sent: Tick,
    /// When it must end, and why.
    pub(super) end: Option<(Tick, EndReason)>,
    /// Leaves its topics when the subscriber does.
    pub(super) _presence: Presence,
}

impl Subscriber {
    /// A batch was handed to its sink, up to this event.
    pub(super) fn was_sent(&mut self, batch: &Batch, through: Sequence, now: Tick) {
        self.sent = through;
        self.sent_by_publisher = batch.last_id_is_by_publisher(through);
        self.last_sent = now;
    }

    /// How far it is behind an audience that has counted so much. Means nothing while it is
    /// replaying.
    pub(super) fn lag(&self, total: Lag) -> Lag {
        Lag {
            events: total.events.saturating_sub(self.served.events),
            bytes: total.bytes.saturating_sub(self.served.bytes),
        }
    }
}

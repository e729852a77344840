//! One open stream, as its shard keeps it.

use slotmap::new_key_type;

use super::audience::AudienceKey;
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

/// One open stream.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) sink: Box<dyn Sink>,
    pub(super) audience: AudienceKey,
    /// Where it stands in its audience's list of members.
    pub(super) member_index: usize,
    /// Everything up to here has been handed to the sink, or is not for this subscriber.
    pub(super) cursor: Sequence,
    /// What it has been served of all that its audience has counted; the difference is its lag.
    /// Means something only while it is not replaying, because a replay reaches further back.
    pub(super) served: Lag,
    /// It resumed, and has not been level yet: the lag limit does not apply.
    pub(super) replaying: bool,
    /// When it was last handed bytes.
    pub(super) last_sent: Tick,
    /// When it must end, and why.
    pub(super) end: Option<(Tick, EndReason)>,
    /// Leaves its topics when the subscriber does.
    pub(super) _presence: Presence,
}

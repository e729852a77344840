//! One open stream, as its shard keeps it.

use super::backpressure::Lag;
use super::batch::Batch;
use super::carrier::StreamConnection;
use super::deadlines::Tick;
use super::keys::AudienceKey;
use super::sink::Sink;
use crate::event::Sequence;
use crate::hub::active_subscriptions::SubscriptionsGuard;
use crate::hub::{InterestGuard, LastId};
use crate::metrics::EndReason;

/// One open stream: its sink, and how far it has come.
///
/// A subscriber is a receiver of the log: a cursor that goes forward and never back. Everything up
/// to it has been handed to the sink, in order and once, or is not for this subscriber, or was left
/// out by its policy. Only the transitions in this file move it.
#[derive(Debug)]
pub(super) struct Subscriber {
    sink: Box<dyn Sink>,
    audience: AudienceKey,
    /// Where it stands in its audience's list of members. In 32 bits, as many as a shard can have
    /// members, so that `joined` takes no more.
    member_index: u32,
    joined: Tick,
    cursor: Sequence,
    /// The last id that its client holds; apart, because together they take eight bytes more.
    last_sequence: Sequence,
    last_by_publisher: bool,
    /// What it has been served of all that its audience has counted; the difference is its lag.
    served: Lag,
    mode: Mode,
    stalled: bool,
    loading: bool,
    last_sent: Tick,
    end: Option<(Tick, EndReason)>,
    /// Leaves its topics when the subscriber does.
    _interest: InterestGuard,
    /// Announces its end.
    _announced: Option<Box<SubscriptionsGuard>>,
}

/// What a subscriber is given until it has caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Every event, and the lag limit applies.
    Live,
    /// What its stream begins with; none that is live is handed to it. The lag limit does not apply.
    Initial,
    /// Every event since the place where it resumed. The lag limit does not apply, and its lag
    /// means nothing: a replay reaches further back than what its audience has counted.
    Replaying,
    /// Only the newest event of each topic.
    Conflating,
}

/// How a subscriber begins.
#[derive(Debug)]
pub(super) struct InitialState {
    pub(super) audience: AudienceKey,
    pub(super) member_index: usize,
    pub(super) cursor: Sequence,
    pub(super) last_id: LastId,
    /// What its audience has counted so far.
    pub(super) served: Lag,
    /// Something behind its cursor is for it.
    pub(super) is_replaying: bool,
    /// It is sent something first.
    pub(super) has_initial_replay: bool,
    pub(super) joined: Tick,
    /// When it counts as having been handed bytes last.
    pub(super) last_sent: Tick,
    /// When it must end, and why.
    pub(super) end: Option<(Tick, EndReason)>,
    /// Leaves its topics when the subscriber does.
    pub(super) interest: InterestGuard,
    /// Announces its end.
    pub(super) announced: Option<Box<SubscriptionsGuard>>,
}

/// What a sink has taken of a batch that was read from the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakenFromLog {
    /// Everything up to here is done with; the last event may be earlier.
    pub(super) through: Sequence,
    /// The last event that was taken.
    pub(super) sent: Sequence,
    /// How many events, and how long their frames are.
    pub(super) amount: Lag,
}

/// Subscribers have keys whose places are 32 bits, so a list of them is no longer.
fn stored(member_index: usize) -> u32 {
    u32::try_from(member_index).unwrap_or(u32::MAX)
}

impl Subscriber {
    pub(super) fn new(sink: Box<dyn Sink>, initial: InitialState) -> Self {
        Self {
            sink,
            audience: initial.audience,
            member_index: stored(initial.member_index),
            joined: initial.joined,
            cursor: initial.cursor,
            last_sequence: initial.last_id.sequence,
            last_by_publisher: initial.last_id.by_publisher,
            served: initial.served,
            mode: match (initial.has_initial_replay, initial.is_replaying) {
                (true, _) => Mode::Initial,
                (false, true) => Mode::Replaying,
                (false, false) => Mode::Live,
            },
            stalled: false,
            loading: false,
            last_sent: initial.last_sent,
            end: initial.end,
            _interest: initial.interest,
            _announced: initial.announced,
        }
    }

    /// What carries its bytes.
    pub(super) fn sink(&mut self) -> &mut dyn Sink {
        &mut *self.sink
    }

    pub(super) fn into_sink(self) -> Box<dyn Sink> {
        self.sink
    }

    /// Bytes that its sink has taken and that have yet to leave.
    pub(super) fn held(&self) -> usize {
        self.sink.held()
    }

    pub(super) fn audience(&self) -> AudienceKey {
        self.audience
    }

    pub(super) fn member_index(&self) -> usize {
        self.member_index as usize
    }

    /// The connection that its bytes take.
    pub(super) fn connection(&self) -> StreamConnection {
        self.sink.connection()
    }

    /// When it began.
    pub(super) fn joined(&self) -> Tick {
        self.joined
    }

    /// Everything up to here is done with.
    pub(super) fn cursor(&self) -> Sequence {
        self.cursor
    }

    /// The last id that its client holds: of an event, or of a place that it was sent.
    pub(super) fn last_id(&self) -> LastId {
        LastId { sequence: self.last_sequence, by_publisher: self.last_by_publisher }
    }

    /// Whether it is served what was retained, at whatever speed it reads.
    pub(super) fn is_replaying(&self) -> bool {
        matches!(self.mode, Mode::Replaying | Mode::Initial)
    }

    /// Whether it has yet to get all that its stream begins with.
    pub(super) fn is_in_initial_replay(&self) -> bool {
        self.mode == Mode::Initial
    }

    pub(super) fn is_conflating(&self) -> bool {
        self.mode == Mode::Conflating
    }

    /// Whether its sink has been full since it last caught up. A subscriber may have fallen behind
    /// without being slow: when it joined, or changed its place among the members, in the middle of
    /// a pass. The lag limit does not apply to it then.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Whether it waits until the log has loaded what comes next.
    pub(super) fn is_loading(&self) -> bool {
        self.loading
    }

    /// It waits for the log from now on, or does no longer.
    pub(super) fn set_loading(&mut self, loading: bool) {
        self.loading = loading;
    }

    /// When it was last handed bytes.
    pub(super) fn last_sent(&self) -> Tick {
        self.last_sent
    }

    /// When it must end, and why.
    pub(super) fn end(&self) -> Option<(Tick, EndReason)> {
        self.end
    }

    /// How far it is behind an audience that has counted so much. Means nothing while it is
    /// replaying.
    pub(super) fn lag(&self, total: Lag) -> Lag {
        Lag {
            events: total.events.saturating_sub(self.served.events),
            bytes: total.bytes.saturating_sub(self.served.bytes),
        }
    }

    /// Another member has left, and this one has its place in the list.
    pub(super) fn moved_to(&mut self, member_index: usize) {
        self.member_index = stored(member_index);
    }

    /// It must end by then, if it does not before.
    pub(super) fn ends_by(&mut self, at: Tick, reason: EndReason) {
        if self.end.is_none_or(|(before, _)| at < before) {
            self.end = Some((at, reason));
        }
    }

    /// Its sink took all of what its audience is given now.
    pub(super) fn took_all(&mut self, batch: &Batch, total: Lag, now: Tick) {
        self.advance(batch.last());
        self.was_sent(batch, batch.last(), now);
        self.caught_up(total);
    }

    /// Its sink took a part of that, and is full. `served` is what it has been served with it.
    pub(super) fn took_part(&mut self, batch: &Batch, through: Sequence, served: Lag, now: Tick) {
        self.advance(through);
        self.was_sent(batch, through, now);
        self.served = served;
        self.stalled = true;
        if through >= batch.last() {
            self.mode = Mode::Live;
        }
    }

    /// Its sink took what was read from the log for it, or a part.
    pub(super) fn took_from_log(&mut self, batch: &Batch, taken: TakenFromLog, now: Tick) {
        self.advance(taken.through);
        self.was_sent(batch, taken.sent, now);
        self.count(taken.amount);
    }

    /// It joined in the middle of what its audience is given now, and has been served so much of
    /// all that was counted.
    pub(super) fn has_some(&mut self, served: Lag) {
        self.served = served;
    }

    /// Its sink takes nothing now.
    pub(super) fn found_full(&mut self) {
        self.stalled = true;
    }

    /// Nothing up to there is handed to it any more; so much of what was for it is left out.
    pub(super) fn skip_to(&mut self, to: Sequence, left_out: Lag) {
        self.cursor = self.cursor.max(to);
        self.count(left_out);
    }

    /// It was sent a gap notice, and is given the newest of each topic from now on.
    pub(super) fn conflate(&mut self) {
        debug_assert!(!self.is_replaying(), "a replay leaves nothing out");
        self.mode = Mode::Conflating;
    }

    /// It has everything of all that its audience has counted.
    pub(super) fn caught_up(&mut self, total: Lag) {
        self.served = total;
        self.mode = Mode::Live;
        self.stalled = false;
    }

    /// It has had what its stream begins with.
    pub(super) fn finished_initial_replay(&mut self) {
        debug_assert!(self.is_in_initial_replay());
        self.mode = Mode::Replaying;
    }

    /// It was told the place of its cursor.
    pub(super) fn was_told_place(&mut self, place: Sequence, now: Tick) {
        self.last_sequence = place;
        self.last_by_publisher = false;
        self.last_sent = now;
    }

    /// It was handed a heartbeat, and with it the id of a place, if any.
    pub(super) fn heartbeat_sent(&mut self, place: Option<Sequence>, now: Tick) {
        self.last_sent = now;
        if let Some(sequence) = place {
            debug_assert!(!self.is_replaying() && !self.is_conflating());
            self.was_told_place(sequence, now);
        }
    }

    fn advance(&mut self, to: Sequence) {
        debug_assert!(to >= self.cursor, "a cursor goes forward");
        self.cursor = to;
    }

    fn was_sent(&mut self, batch: &Batch, through: Sequence, now: Tick) {
        self.last_sequence = through;
        self.last_by_publisher = batch.last_id_is_by_publisher(through);
        self.last_sent = now;
    }

    fn count(&mut self, amount: Lag) {
        self.served.events += amount.events;
        self.served.bytes += amount.bytes;
    }
}

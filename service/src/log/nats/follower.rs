//! Follows the stream for as long as the node lives: looks whether it is still the same, reads on, and
//! begins anew whenever something is wrong.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use super::entry::Attempt;
use super::identity::{StreamVerdict, judge};
use super::replica::{Outcome, Replica};
use super::retention::RetainedLimits;
use super::state::{SharedReplica, State};
use super::stream::{LookError, ReadingError, SharedStream, StreamReading as _};
use super::stream_config::StreamEpoch;
use crate::event::{Buffers, Epoch, Sequence};

/// How long a node waits before it tries again.
const RETRY: Duration = Duration::from_millis(250);
/// How long looking at the stream may take at first, and at most. In an election requests are lost: one
/// that was made just before its end is not to be waited for much longer. Brokers that are only slow
/// get twice as long each time.
const LOOK_WAIT_MIN: Duration = Duration::from_millis(500);
const LOOK_WAIT_MAX: Duration = Duration::from_secs(4);
/// A stream that lacks what it confirmed may only be slow: its new leader has yet to come to the end
/// of its own log. After this it has lost it.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// How long reading waits for our own delivery before it begins again: less than brokers keep what it
/// is read by.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How many events are evicted at once while nobody else waits for them.
const EVICTED_MAX: usize = 512;

/// Why a node does not follow at the moment.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Read(#[from] ReadingError),
    #[error("the brokers did not answer within {0:?}")]
    NoAnswer(Duration),
    #[error("the stream lacks events that it had confirmed")]
    LacksEvents,
    /// What may have happened meanwhile has to be looked at.
    #[error("the connection was made anew, or the stream has changed")]
    Reconnected,
}

/// Whatever a node follows with.
pub(super) struct StreamFollower<S> {
    pub(super) stream: S,
    pub(super) state: Arc<State>,
    pub(super) limits: RetainedLimits,
    pub(super) buffers: Buffers,
}

impl<S: SharedStream> StreamFollower<S> {
    pub(super) async fn run(self) {
        let mut lacks_since = None;
        let mut was_told = false;
        let mut look_wait = LOOK_WAIT_MIN;
        loop {
            let followed = self.follow(look_wait, &mut lacks_since, &mut was_told).await;
            let Err(trouble) = followed else { continue };
            look_wait = match trouble {
                Trouble::NoAnswer(_) => (2 * look_wait).min(LOOK_WAIT_MAX),
                _ => LOOK_WAIT_MIN,
            };
            if matches!(trouble, Trouble::Reconnected) {
                continue;
            }
            if !std::mem::replace(&mut was_told, true) {
                tracing::warn!(%trouble, "does not follow the event log; trying again until it does");
            }
            self.state.note_trouble(&trouble.to_string());
            sleep(RETRY).await;
        }
    }

    async fn follow(
        &self,
        look_wait: Duration,
        lacks_since: &mut Option<Instant>,
        was_told: &mut bool,
    ) -> Result<(), Trouble> {
        let before = self.changes();
        let known = self.state.lock().known();
        let no_answer = |_| Trouble::NoAnswer(look_wait);
        let looking = timeout(look_wait, self.stream.look_at(known.head));
        let seen = looking.await.map_err(no_answer)??;
        let verdict = judge(&known, &seen);
        self.state.set_paused(verdict == StreamVerdict::LostEvents);
        match verdict {
            StreamVerdict::Same => *lacks_since = None,
            StreamVerdict::ReadAnew => self.read_anew().await?,
            StreamVerdict::LostEvents => {
                let since = *lacks_since.get_or_insert_with(Instant::now);
                if since.elapsed() < LOST_AFTER {
                    return Err(Trouble::LacksEvents);
                }
                tracing::error!(
                    stream = self.stream.name(),
                    head = known.head.0,
                    last = seen.last.0,
                    "the stream has lost events that it had confirmed; a new epoch begins. See to the disks of the brokers"
                );
                self.stream.begin_epoch(seen.last).await?;
                self.read_anew().await?;
                if self.state.lock().known().epoch == known.epoch {
                    return Err(Trouble::LacksEvents);
                }
                *lacks_since = None;
                self.state.set_paused(false);
            }
        }
        let from = self.state.lock().next_to_read().max(seen.first);
        let opening = timeout(look_wait, self.stream.read_from(from));
        let reading = opening.await.map_err(no_answer)??;
        self.read_on(reading, before, was_told).await
    }

    async fn read_on(
        &self,
        mut reading: S::Reading,
        before: (u64, u64),
        was_told: &mut bool,
    ) -> Result<(), Trouble> {
        self.state.counters().begins_to_read();
        loop {
            if timeout(PAUSE_MAX, self.state.until_near()).await.is_err() {
                // The broker may have removed what it is read by.
                return Ok(());
            }
            let entries = reading.next().await?;
            self.state.note_contact();
            if std::mem::take(was_told) {
                tracing::info!("follows the event log again");
            }
            if let Some(newest) = entries.last() {
                self.state.note_last(Sequence(newest.sequence.0 + reading.pending()));
                self.state.take(entries);
                self.record_epoch().await?;
            }
            if self.state.lock().known().has_diverged {
                return Err(Trouble::LacksEvents);
            }
            if self.changes() != before {
                return Err(Trouble::Reconnected);
            }
        }
    }

    /// How often the connection and the stream have changed so far.
    fn changes(&self) -> (u64, u64) {
        (self.stream.connections(), self.state.looks())
    }

    async fn read_anew(&self) -> Result<(), Trouble> {
        let awaited = |attempt| self.state.is_awaited(attempt);
        let (shared, outcomes) =
            read_whole(&self.stream, self.limits, &self.buffers, awaited).await?;
        let before = self.state.lock().known();
        let now = shared.known();
        if before.epoch == now.epoch {
            tracing::warn!(
                head = before.head.0,
                "too far behind the event log, which has dropped what comes next; clients are told of a gap"
            );
        } else {
            tracing::error!(
                stream = self.stream.name(),
                "the stream is another one than before; a new epoch begins, and all streams end"
            );
        }
        self.state.exchange(shared, outcomes);
        self.record_epoch().await
    }

    /// Nodes that begin to read behind the record of an epoch have to find it elsewhere.
    async fn record_epoch(&self) -> Result<(), Trouble> {
        let known = self.state.lock().known();
        if known.recorded.epoch == known.epoch {
            return Ok(());
        }
        let Some(from) = self.state.lock().replica.epoch_record() else { return Ok(()) };
        let begun = StreamEpoch { epoch: known.epoch, from };
        self.stream.record(begun).await?;
        self.state.lock().recorded = begun;
        Ok(())
    }
}

/// Reads the stream from its beginning to where it ends now.
pub(super) async fn read_whole(
    stream: &impl SharedStream,
    limits: RetainedLimits,
    buffers: &Buffers,
    is_awaited: impl Fn(Attempt) -> bool,
) -> Result<(SharedReplica, Vec<(Attempt, Outcome)>), Trouble> {
    let seen = stream.look().await?;
    let recorded = seen.recorded;
    // What is before the record of an epoch is of another one, of which nothing is known.
    let (after, epoch) = if recorded.from >= seen.first {
        (recorded.from.previous(), Epoch::from_bits(0))
    } else {
        (seen.first.previous(), recorded.epoch)
    };
    let replica = Replica::beginning_after((after, seen.first_ms), epoch, limits, buffers.clone());
    let mut shared = SharedReplica::new(replica, recorded);
    let mut outcomes = Vec::new();
    if after >= seen.last {
        return Ok((shared, outcomes));
    }
    let mut reading = stream.read_from(after.next()).await?;
    while reading.pending() > 0 && shared.replica.head() < seen.last {
        for entry in reading.next().await? {
            let attempt = entry.attempt.filter(|&attempt| is_awaited(attempt));
            let outcome = shared.apply(entry, None);
            if outcome == Outcome::Epoch {
                // Nobody will see what came before.
                outcomes.clear();
            }
            outcomes.extend(attempt.map(|attempt| (attempt, outcome)));
        }
        while !shared.replica.evict(0, EVICTED_MAX).is_less_than(EVICTED_MAX) {}
    }
    Ok((shared, outcomes))
}

//! Looks at the stream every second, whether messages come or not: how far this node is behind it, who
//! leads it, whether somebody has changed it, and whether the broker here still has the others.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::identity::{SeenStream, StreamVerdict, judge};
use super::state::State;
use super::stream::{SharedStream, StreamState};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a broker may be without a majority of them, or not tell anything of the stream, before others are
/// probed, again and again while none is better: in an election, which takes some seconds, none is.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long probing and reconnecting may take. The library may be busy with a connection that was lost meanwhile.
const FAIL_OVER_MAX: Duration = Duration::from_secs(5);

/// Runs for as long as the node does.
pub(super) async fn watch_stream(stream: impl SharedStream, state: Arc<State>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leader = None;
    let mut patience = Patience::new();
    loop {
        ticks.tick().await;
        state.counters().see_connection(stream.is_connected(), stream.connections());
        let known = state.lock().known();
        let seen = stream.look().await;
        let majority_ago = seen.as_ref().ok().map(|seen| seen.majority_ago);
        if patience.is_over(majority_ago) && stream.is_connected() {
            let failing_over = timeout(FAIL_OVER_MAX, stream.fail_over()).await;
            if failing_over.unwrap_or_default() {
                tracing::warn!(
                    "the broker of this connection is cut off from the others; failing over to one with a majority"
                );
            }
        }
        // What cannot be looked at is told by whoever reads it.
        let Some(seen) = seen.ok().filter(|seen| seen.majority_ago < PATIENCE) else { continue };
        state.note_last(seen.last);
        let at_head = known.head_message;
        let StreamState { recorded, first, last, .. } = seen;
        if judge(&known, &SeenStream { recorded, first, last, at_head }) != StreamVerdict::Same {
            state.look_again();
        }
        let now = seen.leader.filter(|now| leader.as_ref() != Some(now));
        if let Some(now) = now
            && let Some(before) = leader.replace(now.clone())
        {
            state.note_election();
            tracing::info!(before, now, "another broker leads the event log");
        }
    }
}

/// How long a broker is put up with. Only what a majority of the brokers has agreed on counts: one that was cut
/// off from the others answers, for a while as a leader, and its heartbeats go on.
struct Patience {
    /// When a majority was last heard of, or others were probed.
    since: Instant,
}

impl Patience {
    fn new() -> Self {
        Self { since: Instant::now() }
    }

    /// Takes how long ago a majority was heard of, as the leader says; nothing where nobody does. Says
    /// whether others are to be probed, and begins anew then.
    fn is_over(&mut self, majority_ago: Option<Duration>) -> bool {
        let now = Instant::now();
        let heard = majority_ago.and_then(|ago| now.checked_sub(ago));
        self.since = heard.map_or(self.since, |heard| heard.max(self.since));
        let is_over = now - self.since >= PATIENCE;
        if is_over {
            self.since = now;
        }
        is_over
    }
}

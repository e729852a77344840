//! Looks at the stream every second, whether messages come or not: how far this node is behind it, who
//! leads it, and whether somebody has changed it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::identity::{SeenStream, StreamVerdict, judge};
use super::state::State;
use super::stream::{SharedStream, StreamState};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs for as long as the node does.
pub(super) async fn watch_stream(stream: impl SharedStream, state: Arc<State>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leader = None;
    loop {
        ticks.tick().await;
        state.counters().see_connection(stream.is_connected(), stream.connections());
        let known = state.lock().known();
        // What cannot be looked at is told by whoever reads it.
        let Ok(seen) = stream.look().await else { continue };
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

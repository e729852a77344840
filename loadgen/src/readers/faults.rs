//! Which streams injected faults disconnect, and when: the same on every transport. No I/O and no
//! clock.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::plan::spread;

/// Whether a reconnect storm of this share disconnects a subscriber. The shares are turned by half,
/// so that a storm is not of the same subscribers as the slow ones.
pub(super) fn is_in_storm(number: u32, share: f64) -> bool {
    (spread(number as usize) + 0.5).fract() < share
}

/// A random time with this mean until a disconnect, as between independent events.
pub(super) fn time_to_disconnect(mean: Duration, random: &mut SmallRng) -> Duration {
    let uniform: f64 = random.random();
    mean.mul_f64(-(1.0 - uniform).ln())
}

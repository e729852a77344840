//! One entry a second, from the start of publishing.

use serde::{Deserialize, Serialize};

use super::Compact;
use crate::clock::Moment;

/// Seconds that are kept; later ones are added to the last. A day.
const MOST: usize = 24 * 60 * 60;

/// What happened in a second.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SecondTally {
    pub(crate) received: u64,
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
    pub(crate) reconnects: u64,
    pub(crate) latency: Compact,
}

impl SecondTally {
    fn merge(&mut self, other: &Self) {
        self.received += other.received;
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.reconnects += other.reconnects;
        self.latency.merge(&other.latency);
    }
}

/// The seconds of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seconds {
    tallies: Vec<SecondTally>,
}

impl Seconds {
    /// The second that a moment lies in; what is before the start counts to the first.
    pub(crate) fn at(&mut self, start: Moment, now: Moment) -> &mut SecondTally {
        let second =
            usize::try_from(now.since(start) / 1_000_000_000).unwrap_or(MOST).min(MOST - 1);
        if second >= self.tallies.len() {
            self.tallies.resize_with(second + 1, SecondTally::default);
        }
        &mut self.tallies[second]
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.tallies.len() > self.tallies.len() {
            self.tallies.resize_with(other.tallies.len(), SecondTally::default);
        }
        for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
            mine.merge(theirs);
        }
    }

    pub(crate) fn all(&self) -> &[SecondTally] {
        &self.tallies
    }
}

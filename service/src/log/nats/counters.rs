//! What a node of a shared log has done since its start.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::super::cluster_status::{APPEND_BOUNDS_US, ClusterStatus};
use super::super::distribution::AtomicDistribution;
use super::replica::Outcome;

/// Counted by the tasks of the log, at most once a message.
#[derive(Debug, Default)]
pub(super) struct ClusterCounters {
    is_connected: AtomicBool,
    connections: AtomicU64,
    reads_begun: AtomicU64,
    read_pauses: AtomicU64,
    elections: AtomicU64,
    epochs: AtomicU64,
    holes: AtomicU64,
    foreign: AtomicU64,
    gave_way: AtomicU64,
    sent_again: AtomicU64,
    appends: AtomicDistribution<{ APPEND_BOUNDS_US.len() + 1 }>,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl ClusterCounters {
    /// How the connection is, and how many there have been.
    pub(super) fn see_connection(&self, is_connected: bool, connections: u64) {
        self.is_connected.store(is_connected, Ordering::Relaxed);
        self.connections.store(connections, Ordering::Relaxed);
    }

    pub(super) fn begins_to_read(&self) {
        add(&self.reads_begun, 1);
    }

    pub(super) fn pauses_reading(&self) {
        add(&self.read_pauses, 1);
    }

    pub(super) fn has_other_leader(&self) {
        add(&self.elections, 1);
    }

    pub(super) fn begins_epoch(&self) {
        add(&self.epochs, 1);
    }

    /// So many messages are missing before one that was read.
    pub(super) fn misses(&self, messages: u64) {
        add(&self.holes, messages);
    }

    /// What has become of a message.
    pub(super) fn applied(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Repeat(_) | Outcome::Conflict | Outcome::TopicEnded(_) => {
                add(&self.gave_way, 1);
            }
            Outcome::Foreign => add(&self.foreign, 1),
            Outcome::Unreadable => add(&self.holes, 1),
            Outcome::Epoch => self.begins_epoch(),
            Outcome::Shown(_) | Outcome::PassedOver | Outcome::Known => {}
        }
    }

    pub(super) fn sends_again(&self, events: usize) {
        add(&self.sent_again, events as u64);
    }

    /// An append took so long, whatever came of it.
    pub(super) fn appended(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.appends.add(&APPEND_BOUNDS_US, micros);
    }

    /// What was counted; the rest of the status is left as it is by default.
    pub(super) fn status(&self) -> ClusterStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClusterStatus {
            is_connected: self.is_connected.load(Ordering::Relaxed),
            reconnects: count(&self.connections).saturating_sub(1),
            reads_begun: count(&self.reads_begun).saturating_sub(1),
            read_pauses: count(&self.read_pauses),
            elections: count(&self.elections),
            epochs: count(&self.epochs),
            holes: count(&self.holes),
            foreign: count(&self.foreign),
            gave_way: count(&self.gave_way),
            sent_again: count(&self.sent_again),
            appends: self.appends.now(),
            ..ClusterStatus::default()
        }
    }
}

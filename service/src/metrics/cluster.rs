//! The event log that servers share: the brokers, how far this server is behind them, and what is on its
//! way to them.
//!
//! Without brokers everything is 0.

use metrics::{Counter, Gauge};

use super::Snapshot;
use super::histogram::write_distribution;
use super::series::{described, described_gauge};
use crate::log::APPEND_BOUNDS_US;

pub(super) struct Cluster {
    connected: Gauge,
    heard: Gauge,
    lag_events: Gauge,
    in_flight_events: Gauge,
    in_flight_events_limit: Gauge,
    in_flight_bytes: Gauge,
    in_flight_bytes_limit: Gauge,
    reconnects: Counter,
    reads_begun: Counter,
    read_pauses: Counter,
    elections: Counter,
    epochs: Counter,
    holes: Counter,
    foreign: Counter,
    gave_way: Counter,
    sent_again: Counter,
}

impl Cluster {
    pub(super) fn register() -> Self {
        Self {
            connected: described_gauge(
                "fanfare_cluster_connected",
                "1 while there is a connection to a broker; 0 without brokers.",
            ),
            heard: described_gauge(
                "fanfare_cluster_last_contact_timestamp_seconds",
                "When the brokers last said anything of the event log, in seconds since 1970; 0 without brokers. They do so twice a second.",
            ),
            lag_events: described_gauge(
                "fanfare_cluster_lag_events",
                "Messages of the shared event log that this server has yet to read, looked at every second.",
            ),
            in_flight_events: described_gauge(
                "fanfare_cluster_in_flight_events",
                "Events that were sent to the brokers, or are about to be, and have not been read back.",
            ),
            in_flight_events_limit: described_gauge(
                "fanfare_cluster_in_flight_events_limit",
                "The most events that may be on their way to the brokers; the others wait. 0 without brokers.",
            ),
            in_flight_bytes: described_gauge(
                "fanfare_cluster_in_flight_bytes",
                "Bytes of the events that are on their way to the brokers.",
            ),
            in_flight_bytes_limit: described_gauge(
                "fanfare_cluster_in_flight_bytes_limit",
                "The most bytes of events that may be on their way to the brokers; the others wait. 0 without brokers.",
            ),
            reconnects: described(
                "fanfare_cluster_reconnects_total",
                "Connections to brokers beyond the first.",
            ),
            reads_begun: described(
                "fanfare_cluster_reads_restarted_total",
                "Times that reading the shared event log had to begin again where it was: a broker went, or was silent for two seconds.",
            ),
            read_pauses: described(
                "fanfare_cluster_read_pauses_total",
                "Times that reading the shared event log waited for the delivery of this server to come nearer.",
            ),
            elections: described(
                "fanfare_cluster_elections_total",
                "Times that another broker was seen to lead the shared event log, looked at every second.",
            ),
            epochs: described(
                "fanfare_cluster_epochs_total",
                "Epochs of the shared event log that have begun since the start: it was made anew, or lost what it had confirmed, and all streams ended.",
            ),
            holes: described(
                "fanfare_cluster_holes_total",
                "Messages that are missing in the middle of the shared event log, or that only a later version can read; whoever may have wanted them is told of a gap.",
            ),
            foreign: described(
                "fanfare_cluster_foreign_messages_total",
                "Messages in the shared event log that no server of this kind has sent; they are passed over.",
            ),
            gave_way: described(
                "fanfare_cluster_repeats_total",
                "Events in the shared event log that gave way to an earlier one with their id; they are passed over.",
            ),
            sent_again: described(
                "fanfare_cluster_retries_total",
                "Events that were sent to the brokers again, because they had not taken them or had not answered.",
            ),
        }
    }

    pub(super) fn set(&self, snapshot: &Snapshot) {
        let cluster = &snapshot.cluster;
        self.connected.set(f64::from(u8::from(cluster.is_connected)));
        self.heard.set(cluster.heard_ms as f64 / 1_000.0);
        self.lag_events.set(cluster.lag_events as f64);
        self.in_flight_events.set(cluster.in_flight_events as f64);
        self.in_flight_events_limit.set(cluster.in_flight_events_limit as f64);
        self.in_flight_bytes.set(cluster.in_flight_bytes as f64);
        self.in_flight_bytes_limit.set(cluster.in_flight_bytes_limit as f64);
        self.reconnects.absolute(cluster.reconnects);
        self.reads_begun.absolute(cluster.reads_begun);
        self.read_pauses.absolute(cluster.read_pauses);
        self.elections.absolute(cluster.elections);
        self.epochs.absolute(cluster.epochs);
        self.holes.absolute(cluster.holes);
        self.foreign.absolute(cluster.foreign);
        self.gave_way.absolute(cluster.gave_way);
        self.sent_again.absolute(cluster.sent_again);
    }
}

/// Writes what the exporter cannot hold.
pub(super) fn write(snapshot: &Snapshot, text: &mut String) {
    let named = (
        "fanfare_cluster_append_seconds",
        "How long the events of a request took from their turn until they had been read back from the brokers, or were given up.",
    );
    write_distribution(text, named, &APPEND_BOUNDS_US, 1e6, &snapshot.cluster.appends);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ClusterStatus;
    use crate::metrics::Metrics;

    #[test]
    fn what_the_shared_log_does_is_shown_and_nothing_without_brokers() {
        let without = Metrics::new(1).render(&Snapshot::default());
        assert!(without.contains("fanfare_cluster_connected 0\n"), "{without}");
        let cluster = ClusterStatus {
            is_connected: true,
            heard_ms: 1_500,
            lag_events: 7,
            reconnects: 2,
            ..ClusterStatus::default()
        };
        let page = Metrics::new(1).render(&Snapshot { cluster, ..Snapshot::default() });
        for line in [
            "fanfare_cluster_connected 1\n",
            "fanfare_cluster_last_contact_timestamp_seconds 1.5\n",
            "fanfare_cluster_lag_events 7\n",
            "fanfare_cluster_reconnects_total 2\n",
            "fanfare_cluster_append_seconds_bucket{le=\"0.001\"} 0\n",
        ] {
            assert!(page.contains(line), "{line}{page}");
        }
    }
}

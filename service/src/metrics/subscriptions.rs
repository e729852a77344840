//! Active subscriptions, where others are told of them.

use metrics::Gauge;

use super::series::described_gauge;

/// What there is when the metrics are requested.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriptionStats {
    /// Subscriptions that are kept.
    pub active: usize,
    /// Memory that they hold, in bytes.
    pub bytes: usize,
    /// Streams whose beginning or end has yet to be announced.
    pub changes_waiting: usize,
}

pub(super) struct SubscriptionGauges {
    active: Gauge,
    bytes: Gauge,
    changes_waiting: Gauge,
    pub(super) bytes_limit: Gauge,
}

impl SubscriptionGauges {
    pub(super) fn register() -> Self {
        Self {
            active: described_gauge(
                "fanfare_active_subscriptions",
                "Active subscriptions that are kept now: one for each selector of each stream, and those whose end has yet to be announced; 0 without --subscriptions.",
            ),
            bytes: described_gauge(
                "fanfare_active_subscription_bytes",
                "Memory that active subscriptions take now.",
            ),
            changes_waiting: described_gauge(
                "fanfare_active_subscription_changes_waiting",
                "Streams whose beginning or end has yet to be announced to those who watch active subscriptions.",
            ),
            bytes_limit: described_gauge(
                "fanfare_active_subscription_bytes_limit",
                "The most memory that active subscriptions may take together; above it, new streams are rejected. 0 without --subscriptions.",
            ),
        }
    }

    pub(super) fn set(&self, stats: &SubscriptionStats) {
        self.active.set(stats.active as f64);
        self.bytes.set(stats.bytes as f64);
        self.changes_waiting.set(stats.changes_waiting as f64);
    }
}

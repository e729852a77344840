//! Whether settings that were read again could be used.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Counter, Gauge};

use super::Metrics;
use super::series::{counters, described_gauge};

pub(super) struct Reloads {
    /// Applied, failed.
    outcomes: [Counter; 2],
    is_last_successful: Gauge,
    last_success: Gauge,
}

impl Reloads {
    pub(super) fn register() -> Self {
        let reloads = Self {
            outcomes: counters(
                (
                    "fanfare_config_reloads_total",
                    "How often the settings were read again (SIGHUP): applied, or failed because they cannot be used, which changes nothing.",
                ),
                "outcome",
                ["applied", "failed"],
            ),
            is_last_successful: described_gauge(
                "fanfare_config_last_reload_successful",
                "1 if the settings that were read last are in force, at the start or by SIGHUP; 0 if they could not be used.",
            ),
            last_success: described_gauge(
                "fanfare_config_last_reload_success_timestamp_seconds",
                "When the settings that are in force were read, in seconds since 1970.",
            ),
        };
        reloads.read();
        reloads
    }

    fn read(&self) {
        self.is_last_successful.set(1.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_success.set(now.as_secs_f64());
    }
}

impl Metrics {
    /// Settings that were read again are in force.
    pub fn reload_applied(&self) {
        self.inner.reloads.outcomes[0].increment(1);
        self.inner.reloads.read();
    }

    /// Settings that were read again cannot be used, and nothing has changed.
    pub fn reload_failed(&self) {
        self.inner.reloads.outcomes[1].increment(1);
        self.inner.reloads.is_last_successful.set(0.0);
    }
}

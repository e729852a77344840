//! Fetching the keys of issuers.

use metrics::{Counter, Gauge};

use super::Metrics;
use super::labels::JwksFetch;
use super::series::{counters, described_gauge};

pub(super) struct Jwks {
    fetches: [Counter; JwksFetch::ALL.len()],
    failing: Gauge,
}

/// A set of keys whose last fetch has failed; counted until it is dropped.
#[derive(Debug)]
pub struct FailingFetch {
    metrics: Metrics,
}

impl Jwks {
    pub(super) fn register() -> Self {
        Self {
            fetches: counters(
                (
                    "fanfare_jwks_fetches_total",
                    "Fetches of the keys of issuers (JWKS) from their URLs: fetched, unchanged since the last time, or failed, after which the keys that were fetched before stay.",
                ),
                "outcome",
                JwksFetch::ALL.map(JwksFetch::label),
            ),
            failing: described_gauge(
                "fanfare_jwks_failing",
                "How many of the issuers whose keys are fetched from a URL (JWKS) could not be reached, or gave no usable keys, the last time.",
            ),
        }
    }
}

impl Metrics {
    /// Keys were fetched, or not.
    pub fn jwks_fetched(&self, fetch: JwksFetch) {
        self.inner.jwks.fetches[fetch as usize].increment(1);
    }

    /// The keys of an issuer cannot be fetched, until this is dropped.
    #[must_use]
    pub fn jwks_failing(&self) -> FailingFetch {
        self.inner.jwks.failing.increment(1.0);
        FailingFetch { metrics: self.clone() }
    }
}

impl Drop for FailingFetch {
    fn drop(&mut self) {
        self.metrics.inner.jwks.failing.decrement(1.0);
    }
}

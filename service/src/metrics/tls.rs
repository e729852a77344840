//! TLS: handshakes, and the certificate.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Counter, Gauge};

use super::Metrics;
use super::labels::{CertificateReloadResult, HandshakeFailure};
use super::series::{counters, described, described_gauge};

pub(super) struct Tls {
    handshakes: Counter,
    handshakes_now: Gauge,
    handshakes_failed: [Counter; HandshakeFailure::ALL.len()],
    expires: Gauge,
    reloads: [Counter; CertificateReloadResult::ALL.len()],
}

impl Tls {
    pub(super) fn register() -> Self {
        Self {
            handshakes: described(
                "fanfare_tls_handshakes_total",
                "TLS handshakes that were completed.",
            ),
            handshakes_now: described_gauge(
                "fanfare_tls_handshakes_ongoing",
                "TLS handshakes that are going on now.",
            ),
            handshakes_failed: counters(
                (
                    "fanfare_tls_handshakes_failed_total",
                    "TLS handshakes that failed, by reason: the client sent plain HTTP, sent what is not TLS, shares no version or cipher, refused the certificate or ended the handshake (rejected), went away, took too long, or made room for another while too many went on (crowded_out).",
                ),
                "reason",
                HandshakeFailure::ALL.map(HandshakeFailure::label),
            ),
            expires: described_gauge(
                "fanfare_tls_certificate_expiry_timestamp_seconds",
                "When the certificate that is served expires, in seconds since 1970; 0 without TLS.",
            ),
            reloads: counters(
                (
                    "fanfare_tls_certificate_reloads_total",
                    "Times that the certificate was read again, by result; after a failure the one before is served on.",
                ),
                "result",
                CertificateReloadResult::ALL.map(CertificateReloadResult::label),
            ),
        }
    }
}

/// A handshake that is going on until this is dropped.
#[derive(Debug)]
pub struct OngoingHandshake(Metrics);

impl Drop for OngoingHandshake {
    fn drop(&mut self) {
        self.0.inner.tls.handshakes_now.decrement(1.0);
    }
}

impl Metrics {
    /// A handshake begins.
    #[must_use]
    pub fn handshake(&self) -> OngoingHandshake {
        self.inner.tls.handshakes_now.increment(1.0);
        OngoingHandshake(self.clone())
    }

    /// A client and this server have agreed on keys.
    pub fn handshake_completed(&self) {
        self.inner.tls.handshakes.increment(1);
    }

    /// They have not.
    pub fn handshake_failed(&self, failure: HandshakeFailure) {
        self.inner.tls.handshakes_failed[failure as usize].increment(1);
    }

    /// A certificate is served from now on that expires then.
    pub fn certificate_expires(&self, expires: SystemTime) {
        let seconds = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.inner.tls.expires.set(seconds);
    }

    /// The certificate was read again.
    pub fn certificate_reloaded(&self, result: CertificateReloadResult) {
        self.inner.tls.reloads[result as usize].increment(1);
    }
}

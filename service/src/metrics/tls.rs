//! TLS: handshakes, and the certificate.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Counter, Gauge};

use super::Metrics;
use super::labels::{CertificateReloadResult, HandshakeFailure};
use super::series::{counters, described, described_gauge};

pub(super) struct Tls {
    handshakes: Counter,
    handshakes_now: Gauge,
    handshakes_waiting: Gauge,
    handshakes_failed: [Counter; HandshakeFailure::ALL.len()],
    write_buffers: Gauge,
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
                "TLS handshakes that are going on now; 512 at most.",
            ),
            handshakes_waiting: described_gauge(
                "fanfare_tls_handshakes_waiting",
                "TLS handshakes that have yet to begin, because 512 others go on.",
            ),
            handshakes_failed: counters(
                (
                    "fanfare_tls_handshakes_failed_total",
                    "TLS handshakes that failed, by reason: the client sent plain HTTP, sent what is not TLS, shares no version or cipher, refused the certificate or ended the handshake (rejected), went away, took too long, or made room for another while too many went on (crowded_out).",
                ),
                "reason",
                HandshakeFailure::ALL.map(HandshakeFailure::label),
            ),
            write_buffers: described_gauge(
                "fanfare_tls_write_buffer_bytes",
                "Encrypted bytes that TLS holds until clients take them, at most 17 KiB for each connection; --output-buffers-max does not count them.",
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

/// Counts a handshake as going on, or as waiting, until this is dropped.
#[derive(Debug)]
pub struct CountedHandshake(Gauge);

impl CountedHandshake {
    fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for CountedHandshake {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// What TLS holds for one connection, and nothing any more when this is dropped.
#[derive(Debug)]
pub struct TlsWriteBuffer {
    all: Gauge,
    bytes: u64,
}

impl TlsWriteBuffer {
    /// It holds so many bytes from now on.
    pub fn holds(&mut self, bytes: u64) {
        // For a client that takes everything this is all that happens.
        if bytes != self.bytes {
            self.all.increment(bytes as f64 - self.bytes as f64);
            self.bytes = bytes;
        }
    }
}

impl Drop for TlsWriteBuffer {
    fn drop(&mut self) {
        self.holds(0);
    }
}

impl Metrics {
    /// A handshake begins.
    #[must_use]
    pub fn handshake(&self) -> CountedHandshake {
        CountedHandshake::new(&self.inner.tls.handshakes_now)
    }

    /// A handshake waits until others have ended.
    #[must_use]
    pub fn waiting_handshake(&self) -> CountedHandshake {
        CountedHandshake::new(&self.inner.tls.handshakes_waiting)
    }

    /// The buffer of a connection that has been secured; it is empty.
    #[must_use]
    pub fn tls_write_buffer(&self) -> TlsWriteBuffer {
        TlsWriteBuffer { all: self.inner.tls.write_buffers.clone(), bytes: 0 }
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

//! TLS: real clients are served over it, its certificate is exchanged while streams are open, and
//! what is no TLS, or never becomes it, harms nobody.

/// Clients of which a test sees every byte.
mod clients;

/// A server with a certificate.
pub(crate) mod scene;

/// Certificates are exchanged, and bad ones are not taken.
mod certificates;

/// The certificate is exchanged under thousands of streams.
mod renewal;

/// Streams end in order.
mod ending;

/// Garbage, silence and plain HTTP where a handshake belongs.
mod handshakes;

/// Attacks on the handshake and on what comes after it, with healthy streams beside them.
#[cfg(target_os = "linux")]
mod attacks;

/// What depends on the scheme.
mod origins;

/// Clients that nobody here wrote.
mod peers;

/// A reader that stops is bounded and loses nothing.
mod slow_readers;

//! TLS on a TCP connection: the handshake, with its limits, and what is no handshake at all.
//!
//! A connection has been admitted by then like any other. Whoever speaks plain HTTP to this port is
//! told so in plain HTTP, because the usual message of a client that finds TLS there helps nobody.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::closing::close;
use super::http1::write_problem;
use super::secured_stream::{CountedSocket, SecuredStream};
use super::tls_slots::HandshakeSlots;
use crate::metrics::{HandshakeFailure, Metrics, Protocol};
use crate::tls::CertificateStore;

/// How many bytes TLS keeps for a client that takes nothing: one full record. A record of which a part
/// has been taken keeps all of its memory, so that it is up to twice as much of that.
const BUFFER_MAX: usize = 17 << 10;

/// What TCP connections are secured with.
#[derive(Debug)]
pub struct TlsFront {
    certificates: Arc<CertificateStore>,
    slots: HandshakeSlots,
}

/// Why there is no secured connection.
#[derive(Debug, Error)]
enum HandshakeError {
    #[error("the client sent nothing, or went away")]
    NoClient(#[source] io::Error),
    #[error("the client speaks HTTP without TLS")]
    PlainHttp,
    #[error("the TLS handshake failed: {0}")]
    Failed(#[source] io::Error),
    #[error("the TLS handshake took too long")]
    Timeout,
    #[error("the TLS handshake took long, and others waited")]
    CrowdedOut,
}

impl TlsFront {
    /// With a certificate that may be exchanged at any time.
    #[must_use]
    pub fn new(certificates: Arc<CertificateStore>) -> Self {
        Self { certificates, slots: HandshakeSlots::default() }
    }

    /// The secured connection and what is spoken on it; `None` if there is none, which has been
    /// counted.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        limit: Duration,
        metrics: &Metrics,
    ) -> Option<(SecuredStream, Protocol)> {
        let result = timeout(limit, self.shake_hands(stream, metrics)).await;
        let error = match result.unwrap_or(Err(HandshakeError::Timeout)) {
            Ok(stream) => {
                metrics.handshake_completed();
                let stream = SecuredStream::new(stream, metrics.tls_write_buffer());
                let protocol = stream.protocol();
                return Some((stream, protocol));
            }
            Err(error) => error,
        };
        tracing::debug!(%error, "no TLS");
        metrics.handshake_failed(error.class());
        None
    }

    async fn shake_hands(
        &self,
        mut stream: TcpStream,
        metrics: &Metrics,
    ) -> Result<TlsStream<CountedSocket>, HandshakeError> {
        let mut first = [0];
        // Before there is a slot: a client that says nothing costs no more than without TLS.
        match stream.peek(&mut first).await {
            Ok(0) => return Err(HandshakeError::NoClient(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) => return Err(HandshakeError::NoClient(error)),
        }
        if first[0].is_ascii_uppercase() {
            refuse_plain_http(&mut stream).await;
            close(stream).await;
            return Err(HandshakeError::PlainHttp);
        }
        let slot = match self.slots.try_take() {
            Some(slot) => slot,
            None => {
                let _waiting = metrics.waiting_handshake();
                self.slots.take().await
            }
        };
        let _ongoing = metrics.handshake();
        // The one that is served at this moment, and for the whole of the connection.
        let acceptor = TlsAcceptor::from(self.certificates.server_config());
        let accept = acceptor.accept_with(CountedSocket::new(stream), |session| {
            session.set_buffer_limit(Some(BUFFER_MAX));
        });
        let accepted = tokio::select! {
            accepted = accept.into_fallible() => accepted,
            () = slot.is_wanted() => return Err(HandshakeError::CrowdedOut),
        };
        drop(slot);
        match accepted {
            Ok(stream) => Ok(stream),
            Err((error, stream)) => {
                // The alert has been sent, and is to be read.
                close(stream).await;
                Err(HandshakeError::Failed(error))
            }
        }
    }
}

async fn refuse_plain_http(stream: &mut TcpStream) {
    let detail = "this port speaks TLS; use https:// in the place of http://";
    write_problem(stream, StatusCode::BAD_REQUEST, "plain-http", detail).await;
}

impl HandshakeError {
    fn class(&self) -> HandshakeFailure {
        match self {
            Self::NoClient(_) => HandshakeFailure::Client,
            Self::PlainHttp => HandshakeFailure::PlainHttp,
            Self::Failed(error) => class_of(error),
            Self::Timeout => HandshakeFailure::Timeout,
            Self::CrowdedOut => HandshakeFailure::CrowdedOut,
        }
    }
}

/// The library wraps its own errors in those of the system.
fn class_of(error: &io::Error) -> HandshakeFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let inner = inner.or_else(|| error.source()?.downcast_ref());
    match inner {
        Some(rustls::Error::AlertReceived(_)) => HandshakeFailure::Rejected,
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => {
            HandshakeFailure::Incompatible
        }
        Some(_) => HandshakeFailure::Malformed,
        None => HandshakeFailure::Client,
    }
}

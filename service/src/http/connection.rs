//! One connection, from its first byte to its last.
//!
//! HTTP/1.1 and HTTP/2 (prior knowledge) share the port: the first bytes tell which it is, and with
//! TLS the handshake. Each has a file of its own; here is the choice.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::admission::ConnectionGuard;
use super::current::CurrentContext;
use super::exchange::{StreamMode, note_end};
use super::listener::AcceptedSocket;
use super::tls::TlsFront;
use super::transport::{PlainTransport, Transport};
use super::{http1, http2, unix_transport};
use crate::metrics::{ConnectionEnd, Protocol};

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a connection until it ends.
pub(super) async fn serve(
    stream: AcceptedSocket,
    mode: StreamMode,
    current: Arc<CurrentContext>,
    guard: ConnectionGuard,
) {
    // Goes last: behind the last task nothing has the hub and its log any more.
    let _task = current.get().lifecycle.tasks().token();
    let context = current.get();
    let refusal_time = context.rules.settings.headers_timeout;
    let result = tokio::select! {
        result = serve_any(stream, mode, current, guard) => result,
        () = context.lifecycle.force_closing() => return,
        // Places for refusals are few, and no client is to keep one.
        () = sleep(refusal_time), if matches!(mode, StreamMode::Refuse(_)) => return,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

async fn serve_any(
    stream: AcceptedSocket,
    mode: StreamMode,
    current: Arc<CurrentContext>,
    guard: ConnectionGuard,
) -> Result<(), hyper::Error> {
    let tls = current.get().tls.clone();
    // Boxed: what these need would otherwise be set aside for every connection.
    match (stream, tls) {
        (AcceptedSocket::Tcp(stream, _), None) => serve_plain(stream, mode, current, guard).await,
        (AcceptedSocket::Tcp(stream, _), Some(tls)) => {
            Box::pin(serve_secured(tls, stream, mode, current, guard)).await
        }
        (AcceptedSocket::Unix(stream), _) => {
            let stream = unix_transport::bounded(stream, &current.get().rules.settings);
            Box::pin(serve_plain(stream, mode, current, guard)).await
        }
    }
}

async fn serve_secured(
    tls: Arc<TlsFront>,
    stream: TcpStream,
    mode: StreamMode,
    current: Arc<CurrentContext>,
    mut guard: ConnectionGuard,
) -> Result<(), hyper::Error> {
    let context = current.get();
    let limit = context.rules.settings.headers_timeout;
    let secured = tokio::select! {
        secured = tls.secure(stream, limit, &context.metrics) => secured,
        () = context.lifecycle.closing() => return Ok(()),
    };
    match secured {
        Some((stream, Protocol::Http2)) => serve_http2(stream, mode, current, guard).await,
        Some((stream, _)) => {
            guard.speaks(Protocol::Http1);
            http1::serve(stream, mode, current, guard).await
        }
        None => {
            guard.ends(ConnectionEnd::Handshake);
            Ok(())
        }
    }
}

async fn serve_plain(
    stream: impl PlainTransport + 'static,
    mode: StreamMode,
    current: Arc<CurrentContext>,
    mut guard: ConnectionGuard,
) -> Result<(), hyper::Error> {
    let context = current.get();
    let limit = context.rules.settings.headers_timeout;
    let first = tokio::select! {
        first = timeout(limit, is_http2(&stream)) => first,
        // A client that has sent nothing by then is not waited for.
        () = context.lifecycle.closing() => return Ok(()),
    };
    match first {
        Ok(Ok(true)) => {
            // Boxed: what HTTP/2 needs would otherwise be set aside for every connection.
            Box::pin(serve_http2(stream, mode, current, guard)).await
        }
        Ok(Ok(false)) => {
            guard.speaks(Protocol::Http1);
            Box::pin(http1::serve(stream, mode, current, guard)).await
        }
        // The client went away, or never sent a byte.
        Ok(Err(_)) => Ok(()),
        Err(_) => {
            guard.ends(ConnectionEnd::HeadersTimeout);
            Ok(())
        }
    }
}

async fn serve_http2(
    stream: impl Transport + 'static,
    mode: StreamMode,
    current: Arc<CurrentContext>,
    mut guard: ConnectionGuard,
) -> Result<(), hyper::Error> {
    guard.speaks(Protocol::Http2);
    let result = http2::serve(stream, mode, current, &mut guard).await;
    note_end(&mut guard, result.as_ref().err());
    result
}

/// Looks at the first bytes without taking them. The whole preface is waited for, because hyper
/// would wait for the rest of it without a limit.
async fn is_http2(stream: &impl PlainTransport) -> io::Result<bool> {
    let mut pause = Duration::from_millis(10);
    let mut first = [0; HTTP2_PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[..seen] != HTTP2_PREFACE[..seen] {
            return Ok(false);
        }
        if seen == first.len() {
            return Ok(true);
        }
        // A preface in segments: the socket stays readable, so waiting for it would spin.
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

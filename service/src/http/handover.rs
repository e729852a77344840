//! How a socket leaves hyper for a shard.
//!
//! hyper is very good at requests and responses, and the wrong thing to keep for a socket that then
//! waits for hours. When a plain HTTP/1 request turns out to be for a stream, the service returns
//! an error of its own to hyper: hyper writes nothing, its connection ends, and the socket comes
//! back. The head is written here, the body is in chunks (RFC 9112, section 7.1), and nothing of
//! hyper stays.
//!
//! What cannot leave keeps its place and is served through a body: requests whose own body has not
//! been read to its end, those of HTTP/1.0, which knows no chunks, and connections on which an
//! earlier response has not left yet.

use std::fmt::Write as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll};
use std::time::SystemTime;

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::Version;
use hyper::http::response::Parts;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::body::{BodyObserver, PendingStream};
use crate::delivery::{Carrier, Cut, StreamConnection};
use crate::event::chunk_of;

/// What a connection, the responses to its requests and its stream know of each other.
#[derive(Debug, Default)]
pub(super) struct UpgradeState {
    /// For whoever looks at a stream that could not leave the connection.
    connection: StreamConnection,
    /// Cuts the connection from outside, for a stream that could not leave it.
    pub(super) hang_up: Notify,
    /// The kernel has not taken all that hyper wanted to write.
    congested: AtomicBool,
    /// A request has been read, and its response has not been written yet.
    responding: AtomicBool,
    /// The response has been handed to hyper to its end; what hyper has of it is not written yet.
    handed_out: AtomicBool,
    takeover: Mutex<Option<Takeover>>,
}

/// A stream whose socket is leaving hyper.
#[derive(Debug)]
pub(super) struct Takeover {
    /// The head of its response.
    pub(super) head: Parts,
    pub(super) opening: Box<PendingStream>,
}

/// Not an error: the connection carries a stream from now on, and hyper has to release it.
#[derive(Debug, Error)]
#[error("the socket has left for a shard")]
pub(super) struct Detached;

/// What carries a stream that could not leave its connection.
pub(super) struct Http1Carrier {
    pub(super) upgrade: Arc<UpgradeState>,
    pub(super) version: Version,
}

impl Carrier for Http1Carrier {
    /// The connection carries nothing else.
    fn cut(&self, _: Cut) {
        self.upgrade.hang_up.notify_one();
    }

    fn connection(&self) -> StreamConnection {
        let connection = self.upgrade.connection;
        match self.version {
            Version::HTTP_10 => StreamConnection { protocol: Some("http/1.0"), ..connection },
            _ => connection,
        }
    }
}

impl UpgradeState {
    pub(super) fn of(connection: StreamConnection) -> Self {
        Self { connection, ..Self::default() }
    }

    /// Whether all earlier responses have left.
    pub(super) fn is_clear(&self) -> bool {
        !self.congested.load(Ordering::Relaxed)
    }

    /// A request has been read.
    pub(super) fn request_read(self: &Arc<Self>) -> UnfinishedResponse {
        self.handed_out.store(false, Ordering::Relaxed);
        self.responding.store(true, Ordering::Relaxed);
        UnfinishedResponse(Arc::clone(self))
    }

    pub(super) fn detach(&self, takeover: Takeover) -> Detached {
        *self.takeover.lock().unwrap_or_else(PoisonError::into_inner) = Some(takeover);
        Detached
    }

    pub(super) fn take_over(&self) -> Option<Takeover> {
        self.takeover.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Lies beside the body of a response until hyper has all of it.
#[derive(Debug)]
pub(super) struct UnfinishedResponse(Arc<UpgradeState>);

impl BodyObserver for UnfinishedResponse {}

impl Drop for UnfinishedResponse {
    fn drop(&mut self) {
        self.0.handed_out.store(true, Ordering::Relaxed);
    }
}

/// The bytes that a handed-over stream begins with: the head of the response, and what is sent
/// first.
pub(super) fn beginning(head: &Parts, first: &Bytes) -> Bytes {
    let mut bytes = BytesMut::with_capacity(512 + first.len());
    let reason = head.status.canonical_reason().unwrap_or_default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    // Writing into memory cannot fail.
    let _ = write!(bytes, "HTTP/1.1 {} {reason}\r\n", head.status.as_str());
    for (name, value) in &head.headers {
        bytes.put_slice(name.as_str().as_bytes());
        bytes.put_slice(b": ");
        bytes.put_slice(value.as_bytes());
        bytes.put_slice(b"\r\n");
    }
    let _ =
        write!(bytes, "date: {date}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    bytes.put_slice(&chunk_of(first));
    bytes.freeze()
}

/// A socket for hyper that notes whether the kernel takes everything. hyper flushes a response
/// before it reads the next request, so a write that was not blocked has left nothing behind.
///
/// What hyper writes by itself, to a head that it cannot read, does not get through: it is a status
/// alone, and the client is sent a full response in its place ([`Observed::is_from_hyper`]).
#[derive(Debug)]
pub(super) struct Observed<'a, T> {
    pub(super) io: TokioIo<T>,
    pub(super) upgrade: &'a UpgradeState,
}

impl<T> Observed<'_, T> {
    fn note<R>(&self, result: Poll<R>) -> Poll<R> {
        self.upgrade.congested.store(result.is_pending(), Ordering::Relaxed);
        result
    }

    /// No request is being served, so what is written is a response that hyper made by itself.
    fn is_from_hyper(&self) -> bool {
        !self.upgrade.responding.load(Ordering::Relaxed)
    }
}

impl<T: AsyncRead + Unpin> Read for Observed<'_, T> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(task, buffer)
    }
}

impl<T: AsyncWrite + Unpin> Write for Observed<'_, T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_from_hyper() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.io).poll_write(task, bytes);
        self.note(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(task);
        if flushed.is_ready() && self.upgrade.handed_out.swap(false, Ordering::Relaxed) {
            self.upgrade.responding.store(false, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(task)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_from_hyper() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let result = Pin::new(&mut self.io).poll_write_vectored(task, slices);
        self.note(result)
    }
}

#[cfg(test)]
mod tests {
    use hyper::Response;
    use hyper::header::{CONTENT_TYPE, HeaderValue};

    use super::*;

    #[test]
    fn a_stream_begins_with_its_head_and_the_first_chunk() {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let bytes = beginning(&response.into_parts().0, &Bytes::from_static(b":\n"));
        let text = std::str::from_utf8(&bytes).unwrap();
        let (head, first) = text.split_once("\r\n\r\n").unwrap();
        let lines: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with("date: ")).collect();
        let expected = [
            "HTTP/1.1 200 OK",
            "content-type: text/event-stream",
            "connection: close",
            "transfer-encoding: chunked",
        ];
        assert_eq!(lines, expected);
        assert_eq!(first, "2\r\n:\n\r\n");
    }
}

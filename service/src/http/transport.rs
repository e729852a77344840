//! What carries a connection: a TCP socket, TLS on one, or a unix socket.
//!
//! A shard writes to TCP sockets alone. Streams on anything else stay in hyper and are served
//! through a body, as those of HTTP/2 are.

use std::future::Future;
use std::io;
use std::net::TcpStream as StdTcpStream;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// The bytes of a connection, both ways.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// Whether a stream may take the socket to a shard.
    const CAN_LEAVE: bool;

    const IS_TLS: bool = false;

    /// Whether the client has broken the rules of TLS.
    fn has_broken_tls(&self) -> bool {
        false
    }

    /// The socket, without the runtime.
    fn into_socket(self) -> io::Result<StdTcpStream>;
}

impl Transport for TcpStream {
    const CAN_LEAVE: bool = true;

    fn into_socket(self) -> io::Result<StdTcpStream> {
        self.into_std()
    }
}

/// A transport whose first bytes can be looked at before they are read.
pub(super) trait PlainTransport: Transport {
    /// How many bytes are there, of as many as fit; 0 at the end.
    fn peek(&self, bytes: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
}

impl PlainTransport for TcpStream {
    async fn peek(&self, bytes: &mut [u8]) -> io::Result<usize> {
        Self::peek(self, bytes).await
    }
}

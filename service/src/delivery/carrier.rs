//! What carries a stream whose bytes hyper sends, as far as its shard has to know it.

use std::net::SocketAddr;

/// What is to be cut from outside, because the reader of a stream takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The stream, with what is held for it.
    Stream,
    /// The connection, if not even the end of a stream gets through. Other streams that it carries
    /// end with it.
    Connection,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    Tcp(SocketAddr),
    /// A program of this machine, on a unix socket.
    Unix,
}

/// The connection of a stream, for whoever looks at the streams that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamConnection {
    /// `None` when the system does not know it any more.
    pub peer: Option<PeerAddress>,
    /// What it speaks, such as `http/1.1`.
    pub protocol: Option<&'static str>,
    pub is_tls: bool,
}

/// What carries a stream whose bytes are polled.
pub trait Carrier: Send {
    /// Cuts it. It is called from the thread of a shard, when the stream has to end although its
    /// reader takes nothing any more, and again when its connection has to; and it must not block.
    fn cut(&self, cut: Cut);

    /// The stream ends. What counts for it is given back: its client is told next, and may come again at once.
    fn stream_ends(&mut self) {}

    /// The connection. It is asked for when somebody looks, so that a stream need not hold it.
    fn connection(&self) -> StreamConnection {
        StreamConnection::default()
    }
}

impl<F: Fn(Cut) + Send> Carrier for F {
    fn cut(&self, cut: Cut) {
        self(cut);
    }
}

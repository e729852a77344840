//! A sink for streams whose socket the shard owns: plain HTTP/1.1, taken over from the HTTP layer.
//!
//! Every event is a chunk of its own, made when it was encoded. What the kernel does not take of a
//! chunk is kept as a slice of it; nothing else is ever held for a slow reader. The socket is
//! registered once, for both directions and edge-triggered: a healthy broadcast never waits for
//! "writable", and an idle stream costs no system call.

use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net;

use bytes::{Bytes, BytesMut};
use mio::net::TcpStream;
use mio::{Interest, Registry};

use super::batch::{Batch, Part};
use super::carrier::{PeerAddress, StreamConnection};
use super::keys::{SubscriberKey, token};
use super::sink::{Finish, Offer, PeerInput, Sent, Sink};
use crate::event::{Block, LAST_CHUNK, chunk_of};

/// How many bytes are read at once, and how many line breaks are forgiven altogether: a client may
/// send an empty line after its request (RFC 9112, section 2.2), and nothing more.
const INPUT_BYTES: usize = 256;

/// What counts for as long as a connection lives, such as its connection guard.
pub trait Held: Send {
    /// The stream ends. What counts for the stream alone is given back: its client is told next, and may come
    /// again at once.
    fn stream_ends(&mut self) {}
}

/// A socket that belongs to a shard.
pub(super) struct SocketSink {
    socket: TcpStream,
    /// What has to leave before anything else; boxed, because hardly any socket ever has one.
    rest: Option<Box<Bytes>>,
    /// What follows it at the end of the stream.
    last: Option<Box<Bytes>>,
    /// The kernel took less than it was offered and will say when it takes more.
    blocked: bool,
    /// How many bytes of line breaks have come.
    forgiven: u16,
    held: Box<dyn Held>,
}

impl fmt::Debug for SocketSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.rest.as_ref().map(|rest| rest.len());
        f.debug_struct("SocketSink").field("rest", &rest).finish_non_exhaustive()
    }
}

impl SocketSink {
    /// A stream that begins with `opening`, as it is to stand on the wire. The socket must be
    /// non-blocking.
    pub(super) fn new(socket: net::TcpStream, opening: Bytes, held: Box<dyn Held>) -> Self {
        let socket = TcpStream::from_std(socket);
        Self { socket, rest: keep(opening), last: None, blocked: false, forgiven: 0, held }
    }

    /// Sends what has to leave first; `Taken` when nothing of it is left.
    fn flush(&mut self) -> Offer {
        if self.blocked {
            return Offer::Full;
        }
        while let Some(mut rest) = self.rest.take().or_else(|| self.last.take()) {
            match self.send(&rest) {
                Err(_) => return Offer::Closed,
                Ok(sent) if sent == rest.len() => {}
                Ok(sent) => {
                    let _ = rest.split_to(sent);
                    self.rest = Some(rest);
                    return Offer::Full;
                }
            }
        }
        Offer::Taken
    }

    /// One `send`; fewer bytes than offered mean that the kernel is full.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.socket.write(bytes) {
                Ok(sent) => {
                    self.blocked = sent < bytes.len();
                    return Ok(sent);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn keep(bytes: Bytes) -> Option<Box<Bytes>> {
    (!bytes.is_empty()).then(|| Box::new(bytes))
}

impl Sink for SocketSink {
    fn attach(&mut self, key: SubscriberKey, registry: &Registry) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.socket, token(key), both)
    }

    fn readiness(&mut self) -> Offer {
        self.flush()
    }

    fn offer(&mut self, block: &Block) -> Offer {
        match self.flush() {
            Offer::Taken => {}
            other => return other,
        }
        let chunk = block.chunk();
        match self.send(chunk) {
            Err(_) => Offer::Closed,
            Ok(0) => Offer::Full,
            Ok(sent) => {
                self.rest = keep(chunk.slice(sent..));
                Offer::Taken
            }
        }
    }

    fn offer_batch(&mut self, batch: &Batch) -> Sent {
        match self.flush() {
            Offer::Taken => {}
            other => return other.into(),
        }
        match self.send(batch.chunks()) {
            Err(_) => Sent::Closed,
            Ok(sent) if sent == batch.chunks().len() => Sent::All,
            Ok(0) => Sent::Full,
            Ok(sent) => {
                let Part { through, rest } = batch.part(sent);
                self.rest = keep(rest);
                Sent::Through(through)
            }
        }
    }

    fn poll_input(&mut self) -> PeerInput {
        let mut input = [0; INPUT_BYTES];
        loop {
            match self.socket.read(&mut input) {
                Ok(0) => return PeerInput::Gone,
                Ok(count) => {
                    self.forgiven = self.forgiven.saturating_add(count as u16);
                    let only_breaks = input[..count].iter().all(|byte| b"\r\n".contains(byte));
                    if !only_breaks || usize::from(self.forgiven) > INPUT_BYTES {
                        return PeerInput::Garbage;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return PeerInput::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return PeerInput::Gone,
            }
        }
    }

    fn unblock(&mut self) -> bool {
        std::mem::take(&mut self.blocked)
    }

    fn finish(&mut self, retry_hint: &Bytes) -> Finish {
        self.held.stream_ends();
        let mut last = BytesMut::new();
        if !retry_hint.is_empty() {
            last.extend_from_slice(&chunk_of(retry_hint));
        }
        last.extend_from_slice(LAST_CHUNK);
        // Beside the rest: joined with it, that would be copied, and the copy counted nowhere.
        self.last = keep(last.freeze());
        self.continue_close()
    }

    fn continue_close(&mut self) -> Finish {
        match self.flush() {
            // Closing the socket sends what the kernel has taken, and then the end.
            Offer::Taken | Offer::Closed => Finish::Done,
            Offer::Full => Finish::Pending,
        }
    }

    /// The system is asked for the peer: it knows it anyway, and a copy would be memory for each
    /// stream.
    fn connection(&self) -> StreamConnection {
        let peer = self.socket.peer_addr().ok().map(PeerAddress::Tcp);
        StreamConnection { peer, protocol: Some("http/1.1"), is_tls: false }
    }

    fn held(&self) -> usize {
        self.rest.as_deref().map_or(0, Bytes::len)
    }

    fn abort(&mut self, retry_hint: &Bytes) {
        self.held.stream_ends();
        // Only between two frames is a retry_hint one.
        if self.rest.is_none() {
            let _ = self.send(&chunk_of(retry_hint));
        }
        self.rest = None;
    }
}

//! Where a subscriber's bytes go.
//!
//! The shard treats every sink alike, as it would a socket that does not block: it offers frames,
//! and a sink takes them, takes a part, or says that it is full; when it no longer is, the shard is
//! notified. So cursors, lag, policies, heartbeats and deadlines are the same code whatever carries
//! the bytes.

use std::fmt;
use std::io;

use bytes::Bytes;
use mio::Registry;

use super::batch::Batch;
use super::carrier::StreamConnection;
use super::keys::SubscriberKey;
use crate::event::{Block, Sequence};

/// How a sink takes what cannot be taken in part: a block, or the question whether it would take
/// anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// It has it, or would take something.
    Taken,
    /// It is full, has taken nothing, and the shard will be notified when it is not.
    Full,
    /// Its reader has gone.
    Closed,
}

/// How a sink takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It has all of them.
    All,
    /// It has the events up to this one, and has seen to it that the last one will be whole. It is
    /// full now.
    Through(Sequence),
    /// It is full, has taken nothing, and the shard will be notified when it is not.
    Full,
    /// Its reader has gone.
    Closed,
}

impl From<Offer> for Sent {
    /// Of a sink that takes all of the events or none.
    fn from(offer: Offer) -> Self {
        match offer {
            Offer::Taken => Self::All,
            Offer::Full => Self::Full,
            Offer::Closed => Self::Closed,
        }
    }
}

/// What came from the reader's side of a stream, which should be nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerInput {
    Nothing,
    /// The reader has closed its side, or is lost.
    Gone,
    /// Bytes, where none belong.
    Garbage,
}

/// What is left to do of ending a stream in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// Nothing is left to do.
    Done,
    /// Something that was taken has yet to leave; the sink must be kept a moment longer.
    Pending,
}

/// Takes the bytes of one subscriber.
pub(super) trait Sink: Send + fmt::Debug {
    /// Gives the sink the key by which the shard knows it, and the registry for its socket.
    fn attach(&mut self, key: SubscriberKey, registry: &Registry) -> io::Result<()>;

    /// Whether it would take bytes now.
    fn readiness(&mut self) -> Offer;

    /// Offers a block that is no event, such as a comment: all of it or nothing.
    fn offer(&mut self, block: &Block) -> Offer;

    fn offer_batch(&mut self, batch: &Batch) -> Sent;

    /// Reads what came from the peer.
    fn poll_input(&mut self) -> PeerInput {
        PeerInput::Nothing
    }

    /// The system says that it takes bytes again; true if it had been full.
    fn unblock(&mut self) -> bool {
        false
    }

    /// Ends the stream in order: what was taken, then `retry_hint`, then the end.
    fn finish(&mut self, retry_hint: &Bytes) -> Finish;

    /// Goes on with an end that is pending, after it was unblocked.
    fn continue_close(&mut self) -> Finish {
        Finish::Done
    }

    /// Whether its bytes are polled by hyper, which sends them and sees to it that they leave in
    /// time.
    fn is_polled(&self) -> bool {
        false
    }

    /// The connection that its bytes take.
    fn connection(&self) -> StreamConnection {
        StreamConnection::default()
    }

    /// How many bytes that it has taken have yet to leave, wherever they are held. They may be part
    /// of a larger buffer.
    fn held(&self) -> usize {
        0
    }

    /// Ends the stream at once: the reader takes nothing, so `retry_hint` is only a try.
    fn abort(&mut self, retry_hint: &Bytes);

    /// Cuts the connection of a stream that was ended, because some of its bytes do not leave.
    fn disconnect(&mut self) {}
}

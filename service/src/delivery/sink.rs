//! Where a subscriber's bytes go.
//!
//! The shard treats every sink alike, as it would a socket that does not block: it offers whole
//! frames, and a sink takes them or says that it is full and rings when it is not. So cursors, lag,
//! policies, heartbeats and deadlines are one piece of code whatever carries the bytes.

use std::fmt;

use bytes::Bytes;

use super::subscriber::SubscriberKey;

/// The answer of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It has the bytes, or would take some.
    Taken,
    /// It is full, and will tell the shard's mailbox when it is not.
    Full,
    /// Nobody reads it any more.
    Gone,
}

/// Takes the bytes of one subscriber.
pub trait Sink: Send + fmt::Debug {
    /// Tells the sink by what key the shard knows it.
    fn attach(&mut self, key: SubscriberKey);

    /// Whether it would take bytes now. `Full` promises a ready notice, as for `offer`.
    fn readiness(&mut self) -> Offer;

    /// Offers whole frames; it takes all of them or none.
    fn offer(&mut self, frames: &Bytes) -> Offer;

    /// Ends the stream in order: what was taken, then `farewell`, then the end.
    fn finish(&mut self, farewell: &Bytes);

    /// Ends the stream at once: the reader takes nothing, so there is nothing to be polite about.
    fn abort(&mut self);
}

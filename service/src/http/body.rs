//! What our answers hold, and the bodies that hyper polls: whole ones, streams of events, and
//! answers made line by line.
//!
//! Whoever answers a request for a stream only says what is to be streamed ([`Content::Stream`]);
//! what carries it, a socket or a body, is decided by the connection. A stream's body gives hyper everything that is ready as one piece, so that it becomes one chunk
//! and one write.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use http_body_util::channel::Channel;
use hyper::body::{Body, Frame, SizeHint};

use crate::delivery::SlotReader;
use crate::hub::Subscription;

/// What an answer holds.
#[derive(Debug)]
pub(super) enum Content {
    /// Known from the start.
    Whole(Full<Bytes>),
    /// Made while the request is still being read.
    Lines(Channel<Bytes, Infallible>),
    /// A stream that is about to begin.
    Stream(Box<Opening>),
}

/// A stream that is about to begin.
#[derive(Debug)]
pub(super) struct Opening {
    /// Where in the log it begins.
    pub(super) subscription: Subscription,
    /// What is sent first.
    pub(super) first: Bytes,
}

/// The body of an answer, as hyper polls it.
#[derive(Debug)]
pub(super) enum ReplyBody {
    /// Known from the start.
    Whole(Full<Bytes>),
    /// A subscriber's events, until its shard ends it.
    Events(SlotReader),
    /// Made while the request is still being read.
    Lines(Channel<Bytes, Infallible>),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Events(reader) => {
                reader.poll_next(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Lines(channel) => Pin::new(channel).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Events(_) | Self::Lines(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Events(_) | Self::Lines(_) => SizeHint::default(),
        }
    }
}

//! What responses hold, and the bodies that hyper polls: whole ones, streams of events, and
//! responses made line by line.
//!
//! The handler of a request for a stream only says what is to be streamed ([`Content::Stream`]);
//! what carries it, a socket or a body, is decided by the connection. A stream's body gives hyper
//! everything that is ready as one segment, so that it becomes one chunk and one write.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::client_limits::StreamPermits;
use crate::delivery::{Segment, SlotReader, StreamCut};
use crate::hub::Subscription;

/// What a response holds.
#[derive(Debug)]
pub(super) enum Content {
    /// Known from the start.
    Whole(Full<Bytes>),
    /// Made while the request is still being read.
    Lines(Box<ResponseLines>),
    /// A stream that is about to begin.
    Stream(Box<PendingStream>),
}

/// Lines that are made while the request is still being read.
#[derive(Debug)]
pub(super) struct ResponseLines {
    /// Not the channel of `http_body_util` (0.1.5), which looks for a frame and then whether its sender has gone:
    /// it loses one that is sent between the two, if its sender goes there too.
    lines: mpsc::Receiver<Bytes>,
    /// What the request counts as until they end, where clients have limits.
    permits: StreamPermits,
}

impl ResponseLines {
    /// Lines that are yet to come, of which so many pieces may wait to be read, and what they are given to.
    pub(super) fn of_sender(waiting_max: usize) -> (mpsc::Sender<Bytes>, Self) {
        let (sender, lines) = mpsc::channel(waiting_max);
        (sender, Self { lines, permits: StreamPermits::default() })
    }

    /// Counts it as this until it ends.
    pub(super) fn count_as(&mut self, permits: StreamPermits) {
        self.permits = permits;
    }
}

/// A stream that is about to begin.
#[derive(Debug)]
pub(super) struct PendingStream {
    /// Where in the log it begins.
    pub(super) subscription: Subscription,
    /// What is sent first.
    pub(super) first: Bytes,
    /// What it counts as until it ends, where clients have limits.
    pub(super) permits: Option<Box<StreamPermits>>,
}

impl PendingStream {
    pub(super) fn new(subscription: Subscription, first: Bytes, permits: StreamPermits) -> Self {
        let permits = (!permits.is_empty()).then(|| Box::new(permits));
        Self { subscription, first, permits }
    }

    /// Counts it as this, too, until it ends.
    pub(super) fn count_as(&mut self, permits: StreamPermits) {
        if permits.is_empty() {
            return;
        }
        let known = self.permits.take().map(|known| *known).unwrap_or_default();
        self.permits = Some(Box::new(known.and(permits)));
    }
}

/// The body of a response, as hyper polls it. Every stream of HTTP/2 keeps one, so what streams do
/// not need is boxed.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// Known from the start.
    Whole(Box<Full<Bytes>>),
    /// A subscriber's events, until its shard ends it. Segments of fewer bytes than `segment_min`
    /// are filled up.
    Events { reader: SlotReader, segment_min: u32 },
    /// Made while the request is still being read.
    Lines(Box<ResponseLines>),
}

/// What a connection learns of a response while hyper polls it. Dropped when hyper has the whole of
/// it, or drops it.
pub(super) trait BodyObserver: Unpin {
    /// hyper polled, and there was more, or the end; or nothing yet.
    fn polled(&mut self, is_ready: bool) {
        let _ = is_ready;
    }
}

impl<W: BodyObserver> BodyObserver for Box<W> {
    fn polled(&mut self, is_ready: bool) {
        (**self).polled(is_ready);
    }
}

/// A body that its connection watches.
#[derive(Debug)]
pub(super) struct ObservedBody<W> {
    pub(super) body: ResponseBody,
    pub(super) observer: W,
}

/// hyper's task for a stream of HTTP/2 has this in it. tokio gives tasks multiples of 128 bytes,
/// and with eight bytes more here every stream would take another 128.
const _: () = assert!(size_of::<ObservedBody<Box<()>>>() <= 24);

impl<W: BodyObserver> Body for ObservedBody<W> {
    type Data = Segment;
    type Error = StreamCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Segment>, StreamCut>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        this.observer.polled(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Below this, a DATA frame counts against a budget that readers built on the `h2` library keep for
/// frames that wait to be read (since its version 0.4.16): after some hundred small events, or the
/// first bytes of 130 streams, they close the whole connection.
pub(super) const HTTP2_SEGMENT_MIN: u32 = 256;

/// A segment with a comment behind it that makes it large enough.
fn filled_up(segment: Bytes, min: usize) -> Bytes {
    if segment.len() >= min {
        return segment;
    }
    let mut filled = BytesMut::with_capacity(min + 2);
    filled.put_slice(&segment);
    filled.put_u8(b':');
    filled.put_bytes(b' ', min.saturating_sub(segment.len() + 2));
    filled.put_u8(b'\n');
    filled.freeze()
}

/// A frame of a body that cannot fail and is no stream of events.
fn plain(frame: Result<Frame<Bytes>, Infallible>) -> Result<Frame<Segment>, StreamCut> {
    frame.map(|frame| frame.map_data(Segment::from)).map_err(|never| match never {})
}

impl Body for ResponseBody {
    type Data = Segment;
    type Error = StreamCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Segment>, StreamCut>>> {
        match self.get_mut() {
            Self::Whole(body) => {
                Pin::new(&mut **body).poll_frame(context).map(|frame| frame.map(plain))
            }
            Self::Events { reader, segment_min } => {
                // After an error hyper lets the client know that something is missing: it resets
                // the stream, or closes the connection.
                let next = ready!(reader.poll_next(context)?);
                let counted = |segment| reader.counted(filled_up(segment, *segment_min as usize));
                Poll::Ready(next.map(|segment| Ok(Frame::data(counted(segment)))))
            }
            Self::Lines(lines) => {
                let next = ready!(lines.lines.poll_recv(context));
                Poll::Ready(next.map(|lines| Ok(Frame::data(Segment::from(lines)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Events { .. } | Self::Lines(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Events { .. } | Self::Lines(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Buf as _;

    use super::*;

    #[test]
    fn the_last_lines_are_read_however_late_they_come() {
        for round in 0..5_000 {
            let (sender, lines) = ResponseLines::of_sender(1);
            let mut body = ResponseBody::Lines(Box::new(lines));
            let mut context = Context::from_waker(Waker::noop());
            let mut read = 0;
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    sender.try_send(Bytes::from_static(b"the last\n")).unwrap();
                });
                loop {
                    match Pin::new(&mut body).poll_frame(&mut context) {
                        Poll::Ready(Some(frame)) => {
                            read += frame.unwrap().into_data().unwrap().remaining();
                        }
                        Poll::Ready(None) => break,
                        Poll::Pending => std::hint::spin_loop(),
                    }
                }
            });
            assert_eq!(read, 9, "round {round}");
        }
    }

    #[test]
    fn a_small_piece_is_filled_up_with_a_comment_and_a_large_one_is_left_as_it_is() {
        for bytes in [0, 1, 100, 253, 254, 255] {
            let segment = Bytes::from(vec![b'x'; bytes]);
            let filled = filled_up(segment.clone(), 256);
            let comment = filled.strip_prefix(&segment[..]).unwrap();
            assert!(filled.len() >= 256 && filled.len() <= 257, "{bytes}");
            let text = std::str::from_utf8(comment).unwrap();
            let spaces = text.strip_prefix(':').and_then(|text| text.strip_suffix('\n')).unwrap();
            assert!(spaces.bytes().all(|byte| byte == b' '), "{bytes}");
        }
        let large = Bytes::from(vec![b'x'; 256]);
        assert_eq!(filled_up(large.clone(), 256).as_ptr(), large.as_ptr());
        let small = Bytes::from_static(b"x");
        assert_eq!(filled_up(small, 0), "x");
    }
}

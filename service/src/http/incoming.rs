//! The body of a request, and what becomes of the rest of one that was refused.
//!
//! hyper closes the connection of a request whose body was not read to its end, and says nothing of
//! it in the response: the next request of an honest client then fails. So a body that is dropped
//! comes back here. What is left of it is read if that is little, and the connection stays usable;
//! or else the response says that the connection closes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::EXPECT;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How much of a refused body is read, and for how long, so that its connection can be used again.
/// More is not worth it: a new connection costs less than the transfer.
const REST_BYTES_MAX: usize = 256 << 10;
const REST_TIME_MAX: Duration = Duration::from_secs(1);

/// The body of a request. It can be read like the one of hyper that is in it.
#[derive(Debug)]
pub(super) struct Incoming {
    /// `None` when it has ended, or has been given back.
    body: Option<hyper::body::Incoming>,
    /// Reading has begun, and so a client that waits for `100 Continue` has been sent it.
    is_begun: bool,
    give_back: Option<oneshot::Sender<Rest>>,
}

/// What was left of a body.
#[derive(Debug)]
struct Rest {
    body: hyper::body::Incoming,
    is_begun: bool,
}

/// Where the rest of a body comes back, for the connection that it belongs to.
#[derive(Debug)]
pub(super) struct Returned {
    /// `None` for a request without a body.
    rest: Option<oneshot::Receiver<Rest>>,
    expects_continue: bool,
}

impl Incoming {
    /// Takes hyper's body out of a request and puts one in that comes back.
    pub(super) fn lend(request: Request<hyper::body::Incoming>) -> (Request<Self>, Returned) {
        if request.body().is_end_stream() {
            return (Self::give(request), Returned { rest: None, expects_continue: false });
        }
        let expects_continue = request.headers().contains_key(EXPECT);
        let (give_back, rest) = oneshot::channel();
        let lent = request.map(|body| Self {
            body: Some(body),
            is_begun: false,
            give_back: Some(give_back),
        });
        (lent, Returned { rest: Some(rest), expects_continue })
    }

    /// For HTTP/2, where dropping a body resets its stream and nothing else.
    pub(super) fn give(request: Request<hyper::body::Incoming>) -> Request<Self> {
        request.map(|body| Self { body: Some(body), is_begun: false, give_back: None })
    }
}

impl Returned {
    /// Whether there was a body, of which something may have been left.
    pub(super) fn may_have_a_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// Whether the connection can be used again, now that the request has its response. A body that
    /// is still being read, or has been read to its end, does not stand in the way.
    pub(super) async fn leaves_it_usable(self) -> bool {
        let Some(Rest { body, is_begun }) = self.rest.and_then(|mut rest| rest.try_recv().ok())
        else {
            return true;
        };
        // A client that waits for `100 Continue` sends its body after it, or not at all: what comes
        // next may be either, and asking for a body that is not wanted would be worse.
        if body.size_hint().lower() > REST_BYTES_MAX as u64 || (self.expects_continue && !is_begun)
        {
            return false;
        }
        matches!(timeout(REST_TIME_MAX, ends_soon(body)).await, Ok(true))
    }
}

impl Incoming {
    /// Reads what is left, if that is little, for a response whose head has left long ago and
    /// cannot say any more that the connection closes.
    pub(super) async fn pass_over_rest(mut self) {
        // On HTTP/2 the stream is reset, and the connection is usable anyway.
        if self.give_back.is_some()
            && let Some(body) = self.body.take()
        {
            let _ = timeout(REST_TIME_MAX, ends_soon(body)).await;
        }
    }
}

/// Reads to the end; false if that is too far away, or there is none.
async fn ends_soon(mut body: hyper::body::Incoming) -> bool {
    let mut read = 0;
    loop {
        match std::future::poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
        }
        if read > REST_BYTES_MAX {
            return false;
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.is_begun = true;
        let frame = ready!(Pin::new(body).poll_frame(task));
        if frame.is_none() {
            this.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let is_begun = self.is_begun;
        if let Some(give_back) = self.give_back.take()
            && let Some(body) = self.body.take().filter(|body| !body.is_end_stream())
        {
            // Nothing waits for it when the response has left already.
            let _ = give_back.send(Rest { body, is_begun });
        }
    }
}

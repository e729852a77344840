//! One connection, from its first byte to its last.
//!
//! HTTP/1.1 and HTTP/2 (prior knowledge) share the port: the first bytes tell. Each has a file of its
//! own; here are the choice, and what both do.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::{Request, Response};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::accept::Place;
use super::body::{Content, Opening, ReplyBody};
use super::incoming::Incoming;
use super::reply::Reply;
use super::{Context, http1, http2, route, subscribe, trace};
use crate::delivery::Cut;
use crate::metrics::{ConnectionEnd, Protocol, Refusal};

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// Service.
    Serve,
    /// The same refusal to every request, and then the end.
    Refuse(Refusal),
}

/// Serves a connection until it ends.
pub(super) async fn serve(stream: TcpStream, mode: Mode, context: Arc<Context>, place: Place) {
    let refusal_time = context.settings.headers_timeout;
    let result = tokio::select! {
        result = serve_any(stream, mode, Arc::clone(&context), place) => result,
        () = context.lifecycle.cutting() => return,
        // Places for refusals are few, and nobody is to keep one.
        () = sleep(refusal_time), if matches!(mode, Mode::Refuse(_)) => return,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

async fn serve_any(
    stream: TcpStream,
    mode: Mode,
    context: Arc<Context>,
    mut place: Place,
) -> Result<(), hyper::Error> {
    let limit = context.settings.headers_timeout;
    let first = tokio::select! {
        first = timeout(limit, is_http2(&stream)) => first,
        // Whoever has said nothing by then is not waited for.
        () = context.lifecycle.closing() => return Ok(()),
    };
    match first {
        Ok(Ok(true)) => {
            place.speaks(Protocol::Http2);
            // Boxed: what HTTP/2 needs would otherwise be set aside for every connection.
            let result = Box::pin(http2::serve(stream, mode, context, &mut place)).await;
            note_end(&mut place, result.as_ref().err());
            result
        }
        Ok(Ok(false)) => {
            place.speaks(Protocol::Http1);
            Box::pin(http1::serve(stream, mode, context, place)).await
        }
        // It went away, or never said a word.
        Ok(Err(_)) => Ok(()),
        Err(_) => {
            place.ends(ConnectionEnd::HeadersTimeout);
            Ok(())
        }
    }
}

/// Tells a client that broke the rules from one that went away.
pub(super) fn note_end(place: &mut Place, error: Option<&hyper::Error>) {
    let Some(error) = error else { return };
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    // A timeout here is a ping of HTTP/2 that nobody answered.
    let went_away = error.is_timeout()
        || error.is_incomplete_message()
        || error.is_canceled()
        || causes.any(<dyn std::error::Error>::is::<io::Error>);
    if !went_away {
        place.ends(ConnectionEnd::Protocol);
    }
}

/// Looks at the first bytes without taking them. The whole preface is waited for, because hyper
/// would wait for the rest of it without a limit.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
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
        // A preface in pieces: the socket stays readable, so waiting for it would spin.
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

/// Answers a request, or refuses it.
pub(super) async fn answer(
    request: Request<Incoming>,
    mode: Mode,
    context: &Arc<Context>,
) -> Reply {
    match mode {
        // Boxed, so that the place of its future is not in every answer.
        Mode::Serve if trace::is_on() => Box::pin(trace::answer(request, context)).await,
        Mode::Serve => route::answer(request, context).await,
        Mode::Refuse(refusal) => route::refuse(&request, context, refusal),
    }
}

/// Makes an answer that hyper can poll. Pieces of a stream have at least `piece_min` bytes.
/// `hang_up` cuts a stream whose reader takes nothing any more, or the connection.
pub(super) fn to_body(
    reply: Reply,
    context: &Context,
    piece_min: u32,
    hang_up: impl Fn(Cut) + Send + 'static,
) -> Response<ReplyBody> {
    let (head, content) = reply.into_parts();
    let body = match content {
        Content::Whole(body) => ReplyBody::Whole(Box::new(body)),
        Content::Lines(lines) => ReplyBody::Lines(Box::new(lines)),
        Content::Stream(opening) => {
            let Opening { subscription, first } = *opening;
            subscribe::count_opened(&subscription, &context.metrics);
            match context.delivery.subscribe_body(subscription, first, Box::new(hang_up)) {
                Some(reader) => ReplyBody::Events { reader, piece_min },
                // All shards have ended. The stream ends at once, and its client comes back.
                None => ReplyBody::Whole(<_>::default()),
            }
        }
    };
    Response::from_parts(head, body)
}

//! A request and its response, whichever version of HTTP carries them.

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use hyper::{Request, Response};
use tracing::{Instrument as _, Span};

use super::admission::ConnectionGuard;
use super::body::{Content, PendingStream, ResponseBody};
use super::client_limits::StreamPermits;
use super::incoming::Incoming;
use super::response::HttpResponse;
use super::secured_stream::breaks_tls;
use super::{Context, route, subscribe, trace};
use crate::delivery::{Carrier, Cut, PeerAddress, StreamConnection};
use crate::metrics::{ConnectionEnd, Protocol, Refusal};

/// What a connection is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum StreamMode {
    /// Its requests are served. `peer` is the address at its other end, if there is one.
    Serve { peer: Option<SocketAddr> },
    /// The same refusal to every request, and then the end.
    Refuse(Refusal),
}

impl StreamMode {
    /// The connection, as those see it who look at its streams.
    pub(super) fn connection(self, protocol: Protocol, is_tls: bool) -> StreamConnection {
        let peer = match self {
            Self::Serve { peer: Some(peer) } => Some(PeerAddress::Tcp(peer)),
            Self::Serve { peer: None } => Some(PeerAddress::Unix),
            Self::Refuse(_) => None,
        };
        let protocol = match protocol {
            Protocol::Http1 => Some("http/1.1"),
            Protocol::Http2 => Some("http/2"),
            Protocol::New => None,
        };
        StreamConnection { peer, protocol, is_tls }
    }
}

/// Responds to a request, or refuses it.
pub(super) async fn respond(
    request: Request<Incoming>,
    mode: StreamMode,
    context: &Arc<Context>,
) -> HttpResponse {
    match mode {
        // Boxed, so that the space of its future is not in every response.
        StreamMode::Serve { peer } if trace::is_on() => {
            Box::pin(traced(request, peer.map(|peer| peer.ip()), context)).await
        }
        StreamMode::Serve { peer } => {
            route::respond(request, peer.map(|peer| peer.ip()), context).await
        }
        StreamMode::Refuse(refusal) => route::refuse(&request, context, refusal),
    }
}

/// Responds to a request within its span.
async fn traced(
    request: Request<Incoming>,
    peer: Option<IpAddr>,
    context: &Arc<Context>,
) -> HttpResponse {
    let route = route::route(request.uri().path(), context);
    // Also for a span that is none: a second place for the future of a response would be memory for
    // each connection.
    let span = route.and_then(|route| trace::begin(&request, route)).unwrap_or_else(Span::none);
    let began = Instant::now();
    let response = route::respond(request, peer, context).instrument(span.clone()).await;
    if !span.is_none() {
        trace::end(&span, response.status(), began);
    }
    response
}

/// It goes with the stream, and with it goes what is counted until the stream ends.
struct CountedCarrier<C> {
    carrier: C,
    permits: Option<Box<StreamPermits>>,
}

impl<C: Carrier> Carrier for CountedCarrier<C> {
    fn cut(&self, cut: Cut) {
        self.carrier.cut(cut);
    }

    fn stream_ends(&mut self) {
        self.permits = None;
        self.carrier.stream_ends();
    }

    fn connection(&self) -> StreamConnection {
        self.carrier.connection()
    }
}

/// Makes a response that hyper can poll. Segments of a stream have at least `segment_min` bytes.
/// `carrier` is cut where the reader of a stream takes nothing any more.
pub(super) fn to_body(
    response: HttpResponse,
    context: &Context,
    segment_min: u32,
    carrier: impl Carrier + 'static,
) -> Response<ResponseBody> {
    let (head, content) = response.into_parts();
    let body = match content {
        Content::Whole(body) => ResponseBody::Whole(Box::new(body)),
        Content::Lines(lines) => ResponseBody::Lines(lines),
        Content::Stream(opening) => {
            let PendingStream { mut subscription, first, permits } = *opening;
            subscribe::count_opened(&mut subscription, &context.metrics);
            let carrier: Box<dyn Carrier> = match permits {
                None => Box::new(carrier),
                permits => Box::new(CountedCarrier { carrier, permits }),
            };
            match context.delivery.subscribe_body(subscription, first, carrier) {
                Some(reader) => ResponseBody::Events { reader, segment_min },
                // All shards have ended. The stream ends at once, and its client comes back.
                None => ResponseBody::Whole(<_>::default()),
            }
        }
    };
    Response::from_parts(head, body)
}

/// Tells a client that broke the rules from one that went away.
pub(super) fn note_end(guard: &mut ConnectionGuard, error: Option<&hyper::Error>) {
    let Some(error) = error else { return };
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source())
        .filter_map(<dyn std::error::Error>::downcast_ref::<io::Error>);
    // A timeout here is a ping of HTTP/2 that the client did not acknowledge.
    let went_away = error.is_timeout()
        || error.is_incomplete_message()
        || error.is_canceled()
        || causes.any(|cause| !breaks_tls(cause));
    if !went_away {
        guard.ends(ConnectionEnd::Protocol);
    }
}

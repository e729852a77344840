//! One HTTP/1 connection: requests and responses through hyper, until the end or until a request
//! for a stream takes the socket away.
//!
//! hyper's connection is driven by hand, so that the socket comes back at the end: to hand it to a
//! shard, to respond to a head that came too slowly, and to close in a way that does not destroy a
//! response that the client has yet to read.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::admission::ConnectionGuard;
use super::body::{Content, ObservedBody};
use super::client_limits::StreamPermits;
use super::closing::close;
use super::current::CurrentContext;
use super::exchange::{StreamMode, note_end, respond, to_body};
use super::handover::{
    Detached, Http1Carrier, Observed, Takeover, UnfinishedResponse, UpgradeState, beginning,
};
use super::incoming::Incoming;
use super::transport::Transport;
use super::{Context, head, subscribe};
use crate::delivery::Held;
use crate::logging::log_limited;
use crate::metrics::{ConnectionEnd, Protocol, StatusClass};

/// How long a client may take for a response that is made without hyper; and, when the window of a
/// drain is over, for a head that it has begun.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Serves a connection until it ends or its socket belongs to a shard, and then its place does too.
/// Only the socket of a [`Transport`] that is nothing else can leave.
pub(super) async fn serve<T: Transport>(
    stream: T,
    mode: StreamMode,
    current: Arc<CurrentContext>,
    mut guard: ConnectionGuard,
) -> Result<(), hyper::Error> {
    let context = current.get();
    let upgrade = Arc::new(UpgradeState::of(mode.connection(Protocol::Http1, T::IS_TLS)));
    let requests = AtomicUsize::new(0);
    let service = service_fn(|request| {
        requests.fetch_add(1, Ordering::Relaxed);
        let (context, upgrade) = (current.get(), Arc::clone(&upgrade));
        Box::pin(respond_or_detach(request, mode, T::CAN_LEAVE, context, upgrade))
    });
    let io = Observed { io: TokioIo::new(stream), upgrade: &upgrade };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(context.rules.settings.headers_timeout)
        .max_buf_size(head::hard_limit(context.rules.settings.headers_bytes_max).max(8 << 10))
        .keep_alive(matches!(mode, StreamMode::Serve { .. }))
        .serve_connection(io, service);
    let mut closing = pin!(context.lifecycle.closing());
    let mut is_closing = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|task| connection.poll_without_shutdown(task)) => break result,
            () = &mut closing, if !is_closing => {
                is_closing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            // A head that has begun gets a moment, and then no more.
            () = sleep(LAST_MOMENT), if is_closing && requests.load(Ordering::Relaxed) == 0 => return Ok(()),
            () = upgrade.hang_up.notified() => {
                guard.ends(ConnectionEnd::Stream);
                return Ok(());
            }
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.io.into_inner();
    if let Some(takeover) = upgrade.take_over() {
        hand_over(stream, &parts.read_buf, takeover, &context, guard).await;
        return Ok(());
    }
    match &result {
        Err(error) if error.is_timeout() => {
            // Nothing at all came: that is an idle connection, and not a slow head.
            if parts.read_buf.is_empty() {
                guard.ends(ConnectionEnd::Idle);
            } else {
                guard.ends(ConnectionEnd::HeadersTimeout);
                context.metrics.responded(StatusClass::ClientError);
                respond_to_slow_headers(&mut stream, context.rules.settings.headers_timeout).await;
            }
            close(stream).await;
            return Ok(());
        }
        result => {
            note_end(&mut guard, result.as_ref().err());
            // To hyper a connection has ended in order when it breaks before anything of a head is read.
            if stream.has_broken_tls() {
                guard.ends(ConnectionEnd::Protocol);
            }
            if let Err(error) = result
                && error.is_parse()
                && !error.is_parse_version_h2()
            {
                context.metrics.responded(StatusClass::ClientError);
                let max = context.rules.settings.headers_bytes_max;
                let (status, slug, detail) = head::unreadable(error, &parts.read_buf, max);
                write_problem(&mut stream, status, slug, &detail).await;
            }
            close(stream).await;
        }
    }
    result
}

async fn respond_or_detach(
    request: Request<hyper::body::Incoming>,
    mode: StreamMode,
    can_leave: bool,
    context: Arc<Context>,
    upgrade: Arc<UpgradeState>,
) -> Result<Response<ObservedBody<UnfinishedResponse>>, Detached> {
    let watch = upgrade.request_read();
    let version = request.version();
    let (request, returned) = Incoming::lend(request);
    let response = respond(request, mode, &context).await;
    // Boxed, because hardly any request has a body that is refused.
    let is_usable = !returned.may_have_a_rest() || Box::pin(returned.leaves_it_usable()).await;
    let may_stay = is_usable && !context.lifecycle.is_draining();
    let (head, content) = response.into_parts();
    // Nothing of the body is left then, and what has come after it comes along.
    let may_leave = can_leave && is_usable && version == Version::HTTP_11;
    let content = match content {
        Content::Stream(opening) if may_leave && upgrade.is_clear() => {
            return Err(upgrade.detach(Takeover { head, opening }));
        }
        content => content,
    };
    // HTTP/1.0 knows no chunks: where the length is not known, the end is that of the connection.
    let ends_by_closing = version == Version::HTTP_10 && !matches!(content, Content::Whole(_));
    let response = Response::from_parts(head, content);
    let mut response = to_body(response, &context, 0, Http1Carrier { upgrade, version });
    if !may_stay || ends_by_closing {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        // Otherwise hyper says `keep-alive` to a client of HTTP/1.0 that has asked for it.
        *response.version_mut() = version;
    }
    Ok(response.map(|body| ObservedBody { body, observer: watch }))
}

/// Gives a socket to a shard. A client that sent more after the request is refused: nothing would
/// respond to that.
async fn hand_over(
    mut stream: impl Transport,
    unread: &Bytes,
    takeover: Takeover,
    context: &Context,
    mut guard: ConnectionGuard,
) {
    // Empty lines between requests are to be ignored (RFC 9112, section 2.2).
    if unread.iter().any(|byte| !b"\r\n".contains(byte)) {
        guard.ends(ConnectionEnd::Protocol);
        context.metrics.responded(StatusClass::ClientError);
        respond_to_excess_bytes(&mut stream).await;
        return close(stream).await;
    }
    guard.ends(ConnectionEnd::Stream);
    let Takeover { head, mut opening } = takeover;
    subscribe::count_opened(&mut opening.subscription, &context.metrics);
    let first = beginning(&head, &opening.first);
    match stream.into_socket() {
        Ok(socket) => {
            let held: Box<dyn Held> = match opening.permits {
                None => Box::new(guard),
                permits => Box::new(CountedConnection { _guard: guard, permits }),
            };
            context.delivery.subscribe_socket(opening.subscription, socket, first, held);
        }
        Err(error) => log_limited!(
            WARN,
            %error,
            "cannot take a socket out of the runtime, and closed it; raise the limits of the process"
        ),
    }
}

/// A connection that a stream has to itself, and that counts as more than a connection until the stream ends.
struct CountedConnection {
    _guard: ConnectionGuard,
    permits: Option<Box<StreamPermits>>,
}

impl Held for ConnectionGuard {}

impl Held for CountedConnection {
    fn stream_ends(&mut self) {
        self.permits = None;
    }
}

/// hyper sends no response to a head that came too slowly, so it is sent here.
async fn respond_to_slow_headers(stream: &mut (impl AsyncWrite + Unpin), limit: Duration) {
    let detail = format!("the head took longer than {} s; send it at once", limit.as_secs());
    write_problem(stream, StatusCode::REQUEST_TIMEOUT, "timeout", &detail).await;
}

async fn respond_to_excess_bytes(stream: &mut (impl AsyncWrite + Unpin)) {
    let detail = "bytes followed the request for a stream, which takes the whole connection; send \
                  nothing after it, and other requests on connections of their own";
    write_problem(stream, StatusCode::BAD_REQUEST, "pipelined", detail).await;
}

/// Sends a response without hyper, the last one of its connection.
pub(super) async fn write_problem(
    stream: &mut (impl AsyncWrite + Unpin),
    status: StatusCode,
    slug: &str,
    detail: &str,
) {
    let response = final_response(status, slug, detail, SystemTime::now());
    // The client is slow or gone; whether this reaches it makes no difference to us.
    let _ = timeout(LAST_MOMENT, stream.write_all(response.as_bytes())).await;
}

fn final_response(status: StatusCode, slug: &str, detail: &str, now: SystemTime) -> String {
    let title = status.canonical_reason().unwrap_or_default();
    let code = status.as_u16();
    let detail = serde_json::Value::from(detail);
    let json = format!(
        "{{\"type\":\"urn:fanfare:problem:{slug}\",\"title\":\"{title}\",\"status\":{code},\"detail\":{detail}}}",
    );
    let date = httpdate::fmt_http_date(now);
    let length = json.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\ncontent-length: {length}\r\nconnection: close\r\ndate: {date}\r\n\r\n{json}",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_of_a_connection_has_a_date_and_says_that_it_is_the_last() {
        let respond =
            final_response(StatusCode::BAD_REQUEST, "x", "say \"please\"", SystemTime::UNIX_EPOCH);
        let (head, body) = respond.split_once("\r\n\r\n").unwrap();
        let lines: Vec<_> = head.split("\r\n").collect();
        let length = format!("content-length: {}", body.len());
        let expected = [
            "HTTP/1.1 400 Bad Request",
            "content-type: application/problem+json",
            "cache-control: no-store",
            &length,
            "connection: close",
            "date: Thu, 01 Jan 1970 00:00:00 GMT",
        ];
        assert_eq!(lines, expected);
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["detail"], "say \"please\"");
        assert_eq!(problem["type"], "urn:fanfare:problem:x");
    }
}

//! One HTTP/1 connection: requests and answers through hyper, until the end or until a request for
//! a stream takes the socket away.
//!
//! hyper's connection is driven by hand, so that the socket comes back at the end: to hand it to a
//! shard, to answer a head that came too slowly, and to close in a way that does not destroy an
//! answer that the client has yet to read.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::accept::Place;
use super::body::{Content, ReplyBody};
use super::connection::{Mode, answer, note_end, to_body};
use super::handover::{Carrier, Leaving, Left, Observed, beginning};
use super::{Context, head, subscribe};
use crate::logging::rarely;
use crate::metrics::{ConnectionEnd, StatusClass};

/// How long, and for how many bytes, we go on reading after our last word, so that the kernel does
/// not answer them with a reset that overtakes it.
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// Serves a connection until it ends or its socket belongs to a shard, and then its place does too.
pub(super) async fn serve(
    stream: TcpStream,
    mode: Mode,
    context: Arc<Context>,
    mut place: Place,
) -> Result<(), hyper::Error> {
    let carrier: Arc<Carrier> = Arc::default();
    let requests = AtomicUsize::new(0);
    let service = service_fn(|request| {
        requests.fetch_add(1, Ordering::Relaxed);
        Box::pin(respond(request, mode, Arc::clone(&context), Arc::clone(&carrier)))
    });
    let io = Observed { io: TokioIo::new(stream), carrier: &carrier };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(context.settings.head_timeout)
        .max_buf_size(head::hard_limit(context.settings.head_bytes_max).max(8 << 10))
        .keep_alive(matches!(mode, Mode::Serve))
        .serve_connection(io, service);
    let mut draining = pin!(context.lifecycle.draining());
    let mut told = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|task| connection.poll_without_shutdown(task)) => break result,
            () = &mut draining, if !told => {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            // A head that began before the drain gets a moment, and then no more.
            () = sleep(LINGER_TIME), if told && requests.load(Ordering::Relaxed) == 0 => return Ok(()),
            () = carrier.hang_up.notified() => {
                place.ends(ConnectionEnd::Stream);
                return Ok(());
            }
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.io.into_inner();
    if let Some(leaving) = carrier.leaving() {
        hand_over(stream, &parts.read_buf, leaving, &context, place).await;
        return Ok(());
    }
    match &result {
        Err(error) if error.is_timeout() => {
            // Nothing at all came: that is an idle connection, and not a slow head.
            if parts.read_buf.is_empty() {
                place.ends(ConnectionEnd::Idle);
            } else {
                place.ends(ConnectionEnd::HeadTimeout);
                context.metrics.answered(StatusClass::ClientError);
                answer_slow_head(&mut stream, context.settings.head_timeout).await;
            }
            close(stream).await;
            return Ok(());
        }
        result => {
            note_end(&mut place, result.as_ref().err());
            if result.as_ref().is_err_and(hyper::Error::is_parse) {
                // hyper has answered what it could not read.
                context.metrics.answered(StatusClass::ClientError);
            }
            close(stream).await;
        }
    }
    result
}

async fn respond(
    request: Request<Incoming>,
    mode: Mode,
    context: Arc<Context>,
    carrier: Arc<Carrier>,
) -> Result<Response<ReplyBody>, Left> {
    let may_leave = request.body().is_end_stream() && request.version() == Version::HTTP_11;
    let reply = answer(request, mode, &context).await;
    let (head, content) = reply.into_parts();
    match content {
        Content::Stream(opening) if may_leave && carrier.is_clear() => {
            Err(carrier.leave(Leaving { head, opening }))
        }
        content => {
            let reply = Response::from_parts(head, content);
            Ok(to_body(reply, &context, 0, move || carrier.hang_up.notify_one()))
        }
    }
}

/// Gives a socket to a shard. Whatever came after the request has nobody to answer it.
async fn hand_over(
    mut stream: TcpStream,
    unread: &Bytes,
    leaving: Leaving,
    context: &Context,
    mut place: Place,
) {
    // Empty lines between requests are to be ignored (RFC 9112, section 2.2).
    if unread.iter().any(|byte| !b"\r\n".contains(byte)) {
        place.ends(ConnectionEnd::Protocol);
        context.metrics.answered(StatusClass::ClientError);
        answer_more_than_a_request(&mut stream).await;
        return close(stream).await;
    }
    place.ends(ConnectionEnd::Stream);
    let Leaving { head, opening } = leaving;
    subscribe::count_opened(&opening.subscription, &context.metrics);
    let first = beginning(&head, &opening.first);
    match stream.into_std() {
        Ok(socket) => {
            let held = Box::new(place);
            context.delivery.subscribe_socket(opening.subscription, socket, first, held);
        }
        Err(error) => rarely!(
            WARN,
            %error,
            "cannot take a socket out of the runtime, and closed it; raise the limits of the process"
        ),
    }
}

/// hyper says nothing to a head that came too slowly, so we do.
async fn answer_slow_head(stream: &mut TcpStream, limit: Duration) {
    let detail = format!("the head took longer than {} s; send it at once", limit.as_secs());
    write_problem(stream, StatusCode::REQUEST_TIMEOUT, "timeout", &detail).await;
}

async fn answer_more_than_a_request(stream: &mut TcpStream) {
    let detail = "bytes followed the request for a stream, which takes the whole connection; send \
                  nothing after it, and other requests on connections of their own";
    write_problem(stream, StatusCode::BAD_REQUEST, "pipelined", detail).await;
}

/// Answers without hyper, and for the last time.
async fn write_problem(stream: &mut TcpStream, status: StatusCode, slug: &str, detail: &str) {
    let json = format!(
        "{{\"type\":\"urn:fanfare:problem:{slug}\",\"title\":\"{}\",\"status\":{},\"detail\":\"{detail}\"}}",
        status.canonical_reason().unwrap_or_default(),
        status.as_u16(),
    );
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{json}",
        json.len(),
    );
    // The client is slow or gone; whether this reaches it makes no difference to us.
    let _ = timeout(LINGER_TIME, stream.write_all(reply.as_bytes())).await;
}

async fn close(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = vec![0; 8 << 10];
    let drained = async {
        let mut bytes = 0;
        while bytes < LINGER_BYTES {
            match stream.read(&mut rest).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes += count,
            }
        }
    };
    let _ = timeout(LINGER_TIME, drained).await;
}

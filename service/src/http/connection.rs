//! One connection, from its first byte to its last.
//!
//! HTTP/1.1 and HTTP/2 (prior knowledge) share the port: the first bytes tell. hyper's connection
//! is driven by hand, so that the socket comes back at the end: to answer a head that came too
//! slowly, and to close in a way that does not destroy an answer that the client has yet to read.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::reply::Reply;
use super::{Context, head, route};
use crate::metrics::Refusal;

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long, and for how many bytes, we go on reading after our last word, so that the kernel does
/// not answer them with a reset that overtakes it.
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// HTTP/2 connections are asked for a sign of life this often, and must give it within as long.
const HTTP2_PING: Duration = Duration::from_secs(20);
/// How much hyper holds for an HTTP/2 stream that does not take it.
const HTTP2_STREAM_BUFFER: usize = 64 << 10;

/// What a connection is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// Service.
    Serve,
    /// The same refusal to every request, and then the end.
    Refuse(Refusal),
}

/// The means to cut a connection from outside, for the stream that it carries.
pub(super) type HangUp = Arc<Notify>;

/// Serves a connection until it ends.
pub(super) async fn serve(stream: TcpStream, mode: Mode, context: Arc<Context>) {
    let refusal_time = context.settings.head_timeout;
    let result = tokio::select! {
        result = serve_any(stream, mode, Arc::clone(&context)) => result,
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
) -> Result<(), hyper::Error> {
    let limit = context.settings.head_timeout;
    let first = tokio::select! {
        first = timeout(limit, is_http2(&stream)) => first,
        // Whoever has said nothing yet is not waited for.
        () = context.lifecycle.draining() => return Ok(()),
    };
    match first {
        Ok(Ok(true)) => serve_http2(stream, mode, context).await,
        Ok(Ok(false)) => Box::pin(serve_http1(stream, mode, context)).await,
        // It went away, or never said a word.
        Ok(Err(_)) => Ok(()),
        Err(_) => {
            context.metrics.connection_refused(Refusal::HeadTimeout);
            Ok(())
        }
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

async fn serve_http1(
    stream: TcpStream,
    mode: Mode,
    context: Arc<Context>,
) -> Result<(), hyper::Error> {
    let hang_up: HangUp = Arc::default();
    let requests = AtomicUsize::new(0);
    let service = service_fn(|request| {
        requests.fetch_add(1, Ordering::Relaxed);
        Box::pin(answer(request, mode, Arc::clone(&context), Some(Arc::clone(&hang_up))))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(context.settings.head_timeout)
        .max_buf_size(head::hard_limit(context.settings.head_bytes_max).max(8 << 10))
        .keep_alive(matches!(mode, Mode::Serve))
        .serve_connection(TokioIo::new(stream), service);
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
            () = hang_up.notified() => return Ok(()),
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    match &result {
        Err(error) if error.is_timeout() => {
            // Nothing at all came: that is an idle connection, and not a slow head.
            if !parts.read_buf.is_empty() {
                context.metrics.connection_refused(Refusal::HeadTimeout);
                answer_slow_head(&mut stream, context.settings.head_timeout).await;
            }
            close(stream).await;
            return Ok(());
        }
        _ => close(stream).await,
    }
    result
}

async fn serve_http2(
    stream: TcpStream,
    mode: Mode,
    context: Arc<Context>,
) -> Result<(), hyper::Error> {
    let service = service_fn(|request| answer(request, mode, Arc::clone(&context), None));
    let header_list_max = head::hard_limit(context.settings.head_bytes_max);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING)
        .max_send_buf_size(HTTP2_STREAM_BUFFER)
        .max_header_list_size(u32::try_from(header_list_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(context.settings.http2_streams_max)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return result,
        () = context.lifecycle.draining() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

async fn answer(
    request: Request<Incoming>,
    mode: Mode,
    context: Arc<Context>,
    hang_up: Option<HangUp>,
) -> Result<Reply, Infallible> {
    Ok(match mode {
        Mode::Serve => route::answer(request, &context, hang_up).await,
        Mode::Refuse(refusal) => route::refuse(&request, &context, refusal),
    })
}

/// hyper says nothing to a head that came too slowly, so we do.
async fn answer_slow_head(stream: &mut TcpStream, limit: Duration) {
    let status = StatusCode::REQUEST_TIMEOUT;
    let json = format!(
        "{{\"type\":\"urn:fanfare:problem:timeout\",\"title\":\"{}\",\"status\":{},\"detail\":\"the head took longer than {} s; send it at once\"}}",
        status.canonical_reason().unwrap_or_default(),
        status.as_u16(),
        limit.as_secs(),
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

/// How a shard ends a stream whose reader takes nothing any more.
pub(super) fn cutter(hang_up: Option<HangUp>) -> Box<dyn FnOnce() + Send> {
    match hang_up {
        Some(hang_up) => Box::new(move || hang_up.notify_one()),
        // An HTTP/2 connection carries other streams too. Its stuck one holds one piece until the
        // client reads or resets it.
        None => Box::new(|| ()),
    }
}

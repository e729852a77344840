//! A connection on which streams are requested: made when it is first needed, and again when it has
//! ended. HTTP/2 has many streams on it, HTTP/1.1 one.

use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::TaskContext;
use crate::plan::{Class, Protocol, Target};
use crate::readers::connect::{begin, kind_of};
use crate::readers::tls;

/// Bytes that a peer may send on a stream ahead of its reader, when some readers are slow: with
/// hyper's default of megabytes they would take minutes until the server felt them.
const SMALL_WINDOW: u32 = 65_535;

type Requests = http2::SendRequest<Empty<Bytes>>;

/// The stream that a subscriber requests.
pub(super) struct StreamRequest {
    pub(super) number: u32,
    pub(super) topic: u32,
    /// What to send as `Last-Event-ID`; empty means nothing.
    pub(super) last_id: Vec<u8>,
    /// It has had a stream before, so that its connection is no part of how long connecting takes.
    pub(super) is_reconnecting: bool,
}

/// A connection and what it takes to make it again.
pub(super) struct Connection {
    pub(super) target: Target,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// Which of the target's addresses and sources it uses.
    place: usize,
    shared: Mutex<Option<Requests>>,
}

impl Connection {
    pub(super) fn new(
        target: Target,
        tls: Option<Arc<rustls::ClientConfig>>,
        place: usize,
    ) -> Self {
        Self { target, tls, place, shared: Mutex::new(None) }
    }

    /// Requests a stream; an error is the kind of what went wrong.
    pub(super) async fn request_stream(
        &self,
        context: &TaskContext,
        wanted: &StreamRequest,
    ) -> Result<Response<Incoming>, String> {
        let request = self.request(wanted)?;
        match self.target.protocol {
            Protocol::Http2 { .. } => {
                let mut requests = self.requests(context, wanted).await?;
                requests.send_request(request).await.map_err(|error| kind_of_hyper(&error))
            }
            Protocol::Http1 => {
                let io = TokioIo::new(self.connect(context, wanted).await?);
                let (mut requests, connection) =
                    http1::handshake(io).await.map_err(|error| kind_of_hyper(&error))?;
                tokio::task::spawn_local(connection);
                requests.send_request(request).await.map_err(|error| kind_of_hyper(&error))
            }
        }
    }

    /// The connection's handle. The first caller makes it, while the others wait.
    async fn requests(
        &self,
        context: &TaskContext,
        wanted: &StreamRequest,
    ) -> Result<Requests, String> {
        let mut shared = self.shared.lock().await;
        if let Some(requests) = shared.as_ref().filter(|requests| !requests.is_closed()) {
            return Ok(requests.clone());
        }
        let io = TokioIo::new(self.connect(context, wanted).await?);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        if context.plan.faults.slow_share + context.plan.faults.stopped_share > 0.0
            && let Protocol::Http2 { streams } = self.target.protocol
        {
            let all = u32::try_from(streams).unwrap_or(u32::MAX).saturating_mul(SMALL_WINDOW);
            builder.initial_stream_window_size(SMALL_WINDOW);
            // Subscribers that read must not starve because of those that do not.
            builder.initial_connection_window_size(all.saturating_add(1 << 20).min(1 << 30));
        }
        let (requests, connection) =
            builder.handshake(io).await.map_err(|error| kind_of_hyper(&error))?;
        tokio::task::spawn_local(connection);
        *shared = Some(requests.clone());
        Ok(requests)
    }

    async fn connect(&self, context: &TaskContext, wanted: &StreamRequest) -> Result<Wire, String> {
        let clock = context.plan.timing.clock;
        let began = clock.now();
        let socket = begin(&context.plan, &self.target, self.place, Class::Fast);
        let kind = |error: std::io::Error| kind_of(&error);
        let stream = TcpStream::from_std(socket.map_err(kind)?.into()).map_err(kind)?;
        stream.writable().await.map_err(kind)?;
        if let Some(error) = stream.take_error().map_err(kind)? {
            return Err(kind_of(&error));
        }
        if !wanted.is_reconnecting {
            context.state.borrow_mut().recorder.phases.tcp.record(clock.now().since(began));
        }
        match self.tls.as_ref().filter(|_| self.target.endpoint.tls) {
            Some(config) => {
                let secured = self.secure(config, stream).await?;
                if !wanted.is_reconnecting {
                    context.state.borrow_mut().recorder.phases.tls.record(clock.now().since(began));
                }
                Ok(Box::new(secured))
            }
            None => Ok(Box::new(stream)),
        }
    }

    async fn secure(
        &self,
        config: &Arc<rustls::ClientConfig>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, String> {
        let name =
            tls::server_name(&self.target.endpoint.host).map_err(|error| error.to_string())?;
        let secured = TlsConnector::from(config.clone()).connect(name, stream).await;
        secured.map_err(|error| format!("TLS: {error}"))
    }

    fn request(&self, wanted: &StreamRequest) -> Result<Request<Empty<Bytes>>, String> {
        let path = &self.target.path;
        let number = if path.0.contains("{topic}") { wanted.topic } else { wanted.number };
        let path = path.text(number);
        let http2 = self.target.protocol != Protocol::Http1;
        let scheme = if self.target.endpoint.tls { "https" } else { "http" };
        let authority = &self.target.endpoint.authority;
        let mut request = if http2 {
            Request::get(format!("{scheme}://{authority}{path}"))
        } else {
            Request::get(path).header("host", authority)
        };
        request = request.header("accept", "text/event-stream").header("cache-control", "no-store");
        for (name, value) in &self.target.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            request = request.header(name, value);
        }
        if !wanted.last_id.is_empty() {
            let value =
                HeaderValue::from_bytes(&wanted.last_id).map_err(|error| error.to_string())?;
            request = request.header("last-event-id", value);
        }
        request.body(Empty::new()).map_err(|error| error.to_string())
    }
}

/// A byte stream, with TLS or without.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
type Wire = Box<dyn Duplex>;

/// What an error of hyper is called in results: its cause where that is the system's.
pub(super) fn kind_of_hyper(error: &hyper::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<std::io::Error>() {
            return kind_of(error);
        }
        cause = inner.source();
    }
    error.to_string()
}

//! `/metrics`, `/healthz` and `/readyz`, on a listener, a thread and a runtime of their own, so that
//! they answer while everything else is busy.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime;
use tokio::sync::Semaphore;

use crate::http::BodyMemory;
use crate::hub::Hub;
use crate::lifecycle::Lifecycle;
use crate::metrics::{Metrics, Readings};

/// How many connections at a time: a few scrapers and probes.
const CONNECTIONS_MAX: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the admin listener tells.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Every figure.
    pub metrics: Metrics,
    /// Whose log is measured.
    pub hub: Hub,
    /// Whether the server is ready.
    pub lifecycle: Lifecycle,
    /// The memory that bodies hold.
    pub body_memory: BodyMemory,
    /// The runtime of the front, of which there are figures.
    pub front: runtime::Handle,
}

impl Admin {
    /// Serves until the process ends: a drain can be watched to its last moment, and an end that
    /// hangs is seen. The thread is nobody's to wait for.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub fn start(self, listener: TcpListener) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            if let Err(error) = runtime.block_on(self.serve(listener)) {
                tracing::error!(%error, "the admin listener ended");
            }
        };
        thread::Builder::new().name("admin".to_owned()).spawn(serve)?;
        Ok(())
    }

    async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept an admin connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let admin = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| std::future::ready(admin.answer(&request)));
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "admin connection ended");
                }
                drop(place);
            });
        }
    }

    fn is_ready(&self) -> bool {
        self.lifecycle.is_ready() && self.metrics.all_shards_run()
    }

    fn readings(&self) -> Readings {
        Readings {
            log: self.hub.log().extent(),
            publishers_waiting: self.hub.publishers_waiting(),
            body_memory_bytes: self.body_memory.held(),
            ready: self.is_ready(),
            runtime: self.front.metrics().into(),
        }
    }

    fn answer<B>(&self, request: &Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".into());
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Ok(reply);
        }
        Ok(match request.uri().path() {
            "/metrics" => {
                let mut reply = text(StatusCode::OK, self.metrics.render(&self.readings()));
                let content_type = HeaderValue::from_static(METRICS_TYPE);
                reply.headers_mut().insert(CONTENT_TYPE, content_type);
                reply
            }
            "/healthz" => text(StatusCode::OK, "alive\n".into()),
            "/readyz" if self.is_ready() => text(StatusCode::OK, "ready\n".into()),
            "/readyz" if !self.metrics.all_shards_run() => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "a shard has ended without being told to; see the log, and restart the server\n"
                    .into(),
            ),
            "/readyz" if self.lifecycle.is_draining() => {
                text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
            }
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n".into()),
            _ => text(StatusCode::NOT_FOUND, "try /metrics, /healthz or /readyz\n".into()),
        })
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

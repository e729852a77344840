//! `/metrics`, `/healthz` and `/readyz`, on a listener, a thread and a runtime of their own, so
//! that they respond while everything else is busy. What they say is here; which connections are
//! served, and for how long, is in `connections`.

mod connections;

use std::io;
use std::net::TcpListener;
use std::thread;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::runtime;

use crate::http::{BodyMemory, ClientLimits, Tickets};
use crate::hub::Hub;
use crate::hub::active_subscriptions::ActiveSubscriptions;
use crate::lifecycle::Lifecycle;
use crate::metrics::{Metrics, Snapshot, SubscriptionStats};
use crate::topic::SelectorCompiler;

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the admin listener reports.
#[derive(Clone, Debug)]
pub struct Admin {
    pub metrics: Metrics,
    /// The hub whose log is measured.
    pub hub: Hub,
    /// Whether the server is ready.
    pub lifecycle: Lifecycle,
    /// The memory that bodies hold.
    pub body_memory: BodyMemory,
    /// What keeps compiled selectors.
    pub selectors: SelectorCompiler,
    /// What keeps the compiled grants of tokens.
    pub grants: SelectorCompiler,
    /// What each client takes.
    pub client_limits: ClientLimits,
    /// The tickets that have opened a stream.
    pub tickets: Tickets,
    /// The open subscriptions, unless nobody is told of them.
    pub active_subscriptions: Option<ActiveSubscriptions>,
    /// The tokio runtime of the HTTP layer, of which there are stats.
    pub http_runtime: runtime::Handle,
}

impl Admin {
    /// Serves until the process ends: a drain can be watched to its last moment, and an end that
    /// hangs is seen. Nothing waits for the thread.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub fn start(self, listener: TcpListener) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            if let Err(error) = runtime.block_on(connections::serve(listener, &self)) {
                tracing::error!(%error, "the admin listener ended");
            }
        };
        thread::Builder::new().name("admin".to_owned()).spawn(serve)?;
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.lifecycle.is_ready()
            && self.metrics.all_shards_run()
            && self.metrics.all_shards_get_on()
            && self.hub.log().health().problem().is_none()
    }

    fn problem_of_log(&self) -> Option<String> {
        self.hub.log().health().problem()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            log: Some(self.hub.log().bounds()),
            log_health: self.hub.log().health(),
            disk: self.hub.log().disk().unwrap_or_default(),
            cluster: self.hub.log().cluster().unwrap_or_default(),
            output_buffer_bytes: self.hub.log().buffers().beyond_the_log(),
            publishers_waiting: self.hub.publishers_waiting(),
            body_memory_bytes: self.body_memory.held(),
            selector_bytes: self.selectors.bytes(),
            grant_bytes: self.grants.bytes(),
            topic_url_bytes: self.selectors.topic_url_bytes(),
            clients: self.client_limits.counts(),
            tickets: self.tickets.counts(),
            subscriptions: self.subscriptions(),
            ready: self.is_ready(),
            runtime: self.http_runtime.metrics().into(),
        }
    }

    fn subscriptions(&self) -> SubscriptionStats {
        let counts = self.active_subscriptions.as_ref().map(ActiveSubscriptions::counts);
        let counts = counts.unwrap_or_default();
        SubscriptionStats {
            active: counts.subscriptions,
            bytes: counts.bytes,
            changes_waiting: counts.changes_waiting,
        }
    }

    fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.metrics.render(&self.snapshot()));
                let content_type = HeaderValue::from_static(METRICS_TYPE);
                response.headers_mut().insert(CONTENT_TYPE, content_type);
                response
            }
            "/healthz" => text(StatusCode::OK, "alive\n".into()),
            "/readyz" if self.is_ready() => text(StatusCode::OK, "ready\n".into()),
            "/readyz" if !self.metrics.all_shards_run() => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "a shard has ended without being told to; see the log, and restart the server\n"
                    .into(),
            ),
            "/readyz" if !self.metrics.all_shards_get_on() => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "a shard has been busy with one iteration for more than a second; see fanfare_shard_iteration_seconds_max\n"
                    .into(),
            ),
            "/readyz" if let Some(problem) = self.problem_of_log() => {
                text(StatusCode::SERVICE_UNAVAILABLE, problem + "\n")
            }
            "/readyz" if self.lifecycle.is_draining() => {
                text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
            }
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n".into()),
            _ => text(StatusCode::NOT_FOUND, "try /metrics, /healthz or /readyz\n".into()),
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

//! From a request to what answers it: the one table of paths of the admin listener.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{ACCEPT, HeaderValue, VARY};
use hyper::{HeaderMap, Method, Request, StatusCode};

use super::access::OpenTo;
use super::problem::AdminProblem;
use super::response::{AdminResponse, json, text, whole};
use super::{Admin, log_level};
use crate::logging::log_limited;
use crate::metrics::prefers_open_metrics;

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What answers requests to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdminEndpoint<'a> {
    Metrics,
    Alive,
    Ready,
    Status,
    Streams,
    /// With what stands for its id.
    Stream(&'a str),
    Topics,
    /// With what stands for its name, percent-encoded.
    Topic(&'a str),
    LogLevel,
    /// A page, or a part of one.
    Page,
}

/// The paths that are not those of pages, as the OpenAPI document writes them.
#[cfg(test)]
pub(super) const PATHS: [&str; 9] = [
    "/metrics",
    "/healthz",
    "/readyz",
    "/status",
    "/streams",
    "/streams/{id}",
    "/topics",
    "/topics/{topic}",
    "/log-level",
];

impl<'a> AdminEndpoint<'a> {
    /// What answers there; pages have paths of their own.
    pub(super) fn of(path: &'a str) -> Self {
        match path {
            "/metrics" => Self::Metrics,
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            "/status" => Self::Status,
            "/streams" => Self::Streams,
            "/topics" => Self::Topics,
            "/log-level" => Self::LogLevel,
            path => {
                let stream = path.strip_prefix("/streams/").map(Self::Stream);
                let topic = || path.strip_prefix("/topics/").map(Self::Topic);
                stream.or_else(topic).unwrap_or(Self::Page)
            }
        }
    }

    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Stream(_) => "DELETE",
            Self::LogLevel => "GET, HEAD, PUT",
            _ => "GET, HEAD",
        }
    }

    /// Whoever reaches the listener has its metrics, its probes, and a page without a figure. Figures
    /// are for them too, but not for pages of somebody else, that would carry them away. The console
    /// reads topics, and changes nothing.
    fn open_to(self, reads: bool) -> OpenTo {
        match self {
            Self::Metrics | Self::Alive | Self::Ready | Self::Page => OpenTo::Everybody,
            Self::Status => OpenTo::NoForeignPage,
            Self::Topics | Self::Topic(_) if reads => OpenTo::OperatorsAndConsole,
            Self::Streams | Self::Stream(_) | Self::Topics | Self::Topic(_) | Self::LogLevel => {
                OpenTo::Operators
            }
        }
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionEnds {
    pub(super) listener: SocketAddr,
    pub(super) peer: SocketAddr,
}

impl Admin {
    /// Responds to a request, whatever it is.
    pub(super) async fn respond<B>(
        &self,
        request: Request<B>,
        ends: ConnectionEnds,
    ) -> AdminResponse
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let path = request.uri().path().to_owned();
        let endpoint = AdminEndpoint::of(&path);
        let to = endpoint.open_to(reads(&request));
        let page = match self.access.check(&request, to, ends.listener) {
            Ok(page) => page,
            Err(problem) => {
                log_limited!(WARN, %problem, by = %ends.peer, "a request to the admin listener was refused");
                return problem.response();
            }
        };
        let served = self.serve(request, endpoint, ends).await;
        let mut response = served.unwrap_or_else(|problem| problem.response());
        // Whoever may read what is there may also read why it is not.
        if let Some(page) = page {
            page.mark(response.headers_mut());
        }
        response
    }

    /// Responds to a request of somebody who may.
    async fn serve<B>(
        &self,
        request: Request<B>,
        endpoint: AdminEndpoint<'_>,
        ends: ConnectionEnds,
    ) -> Result<AdminResponse, AdminProblem>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let reads = reads(&request);
        match endpoint {
            AdminEndpoint::Metrics if reads => Ok(self.metrics_page(request.headers())),
            AdminEndpoint::Alive if reads => Ok(text(StatusCode::OK, "alive\n")),
            AdminEndpoint::Ready if reads => Ok(self.readiness()),
            AdminEndpoint::Status if reads => Ok(json(&self.status())),
            AdminEndpoint::Streams if reads => self.streams(&request).await,
            AdminEndpoint::Stream(id) if request.method() == Method::DELETE => {
                self.end_stream(id, ends.peer).await
            }
            AdminEndpoint::Topics if reads => self.topics(&request).await,
            AdminEndpoint::Topic(name) if reads => self.topic(name, &request).await,
            AdminEndpoint::LogLevel if reads => Ok(log_level::show()),
            AdminEndpoint::LogLevel if request.method() == Method::PUT => {
                log_level::put(request.into_body(), ends.peer).await
            }
            AdminEndpoint::Page if reads => self.page(&request),
            endpoint => Err(AdminProblem::Method { allow: endpoint.methods() }),
        }
    }

    fn metrics_page(&self, headers: &HeaderMap) -> AdminResponse {
        let accept = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let snapshot = self.snapshot();
        let mut response = if prefers_open_metrics(accept) {
            whole(StatusCode::OK, OPEN_METRICS_TYPE, self.metrics.render_open_metrics(&snapshot))
        } else {
            whole(StatusCode::OK, METRICS_TYPE, self.metrics.render(&snapshot))
        };
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        response
    }

    fn readiness(&self) -> AdminResponse {
        match self.not_ready() {
            None => text(StatusCode::OK, "ready\n"),
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", why.detail())),
        }
    }

    fn page<B>(&self, request: &Request<B>) -> Result<AdminResponse, AdminProblem> {
        let page = self.pages.respond(request.uri().path(), request.headers());
        page.ok_or(AdminProblem::NotFound)
    }
}

fn reads<B>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

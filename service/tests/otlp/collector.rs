//! A collector: takes OTLP over HTTP as the standard has it, and keeps what came.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A collector on a port of its own; gone when it is dropped.
pub(super) struct Collector {
    address: SocketAddr,
    came: Arc<Mutex<Came>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Came {
    spans: Vec<Span>,
    /// What each request said of its sender.
    resources: Vec<Vec<KeyValue>>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let came: Arc<Mutex<Came>> = Arc::default();
        let into = Arc::clone(&came);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let into = Arc::clone(&into);
                tokio::spawn(async move {
                    let service = service_fn(|request| take(request, Arc::clone(&into)));
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, came, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span that has come, in the order of their beginnings.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut spans = self.came.lock().unwrap().spans.clone();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        spans
    }

    /// What the last request said of its sender.
    pub(super) fn resource(&self) -> Vec<KeyValue> {
        self.came.lock().unwrap().resources.last().cloned().expect("a request")
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    request: Request<Incoming>,
    into: Arc<Mutex<Came>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let batch = ExportTraceServiceRequest::decode(body).expect("the message of the standard");
    let mut came = into.lock().unwrap();
    for from in batch.resource_spans {
        came.resources.push(from.resource.unwrap_or_default().attributes);
        came.spans.extend(from.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    Ok(Response::new(Full::default()))
}

/// An attribute as text; empty when it is not there.
pub(super) fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|found| found.value.clone());
    match value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text,
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

pub(super) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

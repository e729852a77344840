//! Traces of requests, sent to a collector as OTLP over HTTP.
//!
//! Finished spans wait in a queue with a limit and go out in batches from a thread of their own; a
//! collector that is away or slow costs spans and never a request. Only our own spans go there: log
//! lines stay in the log, and those of a request name its trace. Nothing here speaks TLS: a
//! collector stands beside the server, and forwards as it is configured.

use std::str::FromStr as _;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_otlp::{Protocol, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

use super::{SPANS, StartError, TraceParent, TraceSettings, log_limited};

/// How long the end waits for the collector to take what is left.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// Where a collector takes traces, below its base URL.
const TRACES_PATH: &str = "/v1/traces";

/// The exporter, if traces are to be sent; what waits is sent when it is dropped.
#[derive(Debug)]
pub(super) struct Export(Option<SdkTracerProvider>);

impl Export {
    pub(super) fn start(settings: Option<&TraceSettings>) -> Result<Self, StartError> {
        let Some(TraceSettings { endpoint, sample }) = settings else { return Ok(Self(None)) };
        let url = format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/'));
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(&url)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| StartError::Exporter {
                endpoint: endpoint.clone(),
                reason: error.to_string(),
            })?;
        // The service that began a trace has decided about it; a part of a trace is of no use.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(*sample)));
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(resource())
            .with_batch_exporter(LoggingExporter { exporter, url })
            .build();
        Ok(Self(Some(provider)))
    }

    pub(super) fn layer(&self) -> Option<impl Layer<Registry> + use<>> {
        let tracer = self.0.as_ref()?.tracer("fanfare");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_level(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_target(SPANS, Level::DEBUG)))
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(LAST_EXPORT)
        {
            tracing::warn!(%error, "the last traces may not have been sent");
        }
    }
}

/// The name and version of this service, unless the variables of the standard (`OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`) say otherwise.
fn resource() -> Resource {
    let name = Key::from_static_str("service.name");
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let given = Resource::builder().build().get(&name);
    let ours = given.is_none_or(|given: Value| given.as_str().starts_with("unknown_service"));
    let builder = Resource::builder().with_attribute(version);
    if ours { builder.with_service_name("fanfare").build() } else { builder.build() }
}

/// The trace's id, if traces are sent.
pub(super) fn join(span: &Span, parent: Option<&TraceParent<'_>>) -> Option<String> {
    if let Some(parent) = parent.and_then(remote) {
        // Without the layer there is nothing to join, and the context below is empty too.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    own.is_valid().then(|| own.trace_id().to_string())
}

fn remote(parent: &TraceParent<'_>) -> Option<SpanContext> {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    Some(SpanContext::new(
        TraceId::from_hex(parent.trace_id).ok()?,
        SpanId::from_hex(parent.parent_id).ok()?,
        flags,
        true,
        TraceState::from_str(parent.state).unwrap_or_default(),
    ))
}

/// An exporter whose failures are logged: spans are lost then, and an operator who looks for them
/// has to know why.
#[derive(Debug)]
struct LoggingExporter<E> {
    exporter: E,
    url: String,
}

impl<E: SpanExporter> SpanExporter for LoggingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        if let Err(error) = &result {
            let url = &self.url;
            log_limited!(WARN, %error, url, spans, "cannot send traces, which are lost; is a collector there?");
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

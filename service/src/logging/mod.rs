//! Log lines on standard error, and the traces of requests: lifecycle at info, connections and
//! requests at debug, nothing per delivery.
//!
//! One filter stands in front of everything, so that what is off costs a comparison. Lines are
//! written by a thread of their own: a standard error that is not read costs lines, which are
//! counted, and never a shard's time. What can happen often is logged with `log_limited!`.
//! Everything here is of the process and not of one server: there is one standard error.

mod filter;
mod panics;
mod rate_limit;
mod trace_parent;
mod writer;

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "without_otlp.rs"]
mod otlp;

#[cfg(test)]
mod tests;

use filter::with_quiet_client;
pub use filter::{FilterError, check_filter};
pub use rate_limit::warnings_suppressed;
pub(crate) use rate_limit::{CallSite, log_limited};
pub use trace_parent::TraceParent;
pub use writer::lines_lost;

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use thiserror::Error;
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use otlp::Export;
use writer::Writer;

/// Puts another filter in front of the lines of this process.
static CHANGE_FILTER: OnceLock<Box<dyn Fn(EnvFilter) -> bool + Send + Sync>> = OnceLock::new();

/// The settings that are in force, once logging has started.
static IN_FORCE: Mutex<Option<LoggingSettings>> = Mutex::new(None);

/// The target of the spans of requests: a filter with `fanfare::trace=debug` asks for them.
pub const SPANS: &str = "fanfare::trace";

/// Whether this build can send traces away.
pub const EXPORTS_TRACES: bool = cfg!(feature = "otlp");

/// What is logged, how it looks, and where traces go.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggingSettings {
    /// A level or a filter of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceSettings>,
}

impl LoggingSettings {
    /// Errors alone, for a start that fails before its settings are known.
    #[must_use]
    pub fn of_errors(format: LogFormat) -> Self {
        Self { filter: "error".to_owned(), format, traces: None }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, an object a line.
    Json,
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// The base URL of a receiver of OTLP over HTTP.
    pub endpoint: String,
    /// Of the traces that begin here, how many are recorded, from 0 to 1.
    pub sample: f64,
}

/// Why logging did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The filter cannot be read.
    #[error("--log-level `{filter}` cannot be read ({reason}); try info, debug, or fanfare=debug")]
    BadFilter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// This build has no exporter.
    #[error(
        "--otlp-endpoint needs a build that can send traces; build one with `cargo build --release -p fanfare --features otlp`, or leave it out"
    )]
    NoExporter,
    /// The exporter does not take its settings.
    #[error(
        "cannot send traces to --otlp-endpoint {endpoint}: {reason}; give a URL such as http://127.0.0.1:4318"
    )]
    Exporter {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Logging, while the process runs. What waits is written and sent when it is dropped, for at most
/// a few seconds.
#[derive(Debug)]
#[must_use = "lines and spans that wait are lost unless it lives to the end"]
pub struct Logging {
    // Spans first: that they cannot be sent is worth a line.
    _export: Export,
    _writer: Writer,
}

/// Starts logging.
///
/// # Errors
/// When the filter cannot be read, or traces cannot be sent as they should be.
pub fn start(settings: &LoggingSettings) -> Result<Logging, StartError> {
    let filter = filter(settings)?;
    let export = Export::start(settings.traces.as_ref())?;
    let (lines, writer) = Writer::start(io::stderr());
    let (filter, handle) = reload::Layer::new(filter);
    let subscriber = Registry::default()
        .with(export.layer())
        .with(lines_as(settings.format, lines, io::stderr().is_terminal()))
        .with(filter);
    // A second start in the same process keeps the first one's settings.
    if subscriber.try_init().is_ok() {
        let change = move |filter| handle.reload(filter).is_ok();
        let _ = CHANGE_FILTER.set(Box::new(change));
        *in_force() = Some(settings.clone());
    }
    panics::log();
    Ok(Logging { _export: export, _writer: writer })
}

/// Other log lines from now on, as the filter says.
///
/// # Errors
/// When it cannot be read; then nothing changes.
pub fn change_filter(settings: &LoggingSettings) -> Result<(), StartError> {
    let filter = filter(settings)?;
    if let Some(change) = CHANGE_FILTER.get() {
        change(filter);
        *in_force() = Some(settings.clone());
    }
    Ok(())
}

/// The filter that is in force; none where logging was not started here, as inside of another program.
#[must_use]
pub fn filter_in_force() -> Option<String> {
    in_force().as_ref().map(|settings| settings.filter.clone())
}

/// Puts a filter in force as [`change_filter`] does, until the settings are read again.
///
/// # Errors
/// When it cannot be read or means nothing, with what to write; then nothing changes.
pub fn put_filter(text: &str) -> Result<(), FilterError> {
    let filter = check_filter(text)?;
    let Some(settings) = in_force().clone() else { return Ok(()) };
    let settings = LoggingSettings { filter, ..settings };
    change_filter(&settings).map_err(|error| FilterError::Unreadable(error.to_string()))
}

fn in_force() -> MutexGuard<'static, Option<LoggingSettings>> {
    IN_FORCE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn filter(settings: &LoggingSettings) -> Result<EnvFilter, StartError> {
    let bad = |error: &dyn std::error::Error| StartError::BadFilter {
        filter: settings.filter.clone(),
        reason: error.to_string(),
    };
    let filter =
        EnvFilter::try_new(with_quiet_client(&settings.filter)).map_err(|error| bad(&error))?;
    if settings.traces.is_none() {
        return Ok(filter);
    }
    let spans = format!("{SPANS}=debug").parse().map_err(|error| bad(&error))?;
    Ok(filter.add_directive(spans))
}

fn lines_as<S>(
    format: LogFormat,
    lines: impl for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
    colours: bool,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(lines);
    match format {
        LogFormat::Text => layer.compact().with_ansi(colours).with_target(false).boxed(),
        // The fields of an event lie flat beside its message; those of its span are in `span`,
        // where they cannot collide with them.
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    }
}

/// Makes a span part of the trace that its request came with, or lets it begin one if traces are
/// sent; the trace's id, if there is a trace.
#[must_use]
pub fn join_trace(span: &Span, parent: Option<&TraceParent<'_>>) -> Option<String> {
    otlp::join(span, parent).or_else(|| Some(parent?.trace_id.to_owned()))
}

//! Log lines on standard error: lifecycle at info, connections at debug, nothing per delivery.
//!
//! One filter stands in front of everything, so that what is off costs a comparison. Lines are
//! written by a thread of their own: a standard error that nobody reads costs lines, which are
//! counted, and never a shard's time. What can happen often is said `rarely!`. Everything here is
//! of the process and not of one server: there is one standard error.

mod panics;
mod rarely;
mod writer;

#[cfg(test)]
mod tests;

pub use rarely::warnings_suppressed;
pub(crate) use rarely::{Place, rarely};
pub use writer::lines_lost;

use std::io::{self, IsTerminal as _};

use thiserror::Error;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use writer::Writer;

/// What is logged, and how it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingSettings {
    /// A level or a filter of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, an object a line.
    Json,
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
}

/// Logging, while the process runs. What waits is written when it is dropped, for about a second.
#[derive(Debug)]
#[must_use = "lines that wait are lost unless it lives to the end"]
pub struct Logging {
    _writer: Writer,
}

/// Starts logging.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(settings: &LoggingSettings) -> Result<Logging, StartError> {
    let filter = filter(settings)?;
    let (lines, writer) = Writer::start(io::stderr());
    let subscriber = Registry::default()
        .with(lines_as(settings.format, lines, io::stderr().is_terminal()))
        .with(filter);
    // A second start in the same process keeps the first one's settings.
    let _ = subscriber.try_init();
    panics::log();
    Ok(Logging { _writer: writer })
}

fn filter(settings: &LoggingSettings) -> Result<EnvFilter, StartError> {
    EnvFilter::try_new(&settings.filter).map_err(|error| StartError::BadFilter {
        filter: settings.filter.clone(),
        reason: error.to_string(),
    })
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

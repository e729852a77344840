//! Log lines, on standard error: lifecycle at info, connections at debug, nothing per delivery.

use std::io::IsTerminal as _;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::LogFormat;

/// The filter cannot be read.
#[derive(Debug, Error)]
#[error("--log-level `{filter}` cannot be read ({reason}); try info, debug, or fanfare=debug")]
pub struct BadFilter {
    filter: String,
    reason: String,
}

/// Starts logging. One filter for everything, outermost, so that what is off costs nothing.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(filter: &str, format: LogFormat) -> Result<(), BadFilter> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| BadFilter { filter: filter.to_owned(), reason: error.to_string() })?;
    let lines = fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second start in the same process keeps the first one's settings.
    let _ = match format {
        LogFormat::Text => lines.compact().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

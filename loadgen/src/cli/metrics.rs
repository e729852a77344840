//! `--metrics-listen` and `--metrics-linger`: the exporter that the runs of a command share.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Failure;
use crate::export::Exporter;
use crate::plan::{Plan, Settings};

/// How often that wait checks for an interruption.
const POLL_PERIOD: Duration = Duration::from_millis(100);

/// Begins to serve, when that was requested. Where is always said, however quiet the rest is: with
/// port 0 it is known from nowhere else.
pub(super) fn open(settings: &Settings, plan: &Plan) -> Result<Option<Exporter>, Failure> {
    let Some(listen) = settings.metrics_listen else {
        return match settings.metrics_linger {
            Some(_) => Err(Failure::Usage(
                "--metrics-linger needs --metrics-listen IP:PORT: give both, or neither".to_owned(),
            )),
            None => Ok(None),
        };
    };
    let exporter = Exporter::start(listen, plan)?;
    let address = exporter.address();
    let reach = if address.ip().is_loopback() {
        ""
    } else {
        "  (every host that reaches this address can read them)"
    };
    say(&format!("metrics on http://{address}/metrics{reach}"));
    Ok(Some(exporter))
}

/// Leaves the last values of a run there, as long as the settings say, or until an
/// interruption.
pub(super) fn linger(settings: &Settings, interrupted: &AtomicBool, is_quiet: bool) {
    let Some(length) = settings.metrics_linger.map(|span| span.0) else { return };
    let began = Instant::now();
    if !is_quiet && !length.is_zero() && !interrupted.load(Ordering::Relaxed) {
        let length = humantime::format_duration(length);
        say(&format!("serving the last metrics for {length}; Ctrl-C ends that"));
    }
    while began.elapsed() < length && !interrupted.load(Ordering::Relaxed) {
        sleep(POLL_PERIOD.min(length.saturating_sub(began.elapsed())));
    }
}

fn say(line: &str) {
    // Standard error may be closed on purpose.
    let _ = writeln!(io::stderr(), "{line}");
}

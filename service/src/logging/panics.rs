//! Panics as log lines: a defect is to be found where everything else is, and in the same format.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

use tracing::Level;

/// Has every panic of the process logged. A filter that shuts it out gets the bare text that Rust
/// prints: no filter is meant to hide a defect.
pub(super) fn log() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if tracing::enabled!(Level::ERROR) { line(info) } else { print(info) }
    }));
}

fn line(info: &PanicHookInfo<'_>) {
    // It is captured only if RUST_BACKTRACE asks for it.
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    tracing::error!(
        panic = info.payload_as_str().unwrap_or("a value that is not text"),
        at = info.location().map(tracing::field::display),
        thread = thread::current().name().unwrap_or("unnamed"),
        backtrace = captured.then(|| tracing::field::display(&backtrace)),
        "a thread panicked, which is a defect; report this line (RUST_BACKTRACE=1 tells more)"
    );
}

//! What writes log lines: one thread, behind a queue with a limit.
//!
//! A thread that logs puts a line into the queue and goes on. When standard error is stuck (a pipe
//! that is not read, a full disk behind a slow log collector) the queue fills, and further lines
//! are lost and counted. Rejected: to block, because then a shard would wait for the reader of its
//! log.

use std::io::Write;
use std::sync::OnceLock;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines may wait to be written: some megabytes at most, as lines go.
const LINES_MAX: usize = 8_192;

/// How many lines the process has lost; of the writer that was started first.
static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// The writer; when it is dropped, what waits is written, for at most a second.
#[derive(Debug)]
pub(super) struct Writer {
    _guard: WorkerGuard,
}

impl Writer {
    pub(super) fn start(to: impl Write + Send + 'static) -> (NonBlocking, Self) {
        let (lines, writer, lost) = Self::with_room(to, LINES_MAX);
        // A second start in the same process has no say; see `start`.
        let _ = LOST.set(lost);
        (lines, writer)
    }

    pub(super) fn with_room(
        to: impl Write + Send + 'static,
        lines_max: usize,
    ) -> (NonBlocking, Self, ErrorCounter) {
        let (lines, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(lines_max)
            .lossy(true)
            .thread_name("log")
            .finish(to);
        let lost = lines.error_counter();
        (lines, Self { _guard: guard }, lost)
    }
}

/// How many log lines this process has lost because standard error did not take them in time.
#[must_use]
pub fn lines_lost() -> u64 {
    LOST.get().map_or(0, |lost| lost.dropped_lines() as u64)
}

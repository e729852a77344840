//! The process and the tokio runtime of the HTTP layer, as the system and tokio report them.
//!
//! The names that begin with `process_` are those of every Prometheus client. The crate
//! `metrics-process` finds the stats; they are written here, because it would cut the seconds of
//! CPU to whole ones.

use std::time::Duration;

use metrics_process::collector;
use tokio::runtime::RuntimeMetrics;

use super::series::{Named, write_counter, write_gauge};

/// Writes the stats of the process; on systems that do not report them there are none.
pub(super) fn write_process(text: &mut String) {
    let process = collector::collect();
    let cpu =
        ("process_cpu_seconds_total", "CPU time of all threads of the process, user and system.");
    if let Some(seconds) = process.cpu_seconds_total {
        write_counter(text, cpu, seconds);
    }
    let gauges: [(Named, Option<u64>); 6] = [
        (
            ("process_open_fds", "Files that the process has open; each connection is one."),
            process.open_fds,
        ),
        (("process_max_fds", "The most files that the process may have open."), process.max_fds),
        (
            ("process_resident_memory_bytes", "Resident memory of the process."),
            process.resident_memory_bytes,
        ),
        (
            ("process_virtual_memory_bytes", "Virtual memory of the process."),
            process.virtual_memory_bytes,
        ),
        (
            ("process_start_time_seconds", "When the process started, in seconds since 1970."),
            process.start_time_seconds,
        ),
        (("process_threads", "Threads of the process."), process.threads),
    ];
    for (named, value) in gauges {
        if let Some(value) = value {
            write_gauge(text, named, value as f64);
        }
    }
}

/// The process; `None` is what the system does not report.
#[derive(Clone, Copy, Debug)]
pub struct ProcessReport {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_files: Option<u64>,
    pub files_max: Option<u64>,
}

impl ProcessReport {
    /// As it is now.
    #[must_use]
    pub fn read() -> Self {
        let process = collector::collect();
        Self {
            cpu_seconds: process.cpu_seconds_total,
            resident_bytes: process.resident_memory_bytes,
            threads: process.threads,
            open_files: process.open_fds,
            files_max: process.max_fds,
        }
    }
}

/// The tokio runtime that the HTTP layer runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuntimeStats {
    workers: usize,
    tasks: usize,
    queue_depth: usize,
    busy: Duration,
}

impl From<RuntimeMetrics> for RuntimeStats {
    fn from(runtime: RuntimeMetrics) -> Self {
        let workers = runtime.num_workers();
        let busy = (0..workers).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
        Self {
            workers,
            tasks: runtime.num_alive_tasks(),
            queue_depth: runtime.global_queue_depth(),
            busy,
        }
    }
}

/// Writes the stats of the runtime.
pub(super) fn write_runtime(text: &mut String, runtime: &RuntimeStats) {
    let RuntimeStats { workers, tasks, queue_depth, busy } = *runtime;
    write_gauge(
        text,
        ("fanfare_runtime_workers", "Threads of the HTTP layer (tokio workers)."),
        workers as f64,
    );
    let named = ("fanfare_runtime_tasks", "Tasks of the HTTP layer (tokio) that have not ended.");
    write_gauge(text, named, tasks as f64);
    let named =
        ("fanfare_runtime_queue_depth", "Tasks of the HTTP layer (tokio) that wait for a thread.");
    write_gauge(text, named, queue_depth as f64);
    let named = (
        "fanfare_runtime_busy_seconds_total",
        "Time for which the threads of the HTTP layer (tokio workers) were busy, added up over all of them.",
    );
    write_counter(text, named, busy.as_secs_f64());
}

//! The figures of this process under the names that every client of Prometheus gives them. What
//! worker processes use is not in them: those serve no page, and a sum of several processes would
//! be taken for one.

use procfs::ProcResult;
use procfs::process::{LimitValue, Process};

use super::text::{Kind, MetricsText};

/// What `/proc` says; times in seconds, sizes in bytes.
#[derive(Debug)]
struct ProcessUse {
    cpu: f64,
    started: f64,
    threads: i64,
    open_files: usize,
    most_files: u64,
    memory: u64,
    resident: u64,
    most_memory: u64,
}

/// Writes the figures. Where `/proc` cannot be read they are left out: a 0 would be a lie.
pub(super) fn write(text: &mut MetricsText) {
    let Ok(seen) = look() else { return };
    let (gauge, counter) = (Kind::Gauge, Kind::Counter);
    text.single(
        counter,
        "process_cpu_seconds_total",
        "User and system CPU time spent in seconds.",
        seen.cpu,
    );
    text.single(gauge, "process_open_fds", "Number of open file descriptors.", seen.open_files);
    text.single(
        gauge,
        "process_max_fds",
        "Maximum number of open file descriptors.",
        seen.most_files,
    );
    text.single(
        gauge,
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        seen.memory,
    );
    text.single(
        gauge,
        "process_virtual_memory_max_bytes",
        "Maximum amount of virtual memory available in bytes.",
        seen.most_memory,
    );
    text.single(
        gauge,
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        seen.resident,
    );
    text.single(
        gauge,
        "process_start_time_seconds",
        "Start time of the process since the Unix epoch in seconds.",
        seen.started,
    );
    text.single(gauge, "process_threads", "Number of threads of the process.", seen.threads);
}

fn look() -> ProcResult<ProcessUse> {
    let process = Process::myself()?;
    let (stat, limits) = (process.stat()?, process.limits()?);
    let ticks = procfs::ticks_per_second() as f64;
    Ok(ProcessUse {
        cpu: (stat.utime + stat.stime) as f64 / ticks,
        started: procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks,
        threads: stat.num_threads,
        open_files: process.fd_count()?,
        most_files: most(limits.max_open_files.soft_limit),
        memory: stat.vsize,
        resident: stat.rss * procfs::page_size(),
        most_memory: most(limits.max_address_space.soft_limit),
    })
}

/// Without a limit it is the largest number, as other clients of Prometheus have it.
fn most(limit: LimitValue) -> u64 {
    match limit {
        LimitValue::Unlimited => u64::MAX,
        LimitValue::Value(value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let before = look().expect("/proc");
        let now = jiff::Timestamp::now().as_second() as f64;
        assert!(before.started > now - 86_400.0 && before.started < now + 60.0, "{before:?}");
        assert!(before.resident > 1 << 20 && before.memory > before.resident, "{before:?}");
        assert!(before.threads >= 1 && before.open_files >= 3, "{before:?}");
        assert!(before.most_files >= before.open_files as u64, "{before:?}");
        let _files: Vec<_> =
            (0..10).map(|_| std::fs::File::open("/dev/null").expect("it opens")).collect();
        while look().expect("/proc").cpu <= before.cpu {
            std::hint::black_box((0..100_000_u64).sum::<u64>());
        }
    }
}

//! A process as `/proc` shows it: CPU, resident memory, and the kernel memory of the TCP sockets in
//! its network namespace, which are not its own alone.

use std::fs;

use super::Divisors;
use crate::environment::resident;
use crate::result::ServerProcess;

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux that there is today (`getconf
/// CLK_TCK`); read from the kernel all the same.
fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Seconds of CPU that a server has used before a run when it is no longer fresh: to start takes
/// less.
const FRESH: f64 = 0.5;

#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Seconds of CPU since it was started.
    cpu: f64,
    memory: u64,
    sockets: Option<u64>,
}

/// A process that is monitored.
#[derive(Debug)]
pub(super) struct MonitoredProcess {
    pid: u32,
    command: String,
    before: Sample,
    /// Nothing when the process had ended by then.
    pub(super) connected: Option<Sample>,
    pub(super) publishing: Option<Sample>,
    pub(super) done: Option<Sample>,
    peak: Option<u64>,
}

impl MonitoredProcess {
    pub(super) fn find(pid: u32) -> Option<Self> {
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned();
        let before = sample(pid)?;
        Some(Self {
            pid,
            command,
            before,
            connected: Some(before),
            publishing: Some(before),
            done: Some(before),
            peak: before.sockets,
        })
    }

    pub(super) fn sample(&self) -> Option<Sample> {
        sample(self.pid)
    }

    pub(super) fn sample_sockets(&mut self) {
        self.peak = self.peak.max(sockets(self.pid));
    }

    /// What must be known of the memory a subscriber, if anything: an allocator that kept the
    /// memory of earlier subscribers does not grow by that of new ones.
    pub(super) fn memory_caveat(&self) -> Option<String> {
        let (pid, used) = (self.pid, self.before.cpu);
        (used > FRESH).then(|| {
            format!(
                "process {pid} had used {used:.1} s of CPU before this run: if it had subscribers then, \
                 its memory a subscriber is too low, because it reuses theirs; start it anew to \
                 measure that"
            )
        })
    }

    /// What it cost; nothing of a process that ended before the run did.
    pub(super) fn cost(&self, divisors: Divisors) -> Option<ServerProcess> {
        let (connected, publishing, done) = (self.connected?, self.publishing?, self.done?);
        let each = |value: f64, count: u64| (count > 0).then(|| value / count as f64);
        let cpu_seconds = done.cpu - publishing.cpu;
        let ramp = connected.cpu - self.before.cpu;
        let grown = connected.memory.saturating_sub(self.before.memory) as f64;
        Some(ServerProcess {
            pid: self.pid,
            command: self.command.clone(),
            cpu_seconds,
            cpu_us_per_delivery: each(cpu_seconds * 1e6, divisors.received),
            cpu_us_per_connection: each(ramp * 1e6, divisors.connected),
            memory_before: self.before.memory,
            memory_connected: connected.memory,
            memory_after: done.memory,
            memory_per_subscriber: each(grown, divisors.connected),
            sockets_before: self.before.sockets,
            sockets_connected: connected.sockets,
            sockets_peak: self.peak,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}

fn sample(pid: u32) -> Option<Sample> {
    let memory = resident(&format!("/proc/{pid}/statm"))?;
    Some(Sample { cpu: cpu(pid)?, memory, sockets: sockets(pid) })
}

/// Seconds of CPU of all threads, in user and kernel mode.
fn cpu(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold blanks and brackets.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / ticks_per_second())
}

/// Bytes of kernel memory of the TCP sockets of its network namespace.
fn sockets(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/sockstat")).ok()?;
    let line = text.lines().find(|line| line.starts_with("TCP:"))?;
    let pages: u64 = line.rsplit_once("mem ")?.1.trim().parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_and_its_work_counted() {
        let mut monitored = MonitoredProcess::find(std::process::id()).expect("this process");
        let begun = monitored.sample().expect("this process");
        assert!(begun.memory > 1 << 20);
        while monitored.sample().expect("this process").cpu - begun.cpu < 0.05 {
            std::hint::black_box((0..100_000_u64).sum::<u64>());
        }
        monitored.publishing = Some(begun);
        monitored.done = monitored.sample();
        let cost = monitored.cost(Divisors { connected: 10, received: 1000 });
        let cost = cost.expect("this process");
        assert!(cost.cpu_us_per_delivery.expect("deliveries") >= 50.0);
        assert!(cost.command.contains("fanfare_loadgen"), "{}", cost.command);
    }

    #[test]
    fn a_server_that_has_worked_before_has_a_caveat_about_its_memory() {
        let mut monitored = MonitoredProcess::find(std::process::id()).expect("this process");
        monitored.before.cpu = 0.1;
        assert_eq!(monitored.memory_caveat(), None);
        monitored.before.cpu = 12.34;
        let memory_caveat = monitored.memory_caveat().expect("a doubt");
        assert!(
            memory_caveat.contains("used 12.3 s of CPU before")
                && memory_caveat.contains("start it anew")
        );
    }

    #[test]
    fn a_process_that_ends_meanwhile_has_no_cost() {
        let mut monitored = MonitoredProcess::find(std::process::id()).expect("this process");
        monitored.done = sample(u32::MAX);
        assert!(monitored.cost(Divisors { connected: 10, received: 1000 }).is_none());
    }

    #[test]
    fn a_process_that_is_not_there_is_not_found() {
        assert!(MonitoredProcess::find(u32::MAX).is_none());
    }
}

//! How much of the processors a group of processes uses over a time.

use std::time::Instant;

use anyhow::Context as _;
use procfs::process::Process;

use super::member::Member;

/// Measures from when it was made.
#[derive(Debug)]
pub(super) struct CpuMeter {
    pids: Vec<u32>,
    began: Instant,
    seconds: f64,
}

impl CpuMeter {
    pub(super) fn start(members: &[Member]) -> anyhow::Result<Self> {
        Self::of(members.iter().filter_map(Member::pid).collect())
    }

    fn of(pids: Vec<u32>) -> anyhow::Result<Self> {
        let seconds = seconds(&pids)?;
        Ok(Self { pids, began: Instant::now(), seconds })
    }

    /// Of one core, of all together.
    pub(super) fn share(&self) -> anyhow::Result<f64> {
        let used = seconds(&self.pids)? - self.seconds;
        Ok(used / self.began.elapsed().as_secs_f64())
    }
}

/// What they have used since they were started.
fn seconds(pids: &[u32]) -> anyhow::Result<f64> {
    let of = |&pid: &u32| {
        let stat = Process::new(i32::try_from(pid)?).and_then(|process| process.stat());
        let stat = stat.context("reading the CPU of a process; it has ended")?;
        Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
    };
    pids.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_of_processes_is_read_while_they_live() {
        let meter = CpuMeter::of(vec![std::process::id()]).expect("this process");
        assert!(meter.share().expect("this process") >= 0.0);
        assert!(CpuMeter::of(vec![u32::MAX]).is_err());
    }
}

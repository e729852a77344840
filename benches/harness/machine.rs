//! Where and when figures were measured, which stands beside them wherever they are shown.

use crate::format::number;
use crate::result::{Machine, RunResult};

/// The machine, in words.
pub(crate) fn describe(machine: &Machine) -> String {
    format!(
        "{} cores of {}, {} GiB, {}, everything on this machine over loopback; loadgen {}",
        machine.cores,
        machine.cpu,
        number(machine.memory as f64 / (1_u64 << 30) as f64),
        machine.kernel,
        machine.loadgen
    )
}

/// The day on which a run began, in UTC.
pub(crate) fn day(run: &RunResult) -> &str {
    run.started_at.split('T').next().unwrap_or_default()
}

/// How often everything was measured.
pub(crate) fn rounds(count: usize) -> String {
    if count == 1 { "1 round".to_owned() } else { format!("{count} rounds") }
}

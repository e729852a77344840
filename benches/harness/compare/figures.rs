//! The figures of a run that servers are compared by.

use crate::result::RunResult;

pub(crate) fn cpu(run: &RunResult) -> Option<f64> {
    run.cpu_us_per_delivery
}

pub(crate) fn p99(run: &RunResult) -> Option<f64> {
    run.p99_ms
}

pub(crate) fn memory(run: &RunResult) -> Option<f64> {
    run.memory_per_subscriber
}

/// Of a server that does not keep up, the latency says how long the run was and nothing else.
pub(crate) fn p99_if_kept_up(run: &RunResult) -> Option<f64> {
    let kept_up = run.accepted_rate? >= 0.99 * run.requested_rate?;
    run.p99_ms.filter(|_| kept_up)
}

pub(crate) fn accepted(run: &RunResult) -> Option<f64> {
    run.accepted_rate
}

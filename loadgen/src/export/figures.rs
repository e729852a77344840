//! What is exported of a run, as it was shown last.

use std::sync::atomic::Ordering;

use crate::measure::{Buckets, Counts, Timed};
use crate::plan::Plan;
use crate::readers::Progress;
use crate::run::{Phase, Running};

/// The figures of one run, those of all threads and processes added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) scenario: String,
    pub(super) phase: Phase,
    pub(super) wanted: u64,
    pub(super) open: u64,
    pub(super) failures: u64,
    pub(super) disconnects: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    /// Deliveries. With `--verify sample` most of them are an estimate, which may fall by a hair
    /// when more is known; a counter that falls means to Prometheus that it began at 0 again, so
    /// this one waits until the estimate has caught up.
    pub(super) received: u64,
    pub(super) counts: Counts,
    pub(super) timed: Timed,
    pub(super) lateness: Buckets,
}

impl Figures {
    /// Of a run that has not begun.
    pub(super) fn of(plan: &Plan) -> Self {
        let wanted = plan.ramp.connections as u64;
        Self { scenario: plan.name.clone(), wanted, ..Self::default() }
    }

    pub(super) fn take(&mut self, state: &Running<'_>) {
        self.advance(state.progress, state.phase);
        if let Some(publish_progress) = state.publishing {
            self.accepted = publish_progress.acknowledged.load(Ordering::Relaxed);
            self.refused = publish_progress.refused.load(Ordering::Relaxed);
            self.lateness = publish_progress.lateness.read();
        }
    }

    pub(super) fn advance(&mut self, progress: &Progress, phase: Phase) {
        self.phase = phase;
        self.open = progress.open;
        self.failures = progress.failures;
        self.disconnects = progress.disconnects;
        self.received = self.received.max(progress.deliveries());
        self.counts = progress.counts;
        self.timed = progress.timed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_that_falls_does_not_make_a_counter_fall() {
        let mut figures = Figures::default();
        let mut received = |received, parsed_bytes, counted_bytes| {
            let counts = Counts { received, parsed_bytes, counted_bytes, ..Counts::default() };
            let progress = Progress { counts, ..Progress::default() };
            figures.advance(&progress, Phase::Measuring);
            figures.received
        };
        assert_eq!(received(10, 1_000, 9_000), 100);
        // The next events are longer, so the same bytes hold fewer of them.
        assert_eq!(received(11, 1_200, 9_000), 100);
        assert_eq!(received(20, 2_000, 18_000), 200);
    }
}

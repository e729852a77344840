//! The end of a reading thread: its books and what it used.

use super::Report;
use crate::measure::Ledger;
use crate::result::WorkerUse;

/// What a thread used, for its report.
#[derive(Debug)]
pub(super) struct Dismissal {
    used: WorkerUse,
}

impl Dismissal {
    /// `used` is nothing when publishing never began.
    pub(super) fn new(name: String, used: Option<WorkerUse>) -> Self {
        Self { used: used.unwrap_or_else(|| WorkerUse { name, ..WorkerUse::default() }) }
    }

    pub(super) fn report(self, ledger: Ledger) -> Report {
        Report { ledger, workers: vec![self.used] }
    }
}

//! All reading threads of a run, in this process or in others.

use std::sync::Arc;

use crate::clock::Moment;
use crate::plan::Plan;
use crate::readers::{Progress, ReaderError, ReaderPool, ReaderProcess, ReaderReport, Share};
use crate::subscriber::Published;

/// The reading threads of a run.
pub(super) enum Readers {
    Here(ReaderPool),
    Elsewhere(Vec<ReaderProcess>),
}

impl Readers {
    pub(super) fn start(plan: &Arc<Plan>) -> Result<Self, ReaderError> {
        if plan.processes == 1 {
            return ReaderPool::start(plan, Share::ALL).map(Self::Here);
        }
        let processes = (0..plan.processes)
            .map(|index| ReaderProcess::start(plan, Share { index, of: plan.processes }));
        processes.collect::<Result<_, _>>().map(Self::Elsewhere)
    }

    pub(super) fn begin(&mut self, at: Moment) -> Result<(), ReaderError> {
        match self {
            Self::Here(pool) => {
                pool.begin(at);
                Ok(())
            }
            Self::Elsewhere(processes) => {
                processes.iter_mut().try_for_each(|process| process.begin(at))
            }
        }
    }

    pub(super) fn finish(&mut self, published: Published) -> Result<(), ReaderError> {
        match self {
            Self::Here(pool) => {
                pool.finish(published);
                Ok(())
            }
            Self::Elsewhere(processes) => {
                processes.iter_mut().try_for_each(|process| process.finish(published.clone()))
            }
        }
    }

    pub(super) fn progress(&self) -> Progress {
        match self {
            Self::Here(pool) => pool.progress(),
            Self::Elsewhere(processes) => {
                Progress::sum(processes.iter().map(ReaderProcess::progress))
            }
        }
    }

    /// Whether all are still at work. A process that is not says why, where it could.
    pub(super) fn check(&mut self) -> Result<(), ReaderError> {
        let Self::Elsewhere(processes) = self else { return Ok(()) };
        let Some(lost) = processes.iter().position(ReaderProcess::is_lost) else { return Ok(()) };
        processes.swap_remove(lost).stop()?;
        Err(ReaderError::Lost("it made its report before it was asked to".to_owned()))
    }

    pub(super) fn stop(self) -> Result<ReaderReport, ReaderError> {
        match self {
            Self::Here(pool) => pool.stop(),
            Self::Elsewhere(processes) => {
                let mut all = ReaderReport::default();
                for (index, process) in processes.into_iter().enumerate() {
                    let report = process.stop()?;
                    all.recorder.merge(&report.recorder);
                    let named = report.workers.into_iter().map(|mut worker| {
                        worker.name = format!("process {index}, {}", worker.name);
                        worker
                    });
                    all.workers.extend(named);
                }
                Ok(all)
            }
        }
    }
}

//! All reading threads of a run, in this process or in others.

use std::sync::Arc;

use crate::clock::Moment;
use crate::crew::{Crew, CrewError, Progress, RemoteCrew, Report, Share};
use crate::plan::Plan;
use crate::subscriber::Published;

/// The crews of a run.
pub(super) enum Readers {
    Here(Crew),
    Elsewhere(Vec<RemoteCrew>),
}

impl Readers {
    pub(super) fn start(plan: &Arc<Plan>) -> Result<Self, CrewError> {
        if plan.processes == 1 {
            return Crew::start(plan, Share::ALL).map(Self::Here);
        }
        let crews = (0..plan.processes)
            .map(|index| RemoteCrew::start(plan, Share { index, of: plan.processes }));
        crews.collect::<Result<_, _>>().map(Self::Elsewhere)
    }

    pub(super) fn begin(&mut self, at: Moment) -> Result<(), CrewError> {
        match self {
            Self::Here(crew) => {
                crew.begin(at);
                Ok(())
            }
            Self::Elsewhere(crews) => crews.iter_mut().try_for_each(|crew| crew.begin(at)),
        }
    }

    pub(super) fn finish(&mut self, published: Published) -> Result<(), CrewError> {
        match self {
            Self::Here(crew) => {
                crew.finish(published);
                Ok(())
            }
            Self::Elsewhere(crews) => {
                crews.iter_mut().try_for_each(|crew| crew.finish(published.clone()))
            }
        }
    }

    pub(super) fn progress(&self) -> Progress {
        match self {
            Self::Here(crew) => crew.progress(),
            Self::Elsewhere(crews) => Progress::sum(crews.iter().map(RemoteCrew::progress)),
        }
    }

    /// Whether all are still at work. One that is not says why, where it could.
    pub(super) fn check(&mut self) -> Result<(), CrewError> {
        let Self::Elsewhere(crews) = self else { return Ok(()) };
        let Some(lost) = crews.iter().position(RemoteCrew::is_lost) else { return Ok(()) };
        crews.swap_remove(lost).stop()?;
        Err(CrewError::Lost("it made its report before it was asked to".to_owned()))
    }

    pub(super) fn stop(self) -> Result<Report, CrewError> {
        match self {
            Self::Here(crew) => crew.stop(),
            Self::Elsewhere(crews) => {
                let mut all = Report::default();
                for (index, crew) in crews.into_iter().enumerate() {
                    let report = crew.stop()?;
                    all.ledger.merge(&report.ledger);
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

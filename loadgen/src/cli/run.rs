//! `loadgen run`: a scenario under flags, once or several times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::files::{Outputs, read_result, say};
use super::{Failure, RunFlags, metrics, scenarios};
use crate::export::Exporter;
use crate::plan::{FileBudget, Settings};
use crate::report;
use crate::result::{ResultFile, Run, SCHEMA};
use crate::run::View;
use crate::run::{self, RunRequest};
use crate::slo::Slo;
use crate::view;

/// Runs of one result at most.
const MOST: usize = 100;

/// Makes the runs that the flags ask for, and gives the exit code of the worst.
pub(super) fn run(flags: &RunFlags) -> Result<u8, Failure> {
    let settings = scenarios::under(flags.scenario.as_deref(), &flags.settings)?;
    let outputs = outputs(&settings);
    let repeat = settings.repeat.unwrap_or(1);
    if !(1..=MOST).contains(&repeat) {
        return Err(Failure::Usage(format!("--repeat {repeat} is out of range: from 1 to {MOST}")));
    }
    let interrupted = interruption()?;
    let mut file = ResultFile { schema: SCHEMA.to_owned(), runs: Vec::new() };
    if settings.append
        && let Some(path) = outputs.json.filter(|path| path.exists())
    {
        file = read_result(path)?;
    }
    let exporter = metrics::open(&settings, &settings.plan()?)?;
    let made_before = file.runs.len();
    for _ in 0..repeat {
        let run = once(&settings, &interrupted, flags.quiet, exporter.as_ref())?;
        say(&report::summary(&run))?;
        file.runs.push(run);
        // After each, so that an accident costs one run and not all.
        outputs.write(&file)?;
        metrics::linger(&settings, &interrupted, flags.quiet);
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    let made = &file.runs[made_before..];
    Ok(worst(made).map_or(0, |run| run.verdict.exit_code))
}

/// Makes one run.
pub(super) fn once(
    settings: &Settings,
    interrupted: &AtomicBool,
    is_quiet: bool,
    exporter: Option<&Exporter>,
) -> Result<Run, Failure> {
    let plan = Arc::new(settings.plan()?);
    let slos = settings.slo.iter().map(|text| text.parse()).collect::<Result<Vec<Slo>, _>>()?;
    FileBudget::raise().check(&plan)?;
    outputs(settings).check()?;
    let request = RunRequest {
        settings: settings.shown(),
        load_hash: plan.load_hash(),
        slos: &slos,
        interrupted,
    };
    let mut view = view::of_stderr(is_quiet);
    if let Some(exporter) = exporter {
        view = Box::new(exporter.before(view, &plan)) as Box<dyn View>;
    }
    Ok(run::run(&plan, &request, view.as_mut())?)
}

/// A flag that the first Ctrl-C sets, so that what has been measured is reported; the second ends
/// the program.
pub(super) fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 130, interrupted.clone())?;
        flag::register(signal, interrupted.clone())?;
    }
    Ok(interrupted)
}

pub(super) fn outputs(settings: &Settings) -> Outputs<'_> {
    Outputs {
        json: settings.json.as_deref(),
        html: settings.html.as_deref(),
        markdown: settings.markdown.as_deref(),
        csv: settings.csv.as_deref(),
    }
}

fn worst(runs: &[Run]) -> Option<&Run> {
    runs.iter().max_by_key(|run| run.verdict.outcome)
}

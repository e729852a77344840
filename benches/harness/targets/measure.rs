//! Runs the loads of targets, each against a fresh server.

use std::path::{Path, PathBuf};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::bench::Bench;
use crate::fanfare;
use crate::loadgen;
use crate::places::Places;
use crate::progress::{say, show};
use crate::result::RunResult;
use crate::summary_line::summary_line;
use crate::targets::own::OwnFigures;
use crate::targets::record::{self, Record};
use crate::targets::response_times::{self, Ports};
use crate::targets::serve::Fanfare;
use crate::targets::target::{Meanwhile, ReplayLoad, Runs, Source, Storage, Target, TargetLoad};
use crate::targets::{publishing, replays, restart};

/// The most connections that a load opens.
const CONNECTIONS_MAX: u64 = 19_000;
/// How long it may take until all of a load have subscribed.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);

/// Measures those that are not of the comparison, and leaves what was found in files. Says which
/// could not be measured; that is no reason not to measure the others.
pub(crate) fn measure(
    places: &Places,
    results: &Path,
    targets: &[&Target],
) -> anyhow::Result<Vec<&'static str>> {
    let mut bench = Bench::new(places, CONNECTIONS_MAX)?;
    let version = fanfare::version(places);
    let mut failed = Vec::new();
    for target in targets {
        if matches!(target.source, Source::Comparison(_)) {
            continue;
        }
        record::forget(results, target.key)?;
        let mut record = Record { version: version.clone(), ..Record::default() };
        match measure_one(&mut bench, results, target, &mut record) {
            Ok(()) => record.save(results, target.key)?,
            Err(error) if bench.is_interrupted() => return Err(error),
            Err(error) => {
                say(&format!("{}: {error:#}", target.key));
                failed.push(target.key);
            }
        }
    }
    Ok(failed)
}

fn measure_one(
    bench: &mut Bench,
    results: &Path,
    target: &Target,
    record: &mut Record,
) -> anyhow::Result<()> {
    match &target.source {
        Source::Comparison(_) => Ok(()),
        Source::Runs(runs) => run_all(bench, results, target, runs, record),
        Source::Publishing(publishing) => {
            publishing::measure(bench, results, target, publishing.publishers, record)
        }
    }
}

fn run_all(
    bench: &mut Bench,
    results: &Path,
    target: &Target,
    runs: &Runs,
    record: &mut Record,
) -> anyhow::Result<()> {
    for (index, load) in runs.loads.iter().enumerate() {
        let part = match runs.loads.len() {
            1 => String::new(),
            all => format!(" ({} of {all})", index + 1),
        };
        show(&format!("\n== {}: {}{part}", target.key, target.what))?;
        run(bench, results, target.key, load, runs.storage, record)?;
        bench.settle();
    }
    Ok(())
}

fn run(
    bench: &mut Bench,
    results: &Path,
    key: &str,
    load: &TargetLoad,
    storage: Storage,
    record: &mut Record,
) -> anyhow::Result<()> {
    let fanfare = Fanfare::prepare(bench, results.join("run"), storage)?;
    record.server.clone_from(&fanfare.shown);
    record.commands.push(shown(load));
    show(&format!("   loadgen run {}", load.arguments))?;
    let number = record.commands.len();
    let files = ResultFiles {
        result: record::result_file(results, key, number),
        replays: record::replays_file(results, key, number),
    };
    let result = load_and_disturb(bench, load, &fanfare, &files, &mut record.own)?;
    fanfare.remove_data()?;
    show(&format!("   {}", summary_line(&result)))?;
    Ok(())
}

/// How the run was made, as a shell would be told.
fn shown(load: &TargetLoad) -> String {
    let command = format!("loadgen run {} --server-pid PID", load.arguments);
    match &load.meanwhile {
        Meanwhile::Newcomers(arguments) | Meanwhile::Replays(ReplayLoad { arguments, .. }) => {
            format!("{command} & loadgen run {arguments}")
        }
        Meanwhile::Nothing | Meanwhile::Requests | Meanwhile::Restart => command,
    }
}

/// Where loadgen leaves its results.
struct ResultFiles {
    result: PathBuf,
    replays: PathBuf,
}

/// Loads the server, and does what is to be done meanwhile, if anything, as soon as all have subscribed.
fn load_and_disturb(
    bench: &Bench,
    load: &TargetLoad,
    fanfare: &Fanfare,
    files: &ResultFiles,
    own: &mut OwnFigures,
) -> anyhow::Result<RunResult> {
    let server = fanfare.start()?;
    let pid = server.pid;
    let arguments = loadgen::arguments(&load.arguments, fanfare.ports.listen);
    let all = subscribers(&arguments).context("the load does not say how many subscribe")?;
    scope(|scope| {
        let running = scope.spawn(|| bench.load(&arguments, pid, &files.result));
        let is_over = || running.is_finished();
        // Until its end, a server that was started again is needed as well.
        let _server = match &load.meanwhile {
            Meanwhile::Nothing => server,
            Meanwhile::Requests => {
                wait_for(all, fanfare.ports, is_over);
                own.response_times = response_times::ask(fanfare.ports, || !is_over())?;
                own.response_times.iter().try_for_each(|times| show(&times.to_string()))?;
                server
            }
            Meanwhile::Restart => {
                wait_for(all, fanfare.ports, is_over);
                let (server, times) = restart::kill_and_start(server, fanfare)?;
                show(&times.to_string())?;
                own.restart = Some(times);
                server
            }
            Meanwhile::Newcomers(arguments) => {
                wait_for(all, fanfare.ports, is_over);
                replays::run_newcomers(bench, arguments, &server, fanfare.ports, &files.replays)?;
                server
            }
            Meanwhile::Replays(replays) => {
                wait_for(all, fanfare.ports, is_over);
                let ports = fanfare.ports;
                let found = replays::run(bench, replays, &server, ports, &files.replays)?;
                show(&found.to_string())?;
                own.replays.push(found);
                server
            }
        };
        let Ok(result) = running.join() else { bail!("the thread of the load panicked") };
        result
    })
}

/// Waits until so many have subscribed; loadgen gives up by itself, and its result says why.
fn wait_for(subscribers: u64, ports: Ports, is_over: impl Fn() -> bool) {
    let deadline = Instant::now() + SUBSCRIBE_MAX;
    while response_times::subscribers(ports) != Some(subscribers) && !is_over() {
        if Instant::now() > deadline {
            break;
        }
        sleep(POLL);
    }
}

/// How many subscribe, by the arguments of loadgen.
fn subscribers(arguments: &[String]) -> Option<u64> {
    let mut after = arguments.iter().skip_while(|word| *word != "-c");
    after.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_subscribers_is_in_the_load() {
        let words = loadgen::arguments("--rate 4 -c 19000", 20_000);
        assert_eq!(subscribers(&words), Some(19_000));
        assert_eq!(subscribers(&words[..2]), None);
    }
}

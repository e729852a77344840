//! Runs the loads of targets, each against a fresh server.

use std::path::Path;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::bench::Bench;
use crate::fanfare;
use crate::format;
use crate::loadgen;
use crate::places::Places;
use crate::progress::{say, show};
use crate::result::RunResult;
use crate::server::{Launch, Server};
use crate::summary_line::summary_line;
use crate::targets::list::{Runs, Source, Target};
use crate::targets::record::{self, Record};
use crate::targets::response_times::{self, Ports, ResponseTimes};

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
        let Source::Runs(runs) = &target.source else { continue };
        record::forget(results, target.key)?;
        let mut record = Record { version: version.clone(), ..Record::default() };
        match run_all(&mut bench, results, target, runs, &mut record) {
            Ok(()) => record.save(results, target.key)?,
            Err(error) if bench.is_interrupted() => return Err(error),
            Err(error) => {
                say(&format!("{}: {error:#}", target.id));
                failed.push(target.id);
            }
        }
    }
    Ok(failed)
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
        show(&format!("\n== {}: {}{part}", target.id, target.what))?;
        run(bench, results, target.key, runs, load, record)?;
        bench.settle();
    }
    Ok(())
}

fn run(
    bench: &mut Bench,
    results: &Path,
    key: &str,
    runs: &Runs,
    load: &str,
    record: &mut Record,
) -> anyhow::Result<()> {
    let ports = Ports { listen: bench.free_port()?, admin: bench.free_port()? };
    let program = bench.places.programs.join("fanfare");
    let flags = ["--log-level", "error", "--demos=false"];
    let command = fanfare::command(&program, ports.listen, ports.admin, &flags);
    record.server = bench.places.shown(&command, &[(ports.listen, "PORT"), (ports.admin, "ADMIN")]);
    record.commands.push(format!("loadgen run {load} --server-pid PID"));
    show(&format!("   loadgen run {load}"))?;
    let launch = Launch {
        title: "Fanfare".to_owned(),
        command,
        ready_url: format!("http://127.0.0.1:{}/readyz", ports.admin),
        serves_in_a_child: false,
    };
    let server = Server::start(launch, &results.join("run"))?;
    let file = record::result_file(results, key, record.commands.len());
    let arguments = loadgen::arguments(load, ports.listen);
    let result = if runs.asks_meanwhile {
        let (result, response_times) = load_and_ask(bench, &arguments, ports, server.pid, &file)?;
        for times in &response_times {
            let (p50, p99) = (format::number(times.p50_ms), format::number(times.p99_ms));
            let (count, max) = (times.count, format::number(times.max_ms));
            show(&format!(
                "   {}: {count} answers, p50 {p50} ms, p99 {p99} ms, max {max} ms",
                times.what
            ))?;
        }
        record.response_times = response_times;
        result
    } else {
        bench.load(&arguments, server.pid, &file)?
    };
    show(&format!("   {}", summary_line(&result)))?;
    Ok(())
}

/// Loads the server, and sends it other requests as soon as all have subscribed.
fn load_and_ask(
    bench: &Bench,
    arguments: &[String],
    ports: Ports,
    pid: u32,
    file: &Path,
) -> anyhow::Result<(RunResult, Vec<ResponseTimes>)> {
    let all = subscribers(arguments).context("the load does not say how many subscribe")?;
    scope(|scope| {
        let load = scope.spawn(|| bench.load(arguments, pid, file));
        let deadline = Instant::now() + SUBSCRIBE_MAX;
        while response_times::subscribers(ports) != Some(all) && !load.is_finished() {
            if Instant::now() > deadline {
                // loadgen gives up by itself; its result says why.
                break;
            }
            sleep(POLL);
        }
        let response_times = response_times::ask(ports, || !load.is_finished());
        let Ok(result) = load.join() else { bail!("the thread of the load panicked") };
        Ok((result?, response_times?))
    })
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

//! Publishing to the log on disk: at the log itself, in turn with a bare file, and then over HTTP.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use fanfare::log::SyncMode;

use crate::bench::Bench;
use crate::durable::{self, Publishers};
use crate::loadgen;
use crate::progress::show;
use crate::summary_line::summary_line;
use crate::targets::own::PublishRates;
use crate::targets::record::{self, Record};
use crate::targets::serve::Fanfare;
use crate::targets::target::{Storage, Target};

/// In turn, of the log and of the file.
const ROUNDS: u32 = 3;
const LENGTH: Duration = Duration::from_secs(3);
/// The most publishers of one loadgen.
const PUBLISHERS_MAX: usize = 256;
const STORAGE: Storage = Storage::Disk { flags: &["--sync", "always"], events: 0 };

pub(super) fn measure(
    bench: &mut Bench,
    results: &Path,
    target: &Target,
    publishers: usize,
    record: &mut Record,
) -> anyhow::Result<()> {
    show(&format!("\n== {}: {}", target.key, target.what))?;
    record.own.publishing = Some(at_the_log(results, publishers)?);
    over_http(bench, results, target.key, publishers, record)
}

fn at_the_log(results: &Path, publishers: usize) -> anyhow::Result<PublishRates> {
    durable::warn_of_debug_build();
    let folder = results.join("run/publishing");
    let waiting = Publishers::of_single_events(publishers);
    let rounds = durable::measure_in_turn(&folder, waiting, SyncMode::Always, ROUNDS, LENGTH)?;
    let (log, file) = (rounds.log(), rounds.file());
    Ok(PublishRates {
        log: log.per_second,
        file: file.per_second,
        ratio: rounds.ratio().context("no rounds")?.median,
        p50_ms: log.p50.as_secs_f64() * 1e3,
        p99_ms: log.p99.as_secs_f64() * 1e3,
    })
}

/// By as many processes as the publishers need, at the same time.
fn over_http(
    bench: &mut Bench,
    results: &Path,
    key: &str,
    publishers: usize,
    record: &mut Record,
) -> anyhow::Result<()> {
    let loads = loads(publishers);
    let fanfare = Fanfare::prepare(bench, results.join("run"), STORAGE)?;
    record.server.clone_from(&fanfare.shown);
    let server = fanfare.start()?;
    let (pid, port) = (server.pid, fanfare.ports.listen);
    let bench = &*bench;
    let runs = thread::scope(|scope| {
        let runs: Vec<_> = (1..)
            .zip(&loads)
            .map(|(number, load)| {
                let file = record::result_file(results, key, number);
                scope.spawn(move || bench.load(&loadgen::arguments(load, port), pid, &file))
            })
            .collect();
        runs.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for (load, run) in loads.iter().zip(runs) {
        let Ok(run) = run else { bail!("the thread of a load panicked") };
        show(&format!("   loadgen run {load}\n   {}", summary_line(&run?)))?;
        record.commands.push(format!("loadgen run {load} --server-pid PID"));
    }
    drop(server);
    fanfare.remove_data()
}

/// The arguments of each loadgen.
fn loads(publishers: usize) -> Vec<String> {
    let processes = publishers.div_ceil(PUBLISHERS_MAX);
    let load = |publishers| {
        format!(
            "--subscribe URL/events/load -c 0 --publish URL/events/load --payload 150 \
             --publishers {publishers} --rate max -d 5s"
        )
    };
    vec![load(publishers / processes); processes]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_that_one_loadgen_cannot_have_are_spread_over_several() {
        for (publishers, processes, each) in [(1, 1, 1), (64, 1, 64), (1_024, 4, 256)] {
            let loads = loads(publishers);
            assert_eq!(loads.len(), processes);
            let flag = format!("--publishers {each} ");
            assert!(loads.iter().all(|load| load.contains(&flag)), "{loads:?}");
        }
    }
}

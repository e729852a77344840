//! Runs the kinds of server in turn under each load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use procfs::process::Process as ProcessInfo;

use crate::bench::Bench;
use crate::fanfare;
use crate::loadgen;
use crate::overhead::kinds::{Kind, Load};
use crate::overhead::observers::{prometheus, receive_traces};
use crate::overhead::plan::Plan;
use crate::places::Places;
use crate::progress::say;
use crate::result::RunResult;
use crate::server::{Launch, Server};
use crate::summary_line::summary_line;

/// The most connections that a load opens.
const CONNECTIONS_MAX: u64 = 10_000;

/// What was measured under a load.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) load: &'static Load,
    pub(crate) version: Option<String>,
    /// Kinds in the order of the plan, each with its runs, round by round.
    pub(crate) kinds: Vec<(&'static Kind, Vec<Run>)>,
}

/// One run of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) result: RunResult,
    /// CPU in user mode for each delivery, since the server began: our own code, without the
    /// kernel's sends, whose cost moves from run to run.
    pub(crate) user_us_per_delivery: f64,
}

pub(crate) fn measure(places: &Places, plan: &Plan) -> anyhow::Result<Vec<Measured>> {
    for kind in &plan.kinds {
        let program = kind.program(places);
        if !program.exists() {
            bail!("no {} for {}; `make overhead` builds it", program.display(), kind.name);
        }
    }
    let mut bench = Bench::new(places, CONNECTIONS_MAX)?;
    let traces_port = bench.free_port()?;
    if plan.kinds.iter().any(|kind| kind.is_traced) {
        receive_traces(traces_port)?;
    }
    let version = fanfare::version(places);
    let mut all = Vec::new();
    for load in &plan.loads {
        let mut runs: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
        for round in 0..plan.rounds {
            for kind in plan.order(round) {
                let run = run(&mut bench, load, kind, round, traces_port)?;
                let line = summary_line(&run.result);
                say(&format!("{} {}/{} {}: {line}", load.name, round + 1, plan.rounds, kind.name));
                runs.entry(kind.name).or_default().push(run);
                bench.settle();
            }
        }
        let of = |kind: &&'static Kind| (*kind, runs.remove(kind.name).unwrap_or_default());
        let kinds = plan.kinds.iter().map(of).collect();
        all.push(Measured { load, version: version.clone(), kinds });
    }
    Ok(all)
}

impl Kind {
    fn program(&self, places: &Places) -> PathBuf {
        let folder = self.folder.map(|folder| places.repository.join(folder));
        folder.as_ref().unwrap_or(&places.programs).join("fanfare")
    }
}

fn run(
    bench: &mut Bench,
    load: &Load,
    kind: &Kind,
    round: usize,
    traces_port: u16,
) -> anyhow::Result<Run> {
    let (port, admin_port) = (bench.free_port()?, bench.free_port()?);
    let scraper_port = bench.free_port()?;
    let results = bench.places.results().join("overhead");
    let launch = Launch {
        title: format!("the {} server", kind.name),
        command: command(&kind.program(&bench.places), kind, port, admin_port, traces_port),
        ready_url: format!("http://127.0.0.1:{admin_port}/readyz"),
        serves_in_a_child: false,
    };
    let server = Server::start(launch, &results.join("run"))?;
    let folder = results.join("run/prometheus");
    let scraper =
        kind.is_scraped.then(|| prometheus(&bench.places, &folder, scraper_port, admin_port));
    let _scraper = scraper.transpose()?;
    let arguments = loadgen::arguments(load.arguments, port);
    let file = results.join(format!("{}-{}-{}.json", load.name, kind.name, round + 1));
    // Whatever its verdict: on two cores a generator is sometimes late, for all kinds alike.
    let result = bench.load(&arguments, server.pid, &file)?;
    let user_us_per_delivery = user_seconds(server.pid)? * 1e6 / result.received;
    Ok(Run { result, user_us_per_delivery })
}

fn command(program: &Path, kind: &Kind, port: u16, admin_port: u16, traces_port: u16) -> Command {
    let mut command = fanfare::command(program, port, admin_port, &["--demos=false"]);
    command.args(kind.flags);
    if kind.is_traced {
        command.args(["--otlp-endpoint", &format!("http://127.0.0.1:{traces_port}")]);
        command.args(["--trace-sample", "0.1"]);
    }
    command
}

/// CPU in user mode since the process began.
fn user_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = ProcessInfo::new(i32::try_from(pid)?).and_then(|process| process.stat());
    let ticks = stat.context("reading the CPU of the server; it has ended")?.utime;
    Ok(ticks as f64 / procfs::ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overhead::kinds::KINDS;

    #[test]
    fn only_a_traced_server_is_told_where_traces_go() {
        for kind in &KINDS {
            let command = command(Path::new("fanfare"), kind, 1, 2, 3);
            let arguments: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
            let text = arguments.join(" ");
            let is_announced =
                text.contains("--otlp-endpoint http://127.0.0.1:3 --trace-sample 0.1");
            assert_eq!(is_announced, kind.is_traced, "{text}");
            assert!(text.contains("--demos=false --log-level"), "{text}");
        }
    }

    #[test]
    fn the_cpu_of_a_process_is_read() {
        assert!(user_seconds(std::process::id()).expect("this process") >= 0.0);
        assert!(user_seconds(u32::MAX).is_err());
    }
}

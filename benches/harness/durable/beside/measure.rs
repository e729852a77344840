//! Goes through publishers, rounds and servers. Each server is started afresh for each.

use std::fs;
use std::path::PathBuf;

use anyhow::bail;

use super::disk;
use super::publishing::{Confirmed, Publishing};
use super::running::{DurablePorts, Running, empty};
use super::servers::DurableServer;
use crate::bench::Bench;
use crate::format::{count, number};
use crate::machine;
use crate::places::Places;
use crate::progress::say;
use crate::result::{Machine, RunResult};

/// How often and how long everything is measured, and where the servers keep their events.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) folder: PathBuf,
    pub(super) rounds: u32,
    pub(super) seconds: u64,
    pub(super) publishers: Vec<usize>,
}

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) plan: Plan,
    pub(super) file_system: String,
    /// The day and the machine, of the first run of loadgen.
    pub(super) origin: Option<(String, Machine)>,
    pub(super) servers: Vec<ServerRuns>,
    /// Why runs did not pass, or have no figures.
    pub(super) remarks: Vec<String>,
}

/// The runs of a server.
#[derive(Debug)]
pub(super) struct ServerRuns {
    pub(super) server: DurableServer,
    pub(super) version: Option<String>,
    /// How it is started, or why it did not take part.
    pub(super) command: Result<String, String>,
    /// For each number of publishers the rounds that have figures.
    pub(super) rounds: Vec<Vec<Confirmed>>,
}

pub(super) fn measure(
    places: &Places,
    servers: &[DurableServer],
    plan: &Plan,
) -> anyhow::Result<Measured> {
    fs::create_dir_all(&plan.folder)?;
    let file_system = disk::file_system(&plan.folder)?;
    let most = plan.publishers.iter().max().copied().unwrap_or(0);
    let mut bench = Bench::new(places, most as u64)?;
    let participants = servers
        .iter()
        .map(|server| participant(*server, places, plan))
        .collect::<Result<_, _>>()?;
    let mut measured =
        Measured { plan: plan.clone(), file_system, servers: participants, ..Measured::default() };
    for (place, &publishers) in plan.publishers.iter().enumerate() {
        for round in 1..=plan.rounds {
            for server in 0..measured.servers.len() {
                if measured.servers[server].command.is_ok() {
                    measured.take_turn(&mut bench, server, place, publishers, round)?;
                }
            }
        }
    }
    Ok(measured)
}

impl Measured {
    fn take_turn(
        &mut self,
        bench: &mut Bench,
        server: usize,
        place: usize,
        publishers: usize,
        round: u32,
    ) -> anyhow::Result<()> {
        let runs = &mut self.servers[server];
        let publishing = Publishing { publishers, seconds: self.plan.seconds };
        let outcome = run(bench, runs.server, &self.plan, publishing, round);
        if bench.is_interrupted() {
            bail!("interrupted");
        }
        let name = runs.server.name;
        let waiting = count(publishers as f64);
        let line = format!("{waiting} waiting, {round}/{} {name}", self.plan.rounds);
        match outcome {
            Ok((confirmed, loadgens)) => {
                let Confirmed { per_second, p50_ms, p99_ms } = confirmed;
                let (p50, p99) = (number(p50_ms), number(p99_ms));
                say(&format!("{line}: {} events/s, p50 {p50} ms, p99 {p99} ms", count(per_second)));
                runs.rounds[place].push(confirmed);
                self.note(runs_remark(&line, &loadgens), loadgens.first());
            }
            Err(error) => {
                say(&format!("{line}: {error:#}"));
                // What was said to the terminal may name folders; the page only says that it failed.
                self.remarks.push(format!("{line}: could not be run"));
            }
        }
        bench.settle();
        Ok(())
    }

    fn note(&mut self, remark: Option<String>, first: Option<&RunResult>) {
        self.remarks.extend(remark);
        if let (None, Some(first)) = (&self.origin, first) {
            self.origin = Some((machine::day(first).to_owned(), first.machine.clone()));
        }
    }
}

/// What loadgen says of runs that did not pass, each reason once.
fn runs_remark(line: &str, loadgens: &[RunResult]) -> Option<String> {
    let failed = loadgens.iter().filter(|run| !run.is_pass());
    let mut reasons: Vec<_> = failed.flat_map(|run| run.reasons.clone()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let failed = loadgens.iter().any(|run| !run.is_pass());
    failed.then(|| format!("{line}: {}", reasons.join("; ")))
}

fn run(
    bench: &mut Bench,
    server: DurableServer,
    plan: &Plan,
    publishing: Publishing,
    round: u32,
) -> anyhow::Result<(Confirmed, Vec<RunResult>)> {
    let ports = DurablePorts { publish: bench.free_port()?, other: bench.free_port()? };
    let folder = plan.folder.join(server.name);
    let running = Running::start(server.product, server.title, &bench.places, ports, &folder)?;
    let file = format!("{}-{}-{round}.json", server.name, publishing.publishers);
    let file = plan.folder.with_file_name(file);
    let found = match server.product.urls() {
        Some(urls) => {
            publishing.over_http(bench, &urls, ports.publish, running.server.pid, &file)?
        }
        None => (publishing.over_nats(&bench.places, ports.publish)?, Vec::new()),
    };
    drop(running);
    // What failed is left there, with the log that says why.
    fs::remove_dir_all(&folder)?;
    Ok(found)
}

fn participant(server: DurableServer, places: &Places, plan: &Plan) -> anyhow::Result<ServerRuns> {
    // Not the ports of any server, and easy to find in the commands.
    let ports = DurablePorts { publish: 65_535, other: 65_534 };
    let folder = plan.folder.join(server.name);
    empty(&folder)?;
    let inside = folder.strip_prefix(&places.repository).unwrap_or(&folder).display().to_string();
    let shown = |command: &_| {
        let ports = [(ports.publish, "PORT"), (ports.other, "OTHER")];
        places.shown(command, &ports).replace(&inside, "FOLDER")
    };
    let command = match server.product.commands(places, ports, &folder) {
        Ok(commands) => {
            let all = commands.store.iter().chain([&commands.server]);
            Ok(all.map(shown).collect::<Vec<_>>().join("` and `"))
        }
        Err(absent) => {
            say(&format!("{} is absent: {absent}", server.name));
            Err(absent.to_string())
        }
    };
    let version = command.is_ok().then(|| server.product.version(places)).flatten();
    Ok(ServerRuns { server, version, command, rounds: vec![Vec::new(); plan.publishers.len()] })
}

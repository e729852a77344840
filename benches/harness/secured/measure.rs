//! Runs the kinds of server in turn under each load. Each is started afresh for each run, so that memory
//! grows from an empty server.

use std::fs;
use std::path::PathBuf;

use crate::bench::Bench;
use crate::fanfare;
use crate::places::Places;
use crate::progress::say;
use crate::result::RunResult;
use crate::secured::certificate::Certificate;
use crate::secured::kinds::{Kind, Load, Program, ServerPorts};
use crate::server::{Launch, Server};
use crate::summary_line::summary_line;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) version: Option<String>,
    pub(crate) rounds: u32,
    pub(crate) kinds: Vec<KindRuns>,
}

/// The runs of a kind, round by round; nothing where one failed.
#[derive(Debug)]
pub(crate) struct KindRuns {
    pub(crate) kind: Kind,
    /// In the order of the loads.
    pub(crate) loads: Vec<Vec<Option<RunResult>>>,
}

/// Where this measurement leaves its files.
pub(crate) fn results(places: &Places) -> PathBuf {
    places.results().join("secured")
}

pub(crate) fn measure(
    places: &Places,
    kinds: &[Kind],
    loads: &[Load],
    rounds: u32,
) -> anyhow::Result<Measured> {
    let most = loads.iter().map(|load| load.subscribers).max().unwrap_or(0);
    let mut bench = Bench::new(places, most)?;
    let certificate = Certificate::make(&results(places))?;
    let none = |&kind: &Kind| KindRuns { kind, loads: vec![Vec::new(); loads.len()] };
    let mut all: Vec<_> = kinds.iter().map(none).collect();
    for (number, load) in loads.iter().enumerate() {
        for round in 1..=rounds {
            for runs in &mut all {
                let outcome = run(&mut bench, &runs.kind, load, round, &certificate);
                if bench.is_interrupted() {
                    anyhow::bail!("interrupted");
                }
                let said = match &outcome {
                    Ok(result) => summary_line(result),
                    Err(error) => format!("{error:#}"),
                };
                say(&format!("{} {round}/{rounds} {}: {said}", load.name, runs.kind.name));
                runs.loads[number].push(outcome.ok());
                bench.settle();
            }
        }
    }
    Ok(Measured { version: fanfare::version(places), rounds, kinds: all })
}

fn run(
    bench: &mut Bench,
    kind: &Kind,
    load: &Load,
    round: u32,
    certificate: &Certificate,
) -> anyhow::Result<RunResult> {
    let ports = ServerPorts { streams: bench.free_port()?, readiness: bench.free_port()? };
    let results = results(&bench.places);
    let folder = results.join("run").join(kind.name);
    fs::create_dir_all(&folder)?;
    let launch = Launch {
        title: kind.name.to_owned(),
        command: kind.command(&bench.places, ports, certificate, &folder)?,
        ready_url: kind.ready_url(ports),
        serves_in_a_child: kind.program == Program::Nchan,
    };
    let server = Server::start(launch, &folder)?;
    let file = results.join(format!("{}-{}-{round}.json", load.name, kind.name));
    bench.load(&kind.arguments(load, ports, certificate), server.pid, &file)
}

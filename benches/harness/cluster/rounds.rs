//! Goes through rounds and faults: the load flows, something fails, all are well again, the load ends, and
//! all nodes are compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::faults::{self, Fault};
use super::figures::LoadResult;
use super::hub::{COUNT, Hub};
use super::load::{self, FlowingLoad, LoadSize, Repeats};
use super::network::Network;
use super::sameness;
use crate::bench::Bench;
use crate::places::Places;
use crate::progress::say;

/// How long it may take until events flow.
const FLOW_MAX: Duration = Duration::from_secs(60);
/// How long events flow before the fault, and when all are well again.
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(2);
/// Longer than any fault.
const LENGTH: Duration = Duration::from_secs(10 * 60);
/// Of the run without a fault, which loadgen judges as a whole.
const UNDISTURBED: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// One fault of one round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Survived {
    /// The place of the fault in [`faults::ALL`].
    pub(super) fault: usize,
    pub(super) load: LoadResult,
    /// From the fault until all were well again.
    pub(super) well_seconds: f64,
    /// Events that all nodes had in common afterwards.
    pub(super) same: usize,
    /// What was wrong, in words.
    pub(super) mistakes: Vec<String>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) struct RoundsPlan {
    pub(super) rounds: usize,
    /// Places in [`faults::ALL`].
    pub(super) faults: Vec<usize>,
    pub(super) size: LoadSize,
    pub(super) folder: PathBuf,
    /// Where brokers and nodes keep what they have and say.
    pub(super) hub: PathBuf,
    /// Links can be cut.
    pub(super) has_namespaces: bool,
}

/// What was found. A fault of which nothing is known, because something could not be done, is named
/// among the mistakes.
#[derive(Debug, Default)]
pub(super) struct Survivals {
    pub(super) all: Vec<Survived>,
    pub(super) unfinished: Vec<String>,
}

pub(super) fn run(places: &Places, plan: &RoundsPlan) -> anyhow::Result<Survivals> {
    fs::create_dir_all(&plan.folder)?;
    let mut bench = Bench::new(places, u64::from(plan.size.subscribers))?;
    let mut found = Survivals::default();
    let mut hub = None;
    for round in 0..plan.rounds {
        for (place, &fault) in plan.faults.iter().enumerate() {
            let name = faults::ALL[fault].0;
            let line = format!("{}/{} {name}", round + 1, plan.rounds);
            let mut running = match hub.take() {
                Some(running) => running,
                None => Hub::start(&mut bench, network(plan)?, &plan.hub)?,
            };
            // Both ways to publish meet every fault when there are several rounds.
            let repeats = [Repeats::Never, Repeats::WithId][(round + place) % 2];
            let file = plan.folder.join(format!("{name}-{round}.json"));
            match survive(&bench, &mut running, plan.size, (fault, round), repeats, &file) {
                Ok(survived) => {
                    say(&format!("{line}: {}", summary(&survived)));
                    found.all.push(survived);
                    hub = Some(running);
                }
                Err(error) => {
                    say(&format!("{line}: {error:#}"));
                    found.unfinished.push(format!("{line}: {error:#}"));
                    // Whatever state it is in, it is no part of the next fault.
                    keep_logs(running, &plan.hub, &format!("failed-{name}-{round}"))?;
                }
            }
            if bench.is_interrupted() {
                bail!("interrupted");
            }
        }
    }
    Ok(found)
}

fn network(plan: &RoundsPlan) -> anyhow::Result<Network> {
    if plan.has_namespaces { Network::of_namespaces(COUNT) } else { Ok(Network::Loopback) }
}

fn survive(
    bench: &Bench,
    hub: &mut Hub,
    size: LoadSize,
    (fault, round): (usize, usize),
    repeats: Repeats,
    file: &Path,
) -> anyhow::Result<Survived> {
    let (_, _, what) = faults::ALL[fault];
    let length = if what == Fault::Nothing { UNDISTURBED } else { LENGTH };
    let published = hub.published();
    let arguments = load::arguments(size, &hub.urls, repeats, length);
    let load = FlowingLoad::start(&bench.places, &arguments, file)?;
    let deadline = Instant::now() + FLOW_MAX;
    while hub.published() <= published {
        if Instant::now() > deadline || bench.is_interrupted() {
            bail!("no events flow; see {}", file.with_extension("log").display());
        }
        sleep(POLL);
    }
    let (load, well_seconds) = if what == Fault::Nothing {
        (load.wait(length)?, 0.0)
    } else {
        sleep(BEFORE);
        let struck = Instant::now();
        what.strike(hub, round)?;
        let well_seconds = struck.elapsed().as_secs_f64();
        sleep(AFTER);
        (load.end()?, well_seconds)
    };
    let mut mistakes = load.mistakes();
    if load.connected < u64::from(size.subscribers) {
        mistakes.push(format!("only {} subscribers were connected", load.connected));
    }
    let same = sameness::compare(&hub.urls).unwrap_or_else(|error| {
        mistakes.push(format!("{error:#}"));
        0
    });
    Ok(Survived { fault, load, well_seconds, same, mistakes })
}

/// Ends a hub that something went wrong with, and leaves what its processes have said.
fn keep_logs(hub: Hub, folder: &Path, name: &str) -> anyhow::Result<()> {
    drop(hub);
    let kept = folder.with_file_name(name);
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    fs::rename(folder, &kept)?;
    say(&format!("its logs are in {}", kept.display()));
    Ok(())
}

fn summary(survived: &Survived) -> String {
    let Survived { load, well_seconds, same, mistakes, .. } = survived;
    let seconds = |ms: Option<f64>| ms.map_or(0.0, |ms| ms / 1e3);
    let mut text = format!(
        "{} of {} confirmed, {} deliveries right, nobody confirmed for {:.1} s, longest silence {:.1} s, well \
         after {well_seconds:.1} s, {same} events the same",
        load.confirmed,
        load.sent,
        load.verified,
        seconds(load.pause_ms),
        seconds(load.silence_ms),
    );
    for mistake in mistakes.iter().chain(&load.examples) {
        text += &format!("\n  - {mistake}");
    }
    text
}

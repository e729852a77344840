//! How long an event takes from one node to subscribers of another while nothing fails, what nodes and
//! brokers use for it, and the same with Centrifugo on the same brokers.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::bail;

use super::centrifugo::Centrifugo;
use super::figures::LoadResult;
use super::hub::Hub;
use super::load::FlowingLoad;
use super::member::Member;
use super::network::Network;
use super::processors::CpuMeter;
use crate::bench::Bench;
use crate::compare::versions;
use crate::format::{count, number, ranged};
use crate::markdown::{header, row};
use crate::places::Places;
use crate::progress::say;
use crate::summary::Spread;

/// Connecting, and what loadgen waits before it publishes, is over when CPU is measured.
const RAMP: Duration = Duration::from_secs(6);
const WARMUP_SECONDS: u64 = 2;
/// Events a second.
const RATE: u32 = 2_000;
const TOPICS: u32 = 300;

/// One server, and how many subscribers it has at other nodes than that of the publishers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LatencyShape {
    server: &'static str,
    subscribers: u32,
}

const FANFARE: &str = "Fanfare";
const CENTRIFUGO: &str = "Centrifugo";

/// One run of one shape.
#[derive(Clone, Debug)]
struct Delivered {
    load: LoadResult,
    nodes: f64,
    brokers: f64,
}

/// How it was measured, and the table.
pub(super) fn measure(
    places: &Places,
    (folder, hub_folder): (&Path, &Path),
    rounds: u32,
    quick: bool,
) -> anyhow::Result<(String, String)> {
    let subscribers = if quick { [300, 600] } else { [300, 6_000] };
    let seconds = if quick { 8 } else { 15 };
    let mut bench = Bench::new(places, 6_000)?;
    let mut shapes: Vec<(LatencyShape, Vec<Delivered>)> = Vec::new();
    for round in 1..=rounds {
        let mut hub = Hub::start(&mut bench, Network::Loopback, hub_folder)?;
        let brokers = hub.brokers_flag();
        for server in [FANFARE, CENTRIFUGO] {
            let running = match server {
                FANFARE => None,
                _ => {
                    hub.nodes.iter_mut().try_for_each(Member::end)?;
                    match Centrifugo::start(&mut bench, &brokers, hub_folder) {
                        Ok(running) => Some(running),
                        Err(error) => {
                            say(&format!("{server} is left out: {error:#}"));
                            continue;
                        }
                    }
                }
            };
            for subscribers in subscribers {
                let shape = LatencyShape { server, subscribers };
                let file = folder.join(format!("latency-{server}-{subscribers}-{round}.json"));
                let found = run(&bench, &hub, running.as_ref(), shape, seconds, &file)?;
                say(&format!("{round}/{rounds} {}", described(shape, &found)));
                match shapes.iter_mut().find(|(known, _)| *known == shape) {
                    Some((_, all)) => all.push(found),
                    None => shapes.push((shape, vec![found])),
                }
                if bench.is_interrupted() {
                    bail!("interrupted");
                }
            }
        }
    }
    let how =
        format!("{rounds} rounds of {seconds} s, three brokers and three nodes on one machine");
    Ok((how, table(places, &shapes)))
}

fn run(
    bench: &Bench,
    hub: &Hub,
    centrifugo: Option<&Centrifugo>,
    shape: LatencyShape,
    seconds: u64,
    file: &Path,
) -> anyhow::Result<Delivered> {
    let arguments = match centrifugo {
        Some(running) => Centrifugo::arguments(&running.urls[0], &running.urls[1..]),
        None => fanfare_arguments(&hub.urls[0], &hub.urls[1..]),
    };
    let words = format!(
        "run --quiet -c {} --topics {TOPICS} -r {RATE} --publishers 96 --warmup {WARMUP_SECONDS}s \
         -d {seconds}s --tail 10s",
        shape.subscribers
    );
    let words = words.split_whitespace().map(str::to_owned).chain(arguments);
    let load = FlowingLoad::start(&bench.places, &words.collect::<Vec<_>>(), file)?;
    sleep(RAMP);
    let nodes = CpuMeter::start(centrifugo.map_or(&hub.nodes, |running| &running.nodes))?;
    let brokers = CpuMeter::start(&hub.brokers)?;
    sleep(Duration::from_secs(seconds.saturating_sub(RAMP.as_secs() - WARMUP_SECONDS).max(2)));
    let (nodes, brokers) = (nodes.share()?, brokers.share()?);
    let load = load.wait(Duration::from_secs(seconds))?;
    Ok(Delivered { load, nodes, brokers })
}

fn fanfare_arguments(publish: &str, subscribe: &[String]) -> Vec<String> {
    let mut words = vec!["--publish".to_owned(), format!("{publish}/events/c{{topic}}")];
    for url in subscribe {
        words.extend(["--subscribe".to_owned(), format!("{url}/events/c{{topic}}")]);
    }
    words
}

fn table(places: &Places, shapes: &[(LatencyShape, Vec<Delivered>)]) -> String {
    let headings = [
        "server",
        "subscribers",
        "deliveries/s",
        "delivered: p50",
        "p99",
        "confirmed: p99",
        "CPU of three nodes",
        "CPU of three brokers",
        "loadgen",
    ];
    let mut lines = header(&headings.map(str::to_owned));
    for (shape, all) in shapes {
        let of = |pick: fn(&Delivered) -> Option<f64>| Spread::of(all.iter().filter_map(pick));
        let fine = all.iter().filter(|one| one.load.outcome == "fine").count();
        lines.push(row(&[
            title(places, shape.server),
            count(f64::from(shape.subscribers)),
            ranged(of(|one| Some(one.load.deliveries_per_second)), "", count),
            ranged(of(|one| one.load.p50_ms), "ms", number),
            ranged(of(|one| one.load.p99_ms), "ms", number),
            ranged(of(|one| one.load.confirmed_p99_ms), "ms", number),
            ranged(of(|one| Some(one.nodes * 100.0)), "%", count),
            ranged(of(|one| Some(one.brokers * 100.0)), "%", count),
            format!("{fine} of {} PASS", all.len()),
        ]));
    }
    let mut said: Vec<String> = shapes
        .iter()
        .flat_map(|(shape, all)| all.iter().map(move |one| (shape, one)))
        .filter(|(_, one)| one.load.outcome != "fine")
        .flat_map(|(shape, one)| {
            let line = format!("- {}, {} subscribers: ", shape.server, shape.subscribers);
            one.load.reasons.iter().map(move |reason| format!("{line}{reason}"))
        })
        .collect();
    said.sort_unstable();
    said.dedup();
    let mut parts = vec![lines.join("\n"), said.join("\n")];
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn title(places: &Places, server: &str) -> String {
    match server {
        CENTRIFUGO => {
            let version = versions::centrifugo(places).unwrap_or_default();
            format!("{CENTRIFUGO} {version}, plain NATS: at most once, no history")
        }
        _ => "Fanfare, JetStream: three copies, each on its disk".to_owned(),
    }
}

fn described(shape: LatencyShape, found: &Delivered) -> String {
    let Delivered { load, nodes, brokers } = found;
    format!(
        "{}, {} subscribers: {} deliveries/s, p50 {} ms, p99 {} ms, nodes {:.0} %, brokers {:.0} % ({})",
        shape.server,
        shape.subscribers,
        count(load.deliveries_per_second),
        load.p50_ms.map_or_else(String::new, number),
        load.p99_ms.map_or_else(String::new, number),
        nodes * 100.0,
        brokers * 100.0,
        load.outcome
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_medians_of_its_rounds_and_says_what_loadgen_doubts() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().to_path_buf();
        let places = Places { repository: nowhere.clone(), programs: nowhere, port: 20_000 };
        let delivered = |p99: f64, outcome: &str| Delivered {
            load: LoadResult {
                deliveries_per_second: 2_000.0,
                p50_ms: Some(3.0),
                p99_ms: Some(p99),
                outcome: outcome.to_owned(),
                reasons: vec!["timers ran late".to_owned()],
                ..LoadResult::default()
            },
            nodes: 0.25,
            brokers: 0.5,
        };
        let shape = LatencyShape { server: FANFARE, subscribers: 6_000 };
        let all = vec![delivered(8.0, "fine"), delivered(9.0, "invalid"), delivered(7.0, "fine")];
        let text = table(&places, &[(shape, all)]);
        for line in [
            "| 6,000 | 2,000 | 3.00 ms | 8.00 ms (7.00–9.00) | – | 25 % | 50 % | 2 of 3 PASS |",
            "- Fanfare, 6000 subscribers: timers ran late\n",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }
}

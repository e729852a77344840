//! The tables of `docs/scale.md`.

use std::fs;

use anyhow::Context as _;

use super::hub::{FirstLimit, HubShape};
use super::node::SimulatedDelivery;
use crate::markdown::{Marks, header, row};
use crate::places::Places;
use crate::progress::{say, show};

const MARKS: Marks = Marks {
    begin: "<!-- what follows is written by `make scale ARGS=--write` -->",
    end: "<!-- what was written by `make scale ARGS=--write` ends here -->",
};

const BASE: HubShape = HubShape {
    nodes: 100,
    subscribers: 10_000_000,
    audience: 100,
    events: 1_000,
    bytes: 150,
    shards: 8,
};

/// From few nodes to many, and to what they cannot do.
const SHAPES: [HubShape; 9] = [
    HubShape { nodes: 3, subscribers: 300_000, ..BASE },
    HubShape { nodes: 10, subscribers: 1_000_000, ..BASE },
    BASE,
    HubShape { events: 10_000, ..BASE },
    HubShape { events: 100_000, ..BASE },
    HubShape { audience: 10_000_000, events: 1, ..BASE },
    HubShape { audience: 10_000_000, events: 10, ..BASE },
    HubShape { audience: 10_000_000, events: 100, ..BASE },
    HubShape { nodes: 300, events: 100_000, ..BASE },
];

pub(super) fn run(write: bool, places: &Places) -> anyhow::Result<()> {
    let part = format!("{}\n\n{}", table(&SHAPES), losses(&SHAPES[..4]));
    if !write {
        show(&part)?;
        return Ok(());
    }
    let path = places.repository.join("docs/scale.md");
    let page = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    fs::write(&path, MARKS.replace(&page, &part)?)?;
    say(&format!("written: {}", path.display()));
    Ok(())
}

/// What hubs of these shapes need.
pub(super) fn table(shapes: &[HubShape]) -> String {
    let headings = [
        "nodes",
        "subscribers",
        "of a topic",
        "events/s",
        "deliveries/s",
        "CPU of one",
        "a shard is busy",
        "p50 / p99 in the node",
        "memory of a node",
        "a node sends",
        "a broker sends",
        "first at its limit",
    ];
    let mut lines = header(&headings.map(str::to_owned));
    lines.extend(shapes.iter().map(|shape| {
        let needs = shape.needs();
        let delivery = needs.delivery;
        let (busy, latency) = if delivery.falls_behind {
            ("more than all the time".to_owned(), "grows".to_owned())
        } else {
            let latency = match delivery {
                SimulatedDelivery { p99_ms: ..0.1, .. } => "under 0.1 ms".to_owned(),
                _ => format!("{} / {} ms", short(delivery.p50_ms), short(delivery.p99_ms)),
            };
            (format!("{} %", short(delivery.busy * 100.0)), latency)
        };
        row(&[
            grouped(shape.nodes as f64),
            grouped(shape.subscribers as f64),
            if shape.audience == shape.subscribers {
                "all".into()
            } else {
                grouped(shape.audience as f64)
            },
            grouped(shape.events as f64),
            grouped(needs.deliveries),
            format!("{} µs", short(delivery.delivery_us)),
            busy,
            latency,
            format!("{} MiB", grouped(needs.node_memory / 1_048_576.0)),
            network(needs.node_network),
            network(needs.broker_network),
            limit(needs.first_limit).to_owned(),
        ])
    }));
    lines.join("\n")
}

fn losses(shapes: &[HubShape]) -> String {
    let headings = [
        "nodes",
        "subscribers",
        "clients that come to each other node",
        "cores of each meanwhile, plain",
        "with TLS",
        "each sends again",
    ];
    let mut lines = header(&headings.map(str::to_owned));
    lines.extend(shapes.iter().map(|shape| {
        let loss = shape.loss();
        row(&[
            grouped(shape.nodes as f64),
            grouped(shape.subscribers as f64),
            grouped(loss.clients_each),
            short(loss.cores),
            short(loss.cores_with_tls),
            format!("{} MB", short(loss.replayed_each / 1e6)),
        ])
    }));
    lines.join("\n")
}

fn limit(limit: FirstLimit) -> &'static str {
    match limit {
        FirstLimit::Nothing => "nothing",
        FirstLimit::Stream => "the stream",
        FirstLimit::BrokerNetwork => "the network of the brokers",
        FirstLimit::NodeNetwork => "the network of a node",
        FirstLimit::Reading => "reading the stream",
        FirstLimit::Delivery => "the shards",
    }
}

fn network(bytes: f64) -> String {
    let mbit = bytes * 8.0 / 1e6;
    if mbit >= 1_000.0 {
        format!("{} Gbit/s", short(mbit / 1e3))
    } else {
        format!("{} Mbit/s", short(mbit))
    }
}

/// Two digits that mean something.
fn short(number: f64) -> String {
    match number {
        number if number >= 100.0 => grouped(number),
        number if number >= 10.0 => format!("{number:.0}"),
        number if number >= 1.0 => format!("{number:.1}"),
        number => format!("{number:.2}"),
    }
}

fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_marks_and_figures_are_written_shortly() {
        let page = include_str!("../../../docs/scale.md");
        assert!(MARKS.replace(page, "").is_ok());
        for (number, expected) in [
            (1_234_567.0, "1,234,567"),
            (45.6, "46"),
            (4.56, "4.6"),
            (0.456, "0.46"),
            (100.0, "100"),
        ] {
            assert_eq!(short(number), expected);
        }
        assert_eq!(table(&SHAPES).lines().count(), SHAPES.len() + 2);
    }
}

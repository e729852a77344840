//! The part of `docs/scale.md` that is written by `make scale ARGS=--write`.

use std::fs;

use anyhow::Context as _;

use super::beside;
use super::brokers::{Brokers, hubs};
use super::limits::limits;
use super::measured::{self, Figure, Origin, Unit};
use super::node::Node;
use super::plan::Plan;
use super::return_of_clients::ClientsReturn;
use crate::format::{bytes, count, number};
use crate::markdown::{Marks, header, row};
use crate::places::Places;
use crate::progress::say;

pub(super) const MARKS: Marks = Marks {
    begin: "<!-- what follows is replaced by `make scale ARGS=--write` -->",
    end: "<!-- what is replaced by `make scale ARGS=--write` ends here -->",
};

/// Writes it.
pub(super) fn write(places: &Places, part: &str) -> anyhow::Result<()> {
    let path = places.repository.join("docs/scale.md");
    let page = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    fs::write(&path, MARKS.replace(&page, part)?)?;
    say(&format!("written: {}", path.display()));
    Ok(())
}

/// Everything between the marks.
pub(super) fn generated() -> String {
    let plans = Plan::of_page();
    let rooms = &plans[2];
    let nodes = [10.0, 20.0, 50.0, 100.0, 200.0].map(|nodes| Plan {
        name: format!("{nodes} nodes"),
        nodes,
        ..rooms.clone()
    });
    let lost = [1.0, 10.0, 33.0].map(|lost| Plan {
        name: format!("rooms, {lost} of 100 nodes die"),
        lost,
        ..rooms.clone()
    });
    let to_all =
        Plan { name: "news, 10 of 100 nodes die".to_owned(), lost: 10.0, ..plans[0].clone() };
    let lost: Vec<Plan> = lost.into_iter().chain([to_all]).collect();
    [
        "### Ten million subscribers at a hundred nodes".to_owned(),
        needs(&plans),
        "### The same rooms at fewer and more nodes".to_owned(),
        needs(&nodes),
        "### Nodes die".to_owned(),
        returns(&lost),
        "### The model beside what was measured".to_owned(),
        compared(),
        "### What the model reckons with".to_owned(),
        figures(),
    ]
    .join("\n\n")
}

/// What some plans need, a row each.
pub(super) fn needs(plans: &[Plan]) -> String {
    let headings = [
        "what",
        "deliveries a second",
        "events a write",
        "p50, p99 at a node",
        "CPU of a node: deliveries, stream",
        "memory of a node",
        "out of a node",
        "brokers to nodes",
        "CPU of each broker",
        "used up first",
        "hubs",
    ];
    let mut lines = header(&headings.map(str::to_owned));
    lines.extend(plans.iter().map(need));
    lines.join("\n")
}

fn need(plan: &Plan) -> String {
    let (node, brokers) = (Node::of(plan), Brokers::of(plan));
    let first = limits(plan, &node, &brokers)[0];
    let latency = |quantile| duration(node.shard.latency(quantile));
    let hubs = hubs(plan).map_or("none is enough".to_owned(), |hubs| count(f64::from(hubs)));
    row(&[
        plan.name.clone(),
        count(node.deliveries(plan) * plan.nodes),
        number(node.events_a_write()),
        format!("{}, {}", latency(0.5), latency(0.99)),
        format!("{}, {} cores", number(node.cpu.deliveries), number(node.cpu.stream)),
        bytes(node.memory.total()),
        gigabits(node.network_out),
        gigabits(brokers.network_to_nodes),
        format!("{} cores", number(brokers.cpu)),
        format!("{}, {:.0} %", first.name, first.share * 100.0),
        hubs,
    ])
}

/// What happens when nodes die, a row a plan.
pub(super) fn returns(plans: &[Plan]) -> String {
    let headings = [
        "what",
        "clients",
        "streams a second at a node",
        "live deliveries take",
        "replay sent by a node",
        "all have what they missed after",
        "TLS handshakes a second, in all",
        "cores for these",
    ];
    let mut lines = header(&headings.map(str::to_owned));
    lines.extend(plans.iter().map(|plan| {
        let back = ClientsReturn::of(plan);
        row(&[
            plan.name.clone(),
            count(back.clients),
            count(back.streams_a_second),
            format!("{:.0} % of the CPU", back.live_share * 100.0),
            bytes(back.replay_bytes),
            back.recovered_after.map_or("never".to_owned(), duration),
            count(back.handshakes_a_second),
            number(back.handshake_cores),
        ])
    }));
    lines.join("\n")
}

fn compared() -> String {
    let headings = ["what", "measured", "model", "model of measured", "may be, times"];
    let mut lines = header(&headings.map(str::to_owned));
    lines.extend(beside::all().into_iter().map(|one| {
        let of = |value| format!("{} {}", number(value), one.unit).trim().to_owned();
        row(&[
            one.what.to_owned(),
            of(one.measured),
            of(one.modelled),
            format!("{:.2} x", one.ratio()),
            format!("{:.2} to {}", 1.0 / one.factor_max, one.factor_max),
        ])
    }));
    lines.join("\n")
}

fn figures() -> String {
    let mut lines = header(&["figure", "value", "", "where from"].map(str::to_owned));
    lines.extend(measured::all().iter().map(|figure| {
        let origin = match figure.origin {
            Origin::Measured => "measured",
            Origin::Counted => "counted",
            Origin::Guessed => "guessed",
        };
        let (what, source) = (figure.what.to_owned(), figure.source.to_owned());
        row(&[what, value(figure), origin.to_owned(), source])
    }));
    lines.join("\n")
}

fn value(figure: &Figure) -> String {
    match figure.unit {
        Unit::Seconds => duration(figure.value),
        Unit::Bytes => bytes(figure.value),
        Unit::PerSecond => format!("{} a second", count(figure.value)),
        Unit::Times => format!("{:.2} x", figure.value),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1e-3 => format!("{} µs", number(seconds * 1e6)),
        seconds if seconds < 1.0 => format!("{} ms", number(seconds * 1e3)),
        seconds => format!("{} s", number(seconds)),
    }
}

fn gigabits(bytes_a_second: f64) -> String {
    format!("{} Gbit/s", number(bytes_a_second * 8.0 / 1e9))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_in_the_repository_has_the_marks() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scale.md");
        let page = fs::read_to_string(page).expect("the page");
        MARKS.replace(&page, "").expect("its marks");
    }

    #[test]
    fn a_row_has_as_many_cells_as_the_table_has_headings() {
        let plan = Plan { lost: 2.0, ..Plan::of("a", 10.0, 10.0) };
        for table in [needs(std::slice::from_ref(&plan)), returns(&[plan]), figures()] {
            let cells: Vec<_> = table.lines().map(|line| line.matches('|').count()).collect();
            assert!(cells.len() > 2 && cells.iter().all(|count| *count == cells[0]), "{table}");
        }
    }
}

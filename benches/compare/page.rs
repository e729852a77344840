//! The page and its plots: what is generated stands between two marks of `docs/benchmarks.md`; the
//! words around it are written by hand and stay.

use std::fs;

use anyhow::{Context as _, bail};

use crate::Places;
use crate::competitors::FANFARE;
use crate::format::{bytes, median, number};
use crate::plot::{self, Bar};
use crate::session::Session;
use crate::shapes::{BROADCAST, IDLE, THROUGHPUT};
use crate::summary::{Pick, Spread};
use crate::tables;

pub(crate) const BEGIN: &str = "<!-- what follows is written by `make compare` -->";
pub(crate) const END: &str = "<!-- what was written by `make compare` ends here -->";

/// A chart: its file, title, shape and figure, and how values are written.
struct Chart {
    file: &'static str,
    title: &'static str,
    shape: &'static str,
    pick: Pick,
    label: fn(Option<Spread>) -> String,
}

const CHARTS: [Chart; 3] = [
    Chart {
        file: "cpu.svg",
        title: "CPU of the server for a delivery, many subscribers",
        shape: BROADCAST,
        pick: tables::cpu,
        label: |spread| median(spread, "µs", number),
    },
    Chart {
        file: "p99.svg",
        title: "99th percentile from due to delivered, many subscribers",
        shape: BROADCAST,
        pick: tables::p99,
        label: |spread| median(spread, "ms", number),
    },
    Chart {
        file: "memory.svg",
        title: "Resident memory of the server for an idle subscriber",
        shape: IDLE,
        pick: tables::memory,
        label: |spread| median(spread, "", bytes),
    },
];

/// Writes the page and the plots.
pub(crate) fn write(places: &Places, session: &Session) -> anyhow::Result<()> {
    let words = fs::read_to_string(&places.words).with_context(|| {
        format!("no {}; it holds the words around the tables", places.words.display())
    })?;
    fs::create_dir_all(&places.plots)?;
    for chart in &CHARTS {
        let path = places.plots.join(chart.file);
        match draw(chart, session) {
            Some(svg) => fs::write(path, svg)?,
            None => drop(fs::remove_file(path)),
        }
    }
    fs::write(&places.page, place(&words, &generated(session))?).context("writing the page")
}

/// The words with new tables between the marks.
pub(crate) fn place(words: &str, tables: &str) -> anyhow::Result<String> {
    let parts = words.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("the page has lost its marks; put back {BEGIN} and {END}");
    };
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

/// Everything between the marks.
pub(crate) fn generated(session: &Session) -> String {
    let mut parts = vec![tables::machine(session), "### In ratios".to_owned()];
    parts.push(tables::sentences(session));
    parts.push(
        "How many times what Fanfare has, in the same round; the median of the rounds, and their range:"
            .to_owned(),
    );
    parts.push(tables::ratios(session));
    parts.push("† not of fine runs alone: see the tables below.".to_owned());
    let drawn = CHARTS.iter().filter(|chart| draw(chart, session).is_some());
    parts.extend(drawn.map(|chart| format!("![{}](benchmarks/{})", chart.title, chart.file)));
    parts.extend([BROADCAST, THROUGHPUT, IDLE].map(|name| tables::shape(session, name)));
    parts.push("### Versions and commands".to_owned());
    parts.push(tables::servers(session));
    parts.retain(|part| !part.is_empty());
    parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n")
}

/// The chart; nothing when nobody has the figure.
fn draw(chart: &Chart, session: &Session) -> Option<String> {
    let found = tables::bars(session, chart.shape, chart.pick, chart.label);
    let bars: Vec<_> = found
        .into_iter()
        .map(|(server, value, label)| Bar {
            is_ours: server.name == FANFARE,
            name: server.title.replace('`', ""),
            value,
            label,
        })
        .collect();
    let about = "less is better; the median of the rounds; † not of fine runs alone";
    (!bars.is_empty()).then(|| plot::bars(chart.title, about, &bars))
}

/// Files of the plots.
#[cfg(test)]
pub(crate) fn plots() -> Vec<std::path::PathBuf> {
    CHARTS.iter().map(|chart| std::path::PathBuf::from(chart.file)).collect()
}

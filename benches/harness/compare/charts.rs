//! The charts of the page: which figure of which shape each shows, as bars of all servers.

use std::fs;
use std::path::Path;

use crate::compare::competitors::FANFARE;
use crate::compare::figures;
use crate::compare::plot::{self, Bar};
use crate::compare::rows::mark;
use crate::compare::session::{Participant, Session};
use crate::compare::shapes::{BROADCAST, IDLE};
use crate::format::{bytes, median, number};
use crate::summary::{Pick, Spread, spread};

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
        pick: figures::cpu,
        label: |spread| median(spread, "µs", number),
    },
    Chart {
        file: "p99.svg",
        title: "99th percentile from due to delivered, many subscribers",
        shape: BROADCAST,
        pick: figures::p99,
        label: |spread| median(spread, "ms", number),
    },
    Chart {
        file: "memory.svg",
        title: "Resident memory of the server for an idle subscriber",
        shape: IDLE,
        pick: figures::memory,
        label: |spread| median(spread, "", bytes),
    },
];

/// Draws the charts for which a server has a figure, and removes those for which none has.
pub(crate) fn write(folder: &Path, session: &Session) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for chart in &CHARTS {
        let path = folder.join(chart.file);
        match chart.draw(session) {
            Some(svg) => fs::write(path, svg)?,
            None => drop(fs::remove_file(path)),
        }
    }
    Ok(())
}

/// The charts that are drawn, as images of the page.
pub(crate) fn images(session: &Session) -> Vec<String> {
    let drawn = CHARTS.iter().filter(|chart| chart.draw(session).is_some());
    drawn.map(|chart| format!("![{}](benchmarks/{})", chart.title, chart.file)).collect()
}

/// Files of the charts.
#[cfg(test)]
pub(crate) fn files() -> [&'static str; 3] {
    CHARTS.map(|chart| chart.file)
}

impl Chart {
    /// Nothing when no server has the figure.
    fn draw(&self, session: &Session) -> Option<String> {
        let mut bars: Vec<_> =
            session.present().filter_map(|server| self.bar(session, server)).collect();
        bars.sort_by(|a, b| a.value.total_cmp(&b.value));
        let about = "less is better; the median of the rounds; † not of PASS runs alone";
        (!bars.is_empty()).then(|| plot::bars(self.title, about, &bars))
    }

    fn bar(&self, session: &Session, server: &Participant) -> Option<Bar> {
        let rounds = session.rounds_of(&server.name, self.shape);
        let found = spread(&rounds, self.pick).filter(|found| found.median.is_finite())?;
        Some(Bar {
            name: server.title.replace('`', ""),
            value: found.median,
            label: format!("{}{}", (self.label)(Some(found)), mark(&rounds)),
            is_ours: server.name == FANFARE,
        })
    }
}

//! The page and its plots: what is generated stands between two marks of `docs/benchmarks.md`; the
//! words around it are written by hand and stay.

use std::fs;

use anyhow::Context as _;

use crate::compare::charts;
use crate::compare::files::Files;
use crate::compare::origin;
use crate::compare::ratios;
use crate::compare::session::Session;
use crate::compare::shapes::{BROADCAST, IDLE, THROUGHPUT};
use crate::compare::tables;
use crate::markdown::Marks;

pub(crate) const MARKS: Marks = Marks {
    begin: "<!-- what follows is written by `make compare` -->",
    end: "<!-- what was written by `make compare` ends here -->",
};

/// Writes the page and the plots.
pub(crate) fn write(files: &Files, session: &Session) -> anyhow::Result<()> {
    let words = fs::read_to_string(&files.words).with_context(|| {
        format!("no {}; it holds the words around the tables", files.words.display())
    })?;
    charts::write(&files.plots, session)?;
    let page = MARKS.replace(&words, &generated(session))?;
    fs::write(&files.page, page).context("writing the page")
}

/// Everything between the marks.
pub(crate) fn generated(session: &Session) -> String {
    let mut parts = vec![origin::machine(session), "### In ratios".to_owned()];
    parts.push(ratios::sentences(session));
    parts.push(
        "How many times what Fanfare has, in the same round; the median of the rounds, and their range:"
            .to_owned(),
    );
    parts.push(ratios::ratios(session));
    parts.push("† not of PASS runs alone: see the tables below.".to_owned());
    parts.extend(charts::images(session));
    parts.extend([BROADCAST, THROUGHPUT, IDLE].map(|name| tables::shape(session, name)));
    parts.push("### Versions and commands".to_owned());
    parts.push(origin::servers(session));
    parts.retain(|part| !part.is_empty());
    parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n")
}

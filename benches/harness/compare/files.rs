//! The files of a comparison: its results, and the page and plots that are made of them.

use std::path::PathBuf;

use crate::places::Places;

/// Where they are.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) results: PathBuf,
    /// Where the words around the tables come from.
    pub(crate) words: PathBuf,
    pub(crate) page: PathBuf,
    pub(crate) plots: PathBuf,
}

impl Files {
    /// What was only tried must not replace what was measured, so it has files of its own.
    pub(crate) fn of(places: &Places, quick: bool) -> Self {
        let results = places.results();
        let results = if quick { results.join("quick") } else { results };
        let docs = if quick { results.clone() } else { places.repository.join("docs") };
        Self {
            results,
            words: places.page(),
            page: docs.join("benchmarks.md"),
            plots: docs.join("benchmarks"),
        }
    }
}

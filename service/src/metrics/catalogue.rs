//! The metrics of this version, as they are read for building a dashboard.
//!
//! The list is read from a page of stats, so that it cannot differ from what is exported.

use std::collections::BTreeMap;

use super::{Metrics, Snapshot};

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// Its labels and all their values; the bounds of a histogram are left out.
    pub labels: BTreeMap<String, Vec<String>>,
    /// What it means.
    pub help: String,
}

/// All metrics, by name.
#[must_use]
pub fn catalogue() -> Vec<Described> {
    read(&Metrics::new(1).render(&Snapshot::default()))
}

/// Reads a page; what cannot be read is passed over.
fn read(page: &str) -> Vec<Described> {
    let mut metrics: BTreeMap<String, Described> = BTreeMap::new();
    let mut of = |name: &str, change: &dyn Fn(&mut Described)| {
        let new = || Described {
            name: name.to_owned(),
            kind: String::new(),
            labels: BTreeMap::new(),
            help: String::new(),
        };
        change(metrics.entry(name.to_owned()).or_insert_with(new));
    };
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            of(name, &|metric| help.clone_into(&mut metric.help));
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' '))
        {
            of(name, &|metric| kind.clone_into(&mut metric.kind));
        } else if let Some((name, rest)) = line.split_once('{')
            && let Some((labels, _)) = rest.rsplit_once('}')
            && !labels.starts_with("le=")
        {
            of(name, &|metric| add_labels(&mut metric.labels, labels));
            if name.ends_with("_info") {
                // The values are those of this build.
                of(name, &|metric| metric.labels.values_mut().for_each(Vec::clear));
            }
        }
    }
    metrics.into_values().collect()
}

/// Adds the labels of a series. Our values hold neither commas nor quotes.
fn add_labels(labels: &mut BTreeMap<String, Vec<String>>, text: &str) {
    for (label, value) in text.split(',').filter_map(|pair| pair.split_once('=')) {
        let values = labels.entry(label.to_owned()).or_default();
        let value = value.trim_matches('"').to_owned();
        // In order, because the exporter has none.
        if let Err(place) = values.binary_search(&value) {
            values.insert(place, value);
        }
    }
}

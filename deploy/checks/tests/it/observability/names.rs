//! Names: whatever is asked for is exported, and whatever is exported can be seen.
//!
//! Documents and alerts that name metrics which no longer exist are common, and nobody notices: the
//! panel is empty, and the alert never fires.

use std::collections::{BTreeMap, BTreeSet};

use super::dashboards::{self, Choices};
use super::exported::{Exported, by_loadgen, by_server};
use super::promql::{Selection, selections};
use super::rules;
use crate::support::{repository, text};

/// Exported, and in no panel, with the reason.
const NOT_SHOWN: [(&str, &str); 2] = [
    ("process_virtual_memory_max_bytes", "no limit is set but by those who set one on purpose"),
    (
        "fanfare_config_last_reload_success_timestamp_seconds",
        "it is looked at when a reload has failed, which a panel and an alert tell",
    ),
];
/// Labels that come from Prometheus, or from nobody's list.
const FREE_LABELS: [&str; 4] = ["job", "instance", "le", "__name__"];
/// What Prometheus makes itself.
const PROMETHEUS: [&str; 2] = ["up", "ALERTS"];

/// Place and selections of every query of dashboards and rules.
fn all_selections() -> Vec<(String, Selection)> {
    let dashboards = dashboards::all();
    let mut queries: Vec<_> =
        dashboards.iter().flat_map(dashboards::Dashboard::every_query).collect();
    queries.extend(rules::all().into_iter().map(|rule| (rule.name().to_owned(), rule.expr)));
    let selected = queries.iter().flat_map(|(place, query)| {
        let found = selections(place, &Choices::ALL.fill(query));
        found.into_iter().map(|selection| (place.clone(), selection))
    });
    selected.collect()
}

fn exporter_of(series: &str) -> Vec<&'static Exported> {
    [by_server(), by_loadgen()].into_iter().filter(|one| one.metric_of(series).is_some()).collect()
}

fn is_known(series: &str) -> bool {
    let recorded = || rules::all().iter().any(|rule| rule.record.as_deref() == Some(series));
    PROMETHEUS.contains(&series) || recorded() || !exporter_of(series).is_empty()
}

#[test]
fn dashboards_and_rules_ask_only_for_what_is_exported() {
    let unknown: BTreeSet<_> = all_selections()
        .into_iter()
        .filter(|(_, selection)| !is_known(&selection.metric))
        .map(|(place, selection)| format!("{place}: {}", selection.metric))
        .collect();
    assert!(unknown.is_empty(), "not exported: {unknown:#?}");
}

#[test]
fn dashboards_and_rules_ask_only_for_labels_and_values_that_exist() {
    for (place, selection) in all_selections() {
        for (label, value) in selection.matchers.iter().chain(&selection.negated) {
            if FREE_LABELS.contains(&label.as_str()) {
                continue;
            }
            let exporters = exporter_of(&selection.metric);
            for value in value.split('|') {
                let exists = exporters.iter().any(|exported| {
                    exported.labels.get(label).is_some_and(|values| values.contains(value))
                });
                assert!(exists, "{place}: {} has no {label}={value}", selection.metric);
            }
        }
    }
}

#[test]
fn everything_that_is_exported_is_in_a_panel_or_has_a_reason_not_to_be() {
    let queried: BTreeSet<_> = dashboards::all()
        .iter()
        .flat_map(dashboards::Dashboard::queries)
        .flat_map(|query| selections(&query.place, &Choices::ALL.fill(&query.expression)))
        .map(|selection| selection.metric)
        .collect();
    let excused: BTreeMap<_, _> = NOT_SHOWN.into_iter().collect();
    for exported in [by_server(), by_loadgen()] {
        for metric in exported.metrics.keys() {
            let shown = queried.iter().any(|series| exported.metric_of(series) == Some(metric));
            let excused = excused.contains_key(metric.as_str());
            assert!(shown || excused, "{metric} is in no panel, nor in NOT_SHOWN");
            assert!(!(shown && excused), "{metric} is in a panel, so it needs no excuse");
        }
    }
}

#[test]
fn tests_of_rules_and_documents_name_only_what_is_exported() {
    let mut files: Vec<_> = std::fs::read_dir(repository("deploy/prometheus/tests"))
        .expect("a folder")
        .map(|file| format!("deploy/prometheus/tests/{}", file.unwrap().file_name().display()))
        .collect();
    let documents = ["operations", "dashboards", "metrics", "loadgen", "logs-and-traces"];
    files.extend(documents.map(|name| format!("docs/{name}.md")));
    for file in files {
        for word in words(&text(&file)) {
            let prefixes = ["fanfare_", "loadgen_", "process_"];
            if prefixes.iter().any(|prefix| word.starts_with(prefix)) && !is_label_value(&word) {
                let beginning = word.ends_with('_');
                let known = if beginning { begins_something(&word) } else { is_known(&word) };
                assert!(known, "{file}: {word} is not exported");
            }
        }
    }
}

#[test]
fn the_document_of_the_load_generator_lists_exactly_what_it_exports() {
    let exported = by_loadgen();
    let document = text("docs/loadgen.md");
    let table = document.split_once("\n| metric | type |").expect("a table of metrics").1;
    let (mut listed, mut of_process) = (BTreeMap::new(), false);
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, ..] = cells[..] else { panic!("{row}") };
        let name = name.trim_matches('`');
        if name == "process_*" {
            of_process = true;
            continue;
        }
        let (name, labels) = name.trim_end_matches('}').split_once('{').unwrap_or((name, ""));
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            assert!(exported.labels.contains_key(label), "{name} has no label {label}");
        }
        let again = listed.insert(name.to_owned(), kind.to_owned());
        assert!(again.is_none(), "{name} is listed twice");
    }
    assert!(of_process, "the figures of its process are not named");
    let own = exported.metrics.iter().filter(|(name, _)| !name.starts_with("process_"));
    let own: BTreeMap<_, _> = own.map(|(name, kind)| (name.clone(), kind.clone())).collect();
    assert_eq!(listed, own);
}

/// `process_file_limit` is no metric, but the value of a label.
fn is_label_value(word: &str) -> bool {
    by_server().labels.values().any(|values| values.contains(word))
}

/// `fanfare_log_*` is a way to name several.
fn begins_something(word: &str) -> bool {
    let mut all = [by_server(), by_loadgen()].into_iter().flat_map(|one| one.metrics.keys());
    all.any(|metric| metric.starts_with(word))
}

/// What could be a name of PromQL; recorded names have colons, and are then more than a metric's.
fn words(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let words = text.split(|character| !is_part(character));
    words.map(|word| word.trim_end_matches(':').to_owned()).collect()
}

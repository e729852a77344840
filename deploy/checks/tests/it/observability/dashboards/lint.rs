//! The rules of Grafana's dashboard-linter, which is a Go program, for these dashboards.
//!
//! Two are stricter here. A counter is told by the name of its metric: the linter looks at the end of
//! the whole selector and so misses all that have matchers. And panels may ask about the load
//! generator, whose job and instance are chosen by variables of their own.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::super::promql::{Selection, selections};
use super::{Choices, Dashboard, all, list, word};

/// Units of Grafana that the dashboards use; each has been looked up in its list.
const UNITS: [&str; 8] =
    ["none", "short", "s", "ops", "Bps", "bytes", "percentunit", "bool_yes_no"];
/// Stands for `$__rate_interval`, so that it can be told from a range that somebody wrote.
const MARKED_RANGE: (&str, Duration) = ("4321s", Duration::from_secs(4321));

fn marked() -> Choices<'static> {
    Choices { rate_interval: MARKED_RANGE.0, ..Choices::ALL }
}

fn variable<'a>(dashboard: &'a Dashboard, name: &str) -> &'a Value {
    let mut variables = list(&dashboard.json["templating"]["list"]).iter();
    let found = variables.find(|variable| variable["name"] == name);
    found.unwrap_or_else(|| panic!("{} has no variable {name}", dashboard.file))
}

#[test]
fn the_data_source_is_chosen_at_the_top() {
    for dashboard in all() {
        let chosen = variable(&dashboard, "datasource");
        assert_eq!(chosen["type"], "datasource");
        assert_eq!((word(&chosen["query"]), word(&chosen["label"])), ("prometheus", "Data source"));
        let mut asking = Vec::new();
        for panel in dashboard.panels() {
            asking.extend_from_slice(list(&panel.json["targets"]));
            asking.push(panel.json);
        }
        let variables = list(&dashboard.json["templating"]["list"]).iter();
        asking.extend(variables.filter(|one| one["type"] == "query").cloned());
        asking.extend_from_slice(list(&dashboard.json["annotations"]["list"]));
        for one in asking {
            assert_eq!(one["datasource"]["uid"], "${datasource}", "{one}");
            assert_eq!(one["datasource"]["type"], "prometheus", "{one}");
        }
    }
}

#[test]
fn jobs_and_instances_are_chosen_from_what_is_there_at_the_time_shown() {
    for dashboard in all() {
        let mut expected = vec![("job", "Job"), ("instance", "Instance")];
        if dashboard.file == "load-test.json" {
            expected.extend([("loadgen_job", "Load job"), ("loadgen_instance", "Load instance")]);
        }
        for (name, label) in expected {
            let it = variable(&dashboard, name);
            assert_eq!(word(&it["label"]), label);
            assert_eq!(word(&it["allValue"]), ".+", "{name}");
            assert_eq!((&it["multi"], &it["includeAll"]), (&Value::Bool(true), &Value::Bool(true)));
            assert_eq!(it["refresh"], 2, "{name}: on change of time");
        }
        let quantiles = word(&variable(&dashboard, "quantile")["query"]);
        assert!(quantiles.contains("p99 : 0.99"), "{quantiles}");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for panel in all().iter().flat_map(Dashboard::panels) {
        let place = panel.place();
        let description = word(&panel.json["description"]);
        assert!(!panel.title().is_empty(), "{place}");
        assert!(description.len() > 15 && description.ends_with('.'), "{place}: {description}");
        let unit = word(&panel.json["fieldConfig"]["defaults"]["unit"]);
        assert!(UNITS.contains(&unit), "{place}: {unit}");
        let queries = panel.queries();
        assert!(!queries.is_empty(), "{place} asks for nothing");
        let references: HashSet<_> = queries.iter().map(|query| &query.place).collect();
        assert_eq!(references.len(), queries.len(), "{place}: two queries have one letter");
        let legends: HashSet<_> = queries.iter().map(|query| &query.legend).collect();
        assert_eq!(legends.len(), queries.len(), "{place}: two curves are called the same");
        let is_heatmap = panel.json["type"] == "heatmap";
        assert!(queries.iter().all(|query| query.is_heatmap == is_heatmap), "{place}");
    }
}

#[test]
fn every_query_can_be_read_and_asks_only_about_what_was_chosen() {
    for dashboard in all() {
        for (place, query) in dashboard.every_query() {
            let is_choice =
                dashboard.variable_queries().iter().any(|(_, one)| one.contains(&query));
            for selection in selections(&place, &marked().fill(&query)) {
                assert!(!selection.metric.is_empty(), "{place}: a metric without a name");
                if !is_choice {
                    assert!(is_matched(&query, &selection), "{place}: {selection:?}");
                }
            }
        }
    }
}

/// The matchers of a selection, as they are written in the query with its variables.
fn is_matched(query: &str, selection: &Selection) -> bool {
    let load = selection.metric.starts_with("loadgen_");
    let has = |name| selection.matchers.iter().any(|(label, _)| label == name);
    let whose =
        if load { "{job=~\"$loadgen_job\", instance=~\"$loadgen_instance\"" } else { "{job=~\"$" };
    has("job") && has("instance") && query.contains(&format!("{}{whose}", selection.metric))
}

#[test]
fn counters_are_shown_as_rates_over_the_range_that_grafana_chooses() {
    const RATES: [&str; 3] = ["rate", "irate", "increase"];
    for (panel, query) in all().iter().flat_map(Dashboard::panels).flat_map(|panel| {
        let queries = panel.queries();
        queries.into_iter().map(move |query| (panel.json["description"].to_string(), query))
    }) {
        for selection in selections(&query.place, &marked().fill(&query.expression)) {
            let is_rate = selection.function.is_some_and(|function| RATES.contains(&function));
            if is_rate {
                assert_eq!(selection.range, Some(MARKED_RANGE.1), "{}", query.place);
            }
            let is_counter = ["_total", "_count", "_sum", "_bucket"]
                .iter()
                .any(|ending| selection.metric.ends_with(ending));
            // What a reader wants to know of a load test is the sum of all of it.
            let is_sum = panel.contains("in the whole run");
            assert!(!is_counter || is_rate || is_sum, "{}: {}", query.place, selection.metric);
        }
    }
}

#[test]
fn only_the_load_test_needs_a_load_generator() {
    for dashboard in all().iter().filter(|dashboard| dashboard.file != "load-test.json") {
        for (place, query) in dashboard.every_query() {
            assert!(!query.contains("loadgen"), "{place}: {query}");
        }
    }
}

#[test]
fn restarts_drains_and_phases_are_marked() {
    for dashboard in all() {
        let names: Vec<_> = dashboard.annotations().iter().map(|(name, _)| *name).collect();
        assert_eq!(names[..2], ["Restarts", "Drains"], "{}", dashboard.file);
        assert_eq!(names.contains(&"Phases"), dashboard.file == "load-test.json");
    }
}

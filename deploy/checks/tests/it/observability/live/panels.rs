//! Every query of every panel has figures, after every path was taken.
//!
//! A finite value is not enough: a metric that nobody counts up any more is 0 for ever, and looks
//! like peace.

use super::super::dashboards::{self, Choices, Dashboard, Panel, Query, selector_of};
use super::super::prometheus::{Curve, Prometheus};

/// Ranges of rates. Grafana would take 15 s for a scrape a second; a shorter one shows what lasted
/// only for a moment, and a run need not last as long.
const SHORT: &str = "5s";

/// Dashboard, panel and legend of queries that may be 0 all the time, with the reason.
const MAY_BE_ZERO: [([&str; 3], &str); 57] = [
    (["overview.json", "Tokens refused", "{{reason}}"], NO_TROUBLE),
    (["overview.json", "Publishes repeated", "repeated"], NO_TROUBLE),
    (
        ["overview.json", "Gaps and replays", "topics ended"],
        "nobody asks for a topic that has ended",
    ),
    (["overview.json", "Servers down", "__auto"], NO_TROUBLE),
    (
        ["overview.json", "Readers that lag", "more"],
        "nobody is 10,000 events behind in a log of 500",
    ),
    (["internals.json", "Events kept by rules", "dropped a second {{instance}}"], NO_TROUBLE),
    (["internals.json", "Settings reloaded", "{{outcome}}"], "nobody sends SIGHUP"),
    (["internals.json", "Keys of issuers", "{{outcome}}"], "the server has no issuer"),
    (["internals.json", "Keys of issuers", "failing"], NO_TROUBLE),
    (["internals.json", "Shards failed", "__auto"], NO_TROUBLE),
    (["internals.json", "Shards and failures", "failed {{instance}}"], NO_TROUBLE),
    (["internals.json", "Memory of request bodies", "used {{instance}}"], A_MOMENT),
    (
        ["internals.json", "Memory of compiled selectors", "used {{instance}}"],
        "nobody subscribes to a template",
    ),
    (["internals.json", "Memory of grants", "used {{instance}}"], "nobody has a token"),
    (
        ["internals.json", "Memory of partial replays", "used {{instance}}"],
        "nobody begins with the newest of several topics",
    ),
    (
        ["internals.json", "Memory of topics as URLs", "used {{instance}}"],
        "nobody subscribes to a URL pattern",
    ),
    (
        ["internals.json", "Clients with streams", "behind proxies {{instance}}"],
        "there is no proxy",
    ),
    (["internals.json", "Publishers over their rate", "waiting {{instance}}"], NO_TROUBLE),
    (
        ["internals.json", "Memory of remembered matches", "used {{instance}}"],
        "nobody subscribes to a template",
    ),
    (["internals.json", "Active subscriptions", "{{instance}}"], NOT_TOLD),
    (["internals.json", "Memory of active subscriptions", "used {{instance}}"], NOT_TOLD),
    (["internals.json", "Memory of active subscriptions", "limit {{instance}}"], NOT_TOLD),
    (["internals.json", "Streams to be announced", "{{instance}}"], NOT_TOLD),
    (
        ["internals.json", "Pages read from the disk", "{{instance}}"],
        "what is retained of 500 events is in memory",
    ),
    (["internals.json", "Events that cannot be read", "unreadable {{instance}}"], NO_TROUBLE),
    (["internals.json", "Events that cannot be read", "torn writes {{instance}}"], NO_TROUBLE),
    (["internals.json", "Events that cannot be read", "missing {{instance}}"], NO_TROUBLE),
    (["internals.json", "Sync times", "write under way"], NO_TROUBLE),
    (["internals.json", "Waiting for the disk", "to be written"], A_MOMENT),
    (["internals.json", "Waiting for the disk", "to be looked for"], A_MOMENT),
    (["internals.json", "Tickets", "{{stream}} {{instance}}"], "nobody has a token"),
    (["internals.json", "Tickets issued", "{{instance}}"], "nobody has a token"),
    (["internals.json", "Tickets refused", "{{reason}} {{instance}}"], "nobody has a token"),
    (["internals.json", "Output buffers", "used {{instance}}"], A_MOMENT),
    (["internals.json", "Tasks that wait for a worker", "{{instance}}"], A_MOMENT),
    (["internals.json", "Publishers held", "{{instance}}"], A_MOMENT),
    (["internals.json", "Accept errors", "{{error}}"], NO_TROUBLE),
    (["internals.json", "Log lines lost and held back", "lost"], NO_TROUBLE),
    (["load-test.json", "Missed", "__auto"], NO_TROUBLE),
    (["load-test.json", "Repeated", "__auto"], NO_TROUBLE),
    (["internals.json", "TLS handshakes", "completed a second"], PLAIN_HTTP),
    (["internals.json", "TLS handshakes", "ongoing {{instance}}"], PLAIN_HTTP),
    (["internals.json", "TLS handshakes", "waiting {{instance}}"], PLAIN_HTTP),
    (["internals.json", "TLS handshakes failed", "{{reason}}"], PLAIN_HTTP),
    (["internals.json", "Certificate valid for", "{{instance}}"], PLAIN_HTTP),
    (["internals.json", "Certificate reloads", "{{result}}"], PLAIN_HTTP),
    (["internals.json", "Held by TLS", "{{instance}}"], PLAIN_HTTP),
    (["load-test.json", "Faults", "missed"], NO_TROUBLE),
    (["load-test.json", "Faults", "repeated"], NO_TROUBLE),
    (["load-test.json", "Faults", "misordered"], NO_TROUBLE),
    (["load-test.json", "Faults", "corrupted"], NO_TROUBLE),
    (["load-test.json", "Gap notices and dropped events", "loadgen received"], NO_TROUBLE),
    (["load-test.json", "Connecting", "connects"], "all have connected before the first scrape"),
    (["load-test.json", "Connecting", "failures"], NO_TROUBLE),
    (["load-test.json", "Connecting", "disconnects"], NO_TROUBLE),
    (["load-test.json", "Connecting", "reconnects"], NO_TROUBLE),
    (["load-test.json", "Published on both sides", "loadgen failed"], NO_TROUBLE),
];
/// It counts what goes wrong, and in this run nothing of the kind does.
const NO_TROUBLE: &str = "nothing goes wrong";
/// Its events would be counted among those of the run.
const NOT_TOLD: &str = "active subscriptions are off in this run";
/// The servers of this run have no certificate.
const PLAIN_HTTP: &str = "nobody speaks TLS";
/// Panels of a log that servers share; the servers of this run share none, so that there is nothing to
/// reckon with.
const SHARED_LOG: [&str; 8] = [
    "Behind the brokers",
    "Last heard of the brokers",
    "On their way to the brokers",
    "Bytes on their way",
    "Append times",
    "Elections and connections",
    "Epochs and holes",
    "Repeats and pauses",
];
/// It is more than 0 for milliseconds, and a scrape comes once a second.
const A_MOMENT: &str = "a scrape seldom meets it";

pub(super) fn every_panel_has_figures(prometheus: &Prometheus, begin: f64) {
    let mut silent = Vec::new();
    for dashboard in dashboards::all() {
        let choices = chosen_by_grafana(prometheus, &dashboard);
        let load = choices.1.as_ref().map_or((".+", ".+"), |(job, instance)| (job, instance));
        let (job, instance) = &choices.0;
        let choices =
            Choices { servers: (job, instance), load, rate_interval: SHORT, ..Choices::ALL };
        let is_tried = |panel: &Panel| !SHARED_LOG.contains(&panel.title());
        for panel in dashboard.panels().into_iter().filter(is_tried) {
            for query in panel.queries() {
                let curves = prometheus.since(begin, &choices.fill(&query.expression));
                has_values(&query, &curves);
                let place = [dashboard.file, panel.title(), &query.legend].map(str::to_owned);
                let excused = MAY_BE_ZERO.iter().any(|(listed, _)| place == *listed);
                if !excused && !curves.iter().any(Curve::is_other_than_zero_somewhere) {
                    silent.push(place);
                }
            }
        }
        for (name, query) in dashboard.annotations() {
            let marks = prometheus.since(begin, &choices.fill(query));
            // The server was not started anew.
            assert_eq!(marks.is_empty(), name == "Restarts", "{}, {name}", dashboard.file);
        }
    }
    assert!(silent.is_empty(), "0 all the time, and not in MAY_BE_ZERO: {silent:#?}");
}

fn has_values(query: &Query, curves: &[Curve]) {
    assert!(curves.iter().any(Curve::is_finite_somewhere), "{}: {curves:?}", query.place);
    if query.is_heatmap {
        assert!(curves.len() >= 9, "{}: {} buckets", query.place, curves.len());
    }
}

#[test]
fn what_may_be_zero_is_a_query_of_a_panel() {
    let dashboards = dashboards::all();
    for ([file, title, legend], reason) in MAY_BE_ZERO {
        let panels = dashboards.iter().filter(|one| one.file == file).flat_map(Dashboard::panels);
        let mut queries = panels.filter(|one| one.title() == title).flat_map(|one| one.queries());
        assert!(queries.any(|query| query.legend == legend), "{file}: no {legend} in {title}");
        assert!(!reason.is_empty());
    }
    for title in SHARED_LOG {
        let mut panels = dashboards.iter().flat_map(Dashboard::panels);
        assert!(panels.any(|one| one.title() == title), "no panel {title}");
    }
}

/// Job and instance of the servers, and of the load generators where there are such variables, as the
/// variables of a dashboard find them.
type Found = (String, String);
fn chosen_by_grafana(prometheus: &Prometheus, dashboard: &Dashboard) -> (Found, Option<Found>) {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, query) in dashboard.variable_queries() {
        let mut selector = query.to_owned();
        for (earlier, value) in &found {
            selector = selector.replace(&format!("${earlier}"), value);
        }
        let (selector, label) = selector_of(&selector);
        let values = prometheus.label_values(selector, label);
        assert_eq!(values.len(), 1, "{}, {name}: {values:?}", dashboard.file);
        // As Grafana puts chosen values into a regular expression.
        found.push((name.to_owned(), values[0].replace('.', "\\\\.")));
    }
    let value = |name: &str| found.iter().find(|one| one.0 == name).map(|one| one.1.clone());
    let load = value("loadgen_job").zip(value("loadgen_instance"));
    (value("job").zip(value("instance")).expect("both are variables"), load)
}

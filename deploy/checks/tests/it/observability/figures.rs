//! The numbers that the dashboards' own queries give for invented series, by promtool.
//!
//! Series have a value a minute; the query is asked at ten minutes, with a rate interval of five. Each
//! case is small enough to be worked out in one's head.

use serde_json::{Value, json};

use super::dashboards::{Choices, all};
use super::promtool::promtool;

/// A server and, with other labels, what must not be taken for one.
const A: &str = "instance=\"a\", job=\"fanfare\"";
const B: &str = "instance=\"b\", job=\"fanfare\"";
const OTHER: &str = "instance=\"n\", job=\"node\"";
const LOAD: &str = "instance=\"l\", job=\"loadgen\"";

/// File, panel and legend of a query; series; labels and values of the result.
type Case =
    ([&'static str; 3], Vec<(&'static str, &'static str, &'static str)>, Vec<(&'static str, f64)>);

fn queried(file: &str, title: &str, legend: &str) -> String {
    let dashboards = all();
    if title == ANNOTATIONS {
        let mut marks = dashboards.iter().filter(|one| one.file == file);
        let marks = marks.next().expect("a dashboard").annotations();
        return marks.iter().find(|mark| mark.0 == legend).expect("an annotation").1.to_owned();
    }
    let mut queries =
        dashboards.iter().filter(|dashboard| dashboard.file == file).flat_map(|one| {
            one.panels()
                .into_iter()
                .filter(|panel| panel.title() == title)
                .flat_map(|p| p.queries())
        });
    let found = queries.find(|query| query.legend == legend || legend.is_empty());
    found.unwrap_or_else(|| panic!("{file} has no {title} with {legend}")).expression
}

/// The query of an annotation stands under this title, its name in the place of a legend.
const ANNOTATIONS: &str = "annotations";

fn verify(cases: Vec<Case>) {
    let test = |([file, title, legend], series, expected): Case| {
        let series = series.into_iter().map(|(metric, labels, values)| {
            let (name, own) = metric.split_once('{').unwrap_or((metric, ""));
            let series = format!("{name}{{{own}{labels}}}");
            json!({ "series": series, "values": values })
        });
        let samples = expected
            .into_iter()
            .map(|(labels, value)| json!({ "labels": format!("{{{labels}}}"), "value": value }));
        let query = Choices::ALL.fill(&queried(file, title, legend));
        json!({
            "interval": "1m",
            "input_series": series.collect::<Vec<_>>(),
            "promql_expr_test": [{
                // Neither ratios nor quantiles are exact in binary.
                "expr": format!("round({query}, 0.0001)"),
                "eval_time": "10m",
                "exp_samples": samples.collect::<Vec<_>>(),
            }],
        })
    };
    let tests: Vec<Value> = cases.into_iter().map(test).collect();
    let folder = tempfile::tempdir().expect("a folder");
    // JSON is YAML.
    let file = json!({ "evaluation_interval": "1m", "tests": tests }).to_string();
    std::fs::write(folder.path().join("figures.yml"), file).expect("a file");
    promtool(&["test", "rules", "figures.yml"], folder.path(), "")
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn the_overview_says_how_much_arrives_how_fast_and_what_is_lost() {
    let delivered = "fanfare_events_delivered_total";
    verify(vec![
        (
            ["overview.json", "Delivery ${quantile:text}", ""],
            // The 99th of 100 lies nine tenths of the way from 50 to 100 ms.
            vec![
                ("fanfare_delivery_seconds_bucket{le=\"0.05\", ", A, "0+90x10"),
                ("fanfare_delivery_seconds_bucket{le=\"0.1\", ", A, "0+100x10"),
                ("fanfare_delivery_seconds_bucket{le=\"+Inf\", ", A, "0+100x10"),
            ],
            vec![("", 0.095)],
        ),
        (
            ["overview.json", "Lost share", ""],
            vec![
                ("fanfare_events_dropped_total{policy=\"conflate\", ", A, "0+60x10"),
                (delivered, A, "0+2940x10"),
                ("fanfare_events_dropped_total{policy=\"conflate\", ", B, "0x10"),
                (delivered, B, "0+3000x10"),
            ],
            vec![("", 0.01)],
        ),
        (
            // Nothing is due, so nothing is lost: 0, and not NaN.
            ["overview.json", "Lost share", ""],
            vec![
                ("fanfare_events_dropped_total{policy=\"conflate\", ", A, "5x10"),
                (delivered, A, "7x10"),
            ],
            vec![("", 0.0)],
        ),
        (
            ["overview.json", "Amplification", ""],
            vec![
                ("fanfare_events_published_total{source=\"raw\", ", A, "0+6x10"),
                ("fanfare_events_published_total{source=\"form\", ", A, "0+4x10"),
                (delivered, A, "0+500x10"),
            ],
            vec![("", 50.0)],
        ),
        (
            // Nobody publishes: there is no curve, rather than one that goes to infinity.
            ["overview.json", "Amplification", ""],
            vec![
                ("fanfare_events_published_total{source=\"raw\", ", A, "9x10"),
                (delivered, A, "0+500x10"),
            ],
            vec![],
        ),
        (
            ["overview.json", "Largest lag", "events {{instance}}"],
            vec![
                ("fanfare_lag_events_max", A, "2500x10"),
                ("fanfare_lag_events_limit", A, "10000x10"),
                ("fanfare_lag_events_max", B, "0x10"),
                ("fanfare_lag_events_limit", B, "10000x10"),
            ],
            vec![("instance=\"a\"", 0.25), ("instance=\"b\"", 0.0)],
        ),
    ]);
}

#[test]
fn the_overview_says_how_many_of_those_who_came_back_with_an_id_missed_nothing() {
    verify(vec![
        (
            ["overview.json", "Resume success", ""],
            vec![
                ("fanfare_resumes_total{result=\"complete\", ", A, "0+95x10"),
                ("fanfare_resumes_total{result=\"expired\", ", A, "0+3x10"),
                ("fanfare_resumes_total{result=\"unknown\", ", B, "0+2x10"),
                // They asked for all that is retained: no id, no success and no failure.
                ("fanfare_resumes_total{result=\"earliest\", ", B, "0+900x10"),
            ],
            vec![("", 0.95)],
        ),
        (
            // Nobody came back with an id.
            ["overview.json", "Resume success", ""],
            vec![
                ("fanfare_resumes_total{result=\"complete\", ", A, "7x10"),
                ("fanfare_resumes_total{result=\"earliest\", ", A, "0+5x10"),
            ],
            vec![],
        ),
    ]);
}

#[test]
fn servers_are_told_from_everything_else_that_prometheus_scrapes() {
    let servers = vec![
        ("up", A, "1x10"),
        ("up", B, "1x5 0x5"),
        ("up", OTHER, "0x10"),
        ("fanfare_build_info{version=\"1\", ", A, "1x10"),
        ("fanfare_build_info{version=\"1\", ", B, "1x5"),
        ("fanfare_ready", A, "1x10"),
        ("fanfare_ready", B, "0x10"),
    ];
    let files = vec![
        ("process_open_fds", A, "100x10"),
        ("process_max_fds", A, "1000x10"),
        ("process_open_fds", B, "900x10"),
        ("process_max_fds", B, "1000x10"),
        ("process_open_fds", OTHER, "1000x10"),
        ("process_max_fds", OTHER, "1000x10"),
        ("fanfare_build_info{version=\"1\", ", A, "1x10"),
        ("fanfare_build_info{version=\"1\", ", B, "1x10"),
    ];
    verify(vec![
        (["overview.json", "Servers up", ""], servers.clone(), vec![("", 1.0)]),
        (["overview.json", "Servers down", ""], servers.clone(), vec![("", 1.0)]),
        (["overview.json", "Servers down", ""], vec![("up", A, "1x10")], vec![("", 0.0)]),
        (["overview.json", "Ready", ""], servers, vec![("", 0.0)]),
        (["overview.json", "File headroom", ""], files.clone(), vec![("", 0.1)]),
        (["internals.json", "Files used", ""], files, vec![("", 0.9)]),
    ]);
}

#[test]
fn the_internals_say_how_much_of_the_machine_is_used_and_by_what() {
    let build = ("fanfare_build_info{version=\"1\", ", A, "1x10");
    verify(vec![
        (
            // a works 30 s a minute with two shards, b 60 s.
            ["internals.json", "Shards busy", ""],
            vec![
                ("fanfare_shard_busy_seconds_total", A, "0+30x10"),
                ("fanfare_shards", A, "2x10"),
                ("fanfare_shard_busy_seconds_total", B, "0+60x10"),
                ("fanfare_shards", B, "2x10"),
            ],
            vec![("", 0.5)],
        ),
        (
            // 3 s of processor a minute for 6,000 deliveries.
            ["internals.json", "CPU for 1,000 deliveries", ""],
            vec![
                ("process_cpu_seconds_total", A, "0+3x10"),
                ("process_cpu_seconds_total", OTHER, "0+60x10"),
                ("fanfare_events_delivered_total", A, "0+6000x10"),
                build,
            ],
            vec![("instance=\"a\"", 0.5)],
        ),
        (
            ["internals.json", "Memory a subscriber", ""],
            vec![
                // 64 MB, of which 63 are the log.
                ("process_resident_memory_bytes", A, "64000000x10"),
                ("fanfare_retained_bytes", A, "63000000x10"),
                ("process_resident_memory_bytes", OTHER, "9000000x10"),
                ("fanfare_subscribers", A, "500x10"),
                build,
            ],
            vec![("", 2000.0)],
        ),
        (
            ["internals.json", "Events in a write", "mean"],
            vec![
                ("fanfare_write_events_sum", A, "0+300x10"),
                ("fanfare_write_events_count", A, "0+200x10"),
            ],
            vec![("", 1.5)],
        ),
    ]);
}

#[test]
fn the_internals_say_how_full_the_log_is_and_how_far_a_drain_has_come() {
    verify(vec![
        (
            ["internals.json", "Log filled", ""],
            vec![
                ("fanfare_retained_events", A, "10x10"),
                ("fanfare_retained_events_limit", A, "100x10"),
                ("fanfare_retained_bytes", A, "40x10"),
                ("fanfare_retained_bytes_limit", A, "100x10"),
            ],
            vec![("", 0.4)],
        ),
        (
            // It is 600 s after the beginning of time.
            ["internals.json", "How far the log reaches back", "oldest {{instance}}"],
            vec![
                ("fanfare_retained_oldest_timestamp_seconds", A, "540x10"),
                ("fanfare_retained_oldest_timestamp_seconds", B, "0x10"),
            ],
            vec![("instance=\"a\"", 60.0)],
        ),
        (
            // a began to drain 10 s ago, in a window of 40 s; b does not drain.
            ["internals.json", "Drain", ""],
            vec![
                ("fanfare_draining", A, "1x10"),
                ("fanfare_drain_started_timestamp_seconds", A, "590x10"),
                ("fanfare_drain_window_seconds", A, "40x10"),
                ("fanfare_draining", B, "0x10"),
                ("fanfare_drain_started_timestamp_seconds", B, "0x10"),
                ("fanfare_drain_window_seconds", B, "40x10"),
            ],
            vec![("instance=\"a\"", 0.25), ("instance=\"b\"", 0.0)],
        ),
    ]);
}

#[test]
fn the_load_test_says_what_arrived_and_whether_the_generator_was_late() {
    verify(vec![
        (
            // What is missing is counted all at once, when the run has ended: at 9 min here.
            ["load-test.json", "Delivery ratio", ""],
            vec![
                ("loadgen_events_received_total", LOAD, "0+110x9 990"),
                ("loadgen_events_missed_total", LOAD, "0x8 10x1"),
            ],
            vec![("", 0.99)],
        ),
        (
            // Until then nothing is known to be missing.
            ["load-test.json", "Delivery ratio over time", "delivery ratio"],
            vec![
                ("loadgen_events_received_total", LOAD, "0+99x10"),
                ("loadgen_events_missed_total", LOAD, "0x10"),
            ],
            vec![("", 1.0)],
        ),
        (
            // Before the first event there is nothing to divide by.
            ["load-test.json", "Delivery ratio", ""],
            vec![
                ("loadgen_events_received_total", LOAD, "0x10"),
                ("loadgen_events_missed_total", LOAD, "0x10"),
            ],
            vec![],
        ),
        (
            ["load-test.json", "Connected", ""],
            vec![
                ("loadgen_subscribers", LOAD, "950x10"),
                ("loadgen_subscribers_target", LOAD, "1000x10"),
            ],
            vec![("", 0.95)],
        ),
        (
            ["load-test.json", "Lateness ${quantile:text}", ""],
            vec![
                ("loadgen_publish_lateness_seconds_bucket{le=\"0.001\", ", LOAD, "0+98x10"),
                ("loadgen_publish_lateness_seconds_bucket{le=\"0.005\", ", LOAD, "0+100x10"),
                ("loadgen_publish_lateness_seconds_bucket{le=\"+Inf\", ", LOAD, "0+100x10"),
            ],
            vec![("", 0.003)],
        ),
        (
            // The same metric of two programs: each has its own curve.
            ["load-test.json", "CPU of both", "loadgen {{instance}}"],
            vec![
                ("process_cpu_seconds_total", A, "0+30x10"),
                ("process_cpu_seconds_total", LOAD, "0+15x10"),
                ("fanfare_build_info{version=\"1\", ", A, "1x10"),
                ("loadgen_info{scenario=\"x\", ", LOAD, "1x10"),
            ],
            vec![("instance=\"l\"", 0.25)],
        ),
    ]);
}

#[test]
fn a_restart_and_a_drain_are_marked_in_the_charts() {
    let build = ("fanfare_build_info{version=\"1\", ", A, "1x10");
    verify(vec![
        (
            ["overview.json", ANNOTATIONS, "Restarts"],
            vec![
                ("process_start_time_seconds", A, "5x9 595"),
                ("process_start_time_seconds", B, "5x10"),
                ("process_start_time_seconds", OTHER, "5x9 595"),
                build,
                ("fanfare_build_info{version=\"1\", ", B, "1x10"),
            ],
            vec![(A, 1.0)],
        ),
        (
            ["overview.json", ANNOTATIONS, "Drains"],
            vec![("fanfare_draining", A, "0x5 1x5"), ("fanfare_draining", B, "0x10")],
            vec![(A, 1.0)],
        ),
    ]);
}

//! The page as a whole: from results to tables, and whether the page that is in the repository fits
//! its charts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::compare::competitors::{FANFARE, FLOOR};
use crate::compare::ratios::Beside;
use crate::compare::session::{Failure, Measured, Participant, Session, ShapeCommand};
use crate::compare::shapes::{BROADCAST, THROUGHPUT};
use crate::compare::{charts, page, standing};
use crate::result::RunResult;

/// All of the load was done.
fn result() -> RunResult {
    RunResult {
        requested: 10_000.0,
        connected: 10_000.0,
        requested_rate: Some(10.0),
        accepted_rate: Some(10.0),
        deliveries_per_second: 101_000.0,
        reach: Some(1.0),
        p50_ms: Some(20.0),
        outcome: "fine".to_owned(),
        ..RunResult::default()
    }
}

fn participant(name: &str, title: &str, absent: Option<&str>) -> Participant {
    let (name, title) = (name.to_owned(), title.to_owned());
    Participant {
        name,
        title,
        command: "serve PORT".to_owned(),
        absent: absent.map(Into::into),
        version: None,
    }
}

/// Two rounds of Fanfare, the floor and a competitor that gave up; another one is absent.
fn session() -> Session {
    let run = |server: &str, round, cpu: f64, p99| Measured {
        server: server.to_owned(),
        shape: BROADCAST.to_owned(),
        round,
        result: RunResult { cpu_us_per_delivery: Some(cpu), p99_ms: Some(p99), ..result() },
    };
    let mut runs = vec![
        run(FANFARE, 1, 4.0, 30.0),
        run(FANFARE, 2, 6.0, 50.0),
        run(FLOOR, 1, 4.0, 40.0),
        run(FLOOR, 2, 5.0, 45.0),
        run("slow", 1, 80.0, 3_000.0),
    ];
    if let Some(last) = runs.last_mut() {
        last.result.outcome = "invalid".to_owned();
        last.result.reasons = vec!["the server did not keep up; try another".to_owned()];
        last.result.deliveries_per_second = 7_978.0;
    }
    let (server, shape) = ("slow".to_owned(), BROADCAST.to_owned());
    Session {
        rounds: 2,
        servers: vec![
            participant(FANFARE, "Fanfare", None),
            participant(FLOOR, "the floor", None),
            participant("slow", "Slow", None),
            participant("gone", "Gone", Some("no package")),
        ],
        shapes: vec![ShapeCommand {
            name: BROADCAST.to_owned(),
            command: "loadgen run".to_owned(),
        }],
        failures: vec![Failure { server, shape, round: 2, what: "it ended at once".to_owned() }],
        runs,
    }
}

#[test]
fn the_page_shows_ratios_first_and_hides_neither_the_invalid_nor_the_absent() {
    let text = page::generated(&session());
    for line in [
        "- CPU a delivery to many subscribers: 1.10 × (1.00–1.20) that of the floor",
        "- CPU a delivery to many subscribers: 0.05 × that of Slow",
        "| the floor | 0.92 × (0.83–1.00) | 1.12 × (0.90–1.33) | – | – | – |",
        "| Slow | 20.0 × † | 100 × † | – | – | – |",
        "| server | deliveries a second, of 100,000 | CPU a delivery | p50 | p99 | loadgen says |",
        "| Fanfare | 100,000 | 5.00 µs (4.00–6.00) | 20.0 ms | 40.0 ms (30.0–50.0) | PASS |",
        "| Slow | 7,978 | 80.0 µs | 20.0 ms | 3,000 ms | INVALID |",
        "- Slow: the server did not keep up\n",
        "- Slow: round 2 could not be run",
        "| Gone | absent |  |  |  |  |",
        "| Gone | – | absent: no package |",
        "### 10,000 subscribers, 10 events a second",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in\n{text}"));
    assert!(place("### In ratios") < place("### 10,000 subscribers"));
    // No server was measured there, so nothing is said of it.
    assert!(!text.contains("waiting publisher"), "{text}");
    assert_eq!(session().rounds_of(FANFARE, THROUGHPUT), [None, None]);
}

#[test]
fn the_targets_are_told_how_fanfare_stands_beside_the_others() {
    let found = standing::of(&session()).expect("Fanfare took part");
    let ratio = |beside: Option<Beside>| {
        let Beside { ratio, other } = beside.expect("figures of both");
        (format!("{:.2}", ratio.median), other)
    };
    assert_eq!(ratio(found.cpu_beside_floor), ("1.10".to_owned(), "the floor".to_owned()));
    assert_eq!(ratio(found.p99_beside_floor), ("0.93".to_owned(), "the floor".to_owned()));
    assert_eq!(ratio(found.p99_beside_best), ("0.01".to_owned(), "Slow".to_owned()));
    assert_eq!((found.runs.len(), found.command.as_str()), (2, "loadgen run"));
    assert!(standing::of(&Session::default()).is_none());
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

#[test]
fn the_page_in_the_repository_fits_its_plots() {
    let page = fs::read_to_string(docs().join("benchmarks.md")).expect("the page");
    page::MARKS.replace(&page, "").expect("its marks");
    let (_, generated) = page.split_once(page::MARKS.begin).expect("its marks");
    for plot in charts::files() {
        let link = format!("](benchmarks/{plot})");
        let svg = fs::read_to_string(docs().join("benchmarks").join(plot));
        assert_eq!(generated.contains(&link), svg.is_ok(), "{link} and its file");
        let svg = svg.unwrap_or_default();
        for value in svg.split("class=\"value\"").skip(1) {
            let label = value.split(['>', '<']).nth(1).expect("text").replace(" †", "");
            assert!(generated.contains(&label), "{label} of {plot} is in no table");
        }
    }
}

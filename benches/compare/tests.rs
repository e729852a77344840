//! The page as a whole: from results as loadgen writes them to tables, and whether the page that is
//! in the repository fits its plots.

use std::fs;
use std::path::{Path, PathBuf};

use crate::competitors::{FANFARE, FLOOR};
use crate::figures::{self, Figures};
use crate::page;
use crate::session::{Asked, Entrant, Measured, Session, Trouble};
use crate::shapes::{BROADCAST, THROUGHPUT};

const RESULT: &str = r#"{ "schema": "fanfare-loadgen/1", "runs": [ {
  "started_at": "2026-01-02T03:04:05Z",
  "environment": { "loadgen": "0.1.0", "cpu": "a processor", "cores": 2, "memory": 25769803776, "kernel": "Linux 6" },
  "phases": { "ramp_seconds": 0.5 },
  "subscribers": { "asked": 10000, "connected": 10000 },
  "publishing": { "asked_rate": 10.0, "reached_rate": 9.5 },
  "delivery": { "per_second": 101000.0, "reach": REACH,
    "intended": { "percentiles": [ { "quantile": 0.5, "ms": 20.0 }, { "quantile": 0.99, "ms": 50.0 } ] },
    "intended_counting_undelivered": [ { "quantile": 0.5, "ms": 21.0 }, { "quantile": 0.99, "ms": null } ] },
  "server": { "process": { "cpu_us_per_delivery": 4.0, "cpu_us_per_connection": 30.0,
    "memory_before": 1048576, "memory_connected": 11048576, "memory_per_subscriber": 1000.0 } },
  "verdict": { "outcome": "fine", "reasons": [] }, "more": "in later versions" } ] }"#;

fn result(reach: &str) -> Figures {
    figures::parse(&RESULT.replace("REACH", reach)).expect("a result")
}

fn entrant(name: &str, title: &str, absent: Option<&str>) -> Entrant {
    let (name, title) = (name.to_owned(), title.to_owned());
    Entrant {
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
        figures: Figures { cpu_us_per_delivery: Some(cpu), p99_ms: Some(p99), ..result("1.0") },
    };
    let mut figures = vec![
        run(FANFARE, 1, 4.0, 30.0),
        run(FANFARE, 2, 6.0, 50.0),
        run(FLOOR, 1, 4.0, 40.0),
        run(FLOOR, 2, 5.0, 45.0),
        run("slow", 1, 80.0, 3_000.0),
    ];
    if let Some(last) = figures.last_mut() {
        last.figures.outcome = "invalid".to_owned();
        last.figures.reasons = vec!["the server did not keep up; try another".to_owned()];
        last.figures.deliveries_per_second = 7_978.0;
    }
    let (server, shape) = ("slow".to_owned(), BROADCAST.to_owned());
    Session {
        rounds: 2,
        servers: vec![
            entrant(FANFARE, "Fanfare", None),
            entrant(FLOOR, "the floor", None),
            entrant("slow", "Slow", None),
            entrant("gone", "Gone", Some("no package")),
        ],
        shapes: vec![Asked { name: BROADCAST.to_owned(), command: "loadgen run".to_owned() }],
        troubles: vec![Trouble { server, shape, round: 2, what: "it ended at once".to_owned() }],
        figures,
    }
}

#[test]
fn what_never_arrived_is_infinitely_late() {
    let (whole, part) = (result("1.0"), result("0.9"));
    assert_eq!((whole.p50_ms, whole.p99_ms), (Some(20.0), Some(50.0)));
    assert_eq!((part.p50_ms, part.p99_ms), (Some(21.0), Some(f64::INFINITY)));
    assert_eq!(whole.asked_deliveries(), Some(100_000.0));
}

#[test]
fn what_is_no_result_is_said_to_be_none() {
    assert!(figures::parse("{}").is_err());
    assert!(figures::parse(r#"{"runs":[]}"#).is_err());
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
        "| Fanfare | 100,000 | 5.00 µs (4.00–6.00) | 20.0 ms | 40.0 ms (30.0–50.0) | fine |",
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
    // Nobody was measured there, so nothing is said of it.
    assert!(!text.contains("waiting publisher"), "{text}");
    assert_eq!(session().rounds_of(FANFARE, THROUGHPUT), [None, None]);
}

#[test]
fn only_what_stands_between_the_marks_is_replaced() {
    let words = format!("# Title\n{}\nold\n{}\nafter\n", page::BEGIN, page::END);
    let new = page::place(&words, "new\n").expect("marks");
    assert_eq!(new, format!("# Title\n{}\n\nnew\n\n{}\nafter\n", page::BEGIN, page::END));
    assert_eq!(page::place(&new, "new").expect("marks"), new);
    assert!(page::place("# Title\n", "new").is_err());
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

#[test]
fn the_page_in_the_repository_fits_its_plots() {
    let page = fs::read_to_string(docs().join("benchmarks.md")).expect("the page");
    page::place(&page, "").expect("its marks");
    let (_, generated) = page.split_once(page::BEGIN).expect("its marks");
    for plot in page::plots() {
        let link = format!("](benchmarks/{})", plot.display());
        let svg = fs::read_to_string(docs().join("benchmarks").join(&plot));
        assert_eq!(generated.contains(&link), svg.is_ok(), "{link} and its file");
        let svg = svg.unwrap_or_default();
        for value in svg.split("class=\"value\"").skip(1) {
            let label = value.split(['>', '<']).nth(1).expect("text").replace(" †", "");
            assert!(generated.contains(&label), "{label} of {} is in no table", plot.display());
        }
    }
}

//! The program's own metrics against a server whose mistakes are known: what a scraper sees at the
//! end is what the result says, to the event, and until then no counter ever falls.

use std::net::TcpListener;
use std::time::Duration;

use crate::common::page::{Page, address, ask};
use crate::support::{EventFault, Faults, PublishResponses, Ran, Stub, each, loadgen, start};

/// Long enough to be scraped on any machine; the tests end it.
const LINGER: &str = "--metrics-listen 127.0.0.1:0 --metrics-linger 10m";

/// Scrapes a run from its begin to its end, and lets it go.
fn scraped(line: &str) -> (Vec<Page>, Ran) {
    let going = start(line);
    let records = Page::until_done(address(&going));
    going.ask_to_end();
    (records, going.wait())
}

fn lateness(ran: &Ran) -> u64 {
    let count = |name: &str| ran.at(&format!("/publishing/{name}"))["count"].as_u64().unwrap_or(0);
    count("own_lateness") + count("blocked_lateness")
}

#[test]
fn the_last_page_says_what_the_result_says() {
    each(&["", "--processes 2 --workers 2"], |further| {
        let event_faults = [
            (5, EventFault::Drop),
            (7, EventFault::Repeat),
            (9, EventFault::Swap),
            (12, EventFault::Damage(100)),
            (14, EventFault::Damage(100)),
            (20, EventFault::AnnounceLoss("fanfare-gap", Some(1))),
            (20, EventFault::Drop),
        ];
        let responses = PublishResponses { refuse_every: Some(10), ..PublishResponses::default() };
        let stub = Stub::start(Faults { responses, ..Faults::at(&event_faults) });
        let flags = format!("-c 4 --schedule steps:40/1s,0/3s --warmup 200ms {LINGER} {further}");
        let (records, ran) = scraped(&stub.load("load", &flags));
        ran.assert_ended(3, "wrong");
        let page = records.last().expect("one at least");
        for (series, path) in [
            ("loadgen_subscribers_target", "/subscribers/asked"),
            ("loadgen_connects_total", "/subscribers/connected"),
            ("loadgen_events_published_total", "/publishing/acknowledged"),
            ("loadgen_events_received_total", "/delivery/received"),
            ("loadgen_received_bytes_total", "/delivery/bytes"),
            ("loadgen_events_missed_total", "/correctness/gaps"),
            ("loadgen_events_repeated_total", "/correctness/duplicates"),
            ("loadgen_events_misordered_total", "/correctness/reordered"),
            ("loadgen_events_corrupted_total", "/correctness/corrupted"),
            ("loadgen_delivery_seconds_count", "/delivery/intended/count"),
            ("loadgen_delivery_from_send_seconds_count", "/delivery/actual/count"),
        ] {
            let found = ran.count(path);
            assert_eq!(page.count(series), found, "{series} and {path}: {}", page.text);
            assert!(found > 0, "{path}: {}", ran.stdout);
        }
        assert_eq!(page.count("loadgen_publish_failures_total"), 4);
        assert_eq!(page.count("loadgen_gap_notices_total"), 4);
        assert_eq!(page.count("loadgen_publish_lateness_seconds_count"), lateness(&ran));
        assert_eq!(page.count("loadgen_subscribers"), 0, "no stream is open any more");
        // The stub takes 300 ms at least for each delivery.
        assert_eq!(page.count("loadgen_delivery_seconds_bucket{le=\"0.25\"}"), 0);
        let mean = page.figure("loadgen_delivery_seconds_sum")
            / page.figure("loadgen_delivery_seconds_count");
        let known = ran.figure("/delivery/intended/mean_ms") / 1e3;
        assert!((mean / known - 1.0).abs() < 0.001, "{mean} and {known}");
    });
}

#[test]
fn every_series_is_there_from_the_start_and_no_counter_falls() {
    // Each phase lasts for seconds, so that it is seen although a scrape is held up.
    let stub = Stub::start(Faults {
        latency: |_| Duration::from_secs(3),
        ..Faults::at(&[(5, EventFault::Drop), (7, EventFault::Repeat)])
    });
    let flags = "-c 4 -r 20 -d 3s --warmup 3s --connect-rate 2 --tail 10s";
    let flags = format!("{flags} {LINGER}");
    let (records, ran) = scraped(&stub.load("load", &flags));
    ran.assert_ended(3, "wrong");
    let names = |page: &Page| page.series.keys().cloned().collect::<Vec<_>>();
    for pair in records.windows(2) {
        assert_eq!(names(&pair[0]), names(&pair[1]));
        for (series, later) in &pair[1].series {
            let grows = ["_total", "_count", "_sum"].iter().any(|end| series.ends_with(end));
            if grows || series.contains("_bucket{") {
                assert!(*later >= pair[0].figure(series), "{series} fell: {}", pair[1].text);
            }
        }
    }
    let phase = |page: &Page| {
        let known = ["connecting", "warmup", "measuring", "tail", "done"];
        let of = |phase: &&str| page.count(&format!("loadgen_phase{{phase=\"{phase}\"}}")) == 1;
        let now: Vec<_> = known.into_iter().filter(of).collect();
        assert_eq!(now.len(), 1, "{}", page.text);
        now[0]
    };
    let mut phases: Vec<_> = records.iter().map(phase).collect();
    phases.dedup();
    assert_eq!(phases, ["connecting", "warmup", "measuring", "tail", "done"]);
    let seen = |series: &str, value: u64| records.iter().any(|page| page.count(series) == value);
    assert!(seen("loadgen_subscribers", 4), "while they were connected");
    let last = records.last().expect("one at least");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(last.count(&format!("loadgen_info{{version=\"{version}\",scenario=\"run\"}}")), 1);
}

#[test]
fn nothing_but_the_page_is_there() {
    let stub = Stub::start(Faults::default());
    let going = start(&stub.load("load", &format!("-c 1 -r 20 {LINGER}")));
    let address = address(&going);
    for (method, path, status) in [
        ("GET", "/metrics?name=x", "200"),
        ("HEAD", "/metrics", "200"),
        ("GET", "/", "404"),
        ("POST", "/metrics", "405"),
    ] {
        let (head, body) = ask(address, method, path);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{method} {path}: {head}");
        assert_eq!(body.is_empty(), method == "HEAD", "{body}");
    }
}

#[test]
fn an_address_that_cannot_be_had_ends_it_before_anything_is_loaded() {
    let stub = Stub::start(Faults::default());
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = taken.local_addr().expect("it is bound").to_string();
    for (flags, part) in [
        (format!("--metrics-listen {busy}"), format!("cannot serve metrics on {busy}: Address")),
        // An address that is reserved for documentation.
        ("--metrics-listen 192.0.2.1:0".to_owned(), "0 takes any".to_owned()),
        ("--metrics-listen here".to_owned(), "invalid socket address".to_owned()),
        ("--metrics-linger 5s".to_owned(), "give both, or neither".to_owned()),
    ] {
        let ran = loadgen(&stub.load("load", &format!("-c 1 {flags}")));
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{flags}: {}", ran.stderr);
        assert!(ran.stderr.contains(&part), "{flags}: {}", ran.stderr);
    }
    assert_eq!(stub.store().requests().len(), 0);
}

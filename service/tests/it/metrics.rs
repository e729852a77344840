//! What the metrics page says, tried by causing it. Operators build alerts on these series, so each
//! is made to move here, and what is not meant to move stays.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::{EventStream, Http2, PROGRAM, Program, TestServer, Wire, eventually, form};

/// More would be a burden for whoever stores them.
const SERIES_MAX: usize = 400;

#[tokio::test]
async fn connections_are_told_apart_by_what_they_speak() {
    let server = TestServer::start().await;
    let silent = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let stream = EventStream::open(server.get("/events/t")).await;
    let http2 = Http2::open(&server).await;
    let mut stream2 = http2.stream("/events/t").await;
    stream2.place().await;
    let open = |protocol| format!("fanfare_connections{{protocol=\"{protocol}\"}}");
    let names = ["http1", "http2", "new"].map(open);
    let open = [names[0].as_str(), &names[1], &names[2]];
    eventually("one of each", async || server.stats(open).await == [1.0; 3]).await;
    assert_eq!(server.figure("fanfare_subscribers").await, 2.0);
    drop((silent, stream, stream2, http2));
    eventually("none is left", async || server.stats(open).await == [0.0; 3]).await;
    let ended = ["fanfare_connections_opened_total", "fanfare_connection_duration_seconds_count"];
    assert_eq!(server.stats(ended).await, [3.0, 3.0]);
}

#[tokio::test]
async fn the_end_of_a_connection_has_a_reason() {
    let flags = ["--headers-timeout", "200ms", "--connections", "2"];
    let server = TestServer::start_with(&flags).await;
    let closed = |reason| format!("fanfare_connections_closed_total{{reason=\"{reason}\"}}");
    let cases: [(&str, &str); 4] = [
        ("protocol", "this is not HTTP\r\n\r\n"),
        ("protocol", "GET /events/t HTTP/1.1\r\nhost: localhost\r\n\r\nand more"),
        ("idle", "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("headers_timeout", "GET / HT"),
    ];
    for (reason, bytes) in cases {
        let before = server.figure(&closed(reason)).await;
        let mut connection = Wire::open(&server).await;
        connection.say(bytes).await;
        eventually(bytes, async || server.figure(&closed(reason)).await == before + 1.0).await;
    }
    // One answer for each, although a stream had been found for the second before it was refused.
    let responses =
        ["2xx", "4xx"].map(|class| format!("fanfare_responses_total{{status=\"{class}\"}}"));
    assert_eq!(server.stats([&responses[0], &responses[1]]).await, [1.0, 3.0]);
    assert_eq!(server.figure("fanfare_streams_opened_total").await, 0.0);
    let streams = [
        EventStream::open(server.get("/events/t")).await,
        EventStream::open(server.get("/events/t")).await,
    ];
    let refused = server.get("/").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let limit = "fanfare_connections_rejected_total{reason=\"limit\"}";
    assert_eq!(server.figure(limit).await, 1.0);
    assert_eq!(server.figure("fanfare_connections").await, 2.0, "no more than the limit");
    drop(streams);
    eventually("their streams", async || server.figure(&closed("stream")).await == 2.0).await;
    assert_eq!(server.figure("fanfare_connections_limit").await, 2.0);
}

#[tokio::test]
async fn events_are_counted_by_how_they_came_in_and_why_they_did_not() {
    let server = TestServer::start_with(&["--event-data-max", "1KiB", "--body-max", "4KiB"]).await;
    server.publish("t", "raw").await;
    let fields = form(&[("topic", "t"), ("data", "form"), ("id", "same")]);
    for status in [200, 200] {
        let request = server
            .post("/.well-known/mercure")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(fields.clone());
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let lines = "{\"topic\":\"t\",\"data\":\"a\"}\nnonsense\n{\"topic\":\"t\",\"data\":\"b\"}\n";
    let many = server.post("/events").header("content-type", "application/x-ndjson").body(lines);
    assert_eq!(many.send().await.unwrap().text().await.unwrap().lines().count(), 3);
    for (bytes, status) in [(2 << 10, 413), (8 << 10, 413)] {
        let large = server.post("/events/t").body("x".repeat(bytes)).send().await.unwrap();
        assert_eq!(large.status(), status);
    }
    let foreign = server.post("/events/t").header("origin", "https://else.example").body("x");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let expected = [
        ("fanfare_events_published_total{source=\"raw\"}", 1.0),
        ("fanfare_events_published_total{source=\"form\"}", 2.0),
        ("fanfare_events_published_total{source=\"ndjson\"}", 2.0),
        ("fanfare_events_published_total{source=\"internal\"}", 0.0),
        ("fanfare_publish_rejected_total{reason=\"duplicate_id\"}", 0.0),
        ("fanfare_publish_rejected_total{reason=\"invalid\"}", 1.0),
        ("fanfare_publish_rejected_total{reason=\"too_large\"}", 2.0),
        ("fanfare_publish_rejected_total{reason=\"forbidden\"}", 1.0),
        ("fanfare_publish_duration_seconds_count", 6.0),
        ("fanfare_responses_total{status=\"2xx\"}", 4.0),
        ("fanfare_responses_total{status=\"4xx\"}", 3.0),
    ];
    for (series, value) in expected {
        assert_eq!(server.figure(series).await, value, "{series}");
    }
}

#[tokio::test]
async fn an_upload_that_pauses_too_long_is_counted() {
    let server = TestServer::start_with(&["--body-timeout", "200ms"]).await;
    let mut upload = Wire::open(&server).await;
    let head = "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n";
    upload.say(format!("{head}content-length: 1000\r\n\r\n{{\"topic\":\"t\"}}\n")).await;
    let timeout = "fanfare_publish_rejected_total{reason=\"timeout\"}";
    eventually("it is given up", async || server.figure(timeout).await == 1.0).await;
    assert_eq!(server.figure("fanfare_events_published_total").await, 1.0);
}

#[tokio::test]
async fn resumes_are_counted_by_what_was_still_there() {
    let server = TestServer::start_with(&["--retain-events", "3"]).await;
    let mut live = Vec::new();
    for _ in 0..4 {
        live.push(EventStream::open(server.get("/events/t")).await);
    }
    let ids: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
    for id in &ids {
        let event = server.post(&format!("/events/t?id={id}")).body("x").send().await.unwrap();
        assert_eq!(event.status(), 200);
    }
    // What a shard has not passed yet is no replay.
    for stream in &mut live {
        stream.data(ids.len()).await;
    }
    let first = EventStream::open(server.get("/events/t?lastEventID=earliest")).await.data(3).await;
    assert_eq!(first.len(), 3);
    let cases =
        [("/events/t?lastEventID=e", "complete", 1), ("/events/t?lastEventID=never", "unknown", 3)];
    for (path, result, events) in cases {
        EventStream::open(server.get(path)).await.data(events).await;
        let series = format!("fanfare_resumes_total{{result=\"{result}\"}}");
        assert_eq!(server.figure(&series).await, 1.0, "{path}");
    }
    assert_eq!(server.figure("fanfare_resumes_total{result=\"earliest\"}").await, 1.0);
    assert_eq!(server.figure("fanfare_gap_notices_total").await, 1.0);
    eventually("all of them were read from the log", async || {
        server.figure("fanfare_events_replayed_total").await == 7.0
    })
    .await;
}

#[tokio::test]
async fn requests_for_streams_that_were_not_served_are_counted() {
    let server = TestServer::start().await;
    for (path, status) in
        [("/.well-known/mercure", 400), ("/.well-known/mercure?topic=%7Bx:9999%7D", 400)]
    {
        assert_eq!(server.get(path).send().await.unwrap().status(), status, "{path}");
    }
    let rejected = "fanfare_subscribe_rejected_total{reason=\"invalid\"}";
    assert_eq!(server.figure(rejected).await, 2.0);
    assert_eq!(server.get("/nowhere").send().await.unwrap().status(), 404);
    assert_eq!(server.figure("fanfare_subscribe_rejected_total").await, 2.0);
}

#[tokio::test]
async fn a_drain_can_be_watched() {
    let mut server = TestServer::start_with(&["--drain-window", "1h"]).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(EventStream::open(server.get("/events/t")).await);
    }
    let began = "fanfare_drain_started_timestamp_seconds";
    let before = ["fanfare_ready", "fanfare_draining", began, "fanfare_drain_window_seconds"];
    assert_eq!(server.stats(before).await, [1.0, 0.0, 0.0, 3_600.0]);
    server.ask_to_stop();
    let now = ["fanfare_ready", "fanfare_draining"];
    eventually("it drains", async || server.stats(now).await == [0.0, 1.0]).await;
    assert!(server.figure(began).await > 1e9);
}

#[tokio::test]
async fn the_process_and_the_runtime_are_seen_beside_their_limits() {
    let server = TestServer::start().await;
    for series in [
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_threads",
        "fanfare_shards",
        "fanfare_runtime_workers",
        "fanfare_runtime_tasks",
        "fanfare_runtime_busy_seconds_total",
        "fanfare_retained_events_limit",
        "fanfare_retained_bytes_limit",
        "fanfare_retained_age_limit_seconds",
        "fanfare_lag_events_limit",
        "fanfare_lag_bytes_limit",
        "fanfare_body_memory_limit_bytes",
        "fanfare_selector_bytes_limit",
        "fanfare_connections_limit",
    ] {
        assert!(server.figure(series).await > 0.0, "{series}");
    }
    EventStream::open(server.get("/events/t")).await;
    eventually("the shards have worked", async || {
        server.figure("fanfare_shard_busy_seconds_total").await > 0.0
    })
    .await;
}

#[tokio::test]
async fn no_traffic_makes_new_series() {
    let program = Program::start(&[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = async || {
        let response = client.get(format!("{}/metrics", program.admin)).send().await.unwrap();
        series(&response.text().await.unwrap())
    };
    let before = page().await;
    for topic in 0..50 {
        let url = format!("{}/events/topic-{topic}", program.url);
        let mut stream = EventStream::open(client.get(&url).header("last-event-id", "x")).await;
        client.post(&url).body("x").send().await.unwrap();
        stream.data(1).await;
        client.get(format!("{}/nowhere-{topic}", program.url)).send().await.unwrap();
    }
    let after = page().await;
    assert_eq!(before, after);
    assert!(after.len() < SERIES_MAX, "{} series", after.len());
}

/// The names and labels of a page, and how often each stands there, which must be once.
fn series(page: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        // No limit is infinity.
        let is_finite = value.parse::<f64>().is_ok_and(f64::is_finite);
        assert!(is_finite || (series.contains("_limit") && value == "inf"), "{line}");
        *found.entry(series.to_owned()).or_default() += 1;
    }
    assert!(found.values().all(|&times| times == 1), "{found:?}");
    found
}

#[test]
fn the_list_of_metrics_is_the_one_in_the_documents() {
    let listed = Command::new(PROGRAM).args(["metrics", "--list", "--format", "markdown"]).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let document = std::fs::read_to_string("../docs/metrics.md").unwrap();
    assert!(
        document.contains(&listed),
        "docs/metrics.md does not hold what `fanfare metrics --list --format markdown` prints; put \
         it there:\n{listed}"
    );
    for row in listed.lines().filter(|line| line.starts_with("| `")) {
        assert_eq!(document.matches(row).count(), 1, "once: {row}");
    }
}

#[tokio::test]
async fn a_health_check_answers_by_its_exit_code_and_says_why() {
    let mut program = Program::start(&["--drain-window", "1h"]);
    let ask = |flags: &[&str]| {
        let output = Command::new(PROGRAM).arg("healthcheck").args(flags).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let admin = program.admin.strip_prefix("http://").unwrap().to_owned();
    let public = program.address().to_owned();
    let (well, ready) = (["--admin", &admin], ["--ready", "--admin", &admin]);
    assert_eq!(ask(&well), (Some(0), String::new()));
    assert_eq!(ask(&ready), (Some(0), String::new()));
    let (code, why) = ask(&["--admin", &public]);
    assert!(code == Some(1) && why.contains("404"), "{why}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    // The first of a shard's streams is closed at once, the others over the window.
    let mut streams = Vec::new();
    for _ in 0..4 {
        let url = format!("{}/events/t", program.url);
        streams.push(client.get(url).send().await.unwrap());
    }
    program.signal(rustix::process::Signal::TERM);
    eventually("it drains", async || ask(&ready).0 == Some(1)).await;
    assert!(ask(&ready).1.contains("draining"), "{}", ask(&ready).1);
    assert_eq!(ask(&well).0, Some(0), "it is well while it drains");
    program.signal(rustix::process::Signal::TERM);
    program.exit_code().await;
    let (code, why) = ask(&well);
    assert!(code == Some(1) && why.contains("is the server running"), "{why}");
}

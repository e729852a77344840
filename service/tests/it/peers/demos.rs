//! The demonstrations as a reader of the article sees them: `curl -N`, over both versions of HTTP.

use regex::Regex;
use serde_json::Value;

use super::peer::{EventFilter, Peer, Seen, subscribers_are};
use super::process::Process;
use crate::support::TestServer;

const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];
const CURLS: [Peer; 2] = [Peer::Curl, Peer::CurlHttp2];

#[tokio::test]
async fn curl_prints_the_time_each_second() {
    let server = TestServer::start().await;
    let form =
        r"\A:\nid: [^\n]+\n\n(id: [^\n]+\ndata: The time is ([01]\d|2[0-3])(:[0-5]\d){2}\n\n){2}\z";
    let form = Regex::new(form).unwrap();
    for version in VERSIONS {
        let mut curl = Process::curl(&["-N", version, &server.url("/stream-time")]);
        let mut printed = String::new();
        while printed.matches("\n\n").count() < 3 {
            let line = curl.expect_line().await;
            // Over HTTP/2 what is small is filled up with a comment.
            if !line.starts_with(": ") {
                printed += &line;
            }
        }
        assert!(form.is_match(&printed), "{version}: {printed}");
        let times: Vec<_> = printed.lines().filter(|line| line.starts_with("data")).collect();
        assert_ne!(times[0], times[1], "{version}");
    }
}

#[tokio::test]
async fn curl_prints_the_values_of_the_system() {
    let server = TestServer::start().await;
    let number = r"(\d+\.\d{1,2})";
    let form = format!(
        r#"\A\{{"cpu_percent":{number},"memory_percent":{number},"memory_used_mb":{number},"memory_total_mb":{number}\}}\z"#
    );
    let form = Regex::new(&form).unwrap();
    for peer in CURLS {
        let mut curl = peer.subscribe(&server.url("/system-stats"), EventFilter::default());
        for event in curl.events(2).await {
            assert_eq!(event.event, "message", "{peer:?}");
            let stats = form.captures(&event.data);
            let stats = stats.unwrap_or_else(|| panic!("{peer:?}: {}", event.data));
            let figure = |at: usize| stats[at].parse::<f64>().unwrap();
            assert!(figure(1) <= 100.0 && figure(3) < figure(4), "{peer:?}: {}", event.data);
        }
    }
}

#[tokio::test]
async fn curl_prints_prices_under_the_names_of_their_symbols() {
    let server = TestServer::start().await;
    for peer in CURLS {
        let mut curl = peer.subscribe(&server.url("/stream-stocks"), EventFilter::default());
        for event in curl.events(2).await {
            assert!(["AAPL", "GOOGL", "MSFT"].contains(&event.event.as_str()), "{event:?}");
            let tick: Value = serde_json::from_str(&event.data).unwrap();
            let keys: Vec<_> = tick.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["change", "price", "symbol"], "{peer:?}");
            assert_eq!(tick["symbol"], event.event.as_str(), "{peer:?}");
            assert!(tick["change"].as_f64().unwrap().abs() <= 0.5, "{peer:?}: {tick}");
        }
    }
}

#[tokio::test]
async fn curl_prints_the_first_steps_of_a_training_run_of_its_own() {
    let server = TestServer::start().await;
    for peer in CURLS {
        let mut curl = peer.subscribe(&server.url("/stream-training"), EventFilter::default());
        for (at, event) in curl.events(5).await.iter().enumerate() {
            let step = (at + 1) as f64;
            let loss = ((1.0 - step / 100.0 + 0.1) * 10_000.0).round() / 10_000.0;
            let expected = serde_json::json!({
                "epoch": 1, "total_epochs": 10, "progress_percent": step, "loss": loss,
            });
            assert_eq!(event.event, "progress", "{peer:?}");
            let progress: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!(progress, expected, "{peer:?}");
        }
    }
}

#[tokio::test]
async fn httpx_reads_many_streams_at_once_on_one_http2_connection() {
    const TOPICS: usize = 30;
    let server = TestServer::start().await;
    let demos = ["/stream-time", "/system-stats", "/stream-stocks", "/stream-training"];
    let topics: Vec<_> = (0..TOPICS).map(|number| format!("several/{number}")).collect();
    let mut arguments = vec![server.url("")];
    arguments.extend(demos.map(str::to_owned));
    arguments.extend(topics.iter().map(|topic| format!("/events/{topic}")));
    let peer = Process::python("read_several.py", &arguments);
    subscribers_are(&server, demos.len() + TOPICS).await;
    assert_eq!(server.figure("fanfare_connections_opened_total").await, 1.0);
    for topic in &topics {
        server.publish(topic, format!("for {topic}")).await;
    }
    let mut seen = Vec::new();
    for line in peer.finish().await {
        let line: Value = serde_json::from_str(&line).unwrap();
        let event: Seen = serde_json::from_value(line.clone()).unwrap();
        seen.push((line["path"].as_str().unwrap().to_owned(), event.data));
    }
    seen.sort();
    let (of_topics, of_demos): (Vec<_>, Vec<_>) =
        seen.into_iter().partition(|(path, _)| path.starts_with("/events/"));
    let mut expected: Vec<_> =
        topics.iter().map(|topic| (format!("/events/{topic}"), format!("for {topic}"))).collect();
    expected.sort();
    assert_eq!(of_topics, expected);
    let of_demos: Vec<_> = of_demos.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(of_demos, ["/stream-stocks", "/stream-time", "/stream-training", "/system-stats"]);
}

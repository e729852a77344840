//! Clients publish: forms, raw bodies and lines, by curl, requests and httpx.

use serde_json::Value;

use super::peer::Seen;
use super::process::Process;
use crate::support::{EventStream, TestServer};

#[tokio::test]
async fn curl_publishes_a_form() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/greetings")).await;
    let url = server.url("/.well-known/mercure");
    let text = "data=Grüße, 😀 & 1+1=2\r\nbye";
    let process = Process::curl(&["-d", "topic=greetings", "--data-urlencode", text, &url]);
    let id = process.finish().await.concat();
    let event = stream.next().await.unwrap();
    assert_eq!(event.data, "Grüße, 😀 & 1+1=2\nbye");
    assert_eq!(event.id, Some(id));
}

#[tokio::test]
async fn curl_publishes_a_raw_body() {
    // The first form calls its body a form, and it is the data nevertheless.
    let cases = [
        ("-d", "a=b&c=1+1", "a=b&c=1+1"),
        ("--data-binary", "first\r\nsecond\r\n", "first\nsecond\n"),
        ("--json", "{\"a\": 1}", "{\"a\": 1}"),
    ];
    let server = TestServer::start().await;
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        for (option, body, expected) in cases {
            let mut stream = EventStream::open(server.get("/events/raw/body")).await;
            let url = server.url("/events/raw/body?type=told");
            let id = Process::curl(&[version, option, body, &url]).finish().await.concat();
            let event = stream.next().await.unwrap();
            assert_eq!(event.data, expected, "{version} {option}");
            assert_eq!(event.event.as_deref(), Some("told"), "{version} {option}");
            assert_eq!(event.id, Some(id), "{version} {option}");
        }
    }
}

#[tokio::test]
async fn curl_is_told_that_a_multipart_form_is_not_read() {
    let server = TestServer::start().await;
    let url = server.url("/.well-known/mercure");
    let status = "\n%{http_code} %{content_type}";
    let arguments = ["-F", "topic=a", "-F", "data=b", "--write-out", status, &url];
    let printed = Process::curl(&arguments).finish().await;
    let [problem, status] = &printed[..] else { panic!("{printed:?}") };
    assert_eq!(status, "415 application/problem+json");
    let problem: Value = serde_json::from_str(problem).unwrap();
    assert_eq!(problem["status"], 415);
    assert_eq!(problem["title"], "Unsupported Media Type");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("application/x-www-form-urlencoded"), "{detail}");
    assert_eq!(server.figure("fanfare_events_published_total").await, 0.0);
}

#[tokio::test]
async fn requests_publishes_a_form_to_several_topics() {
    let server = TestServer::start().await;
    let mut streams = Vec::new();
    for topic in ["one", "two"] {
        streams.push(EventStream::open(server.get(&format!("/events/{topic}"))).await);
    }
    let url = server.url("/.well-known/mercure");
    let text = "data=Grüße, 😀 & 1+1=2\r\nbye ";
    let arguments = [&url, "topic=one", "topic=two", text, "type=told", "id=7", "retry=1000"];
    let process = Process::python("publish_with_requests.py", &arguments);
    let response: Value = serde_json::from_str(&process.finish().await.concat()).unwrap();
    assert_eq!(response, serde_json::json!({ "status": 200, "body": "7" }));
    for mut stream in streams {
        let event = stream.next().await.unwrap();
        assert_eq!(event.data, "Grüße, 😀 & 1+1=2\nbye ");
        assert_eq!((event.id.as_deref(), event.event.as_deref()), (Some("7"), Some("told")));
        assert_eq!(event.retry, Some(1000));
    }
}

#[tokio::test]
async fn httpx_reads_the_events_of_an_upload_that_still_goes_on() {
    const COUNT: usize = 20;
    for (version, connections) in [(None, 2.0), (Some("--http2"), 1.0)] {
        let server = TestServer::start().await;
        let base = server.url("");
        let mut arguments = vec![base.as_str(), "upload", "20"];
        arguments.extend(version);
        let printed = Process::python("publish_with_httpx.py", &arguments).finish().await;
        assert_eq!(printed.len(), 2 * COUNT, "{printed:?}");
        let (events, responses) = printed.split_at(COUNT);
        for (number, (event, response)) in events.iter().zip(responses).enumerate() {
            let response: Value = serde_json::from_str(response).unwrap();
            let event: Seen = serde_json::from_str(event).unwrap();
            let id = response["id"].as_str().unwrap();
            assert_eq!(event, Seen::message(id, &format!("line {number} 😀")));
        }
        let opened = server.figure("fanfare_connections_opened_total").await;
        assert_eq!(opened, connections, "{version:?}");
    }
}

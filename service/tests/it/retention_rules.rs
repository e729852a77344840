//! Rules that keep events of some topics beyond the bounds of the log.

use tokio::process::Command;

use crate::support::{EventStream, PROGRAM, TestServer};

const RULES: [&str; 6] = [
    "--retain-events",
    "10",
    "--retain",
    "prices/*=last:1",
    "--retain",
    "runs/*=age:1h chat=events:3",
];

/// Publishes more than the log retains.
async fn busy(server: &TestServer) {
    for number in 0..20 {
        server.publish("busy", number.to_string()).await;
    }
}

async fn polled(server: &TestServer, path: &str) -> Vec<String> {
    let response = server.get(path).send().await.unwrap();
    let mut stream = EventStream::from_response(response);
    let mut data = Vec::new();
    while let Some(event) = stream.next().await {
        data.push(event.data);
    }
    data
}

#[tokio::test]
async fn present_values_runs_and_the_last_lines_of_a_chat_outlive_a_busy_topic() {
    let server = TestServer::start_with(&RULES).await;
    for (topic, data) in [
        ("prices/a", "1"),
        ("prices/a", "2"),
        ("prices/b", "3"),
        ("runs/1", "4"),
        ("chat", "5"),
        ("chat", "6"),
        ("runs/1", "7"),
        ("chat", "8"),
        ("chat", "9"),
        ("other", "10"),
    ] {
        server.publish(topic, data).await;
    }
    busy(&server).await;
    let hub = |query: &str| format!("/.well-known/mercure?poll&{query}");
    let cases: [(String, &[&str]); 8] = [
        ("/events/prices/a?poll".to_owned(), &["2"]),
        (hub("topic=prices/{name}&last=1"), &["2", "3"]),
        ("/events/runs/1?poll&last=10".to_owned(), &["4", "7"]),
        ("/events/runs/1?poll&since=1h".to_owned(), &["4", "7"]),
        ("/events/chat?poll".to_owned(), &["6", "8", "9"]),
        ("/events/other?poll".to_owned(), &[]),
        (hub("topic=chat&topic=prices/b&lastEventID=earliest"), &["3", "6", "8", "9"]),
        (hub("topic=*&last=1"), &["2", "3", "7", "9", "19"]),
    ];
    for (path, expected) in cases {
        assert_eq!(polled(&server, &path).await, expected, "{path}");
    }
    let head = server.client.head(server.url("/events/chat")).send().await.unwrap();
    assert_eq!(head.headers()["fanfare-count"], "3");
    assert_eq!(server.figure("fanfare_kept_topics").await, 4.0);
    assert_eq!(server.figure("fanfare_kept_events").await, 7.0);
}

#[tokio::test]
async fn a_reader_of_a_run_comes_back_without_a_gap_however_busy_others_were() {
    let server = TestServer::start_with(&RULES).await;
    let first = server.publish("runs/1", "one").await;
    server.publish("runs/1", "two").await;
    busy(&server).await;
    let response = server.get("/events/runs/1").header("Last-Event-ID", &first).send().await;
    let response = response.unwrap();
    assert_eq!(response.headers()["last-event-id"], first.as_str());
    let mut stream = EventStream::from_response(response);
    let event = stream.next().await.unwrap();
    assert_eq!((event.event.as_deref(), event.data.as_str()), (None, "two"));
    server.publish("runs/1", "three").await;
    assert_eq!(stream.next().await.unwrap().data, "three");
    // Others are told of what they may have missed.
    let response = server.get("/events/busy").header("Last-Event-ID", &first).send().await;
    let mut stream = EventStream::from_response(response.unwrap());
    assert_eq!(stream.next().await.unwrap().event.as_deref(), Some("fanfare-gap"));
}

#[tokio::test]
async fn an_ended_run_stays_ended_as_long_as_it_is_kept() {
    let server = TestServer::start_with(&RULES).await;
    server.publish("runs/1", "one").await;
    let end =
        server.client.post(server.url("/events/runs/1?end")).body("all").send().await.unwrap();
    assert_eq!(end.status(), 200);
    busy(&server).await;
    let late = server.client.post(server.url("/events/runs/1")).body("more").send().await.unwrap();
    assert_eq!(late.status(), 409);
    assert_eq!(polled(&server, "/events/runs/1?lastEventID=earliest").await[..2], ["one", "all"]);
    let live = server.get("/events/runs/1").send().await.unwrap();
    assert_eq!(live.status(), 204);
}

#[tokio::test]
async fn with_a_data_folder_what_rules_keep_is_there_after_a_restart_and_in_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let flags = ["--data-dir", &path, "--retain-bytes", "1MiB", "--retain", "prices/*=last:1"];
    let server = TestServer::start_with(&flags).await;
    for data in ["old", "new"] {
        server.publish("prices/a", data).await;
    }
    let large = "x".repeat(40_000);
    let mut batches = 0;
    // Until the segment with its first record has gone.
    while folder.path().join("00000000000000000001.seg").exists() {
        server.publish("busy", large.clone()).await;
        batches += 1;
        assert!(batches < 2_000, "the oldest segment stays");
    }
    assert_eq!(polled(&server, "/events/prices/a?poll&last=3").await, ["new"]);
    server.stop().await;
    let server = TestServer::start_with(&flags).await;
    assert_eq!(
        polled(&server, "/.well-known/mercure?poll&topic=prices/%7Bx%7D&last=1").await,
        ["new"]
    );
    assert_eq!(polled(&server, "/events/prices/a?poll").await, ["new"]);
    server.stop().await;
    let exported = Command::new(PROGRAM).args(["data", "export", &path]).output().await.unwrap();
    let exported = String::from_utf8(exported.stdout).unwrap();
    let first = exported.lines().next().unwrap();
    assert_eq!(first, r#"{"topic":["prices/a"],"data":"new"}"#);
}

#[tokio::test]
async fn rules_are_refused_where_servers_share_a_log_with_what_to_do_instead() {
    let flags = ["--nats", "nats://127.0.0.1:4222", "--demos=false", "--retain", "a=last:1"];
    let refused = Command::new(PROGRAM).args(flags).output().await.unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && message.contains("raise --retain-events"), "{message}");
}

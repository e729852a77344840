use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;
use crate::support::RawStream;

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_for_a_while() {
    let server = TestServer::start_with(&[ON, "--subscriptions-max", "4KiB"]).await;
    assert_eq!(server.figure("fanfare_active_subscription_bytes_limit").await, 4_096.0);
    let mut streams = Vec::new();
    let refused = loop {
        let response = stream(&server, &[("match", "room")]).send().await.unwrap();
        if response.status() != 200 {
            break response;
        }
        streams.push(response);
        assert!(streams.len() < 100, "there is no limit");
    };
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let problem: Value = json_of(refused).await;
    assert!(problem["detail"].as_str().unwrap().contains("active subscriptions"), "{problem}");
    let [count, bytes] =
        server.stats(["fanfare_active_subscriptions", "fanfare_active_subscription_bytes"]).await;
    assert!(count == streams.len() as f64 && bytes <= 4_096.0 && bytes > 2_048.0, "{bytes}");
    assert_eq!(server.figure("fanfare_subscribe_rejected_total{reason=\"busy\"}").await, 1.0);
    drop(streams);
    eventually("there is room again", async || {
        server.figure("fanfare_active_subscription_bytes").await == 0.0
    })
    .await;
    EventStream::open(stream(&server, &[("match", "room")])).await;
}

#[tokio::test]
async fn one_stream_announces_a_mebibyte_at_the_most() {
    let server = TestServer::start_with(&[ON]).await;
    let selectors: Vec<_> = (0..1_000).map(|n| format!("{n:03}{}", "/".repeat(900))).collect();
    let pairs: Vec<_> = selectors.iter().map(|text| ("match", text.as_str())).collect();
    let query = |count: usize| {
        let request = reqwest::Method::from_bytes(b"QUERY").unwrap();
        let request = server.client.request(request, server.url(HUB));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        // Plain, since everything else has three bytes for one.
        let form: Vec<_> = pairs[..count].iter().map(|(n, text)| format!("{n}={text}")).collect();
        request.body(form.join("&")).send()
    };
    let refused = query(1_000).await.unwrap();
    assert_eq!(refused.status(), 400);
    let problem: Value = json_of(refused).await;
    assert!(problem["detail"].as_str().unwrap().contains("too much to announce"), "{problem}");
    assert_eq!(query(100).await.unwrap().status(), 200);
}

/// How many streams come and go, and how many at a time.
const CHURN: (usize, usize) = (2_000, 50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_that_come_and_go_are_each_announced_twice_and_leave_nothing() {
    let server = Arc::new(TestServer::start_with(&[ON]).await);
    let mut clients = JoinSet::new();
    for _ in 0..CHURN.1 {
        let server = Arc::clone(&server);
        clients.spawn(async move {
            for _ in 0..CHURN.0 / CHURN.1 {
                let mut stream = RawStream::open(&server, &format!("{HUB}?match=room")).await;
                stream.place().await;
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let gauges = [
        "fanfare_active_subscriptions",
        "fanfare_active_subscription_bytes",
        "fanfare_active_subscription_changes_waiting",
    ];
    eventually("all ends are announced", async || server.stats(gauges).await == [0.0; 3]).await;
    let published = server.hub.log().bounds().head.0;
    assert_eq!(published, 2 * CHURN.0 as u64);
    let list = document(server.get(LIST)).await;
    assert_eq!(list["subscriptions"], json!([]));
}

#[tokio::test]
async fn a_head_is_refused_where_its_stream_could_not_be_announced_and_announces_nothing() {
    let server = TestServer::start_with(&KEYS).await;
    // What the token says is told with each selector.
    let payload = Some(Value::from("x".repeat(5_000)));
    let tokens = [
        ("topic", legacy(&["*"], payload.clone())),
        ("match", access(&[detail(&[("exact", "*")], payload)])),
    ];
    for (name, token) in tokens {
        for (count, status) in [(1, 200), (100, 200), (300, 400)] {
            let topics: Vec<_> = (0..count).map(|n| n.to_string()).collect();
            let pairs: Vec<_> = topics.iter().map(|topic| (name, topic.as_str())).collect();
            let url = stream(&server, &pairs).build().unwrap().url().clone();
            let head = server.client.head(url).bearer_auth(&token);
            assert_eq!(head.send().await.unwrap().status(), status, "HEAD of {count} {name}");
            assert_eq!(server.figure("fanfare_active_subscriptions").await, 0.0);
            let get = stream(&server, &pairs).bearer_auth(&token).send().await.unwrap();
            assert_eq!(get.status(), status, "GET of {count} {name}");
            drop(get);
            eventually("its end is announced", async || {
                server.figure("fanfare_active_subscriptions").await == 0.0
            })
            .await;
        }
    }
}

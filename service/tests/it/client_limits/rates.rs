use super::*;

const THREE: [&str; 4] = ["--publish-rate", "1/h", "--publish-burst", "3"];
const REJECTED: &str = "fanfare_publish_rejected_total{reason=\"client_limit\"}";
const ADDRESSES: &str = "fanfare_publish_rate_clients{client=\"address\"}";

fn lines(server: &TestServer, count: usize) -> RequestBuilder {
    let lines: String =
        (0..count).map(|n| format!("{{\"topic\":\"t\",\"data\":\"{n}\"}}\n")).collect();
    server.post("/events").header("content-type", "application/x-ndjson").body(lines)
}

#[tokio::test]
async fn who_publishes_too_fast_is_told_when_to_come_back() {
    let server = start(&[&THREE]).await;
    for _ in 0..2 {
        open(server.post("/events/t").body("x")).await;
    }
    open(
        server
            .post(HUB)
            .body(form(&[("topic", "t")]))
            .header("content-type", "application/x-www-form-urlencoded"),
    )
    .await;
    let (detail, retry) = refusal(server.post("/events/t").body("x")).await;
    assert!(detail.contains("faster than one client may"), "{detail}");
    assert!((3_500..=7_200).contains(&retry), "{retry}");
    assert_eq!(server.figure(REJECTED).await, 1.0);
    assert_eq!(server.figure("fanfare_events_published_total{source=\"raw\"}").await, 2.0);
    open(server.get("/events/t")).await;
}

#[tokio::test]
async fn each_line_counts_and_one_that_would_wait_too_long_is_refused() {
    let server = start(&[&THREE]).await;
    let text = open(lines(&server, 5)).await.text().await.unwrap();
    let results: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), 5);
    assert!(results[..3].iter().all(|result| result["id"].is_string()), "{text}");
    for (number, result) in (4..).zip(&results[3..]) {
        assert_eq!((&result["status"], &result["line"]), (&json!(429), &json!(number)), "{text}");
    }
    assert_eq!(server.figure(REJECTED).await, 2.0);
}

#[tokio::test]
async fn lines_that_come_a_little_too_fast_wait_for_their_turn() {
    let server = start(&[&["--publish-rate", "200", "--publish-burst", "1"]]).await;
    let text = open(lines(&server, 50)).await.text().await.unwrap();
    assert_eq!(text.matches("\"id\"").count(), 50, "{text}");
    assert_eq!(server.figure(REJECTED).await, 0.0);
}

#[tokio::test]
async fn a_publisher_that_waits_is_seen_and_does_not_hold_up_a_drain() {
    let mut server = start(&[&["--publish-rate", "4/m", "--publish-burst", "1"]]).await;
    let response = tokio::spawn(lines(&server, 3).send());
    let waiting = "fanfare_publishers_over_rate";
    eventually("it waits", async || server.figure(waiting).await == 1.0).await;
    server.ask_to_stop();
    let text = response.await.unwrap().unwrap().text().await.unwrap();
    assert!(text.contains("\"id\"") && text.contains("\"status\":503"), "{text}");
}

#[tokio::test]
async fn tokens_and_addresses_are_each_held_to_the_rate() {
    let server = start(&[&PROXY, &THREE, &["--jwt-secret", SECRET]]).await;
    let publish = |subject: &str, client: &str| {
        let token = token(&json!({ "publish": ["*"] }), &[("sub", json!(subject))]);
        for_client(server.post("/events/t"), client).bearer_auth(token).body("x")
    };
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        open(publish("one", client)).await;
    }
    refusal(publish("one", "192.0.2.4")).await;
    for subject in ["two", "three", "four"] {
        open(publish(subject, "192.0.2.5")).await;
    }
    refusal(publish("five", "192.0.2.5")).await;
    // What one limit refuses is not taken from the other.
    open(publish("five", "192.0.2.4")).await;
    let known = "fanfare_publish_rate_clients{client=\"token\"}";
    assert_eq!(server.stats([ADDRESSES, known]).await, [5.0, 5.0]);
}

#[tokio::test]
async fn forged_addresses_by_the_thousand_stay_within_the_bound_and_are_of_no_use() {
    let server = start(&[&THREE]).await;
    let mut refused = 0;
    for number in 0..2_000_u32 {
        let forged = std::net::Ipv4Addr::from_bits(number << 8).to_string();
        let response =
            for_client(server.post("/events/t"), &forged).body("x").send().await.unwrap();
        refused += u32::from(response.status() == 429);
    }
    assert_eq!(refused, 1_997);
    assert_eq!(server.figure(ADDRESSES).await, 1.0);
    assert_eq!(server.figure("fanfare_publish_rate_clients_limit").await, 65_536.0);
}

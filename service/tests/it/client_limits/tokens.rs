use super::*;

const CLIENTS: &str = "fanfare_stream_clients{client=\"token\"}";
const REJECTED: &str = "fanfare_subscribe_rejected_total{reason=\"token_limit\"}";
const KEY: [&str; 2] = ["--jwt-secret", SECRET];

fn reader(claims: &[(&str, Value)]) -> String {
    token(&json!({ "subscribe": ["*"] }), claims)
}

#[tokio::test]
async fn streams_count_by_who_their_token_is_for() {
    let server = start(&[&KEY, &["--streams-per-token", "1", "--anonymous-subscribe"]]).await;
    let stream = |token: &str| server.get("/events/t").bearer_auth(token);
    let me = |number: u64| reader(&[("sub", json!("me")), ("nbf", json!(number))]);
    let first = open(stream(&me(1))).await;
    let (detail, _) = refusal(stream(&me(2))).await;
    assert!(detail.contains("your token has as many streams"), "{detail}");
    let others = [
        reader(&[("sub", json!("you"))]),
        reader(&[("sub", json!("me")), ("iss", json!("https://other.example"))]),
        // People are numbers in many systems.
        reader(&[("sub", json!(17))]),
        reader(&[("jti", json!("me"))]),
        reader(&[("sub", json!("")), ("jti", json!("a name"))]),
        reader(&[]),
        reader(&[("nbf", json!(1))]),
    ];
    let mut streams = Vec::new();
    for token in &others {
        streams.push(open(stream(token)).await);
        refusal(stream(token)).await;
    }
    assert_eq!(server.figure(CLIENTS).await, 8.0);
    assert_eq!(server.figure(REJECTED).await, 8.0);
    for _ in 0..3 {
        streams.push(open(server.get("/events/t")).await);
    }
    drop(first);
    eventually("its place is free", async || stream(&me(3)).send().await.unwrap().status() == 200)
        .await;
}

#[tokio::test]
async fn the_selectors_of_all_streams_of_a_token_count_together() {
    let server = start(&[&KEY, &["--subscriptions-per-token", "5"]]).await;
    let token = reader(&[("sub", json!("me"))]);
    let stream = |topics: &str| server.get(&format!("{HUB}?{topics}")).bearer_auth(&token);
    let _first = open(stream("topic=a&topic=b&topic=c&topic=c")).await;
    let (detail, _) = refusal(stream("topic=a&topic=b&topic=c")).await;
    assert!(detail.contains("more selectors"), "{detail}");
    let head = server.client.head(server.url(&format!("{HUB}?topic=a&topic=b&topic=c")));
    assert_eq!(head.bearer_auth(&token).send().await.unwrap().status(), 200, "it opens none");
    let _second = open(stream("topic=a&topic=b")).await;
    refusal(stream("topic=a")).await;
}

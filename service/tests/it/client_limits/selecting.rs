use super::*;

/// A `QUERY` for URL patterns, or for templates.
fn query(
    server: &TestServer,
    name: &str,
    patterns: impl Iterator<Item = String>,
) -> RequestBuilder {
    let patterns: Vec<_> = patterns.collect();
    let fields: Vec<_> = patterns.iter().map(|pattern| (name, pattern.as_str())).collect();
    let method = reqwest::Method::from_bytes(b"QUERY").unwrap();
    let request = server.client.request(method, server.url(HUB)).body(form(&fields));
    request.header("content-type", "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn a_request_may_name_so_many_patterns_and_have_so_much_of_them_compiled() {
    let server = TestServer::start().await;
    let plain = (0..256).map(|n| {
        let long = "x".repeat(100);
        format!("https://app.example/{n:03}/{long}/:user/messages/:id/:part")
    });
    let plain: Vec<_> = plain.collect();
    assert!(plain.iter().all(|pattern| (140..=160).contains(&pattern.len())));
    open(query(&server, "match_urlpattern", plain.into_iter())).await;
    open(query(&server, "topic", (0..1_000).map(|n| format!("t{n}/{{id}}")))).await;
    let heavy: [(&str, Vec<String>); 2] = [
        ("match_urlpattern", (0..250).map(|n| format!("/{n}{}", groups(40))).collect()),
        ("topic", (0..1_000).map(|n| format!("t{n}{{x:80}}")).collect()),
    ];
    for (name, patterns) in heavy {
        // What others have had compiled makes no difference, and so neither does asking again.
        for _ in 0..2 {
            let request = query(&server, name, patterns.iter().cloned());
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 400, "{name}");
            let body = response.text().await.unwrap();
            assert!(body.contains("12000000 steps"), "{body}");
        }
    }
}

/// A path of so many groups.
fn groups(count: usize) -> String {
    (0..count).map(|group| format!("/:g{group}")).collect()
}

#[tokio::test]
async fn what_subscribers_select_takes_no_memory_from_the_grants_of_tokens() {
    let flags = ["--jwt-secret", SECRET, "--anonymous-subscribe", "--selectors-max", "1MiB"];
    let server = start(&[&flags]).await;
    let mut streams = Vec::new();
    loop {
        let stream = streams.len();
        let templates = (0..20).map(|n| format!("{stream}t{n}{{x:80}}"));
        let response = query(&server, "topic", templates).send().await.unwrap();
        if response.status() == 429 {
            break;
        }
        streams.push(response);
        assert!(streams.len() < 50, "1 MiB is enough for six or so");
    }
    let before = server.figure("fanfare_grant_bytes").await;
    assert_eq!(before, 0.0);
    let publisher = token(&json!({ "publish": ["news/{id:80}"] }), &[]);
    open(server.post("/events/news%2F1").bearer_auth(publisher).body("x")).await;
    let held = server.figure("fanfare_grant_bytes").await;
    assert!((4_000.0..16_000.0).contains(&held), "{held}");
}

#[tokio::test]
async fn topics_that_are_compared_with_url_patterns_are_counted() {
    let server = TestServer::start().await;
    let bytes = "fanfare_topic_url_bytes";
    assert_eq!(server.figure(bytes).await, 0.0);
    let _stream =
        open(query(&server, "match_urlpattern", std::iter::once("/:id".to_owned()))).await;
    let topic = |n: usize| format!("https://example.com/{n:04}{}", "x".repeat(976));
    let mut lines = String::new();
    for n in 0..1_000 {
        lines += &format!("{{\"topic\":\"{}\",\"data\":\"x\"}}\n", topic(n));
    }
    let request = server.post("/events").header("content-type", "application/x-ndjson").body(lines);
    open(request).await.text().await.unwrap();
    // Each is there as its own text, as a URL, and with some 300 bytes of what belongs to it.
    eventually("all are kept", async || {
        let held = server.figure(bytes).await;
        (2.2e6..2.5e6).contains(&held)
    })
    .await;
    assert_eq!(server.figure("fanfare_topic_url_bytes_limit").await, f64::from(4 << 20));
}

//! The embedded pages and the admin listener, as they go over the wire.

use std::collections::BTreeSet;

use reqwest::RequestBuilder;
use reqwest::header::HOST;
use serde_json::Value;

use crate::support::{EventStream, TestServer, eventually};

#[tokio::test]
async fn pages_are_served_with_a_policy_and_asked_for_only_once() {
    let server = TestServer::start().await;
    let cases = [
        ("/", "text/html; charset=utf-8"),
        ("/demo/clock", "text/html; charset=utf-8"),
        ("/demo/system", "text/html; charset=utf-8"),
        ("/demo/training", "text/html; charset=utf-8"),
        ("/demo/stocks", "text/html; charset=utf-8"),
        ("/demo/runs", "text/html; charset=utf-8"),
        ("/demo/slow-readers", "text/html; charset=utf-8"),
        ("/demo/readers", "text/html; charset=utf-8"),
        ("/demo/console", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/protocol", "text/html; charset=utf-8"),
        ("/docs/recipes", "text/html; charset=utf-8"),
        ("/docs/recipes/language-model", "text/html; charset=utf-8"),
        ("/docs/openapi.yaml", "text/plain; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/stream.js", "text/javascript; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
    ];
    for (path, content_type) in cases {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], content_type, "{path}");
        assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
        let etag = response.headers()["etag"].clone();
        assert!(!response.bytes().await.unwrap().is_empty(), "{path}");
        let again = server.get(path).header("if-none-match", etag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
    }
}

/// The console as it is sent: what its page knows of the admin listener, its policy and its `ETag`.
async fn console(request: RequestBuilder) -> (Option<String>, String, String) {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let (policy, etag) = (header("content-security-policy"), header("etag"));
    let page = response.text().await.unwrap();
    let admin = page.split_once("data-admin=\"").map(|(_, rest)| rest.split_once('"').unwrap().0);
    (admin.map(str::to_owned), policy, etag)
}

#[tokio::test]
async fn on_this_machine_the_console_knows_where_the_admin_listener_is_and_nowhere_else() {
    let server = TestServer::start_with(&["--host", "push.example"]).await;
    let port = server.address.port();
    let page = || server.get("/demo/console");
    let admin = format!("http://{}", server.admin);

    let (told, policy, etag) = console(page()).await;
    assert_eq!(told.as_ref(), Some(&admin));
    assert!(policy.contains(&format!("connect-src 'self' {admin};")), "{policy}");
    let at_localhost = console(page().header(HOST, format!("localhost:{port}"))).await;
    assert_eq!(at_localhost, (told, policy, etag.clone()));

    let strangers = [
        page().header(HOST, "push.example"),
        page().header(HOST, format!("push.example:{port}")),
        page().header(HOST, "localhost"),
        page().header(HOST, format!("a.localhost:{port}")),
        page().header("x-forwarded-for", "192.0.2.7"),
        page().header("forwarded", "for=192.0.2.7"),
    ];
    let mut plain = String::new();
    for stranger in strangers {
        let shown = format!("{stranger:?}");
        let (told, policy, etag) = console(stranger).await;
        assert_eq!(told, None, "{shown}");
        assert!(policy.contains("connect-src 'self';"), "{policy}");
        plain = etag;
    }
    // Each of the two is known again, and never taken for the other.
    assert_ne!(etag, plain);
    for (host, known, status) in [
        (format!("127.0.0.1:{port}"), &etag, 304),
        (format!("127.0.0.1:{port}"), &plain, 200),
        ("push.example".to_owned(), &plain, 304),
        ("push.example".to_owned(), &etag, 200),
    ] {
        let again = page().header(HOST, &host).header("if-none-match", known).send().await.unwrap();
        assert_eq!(again.status(), status, "{host} {known}");
    }
    for path in ["/", "/demo/clock"] {
        let (told, policy, _) = console(server.get(path)).await;
        assert_eq!((told, policy.contains(&admin)), (None, false), "{path}");
    }
}

#[tokio::test]
async fn where_the_admin_listener_has_a_token_the_console_is_told_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "the-token-of-these-tests-which-is-long-enough").unwrap();
    let server = TestServer::start_with(&["--admin-token-file", file.to_str().unwrap()]).await;
    let (told, policy, _) = console(server.get("/demo/console")).await;
    assert_eq!(told, None);
    assert!(policy.contains("connect-src 'self';"), "{policy}");
}

#[tokio::test]
async fn without_the_demonstrations_the_home_page_the_console_and_the_documents_are_left() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    for (path, status) in [
        ("/", 200),
        ("/demo/console", 200),
        ("/docs/clients", 200),
        ("/docs/operations", 404),
        ("/docs/recipes/README", 404),
        ("/docs/demonstrations", 404),
        ("/docs/", 200),
        ("/docs/protocol/", 200),
        ("/demo/console/", 200),
        ("/demo/console//", 404),
        ("/demo/clock", 404),
        ("/stream-time", 404),
        ("/stream-training", 404),
    ] {
        assert_eq!(server.get(path).send().await.unwrap().status(), status, "{path}");
    }
    let home = server.get("/").send().await.unwrap().text().await.unwrap();
    assert!(home.contains("data-demos=\"off\""));
}

#[tokio::test]
async fn every_link_of_the_documents_leads_to_something_that_is_served() {
    let server = TestServer::start().await;
    let (mut found, mut next) = (BTreeSet::from(["/docs".to_owned()]), vec!["/docs".to_owned()]);
    while let Some(path) = next.pop() {
        let response = server.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let text = response.text().await.unwrap();
        let links = text.split("href=\"/").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
        let links = links.map(|link| format!("/{link}"));
        next.extend(links.filter(|link| found.insert(link.clone())));
    }
    let documents = found.iter().filter(|path| path.starts_with("/docs/")).count();
    assert_eq!(documents, 20, "{found:?}");
}

#[tokio::test]
async fn the_demonstrations_say_what_the_article_says() {
    let server = TestServer::start().await;
    let mut time = EventStream::open(server.get("/stream-time")).await;
    let said = time.next().await.unwrap();
    assert_eq!((said.event, said.data.len()), (None, "The time is 14:03:59".len()));
    assert!(said.data.starts_with("The time is "), "{}", said.data);

    let mut system = EventStream::open(server.get("/system-stats")).await;
    let stats: Value = serde_json::from_str(&system.next().await.unwrap().data).unwrap();
    let names: Vec<_> = stats.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["cpu_percent", "memory_percent", "memory_total_mb", "memory_used_mb"]);

    let mut stocks = EventStream::open(server.get("/stream-stocks")).await;
    let tick = stocks.next().await.unwrap();
    let price: Value = serde_json::from_str(&tick.data).unwrap();
    assert_eq!(tick.event.as_deref(), price["symbol"].as_str());

    let mut training = EventStream::open(server.get("/stream-training")).await;
    let progress = training.next().await.unwrap();
    assert_eq!(progress.event.as_deref(), Some("progress"));
    let expected = r#"{"epoch":1,"total_epochs":10,"progress_percent":1.0,"loss":1.09}"#;
    assert_eq!(progress.data, expected);
}

#[tokio::test]
async fn the_admin_listener_shows_metrics_without_topics_or_addresses() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/secret-topic")).await;
    server.publish("secret-topic", "x").await;
    stream.data(1).await;
    // What a reader has may have yet to be counted.
    let delivered = async || server.figure("fanfare_events_delivered_total").await == 1.0;
    eventually("it is counted", delivered).await;
    let admin = |path: &str| server.client.get(format!("http://{}{path}", server.admin));
    let metrics = admin("/metrics").send().await.unwrap();
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = metrics.text().await.unwrap();
    assert!(!text.contains("secret"), "{text}");
    for series in [
        "fanfare_subscribers 1",
        "fanfare_streams_opened_total 1",
        "fanfare_events_published_total{source=\"raw\"} 1",
        "fanfare_events_delivered_total 1",
        "fanfare_retained_events 1",
        "fanfare_streams_closed_total{reason=\"slow\"} 0",
    ] {
        assert!(text.contains(&format!("\n{series}\n")), "{series} in\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        // Those of a histogram share the help of its name.
        let of_histogram = ["_bucket", "_sum", "_count"];
        let base = of_histogram.iter().find_map(|suffix| name.strip_suffix(suffix));
        let helped = |name: &str| text.contains(&format!("# HELP {name} "));
        assert!(helped(name) || base.is_some_and(helped), "{name} has no help");
    }
    assert_eq!(admin("/nowhere").send().await.unwrap().status(), 404);
    let post = server.client.post(format!("http://{}/metrics", server.admin));
    assert_eq!(post.send().await.unwrap().status(), 405);
}

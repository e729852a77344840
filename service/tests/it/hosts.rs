//! Only hosts that are ours are served: a page from anywhere can have its own name resolve to us.

use crate::support::{TestServer, Wire};

/// The status of an answer to a request for a page by a host.
async fn called(server: &TestServer, host: &str) -> u16 {
    let mut wire = Wire::open(server).await;
    wire.say(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
    wire.head().await.status
}

#[tokio::test]
async fn a_loopback_host_is_known_in_every_spelling() {
    let server = TestServer::start().await;
    let ours = [
        "LOCALHOST:8080",
        "localhost.",
        "localhost:",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]:80",
        "%6cocalhost",
        "127.0.0.1.",
    ];
    for host in ours {
        assert_eq!(called(&server, host).await, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "[::2]", "10.0.0.1"] {
        assert_eq!(called(&server, host).await, 421, "{host}");
    }
    for host in ["user@localhost", "localhost:99999", "user@localhost@evil.example", "[::1"] {
        assert_eq!(called(&server, host).await, 400, "{host}");
    }
}

#[tokio::test]
async fn a_list_of_hosts_holds_in_the_open_too() {
    let flags = ["--open", "--host", "Push.Example,münchen.example"];
    let server = TestServer::start_at("0.0.0.0:0", &flags).await;
    let cases = [
        ("push.example", 200),
        ("PUSH.example.:8443", 200),
        ("xn--mnchen-3ya.example", 200),
        ("evil.example", 421),
        ("localhost", 421),
        ("127.0.0.1", 421),
    ];
    for (host, status) in cases {
        assert_eq!(called(&server, host).await, status, "{host}");
    }
    // Whoever makes a name of theirs resolve to us may neither read nor publish.
    let mut wire = Wire::open_at(("127.0.0.1", server.address.port())).await;
    wire.say(
        "POST /events/t HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example\r\n\
         content-length: 1\r\n\r\nx",
    )
    .await;
    let response = wire.response().await;
    assert_eq!(response.head.status, 421);
    let detail = response.problem()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("--host evil.example"), "{detail}");
}

#[tokio::test]
async fn on_loopback_its_names_are_served_beside_those_that_are_listed() {
    let server = TestServer::start_with(&["--host", "push.example"]).await;
    for (host, status) in [("push.example", 200), ("localhost", 200), ("evil.example", 421)] {
        assert_eq!(called(&server, host).await, status, "{host}");
    }
}

/// The proxy in front passes the name on, and the page came from it.
#[tokio::test]
async fn a_page_of_a_host_that_is_listed_may_publish() {
    let server = TestServer::start_with(&["--host", "push.example"]).await;
    for (origin, status) in [
        ("https://push.example", 200),
        ("http://push.example", 200),
        ("https://push.example:8443", 403),
        ("https://evil.example", 403),
    ] {
        let request = server.post("/events/t").header("host", "push.example");
        let response = request.header("origin", origin).body("x").send().await.unwrap();
        assert_eq!(response.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn the_host_of_the_target_is_the_one_that_counts() {
    let server = TestServer::start().await;
    for (target, host, status) in [
        ("http://localhost/", "localhost", 200),
        ("http://LOCALHOST:80/", "evil.example", 200),
        ("http://evil.example/", "localhost", 421),
    ] {
        let mut wire = Wire::open(&server).await;
        wire.say(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!(wire.head().await.status, status, "{target} {host}");
    }
}

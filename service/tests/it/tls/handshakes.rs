//! What stands where a handshake belongs: plain HTTP, garbage, silence, and very many of them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::clients::{SecureWire, connect};
use super::scene::SecureServer;
use crate::support::{PATIENCE, Wire, eventually, stream_request};

fn failed(reason: &str) -> String {
    format!("fanfare_tls_handshakes_failed_total{{reason=\"{reason}\"}}")
}

#[tokio::test]
async fn whoever_speaks_plain_http_to_it_is_told_to_use_https() {
    let scene = SecureServer::start(&[]).await;
    let requests = [
        stream_request("/events/t"),
        "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ];
    for (count, request) in requests.iter().enumerate() {
        let mut wire = Wire::open(&scene.server).await;
        wire.say(request).await;
        let response = wire.response().await;
        assert_eq!(response.head.status, 400);
        assert_eq!(response.head.field("connection"), Some("close"));
        let problem = response.problem();
        assert!(problem["detail"].as_str().unwrap().contains("https://"), "{problem}");
        wire.assert_closed().await;
        let counted = (count + 1) as f64;
        let plain = failed("plain_http");
        eventually("it is counted", async || scene.server.figure(&plain).await == counted).await;
    }
    scene.publish("t", "still there").await;
}

#[tokio::test]
async fn garbage_in_the_place_of_a_handshake_is_refused_and_a_stream_beside_it_goes_on() {
    let scene = SecureServer::start(&[]).await;
    let mut healthy = scene.subscribe("t").await;
    let garbage: [&[u8]; 8] = [
        &[0],
        &[0xff; 3_000],
        &[22],
        &[22, 3, 1, 0, 5, 1, 0, 0, 1, 0],
        &[22, 3, 1, 0xff, 0xff],
        &[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff],
        // An alert, and data before any handshake.
        &[21, 3, 3, 0, 2, 2, 40],
        &[23, 3, 3, 0, 1, 0],
    ];
    for bytes in garbage {
        let mut socket = TcpStream::connect(scene.server.address).await.unwrap();
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("an end in time");
        // An alert at most.
        assert!(rest.len() < 20, "{bytes:?}: {rest:?}");
    }
    let all = "fanfare_tls_handshakes_failed_total";
    let expected = garbage.len() as f64;
    eventually("each is counted", async || scene.server.figure(all).await == expected).await;
    let reasons = [&*failed("malformed"), &*failed("client"), &*failed("rejected")];
    let [malformed, client, rejected] = scene.server.stats(reasons).await;
    assert!(malformed >= 4.0 && client >= 1.0, "{malformed} {client}");
    assert_eq!((malformed + client, rejected), (expected - 1.0, 1.0), "one is an alert");
    scene.publish("t", "after the garbage").await;
    healthy.until("after the garbage").await;
}

#[tokio::test]
async fn a_client_that_trusts_another_issuer_is_counted_as_one_that_rejected() {
    let scene = SecureServer::start(&[]).await;
    let stranger = super::scene::Certificates::new().connector(&["http/1.1"]);
    let socket = TcpStream::connect(scene.server.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    stranger.connect(name, socket).await.unwrap_err();
    let rejected = failed("rejected");
    eventually("it is counted", async || scene.server.figure(&rejected).await == 1.0).await;
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_ends_with_the_time_for_a_head() {
    let scene = SecureServer::start(&["--headers-timeout", "200ms"]).await;
    let mut silent = TcpStream::connect(scene.server.address).await.unwrap();
    let mut stopped = TcpStream::connect(scene.server.address).await.unwrap();
    stopped.write_all(&[22, 3, 1, 2]).await.unwrap();
    for socket in [&mut silent, &mut stopped] {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("an end in time");
        assert_eq!(read.unwrap_or(0), 0);
    }
    let timeouts = failed("timeout");
    eventually("both are counted", async || scene.server.figure(&timeouts).await == 2.0).await;
    let closed = "fanfare_connections_closed_total{reason=\"tls_handshake\"}";
    assert_eq!(scene.server.figure(closed).await, 2.0);
}

#[tokio::test]
async fn a_client_that_says_nothing_after_the_handshake_is_not_waited_for() {
    let scene =
        SecureServer::start(&["--headers-timeout", "200ms", "--body-timeout", "200ms"]).await;
    for protocol in ["h2", "http/1.1"] {
        let connector = scene.certificates.connector(&[protocol]);
        let mut stream = connect(&connector, scene.server.address, None).await;
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end in time");
        assert!(rest.len() < 200, "{protocol}: {rest:?}");
    }
    let idle = "fanfare_connections_closed_total{reason=\"idle\"}";
    eventually("both are counted", async || scene.server.figure(idle).await == 2.0).await;
}

#[tokio::test]
async fn hundreds_of_handshakes_that_never_end_keep_no_stream_and_no_newcomer_waiting_for_ever() {
    const STALLED: usize = 700;
    let scene = SecureServer::start(&["--headers-timeout", "1m"]).await;
    let mut healthy = scene.subscribe("t").await;
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        let mut socket = TcpStream::connect(scene.server.address).await.unwrap();
        socket.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        stalled.push(socket);
    }
    let ongoing = "fanfare_tls_handshakes_ongoing";
    let waiting = "fanfare_tls_handshakes_waiting";
    let all = async || {
        let [ongoing, waiting] = scene.server.stats([ongoing, waiting]).await;
        ongoing == 512.0 && waiting > 0.0
    };
    eventually("all slots are taken, and others wait", all).await;
    // A stream that is open notices nothing, and a newcomer gets in long before the minute is over.
    scene.publish("t", "among the stalled").await;
    healthy.until("among the stalled").await;
    let crowded_out = scene.server.figure(&failed("crowded_out")).await;
    // Those that had no slot, and the publisher: each has one of the stalled end, and no more.
    let newcomers = (STALLED - 512 + 1) as f64;
    assert!(crowded_out >= 1.0 && crowded_out <= newcomers, "{crowded_out}");
    assert!(scene.server.figure(ongoing).await <= 512.0);
    drop(stalled);
    let none = async || scene.server.stats([ongoing, waiting]).await == [0.0; 2];
    eventually("nothing is left", none).await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused_over_tls_and_one_that_stalls_counts() {
    let scene = SecureServer::start(&["--connections", "2"]).await;
    let _first = scene.subscribe("t").await;
    let mut stalled = TcpStream::connect(scene.server.address).await.unwrap();
    stalled.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    eventually("both are there", async || scene.server.figure("fanfare_connections").await == 2.0)
        .await;
    let mut refused = scene.connect().await;
    refused.say("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let head = refused.head().await;
    assert!(head.starts_with("HTTP/1.1 429 ") || head.starts_with("HTTP/1.1 503 "), "{head}");
}

#[tokio::test]
async fn a_client_that_comes_back_resumes_its_session_until_the_certificate_is_exchanged() {
    use rustls::HandshakeKind::{Full, Resumed};
    let scene = SecureServer::start(&[]).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let connector = scene.certificates.connector_of(&[version], &["http/1.1"]);
        let mut kinds = Vec::new();
        for n in 0..3 {
            let stream = connect(&connector, scene.server.address, None).await;
            let mut wire = SecureWire::over(stream);
            // Tickets come with the first bytes of an answer.
            wire.publish("t", &n.to_string()).await;
            kinds.push(wire.stream.get_ref().1.handshake_kind().unwrap());
            if n == 1 {
                let reloads = "fanfare_tls_certificate_reloads_total";
                let before = scene.server.figure(reloads).await;
                scene.certificates.renew();
                let reloaded = async || scene.server.figure(reloads).await > before;
                eventually("it is reloaded", reloaded).await;
            }
        }
        assert_eq!(kinds, [Full, Resumed, Full], "{version:?}");
    }
}

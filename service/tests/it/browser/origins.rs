//! Pages from elsewhere: whose may read, whose may not, and whose may publish.
//!
//! The pages of the server itself may only call home, by the policy that they are served with, so
//! these tests serve an empty page of their own.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::chromium::Chromium;
use super::event_source::Source;
use super::page::sees;
use crate::support::TestServer;

/// Chromium takes this name for the loopback address; for the server it is just a name.
const FOREIGN: &str = "elsewhere.example";
const RESOLVE: &str = "--host-resolver-rules=MAP elsewhere.example 127.0.0.1";

/// A web server with an empty page, whatever it is asked for.
async fn elsewhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((visitor, _)) = listener.accept().await {
            tokio::spawn(serve_an_empty_page(visitor));
        }
    });
    address
}

async fn serve_an_empty_page(mut visitor: TcpStream) {
    const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
        <!doctype html><link rel=icon href=data:><title>Elsewhere</title>";
    let _ = visitor.read(&mut [0; 4096]).await;
    let _ = visitor.write_all(PAGE).await;
    let _ = visitor.shutdown().await;
}

#[tokio::test]
async fn a_page_of_another_origin_on_this_machine_may_read_topics_and_demonstrations() {
    let (server, elsewhere) = (TestServer::start().await, elsewhere().await);
    let browser = Chromium::start().await;
    browser.open(&format!("http://localhost:{}/", elsewhere.port())).await;
    let source = Source::open(&browser, &server.url("/events/x"), &[]).await;
    source.stands("open", |standing| standing.state == 1).await;
    server.publish("x", "across").await;
    assert_eq!(source.got_until("across").await.len(), 1);

    for path in ["/stream-time", "/system-stats", "/stream-stocks", "/stream-training"] {
        browser.run("window.source.close()", vec![]).await;
        let source = Source::open(&browser, &server.url(path), &[]).await;
        source.stands(&format!("open on {path}"), |standing| standing.state == 1).await;
    }
}

#[tokio::test]
async fn a_foreign_page_may_neither_read_nor_publish() {
    let (server, elsewhere) = (TestServer::start().await, elsewhere().await);
    let browser = Chromium::start_with(&[RESOLVE]).await;
    browser.open(&format!("http://{FOREIGN}:{}/", elsewhere.port())).await;
    let source = Source::open(&browser, &server.url("/events/x"), &[]).await;
    let standing = source.stands("refused for good", |standing| standing.state == 2).await;
    assert_eq!(standing.opened, 0);

    // What a form on any page could send, without asking first.
    let script = "return fetch(arguments[0], { method: 'POST', mode: 'no-cors', body: 'x' })
        .then((response) => response.type)";
    let response = browser.run(script, vec![json!(server.url("/events/x"))]).await;
    assert_eq!(response, "opaque", "the request was made");
    assert_eq!(server.figure("fanfare_events_published_total").await, 0.0);
}

#[tokio::test]
async fn a_foreign_page_on_the_list_may_read_and_publish() {
    let (server, browser) = listed().await;
    let source = Source::open(&browser, &server.url("/events/x"), &[]).await;
    source.stands("open", |standing| standing.state == 1).await;
    // A header that a browser asks about first.
    let script = "return fetch(arguments[0], { method: 'POST', body: '{\"data\": 1}',
        headers: { 'Content-Type': 'text/plain', Authorization: 'Bearer none' } })
        .then((response) => response.status)";
    let status = browser.run(script, vec![json!(server.url("/events/x"))]).await;
    assert_eq!(status, 200);
    assert_eq!(source.got_until("{\"data\": 1}").await.len(), 1);
}

#[tokio::test]
async fn a_foreign_page_on_the_list_may_include_credentials() {
    let (server, browser) = listed().await;
    let script = "window.source = new EventSource(arguments[0], { withCredentials: true })";
    browser.run(script, vec![json!(server.url("/events/x"))]).await;
    let state = async || browser.run("return window.source.readyState", vec![]).await;
    let state = sees("an answer", state, |state| *state != 0).await;
    assert_eq!(state, 1, "{:?}", browser.console_messages().await);
    let script = "return fetch(arguments[0], { method: 'POST', body: 'x', credentials: 'include' })
        .then((response) => response.status, (error) => String(error))";
    assert_eq!(browser.run(script, vec![json!(server.url("/events/x"))]).await, 200);
}

#[tokio::test]
async fn a_foreign_page_on_the_list_may_send_the_headers_of_its_libraries() {
    // What htmx, Datastar and OpenTelemetry add, and what nobody has thought of.
    const HEADERS: [&str; 6] =
        ["HX-Request", "HX-Current-URL", "Datastar-Request", "traceparent", "tracestate", "X-Mine"];
    let (server, browser) = listed().await;
    // A browser has six connections to a server, so none is kept for a stream.
    // A browser has six connections for a server, so none is kept for a stream.
    let script = "const [url, method, headers] = arguments;
        const controller = new AbortController();
        const answered = ({ status }) => { controller.abort(); return status; };
        return fetch(url, { method, headers, signal: controller.signal }).then(answered, String)";
    for header in HEADERS {
        for (method, path) in [("POST", "/events/x"), ("GET", "/events/x")] {
            let arguments = vec![json!(server.url(path)), json!(method), json!({ header: "1" })];
            let status = browser.run(script, arguments).await;
            assert_eq!(status, 200, "{method} with {header}");
        }
    }
}

/// A foreign page in a browser, and a server that has it on its list.
async fn listed() -> (TestServer, Chromium) {
    let elsewhere = elsewhere().await;
    let origin = format!("http://{FOREIGN}:{}", elsewhere.port());
    let server = TestServer::start_with(&["--cors-origin", &origin]).await;
    let browser = Chromium::start_with(&[RESOLVE]).await;
    browser.open(&format!("{origin}/")).await;
    (server, browser)
}

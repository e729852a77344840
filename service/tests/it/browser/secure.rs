//! A browser at a server that speaks TLS: pages and streams share connections of HTTP/2.

use serde_json::json;

use super::chromium::Chromium;
use super::page::sees;
use crate::tls::scene::SecureServer;

#[tokio::test]
async fn a_page_by_https_reads_more_streams_than_a_browser_has_connections_for_without_tls() {
    // Six, over HTTP/1.1.
    const STREAMS: usize = 10;
    const OPEN: &str = "
        window.got = [];
        window.sources = Array.from({ length: arguments[0] }, () => {
          const source = new EventSource('/events/secure');
          source.onmessage = ({ data }) => window.got.push(data);
          return source;
        });";
    let scene = SecureServer::start(&[]).await;
    let browser = Chromium::start_with(&["--ignore-certificate-errors"]).await;
    browser.open(&scene.url("/")).await;
    browser.run(OPEN, vec![json!(STREAMS)]).await;
    let open = "return window.sources.filter((source) => source.readyState === 1).length";
    let all = |seen: &serde_json::Value| *seen == json!(STREAMS);
    sees("all are open", async || browser.run(open, vec![]).await, all).await;
    scene.publish("secure", "over TLS").await;
    let got = "return window.got.filter((data) => data === 'over TLS').length";
    sees("each has the event", async || browser.run(got, vec![]).await, all).await;
    let protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.run(protocol, vec![]).await, json!("h2"));
}

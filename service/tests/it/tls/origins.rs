//! What depends on the scheme: which pages are the server's own, and what is relative to its URL.

use super::scene::SecureServer;

#[tokio::test]
async fn a_page_by_https_of_the_host_that_is_called_may_publish_and_one_by_plain_http_may_not() {
    let scene = SecureServer::start(&["--host", "push.example"]).await;
    for (origin, status) in [("https://push.example", 200), ("http://push.example", 403)] {
        let mut wire = scene.connect().await;
        wire.say(&format!(
            "POST /events/t HTTP/1.1\r\nhost: push.example\r\norigin: {origin}\r\ncontent-length: 1\r\n\r\nx"
        ))
        .await;
        let head = wire.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {head}");
    }
}

#[tokio::test]
async fn relative_patterns_are_relative_to_the_https_url_of_the_server() {
    let scene = SecureServer::start(&[]).await;
    let mut stream = scene.connect().await;
    stream.ask("/.well-known/mercure?match_urlpattern=/books/:id").await;
    stream.until("id: ").await;
    let port = scene.server.address.port();
    for (scheme, data) in [("http", "elsewhere"), ("https", "here")] {
        let topic = format!("{scheme}%3A%2F%2F127.0.0.1%3A{port}%2Fbooks%2F1");
        scene.publish(&topic, data).await;
    }
    let text = stream.until("data: here\n").await;
    assert!(!text.contains("elsewhere"), "{text}");
}

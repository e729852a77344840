//! Events go in by form, raw body and NDJSON, and bad ones get a clear answer.

use crate::support::{EventStream, TestServer};

#[tokio::test]
async fn an_event_published_with_one_post_reaches_its_subscriber() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/hello")).await;
    let id = server.publish("hello", "Hello, world").await;
    let event = stream.next().await.unwrap();
    assert_eq!(event.data, "Hello, world");
    assert_eq!(event.id, Some(id));
    assert_eq!(event.event, None);
}

//! Clients of a topic that ends: each is told, and then it stops at 204 by itself or asks again and
//! again, which its user stops when `fanfare-end` has come.

use futures_util::future::join_all;

use super::cut_off::filter;
use super::peer::{EventFilter, Peer, Seen, subscribers_are};
use crate::support::{TestServer, eventually};

/// What a client does when it is answered 204.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At204 {
    /// It gives up for good.
    Stops,
    /// It, or the loop of its user, asks again and again.
    AsksAgain,
}

use At204::{AsksAgain, Stops};

const CLIENTS: [(Peer, At204); 11] = [
    (Peer::EventSource, Stops),
    (Peer::EventSource5, Stops),
    // Over the `fetch` of Node it cannot read an answer without a body.
    (Peer::EventSourcePolyfill, AsksAgain),
    (Peer::HttpxSse, AsksAgain),
    (Peer::HttpxSseHttp2, AsksAgain),
    (Peer::Sseclient, AsksAgain),
    (Peer::CurlLoop, AsksAgain),
    (Peer::ReqwestEventsource, Stops),
    (Peer::R3labs, AsksAgain),
    (Peer::GoSse, Stops),
    (Peer::OkhttpSse, AsksAgain),
];

fn names(count: usize) -> EventFilter<'static> {
    EventFilter { names: &["fanfare-end"], ..filter(count) }
}

/// The last event, and that there is no other.
fn is_told(peer: Peer, seen: &[Seen]) {
    let seen: Vec<_> =
        seen.iter().map(|event| (event.event.as_str(), event.data.as_str())).collect();
    let expected = [("message", "last"), ("fanfare-end", "{\"topics\":[\"job\"]}")];
    assert_eq!(seen, expected, "{peer:?}");
}

#[tokio::test]
async fn every_client_is_told_of_the_end_and_its_user_can_stop_it() {
    join_all(CLIENTS.map(|(peer, _)| async move {
        let server = TestServer::start().await;
        let mut subscriber = peer.subscribe(&server.url("/events/job"), names(2));
        subscribers_are(&server, 1).await;
        server.post("/events/job?end").body("last").send().await.unwrap();
        is_told(peer, &subscriber.events(2).await);
        subscriber.leave().await;
    }))
    .await;
}

#[tokio::test]
async fn a_client_that_comes_back_after_the_end_gives_up_or_asks_again_as_the_table_says() {
    join_all(CLIENTS.map(|(peer, at_204)| async move {
        let server = TestServer::start().await;
        let mut subscriber = peer.subscribe(&server.url("/events/job"), names(100));
        subscribers_are(&server, 1).await;
        server.post("/events/job?end").body("last").send().await.unwrap();
        is_told(peer, &subscriber.events(2).await);
        let answers = "fanfare_topic_ended_responses_total";
        let what = format!("{peer:?} has come back");
        eventually(&what, async || server.figure(answers).await >= 1.0).await;
        match at_204 {
            Stops => {
                let (more, _) = subscriber.until_the_end().await;
                assert_eq!(more, [], "{peer:?}");
                assert_eq!(server.figure(answers).await, 1.0, "{peer:?} asks once");
            }
            AsksAgain => {
                let what = format!("{peer:?} asks again");
                eventually(&what, async || server.figure(answers).await >= 4.0).await;
            }
        }
    }))
    .await;
}

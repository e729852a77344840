//! Clients show a token of either dialect, come back with it after a cut, and see private events; and
//! those that publish with one are believed or refused.

use futures_util::future::join_all;

use super::cut_off::{data_of, filter};
use super::peer::{EventFilter, Peer, subscribers_are};
use super::process::Process;
use super::proxy::Proxy;
use crate::support::{EventStream, TestServer, form};
use crate::tokens::{ACCESS, HUB, LEGACY, SECRET, access, legacy};

const TOPIC: &str = "https://shop.example/orders/7";

/// All that come back, by themselves or by a loop, and can set a header.
const PEERS: [Peer; 12] = [
    Peer::EventSource,
    Peer::EventSource5,
    Peer::EventSourcePolyfill,
    Peer::HttpxSse,
    Peer::HttpxSseHttp2,
    Peer::Sseclient,
    Peer::OwnParser,
    Peer::LineByLine,
    Peer::ReqwestEventsource,
    Peer::R3labs,
    Peer::GoSse,
    Peer::OkhttpSse,
];

/// A dialect of the protocol: how a stream is asked for, and what opens it.
#[derive(Clone, Copy, Debug)]
enum Dialect {
    Draft07,
    V1,
}

impl Dialect {
    fn path(self) -> &'static str {
        match self {
            Self::Draft07 => {
                "/.well-known/mercure?topic=https%3A%2F%2Fshop.example%2Forders%2F%7Bid%7D"
            }
            Self::V1 => {
                "/.well-known/mercure?match_urlpattern=https%3A%2F%2Fshop.example%2Forders%2F%3Aid"
            }
        }
    }

    fn token(self, flags: &[&str]) -> String {
        match self {
            Self::Draft07 => legacy(flags),
            Self::V1 => access(flags),
        }
    }
}

async fn server() -> TestServer {
    TestServer::start_with(&[&LEGACY[..], &ACCESS].concat()).await
}

async fn publish(server: &TestServer, data: &str) {
    let request = server.post(HUB).header("content-type", "application/x-www-form-urlencoded");
    let body = form(&[("topic", TOPIC), ("data", data), ("private", "on")]);
    let token = legacy(&["--publish", "*"]);
    assert_eq!(request.bearer_auth(token).body(body).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn every_client_comes_back_with_its_token_of_draft_07_and_misses_no_private_event() {
    join_all(PEERS.map(|peer| comes_back_with_its_token(peer, Dialect::Draft07))).await;
}

#[tokio::test]
async fn every_client_comes_back_with_its_token_of_1_0_and_misses_no_private_event() {
    join_all(PEERS.map(|peer| comes_back_with_its_token(peer, Dialect::V1))).await;
}

async fn comes_back_with_its_token(peer: Peer, dialect: Dialect) {
    let server = server().await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let token = dialect.token(&["--subscribe", TOPIC]);
    let filter = EventFilter { token: Some(&token), ..filter(3) };
    let mut subscriber = peer.subscribe(&proxy.url(dialect.path()), filter);
    subscribers_are(&server, 1).await;
    publish(&server, "first").await;
    assert_eq!(data_of(subscriber.events(1).await), ["first"], "{peer:?}, {dialect:?}");
    proxy.cut();
    subscribers_are(&server, 0).await;
    publish(&server, "meanwhile").await;
    proxy.let_in();
    subscribers_are(&server, 1).await;
    publish(&server, "after").await;
    let rest = data_of(subscriber.events(2).await);
    assert_eq!(rest, ["meanwhile", "after"], "{peer:?}, {dialect:?}");
    subscriber.leave().await;
}

/// How a publisher of a library is started, with what it makes or shows its token with.
type Publisher = fn(&[String]) -> Process;

/// Publishes what is granted and what is not; returns what the library said of each.
async fn publishes(publisher: Publisher, proof: &str) -> [String; 2] {
    let server = server().await;
    let token = access(&["--subscribe", "*"]);
    let mut stream =
        EventStream::open(server.get(&format!("{HUB}?match=*")).bearer_auth(token)).await;
    let answer = async |topic: &str| {
        let arguments = [&server.url(HUB), proof, topic, "{\"paid\": true}"].map(str::to_owned);
        publisher(&arguments).finish().await.concat()
    };
    let (granted, refused) = (answer(TOPIC).await, answer("https://shop.example/users/7").await);
    let event = stream.next().await.unwrap();
    assert_eq!((event.id, &*event.data), (Some(granted.clone()), "{\"paid\": true}"));
    assert_eq!(server.figure("fanfare_events_published_total").await, 1.0);
    [granted, refused]
}

#[tokio::test]
async fn mercure_of_crates_io_publishes_with_a_token_of_its_own_making() {
    let publisher: Publisher = |arguments| Process::rust("publish_with_mercure", arguments);
    let [_, refused] = publishes(publisher, SECRET).await;
    // It looks at no status, and hands the problem on as if it were an id.
    assert!(refused.contains("\"status\":403"), "{refused}");
}

#[tokio::test]
async fn mercure_publisher_publishes_with_a_token_of_its_own_making() {
    let publisher: Publisher =
        |arguments| Process::python("publish_with_mercure_publisher.py", arguments);
    assert_eq!(publishes(publisher, SECRET).await[1], "403");
}

#[tokio::test]
async fn symfony_mercure_publishes_with_a_token_of_either_dialect() {
    let publisher: Publisher = |arguments| Process::php("publish_with_symfony.php", arguments);
    for dialect in [Dialect::Draft07, Dialect::V1] {
        let token = dialect.token(&["--publish", TOPIC]);
        assert_eq!(publishes(publisher, &token).await[1], "403", "{dialect:?}");
    }
}

#[tokio::test]
async fn a_client_without_its_token_is_refused_and_shows_nothing() {
    let server = server().await;
    publish(&server, "private").await;
    for peer in [Peer::HttpxSse, Peer::Sseclient, Peer::ReqwestEventsource, Peer::GoSse] {
        let filter = EventFilter { count: 1, ..EventFilter::default() };
        let url = server.url("/.well-known/mercure?topic=*&lastEventID=earliest");
        let (seen, end) = peer.subscribe(&url, filter).until_the_end().await;
        assert_eq!(seen, [], "{peer:?}");
        assert!(end.unwrap_err().contains("401"), "{peer:?}");
    }
}

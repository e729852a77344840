use super::*;
use crate::support::{Http2, RawStream};

const OBSERVE: (&str, &str) =
    ("match_urlpattern", "/.well-known/mercure/subscriptions/exact/room/:subscriber");

async fn assert_begins_and_ends(observer: &mut EventStream, how: &str) {
    let (_, begun) = told(observer).await;
    let (_, ended) = told(observer).await;
    assert_eq!((&begun["active"], &ended["active"]), (&json!(true), &json!(false)), "{how}");
    assert_eq!(begun["id"], ended["id"], "{how}");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_subscription_on_both_protocols() {
    let server = TestServer::start_with(&[ON]).await;
    let mut observer = EventStream::open(stream(&server, &[OBSERVE])).await;
    let path = format!("{HUB}?match=room");
    drop(RawStream::open(&server, &path).await);
    assert_begins_and_ends(&mut observer, "closed").await;
    RawStream::open(&server, &path).await.reset();
    assert_begins_and_ends(&mut observer, "reset").await;
    let connection = Http2::open(&server).await;
    drop(connection.ask(&path).await.stream().await);
    assert_begins_and_ends(&mut observer, "over HTTP/2").await;
    drop(connection);
}

#[tokio::test]
async fn the_end_of_a_token_or_of_an_age_ends_a_subscription() {
    let server = TestServer::start_with(&KEYS).await;
    let reader = access(&[detail(&[("exact", "*")], None)]);
    let mut observer = EventStream::open(stream(&server, &[OBSERVE]).bearer_auth(&reader)).await;
    let short = access_until(now() + 5, &[detail(&[("exact", "room")], None)]);
    let _expiring =
        EventStream::open(stream(&server, &[("match", "room")]).bearer_auth(short)).await;
    assert_begins_and_ends(&mut observer, "expired").await;

    let server = TestServer::start_with(&[ON, "--age-max", "300ms"]).await;
    let from = [("match", "room")];
    let _aging = EventStream::open(stream(&server, &from)).await;
    let ended = "fanfare_streams_closed_total{reason=\"max_age\"}";
    eventually("it is too old", async || server.figure(ended).await >= 1.0).await;
    list_of(0, || server.get(&format!("{LIST}/exact/room"))).await;
}

#[tokio::test]
async fn a_client_that_goes_away_in_a_drain_is_announced_to_those_that_are_still_there() {
    let flags = [ON, "--drain-window", "1h"];
    let mut server = TestServer::start_with(&flags).await;
    let mut observer = EventStream::open(stream(&server, &[OBSERVE])).await;
    let open = EventStream::open(stream(&server, &[("match", "room")])).await;
    // A drain closes one stream of each of the two shards at once, that of the topic that came last.
    let mut closed_at_once = Vec::new();
    for _ in 0..2 {
        closed_at_once.push(EventStream::open(stream(&server, &[("match", "elsewhere")])).await);
    }
    list_of(4, || server.get(LIST)).await;
    server.ask_to_stop();
    let ready = format!("http://{}/readyz", server.admin);
    eventually("it drains", async || {
        server.client.get(&ready).send().await.is_ok_and(|response| response.status() == 503)
    })
    .await;
    for mut stream in closed_at_once {
        while stream.next().await.is_some() {}
    }
    // What ends meanwhile is told; the lists are closed with everything else.
    drop(open);
    assert_begins_and_ends(&mut observer, "in a drain").await;
    assert_eq!(server.get(LIST).send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn ends_that_a_drain_makes_are_announced_within_its_window() {
    let server = TestServer::start_with(&[ON, "--drain-window", "6s"]).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(EventStream::open(stream(&server, &[("match", "room")])).await);
    }
    list_of(20, || server.get(LIST)).await;
    let hub = server.hub.clone();
    let before = hub.log().bounds().head.0;
    server.stop().await;
    for mut stream in streams {
        while stream.next().await.is_some() {}
    }
    let announced = hub.log().bounds().head.0 - before;
    // Those of the last moment have nobody who could be told.
    assert!((1..=20).contains(&announced), "{announced}");
}

#[tokio::test]
async fn a_request_that_opens_no_stream_announces_nothing() {
    let server = TestServer::start_with(&[ON]).await;
    let path = format!("{HUB}?match=room");
    assert_eq!(server.client.head(server.url(&path)).send().await.unwrap().status(), 200);
    let both = format!("{path}&topic=room");
    assert_eq!(server.get(&both).send().await.unwrap().status(), 400);
    let _demo = EventStream::open(server.get("/stream-time")).await;
    let _stream = EventStream::open(server.get(&path)).await;
    list_of(1, || server.get(LIST)).await;
    assert_eq!(server.figure("fanfare_active_subscriptions").await, 1.0);
}

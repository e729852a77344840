//! Streams that share a connection: each may be reset at any moment, or not be read at all, and the
//! others on it, and everybody elsewhere, miss nothing.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::support::{Http2, Http2Stream, RawStream, TestServer, eventually, frame};

/// Nothing on the wire but events.
const QUIET: [&str; 2] = ["--heartbeat", "0s"];
const SUBSCRIBERS: &str = "fanfare_subscribers";
const BY_CLIENT: &str = "fanfare_streams_closed_total{reason=\"client\"}";

/// Who must not notice anything: on the same connection, on another one, and without HTTP/2.
struct Others {
    beside: Vec<Http2Stream>,
    elsewhere: Vec<Http2Stream>,
    plain: Vec<RawStream>,
    _other: Http2,
}

impl Others {
    async fn open(server: &TestServer, connection: &Http2) -> Self {
        let other = Http2::open(server).await;
        let mut others = Self { beside: vec![], elsewhere: vec![], plain: vec![], _other: other };
        for _ in 0..2 {
            others.beside.push(connection.stream("/events/t").await);
            others.elsewhere.push(others._other.stream("/events/t").await);
            others.plain.push(RawStream::open(server, "/events/t").await);
        }
        for stream in others.beside.iter_mut().chain(&mut others.elsewhere) {
            stream.place().await;
        }
        for stream in &mut others.plain {
            stream.place().await;
        }
        others
    }

    /// How many they are.
    fn count(&self) -> usize {
        self.beside.len() + self.elsewhere.len() + self.plain.len()
    }

    async fn expect(&mut self, text: &str) {
        for stream in self.beside.iter_mut().chain(&mut self.elsewhere) {
            stream.expect(text).await;
        }
        for stream in &mut self.plain {
            stream.expect(text).await;
        }
    }

    /// Publishes so many events, which all of them get.
    async fn publish(&mut self, server: &TestServer, data: &str, count: usize) {
        let events: Vec<_> = (0..count).map(|index| ("t", format!("{index} {data}"))).collect();
        let ids = server.publish_all(&events).await;
        let frames = ids.iter().zip(&events).map(|(id, (_, data))| frame(id, data));
        self.expect(&frames.collect::<String>()).await;
    }
}

#[tokio::test]
async fn a_stream_may_be_reset_at_any_moment_and_the_others_miss_nothing() {
    let server = TestServer::start_with(&QUIET).await;
    let connection = Http2::open(&server).await;
    let mut others = Others::open(&server, &connection).await;
    let mut chance = SmallRng::seed_from_u64(1);
    for round in 0..100 {
        let requests = connection.ask("/events/t").await;
        match round % 4 {
            // Before the head, with and without an event on its way.
            0 => requests.reset(),
            1 => {
                others.publish(&server, "before the head", 1).await;
                requests.reset();
            }
            2 => requests.stream().await.reset(),
            _ => {
                let mut stream = requests.stream().await;
                stream.place().await;
                others.publish(&server, "in the middle", 20).await;
                for _ in 0..chance.random_range(1..20) {
                    assert!(stream.frame().await.unwrap().is_some());
                }
                stream.reset();
            }
        }
        others.publish(&server, "afterwards", 1).await;
    }
    let count = others.count() as f64;
    eventually("all of them have left", async || server.figure(SUBSCRIBERS).await == count).await;
    let [came, went] = server.stats(["fanfare_streams_opened_total", BY_CLIENT]).await;
    assert_eq!(came - went, count);
}

#[tokio::test]
async fn many_streams_may_be_reset_at_once_and_the_others_miss_nothing() {
    const MANY: usize = 200;
    let server = TestServer::start_with(&QUIET).await;
    // Room for what they do not read; the window of a connection is for all of its streams.
    let connection = Http2::open_with_window(&server, 16 << 10).await;
    let mut others = Others::open(&server, &connection).await;
    for read in [0, 1, 5] {
        let mut streams = Vec::new();
        for _ in 0..MANY {
            let mut stream = connection.stream("/events/t").await;
            stream.place().await;
            streams.push(stream);
        }
        others.publish(&server, &"x".repeat(300), 10).await;
        for mut stream in streams {
            for _ in 0..read {
                assert!(stream.frame().await.unwrap().is_some());
            }
            stream.reset();
        }
        others.publish(&server, "afterwards", 10).await;
        let count = others.count() as f64;
        eventually("they have left", async || server.figure(SUBSCRIBERS).await == count).await;
    }
    assert_eq!(server.figure(BY_CLIENT).await, 3.0 * MANY as f64);
}

/// A connection that goes takes its streams along, and nobody else's.
#[tokio::test]
async fn the_streams_of_a_connection_end_with_it() {
    let server = TestServer::start_with(&QUIET).await;
    let survivor = Http2::open(&server).await;
    let mut others = Others::open(&server, &survivor).await;
    let connection = Http2::open(&server).await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(connection.stream("/events/t").await);
    }
    eventually("they are all there", async || server.figure(SUBSCRIBERS).await == 56.0).await;
    connection.cut();
    eventually("they have left", async || server.figure(SUBSCRIBERS).await == 6.0).await;
    others.publish(&server, "to the rest", 10).await;
}

#[tokio::test]
async fn a_stream_that_is_not_read_does_not_hold_up_its_neighbours_and_is_cut_at_the_limit() {
    let flags = ["--lag-events", "50", "--retry", "7ms..7ms"];
    let server = TestServer::start_with(&[&QUIET[..], &flags].concat()).await;
    let connection = Http2::open_with_window(&server, 16 << 10).await;
    let mut stalled = connection.stream("/events/t").await;
    stalled.place().await;
    let mut others = Others::open(&server, &connection).await;
    for _ in 0..30 {
        others.publish(&server, &"x".repeat(2_000), 10).await;
    }
    let slow = "fanfare_streams_closed_total{reason=\"slow\"}";
    eventually("it is cut", async || server.figure(slow).await == 1.0).await;
    others.publish(&server, "and the others are served", 1).await;
    assert_eq!(server.figure(SUBSCRIBERS).await, others.count() as f64);
    // It finds what had left, and that the rest was cut: nothing more is held for it.
    let mut had = 0;
    let end = loop {
        match stalled.frame().await {
            Ok(Some(frame)) => {
                assert!(frame.starts_with("id: ") && frame.ends_with("x\n\n"), "{frame:.100}");
                had += 1;
            }
            end => break end,
        }
    };
    assert!(had < 200, "{had}");
    assert!(end.is_err_and(|error| error.is_reset()), "the stream is reset");
    others.publish(&server, "and go on", 1).await;
    connection.stream("/events/t").await.place().await;
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_told_what_it_misses_if_its_policy_skips() {
    for policy in ["drop-oldest", "conflate"] {
        let flags = ["--lag-events", "50", "--policy", policy];
        let server = TestServer::start_with(&[&QUIET[..], &flags].concat()).await;
        let connection = Http2::open_with_window(&server, 16 << 10).await;
        let mut stalled = connection.stream("/events/t").await;
        stalled.place().await;
        let mut others = Others::open(&server, &connection).await;
        let mut published = 0;
        for _ in 0..30 {
            others.publish(&server, &"x".repeat(2_000), 10).await;
            published += 10;
        }
        others.publish(&server, "last", 1).await;
        published += 1;
        let (mut received, mut missed, mut gaps) = (0, 0, 0);
        let mut ids: Vec<String> = Vec::new();
        loop {
            let frame = stalled.frame().await.unwrap().expect("the stream goes on");
            if let Some(gap) = frame.strip_prefix("event: fanfare-gap\ndata: ") {
                let gap: Value = serde_json::from_str(gap).unwrap();
                assert_eq!(gap["after"].as_str(), ids.last().map(String::as_str), "{policy}");
                missed += gap["missed"].as_u64().unwrap();
                gaps += 1;
                continue;
            }
            ids.push(frame[4..].lines().next().unwrap().to_owned());
            received += 1;
            if frame.ends_with(" last\n\n") {
                break;
            }
        }
        assert!(gaps > 0 && ids.is_sorted_by(|earlier, later| earlier < later), "{policy}");
        assert_eq!(received + missed, published, "{policy}");
        let skipped = format!("fanfare_events_dropped_total{{policy=\"{policy}\"}}");
        assert_eq!(server.figure(&skipped).await, missed as f64);
    }
}

/// Clients built on `h2` close the whole connection over many small frames that they have not read.
#[tokio::test]
async fn a_client_that_is_busy_is_not_provoked_by_many_small_events() {
    const EVENTS: usize = 300;
    let server = TestServer::start_with(&QUIET).await;
    let mut live = RawStream::open(&server, "/events/t").await;
    live.place().await;
    let connection = Http2::open_with_budget(&server, 1_000).await;
    let mut stream = connection.stream("/events/t").await;
    let mut published = Vec::new();
    for _ in 0..EVENTS {
        let id = server.publish("t", "small").await;
        published.push(frame(&id, "small"));
        live.expect(published.last().expect("one")).await;
    }
    stream.place().await;
    for expected in &published {
        assert_eq!(stream.frame().await.unwrap().as_ref(), Some(expected));
    }
}

#[tokio::test]
async fn a_connection_without_streams_ends_like_an_idle_one_although_it_answers_pings() {
    let server = TestServer::start_with(&["--heartbeat", "0s", "--headers-timeout", "300ms"]).await;
    let busy = Http2::open(&server).await;
    let mut stream = busy.stream("/events/t").await;
    stream.place().await;
    let silent = Http2::open(&server).await;
    let requests = Http2::open(&server).await;
    assert_eq!(requests.get("/", &[]).await.0, 200);
    let left = Http2::open(&server).await;
    left.stream("/events/t").await.reset();
    for idle in [silent, requests, left] {
        idle.ended().await;
    }
    let closed = "fanfare_connections_closed_total{reason=\"idle\"}";
    eventually("they are counted", async || server.figure(closed).await == 3.0).await;
    let id = server.publish("t", "to who is left").await;
    stream.expect(&frame(&id, "to who is left")).await;
}

#[tokio::test]
async fn a_connection_whose_client_does_not_read_its_answers_is_cut() {
    let flags = ["--heartbeat", "0s", "--body-timeout", "300ms", "--headers-timeout", "300ms"];
    let server = TestServer::start_with(&flags).await;
    let reader = Http2::open(&server).await;
    let mut stream = reader.stream("/events/t").await;
    let mut stuck = Vec::new();
    // Nothing of the answer leaves, or one byte.
    for window in [0, 1] {
        let connection = Http2::open_with_window(&server, window).await;
        stuck.push((connection.ask("/").await, connection));
    }
    eventually("one is left", async || {
        server.figure("fanfare_connections{protocol=\"http2\"}").await == 1.0
    })
    .await;
    let id = server.publish("t", "to who reads").await;
    stream.place().await;
    stream.expect(&frame(&id, "to who reads")).await;
}

#[tokio::test]
async fn an_upload_is_larger_than_the_window_and_an_error_harms_no_other_request() {
    const EVENTS: usize = 20_000;
    let server = TestServer::start().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let line = format!("{{\"topic\":\"t\",\"data\":\"{}\"}}\n", "x".repeat(100));
    let mut connections = Vec::new();
    for _ in 0..2 {
        for path in ["/nowhere", "/events/t?retry=x"] {
            let refused = client.post(server.url(path)).body("x".repeat(500_000)).send();
            assert!(refused.await.unwrap().status().is_client_error(), "{path}");
        }
        let upload = client.post(server.url("/events"));
        let upload =
            upload.header("content-type", "application/x-ndjson").body(line.repeat(EVENTS));
        let responses = upload.send().await.unwrap().text().await.unwrap();
        assert_eq!(responses.matches("{\"id\":").count(), EVENTS);
        connections.push(server.figure("fanfare_connections_opened_total").await);
    }
    assert_eq!(connections, [1.0, 1.0]);
}

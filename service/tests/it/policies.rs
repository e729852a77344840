//! What becomes of a reader that stops reading, under each policy and whatever carries its stream:
//! what it finds when it reads on, to the byte, and what the stats say; and that its neighbours
//! miss nothing.

use serde_json::{Value, json};

use crate::support::{RawStream, TestServer, Wire, eventually, frame};

const LAG_EVENTS: usize = 50;
const RETRY_HINT: &str = "retry: 7\n\n";

/// Much more than fits into all buffers between the log and a reader.
const EVENTS: usize = 300;
const DATA_BYTES: usize = 2_000;

const PRICES: &str = "/.well-known/mercure?topic=prices%2F%7Bname%7D";
/// In chunks, from a socket that a shard owns; and through a body of the HTTP library.
const VERSIONS: [&str; 2] = ["HTTP/1.1", "HTTP/1.0"];

/// The policies that leave events out, with whatever carries the stream.
const SKIPPING: [(&str, &str); 4] = [
    ("drop-oldest", VERSIONS[0]),
    ("drop-oldest", VERSIONS[1]),
    ("conflate", VERSIONS[0]),
    ("conflate", VERSIONS[1]),
];

#[derive(Clone, Debug)]
struct Published {
    topic: &'static str,
    id: String,
    data: String,
}

impl Published {
    fn frame(&self) -> String {
        frame(&self.id, &self.data)
    }
}

/// Little room on the way, a small limit, and nothing on the wire but events and their gaps.
async fn start(policies: &[&str]) -> TestServer {
    start_with(&["--lag-events", "50"], policies).await
}

async fn start_with(limits: &[&str], policies: &[&str]) -> TestServer {
    let small = ["--send-buffer", "4KiB", "--unsent-max", "4KiB", "--lag-bytes", "64MiB"];
    let known = ["--heartbeat", "0s", "--retry", "7ms..7ms"];
    let policies = policies.iter().flat_map(|policy| ["--policy", policy]);
    let limits = limits.iter().copied();
    let flags = small.into_iter().chain(known).chain(limits).chain(policies);
    TestServer::start_with(&flags.collect::<Vec<_>>()).await
}

/// A stream whose client has a small window and reads nothing but the first comment.
async fn open(server: &TestServer, path: &str, version: &str) -> RawStream {
    let mut wire = Wire::open_with_window(server, 4 << 10).await;
    wire.say(format!("GET {path} {version}\r\nhost: localhost\r\n\r\n")).await;
    let mut stream = wire.stream().await;
    stream.place().await;
    stream
}

/// The topic of each event: three that come again and again, and two that come once.
fn topic(index: usize) -> &'static str {
    match index {
        200 => "prices/once",
        250 => "prices/last",
        _ => ["prices/a", "prices/b", "prices/b", "prices/c"][index % 4],
    }
}

/// Publishes so many more, and sees that each neighbour gets them all.
async fn publish(
    server: &TestServer,
    neighbours: &mut [RawStream],
    published: &mut Vec<Published>,
    count: usize,
) {
    // Few enough at a time for those who read.
    for _ in 0..count / 10 {
        let from = published.len();
        let events: Vec<_> = (from..from + 10)
            .map(|index| (topic(index), format!("{index} {}", "x".repeat(DATA_BYTES))))
            .collect();
        let ids = server.publish_all(&events).await;
        let both = events.into_iter().zip(ids);
        published.extend(both.map(|((topic, data), id)| Published { topic, id, data }));
        for neighbour in &mut *neighbours {
            for event in &published[from..] {
                neighbour.expect(&event.frame()).await;
            }
        }
    }
}

/// One on each shard.
async fn neighbours(server: &TestServer, path: &str) -> [RawStream; 2] {
    let mut both = [RawStream::open(server, path).await, RawStream::open(server, path).await];
    for neighbour in &mut both {
        neighbour.place().await;
    }
    both
}

/// What a reader that had stopped finds first: events without a gap, up to a frame that is none.
async fn read_up_to_a_gap(stream: &mut RawStream, published: &[Published]) -> (usize, String) {
    for (count, event) in published.iter().enumerate() {
        let next = stream.frame().await.expect("the stream goes on");
        if next != event.frame() {
            return (count, next);
        }
    }
    panic!("there was no gap");
}

/// Reads what is kept, and how much is missing around it: told before whatever follows it, and
/// exactly so much in all. Gives how many gaps there were, `notified` included.
async fn read_kept(
    stream: &mut RawStream,
    notified: String,
    mut after: Option<&Published>,
    kept: &[Published],
    missed: usize,
) -> usize {
    let (mut gaps, mut sum) = (0, 0);
    let mut next = notified;
    for event in kept {
        // More may have been left out before the sink took what follows.
        while let Some(gap) = gap_in(&next) {
            let place = (&gap["after"], &gap["before"]);
            assert_eq!(place, (&json!(after.map(|event| &event.id)), &json!(event.id)));
            sum += gap["missed"].as_u64().unwrap();
            gaps += 1;
            next = stream.frame().await.expect("what is kept");
        }
        assert_eq!(next, event.frame());
        after = Some(event);
        if event.id != kept.last().expect("some").id {
            next = stream.frame().await.expect("more of what is kept");
        }
    }
    assert_eq!(sum, missed as u64);
    gaps
}

/// The newest event of each topic, in order.
fn newest_of_each_topic(published: &[Published]) -> Vec<Published> {
    let is_newest = |index: &usize| {
        published[index + 1..].iter().all(|later| later.topic != published[*index].topic)
    };
    (0..published.len()).filter(is_newest).map(|index| published[index].clone()).collect()
}

#[tokio::test]
async fn whoever_may_skip_is_told_how_much_and_goes_on_with_what_its_policy_keeps() {
    for (policy, version) in SKIPPING {
        let server = start(&[policy]).await;
        let mut stopped = open(&server, PRICES, version).await;
        let mut neighbours = neighbours(&server, PRICES).await;
        let mut published = Vec::new();
        publish(&server, &mut neighbours, &mut published, EVENTS).await;

        let (had, notified) = read_up_to_a_gap(&mut stopped, &published).await;
        assert!(had > 0, "{policy}, {version}: something fits into the buffers");
        let behind = &published[had..];
        let kept = match policy {
            "conflate" => newest_of_each_topic(behind),
            _ => behind[behind.len() - LAG_EVENTS..].to_vec(),
        };
        let missed = behind.len() - kept.len();
        let gaps = read_kept(&mut stopped, notified, published[..had].last(), &kept, missed).await;
        assert!(gaps == 1 || policy == "conflate", "{gaps} gaps: what is kept stands together");

        // And it is live again.
        publish(&server, &mut neighbours, &mut published, 10).await;
        for event in &published[EVENTS..] {
            stopped.expect(&event.frame()).await;
        }
        let name = |figure: &str| format!("fanfare_{figure}_total{{policy=\"{policy}\"}}");
        let (skips, skipped) = (name("backpressure_actions"), name("events_dropped"));
        let slow = "fanfare_streams_closed_total{reason=\"slow\"}";
        let delivered = "fanfare_events_delivered_total";
        let names = [&*skips, &*skipped, slow, "fanfare_gap_notices_total", delivered];
        let received = published.len() * neighbours.len() + published.len() - missed;
        let gaps = gaps as f64;
        let expected = [gaps, missed as f64, 0.0, gaps, received as f64];
        // What a reader has may have yet to be counted.
        let counted = async || server.stats(names).await == expected;
        eventually(&format!("{policy}: {names:?} are {expected:?}"), counted).await;
    }
}

/// Within the limit, but the log is shorter: the last event that was sent is not there to be named.
#[tokio::test]
async fn what_the_log_has_lost_is_told_by_those_policies_too() {
    const LOG_EVENTS: usize = 100;
    for (policy, version) in SKIPPING {
        let server = start_with(&["--retain-events", "100"], &[policy]).await;
        let mut stopped = open(&server, PRICES, version).await;
        let mut neighbours = neighbours(&server, PRICES).await;
        let mut published = Vec::new();
        publish(&server, &mut neighbours, &mut published, EVENTS).await;
        let (had, notified) = read_up_to_a_gap(&mut stopped, &published).await;
        let mut kept = published[EVENTS - LOG_EVENTS..].to_vec();
        if policy == "conflate" {
            kept = newest_of_each_topic(&kept);
        }
        let missed = EVENTS - had - kept.len();
        read_kept(&mut stopped, notified, None, &kept, missed).await;
    }
}

/// It never reads fast enough, and reads all the time: each gap must fit to what is around it.
#[tokio::test]
async fn every_gap_of_a_reader_that_is_always_slow_says_exactly_what_is_missing() {
    const ROUNDS: usize = 12;
    for (policy, version) in SKIPPING {
        let server = start(&[policy]).await;
        let mut slow = open(&server, PRICES, version).await;
        let mut neighbours = neighbours(&server, PRICES).await;
        let mut published = Vec::new();
        let mut frames = Vec::new();
        for round in 1..=ROUNDS {
            publish(&server, &mut neighbours, &mut published, 200).await;
            let last = published.last().expect("some").frame();
            let enough = if round < ROUNDS { frames.len() + 40 } else { usize::MAX };
            while frames.len() < enough && frames.last() != Some(&last) {
                frames.push(slow.frame().await.expect("the stream goes on"));
            }
        }
        let gaps = assert_gaps_fit(&frames, &published, policy);
        assert!(gaps > 1, "{policy}: only {gaps} gaps");
        let skips = format!("fanfare_backpressure_actions_total{{policy=\"{policy}\"}}");
        assert_eq!(server.figure(&skips).await, gaps as f64);
    }
}

/// How many gaps there are, all of which tell the truth.
fn assert_gaps_fit(frames: &[String], published: &[Published], policy: &str) -> usize {
    let (mut gaps, mut unannounced, mut next) = (0, 0, 0);
    for (at, frame) in frames.iter().enumerate() {
        if let Some(gap) = gap_in(frame) {
            let before = frames[..at].iter().rev().find(|frame| gap_in(frame).is_none());
            assert_eq!(gap["after"], id_in(before.expect("some events")), "{policy}");
            // What was next may have become old before there was room for it, and that is told too.
            if gap_in(&frames[at + 1]).is_none() {
                assert_eq!(gap["before"], id_in(&frames[at + 1]), "{policy}");
            }
            unannounced -= i64::try_from(gap["missed"].as_u64().unwrap()).unwrap();
            gaps += 1;
            continue;
        }
        let skipped = published[next..].iter().position(|event| event.frame() == *frame);
        let skipped = skipped.expect("events come as they were published, once and in order");
        unannounced += i64::try_from(skipped).unwrap();
        next += skipped + 1;
        match policy {
            // What is left out lies at the gap.
            "drop-oldest" => assert_eq!(unannounced, 0, "{frame:.60}"),
            // Some of it lies between those that are kept.
            _ => assert!(unannounced <= 0, "{frame:.60}"),
        }
    }
    assert_eq!((unannounced, next), (0, published.len()), "{policy}");
    gaps
}

fn gap_in(frame: &str) -> Option<Value> {
    let json = frame.strip_prefix("event: fanfare-gap\ndata: ")?;
    Some(serde_json::from_str(json).unwrap())
}

fn id_in(frame: &str) -> String {
    frame.strip_prefix("id: ").expect("an event").lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn catch_up_gives_everything_late() {
    for version in VERSIONS {
        let server = start(&["catch-up"]).await;
        let mut stopped = open(&server, PRICES, version).await;
        let mut neighbours = neighbours(&server, PRICES).await;
        let mut published = Vec::new();
        publish(&server, &mut neighbours, &mut published, EVENTS).await;
        for event in &published {
            stopped.expect(&event.frame()).await;
        }
        assert_eq!(server.figure("fanfare_gap_notices_total").await, 0.0);
    }
}

#[tokio::test]
async fn catch_up_ends_in_order_when_the_log_itself_has_passed_the_reader() {
    for version in VERSIONS {
        let limits = ["--lag-events", "50", "--retain-events", "100"];
        let server = start_with(&limits, &["catch-up"]).await;
        let stopped = open(&server, PRICES, version).await;
        let mut neighbours = neighbours(&server, PRICES).await;
        let mut published = Vec::new();
        publish(&server, &mut neighbours, &mut published, EVENTS).await;
        let rest = stopped.rest().await;
        assert!(rest.whole);
        let had = rest.text.matches("id: ").count();
        assert!(0 < had && had < EVENTS - 100, "{had}");
        let expected: String = published[..had].iter().map(Published::frame).collect();
        assert_eq!(rest.text, expected + RETRY_HINT);
        let passed = "fanfare_streams_closed_total{reason=\"overrun\"}";
        assert_eq!(server.figure(passed).await, 1.0);
    }
}

#[tokio::test]
async fn disconnect_cuts_the_stream_and_what_had_left_is_whole_events() {
    for version in VERSIONS {
        let server = start(&["disconnect"]).await;
        let stopped = open(&server, PRICES, version).await;
        let mut neighbours = neighbours(&server, PRICES).await;
        let mut published = Vec::new();
        publish(&server, &mut neighbours, &mut published, EVENTS).await;
        let slow = "fanfare_streams_closed_total{reason=\"slow\"}";
        eventually("it is cut", async || server.figure(slow).await == 1.0).await;
        let rest = stopped.rest().await;
        let all: String = published.iter().map(Published::frame).collect();
        let text = rest.text.strip_suffix(RETRY_HINT).unwrap_or(&rest.text);
        assert!(all.starts_with(text), "something else came: {:.200}", rest.text);
        assert!(text.len() < all.len() / 2, "it was not behind");
        if version == "HTTP/1.1" {
            // An event is a chunk, so what came is whole events; and the last chunk did not come.
            assert!(text.ends_with("\n\n") && !rest.whole);
        }
        // It comes back with its last id, and has missed nothing.
        let had = text.matches("\n\n").count();
        let mut wire = Wire::open(&server).await;
        let id = &published[had - 1].id;
        wire.say(format!(
            "GET {PRICES} HTTP/1.1\r\nhost: localhost\r\nlast-event-id: {id}\r\n\r\n"
        ))
        .await;
        let mut back = wire.stream().await;
        back.place().await;
        for event in &published[had..] {
            back.expect(&event.frame()).await;
        }
    }
}

#[tokio::test]
async fn a_rule_holds_for_the_streams_whose_selectors_it_covers_and_for_no_others() {
    let server = start(&["prices/*=conflate", "news=drop-oldest"]).await;
    let cases = [
        (PRICES, "conflate"),
        ("/events/prices/a", "conflate"),
        ("/.well-known/mercure?topic=prices%2Fa&topic=prices%2Fb", "conflate"),
        ("/.well-known/mercure?topic=prices%2Fa&topic=news", "disconnect"),
        ("/.well-known/mercure?topic=*", "disconnect"),
        ("/.well-known/mercure?topic=%7Bkind%7D%2Fa", "disconnect"),
        ("/events/news", "drop-oldest"),
    ];
    let mut stopped = Vec::new();
    for (path, policy) in cases {
        stopped.push((open(&server, path, "HTTP/1.1").await, path, policy));
    }
    let data = "x".repeat(DATA_BYTES);
    for _ in 0..20 {
        let events: Vec<_> =
            (0..20).flat_map(|_| [("prices/a", data.clone()), ("news", data.clone())]).collect();
        server.publish_all(&events).await;
    }
    let slow = "fanfare_streams_closed_total{reason=\"slow\"}";
    eventually("three are cut", async || server.figure(slow).await == 3.0).await;
    for (mut stream, path, policy) in stopped {
        let mut after_gap = 0;
        let mut notified = false;
        while let Some(frame) = stream.frame().await {
            after_gap += usize::from(notified);
            notified |= frame.starts_with("event: fanfare-gap");
            let all = if policy == "conflate" { 1 } else { LAG_EVENTS };
            if notified && after_gap == all {
                break;
            }
        }
        assert_eq!(notified, policy != "disconnect", "{path}");
    }
    let name = |policy: &str| format!("fanfare_backpressure_actions_total{{policy=\"{policy}\"}}");
    let [conflated, dropped, cut] =
        server.stats([&name("conflate"), &name("drop-oldest"), slow]).await;
    // On a busy machine a stream is behind again while it is read here.
    assert!(conflated >= 3.0 && dropped >= 1.0, "{conflated} {dropped}");
    assert_eq!(cut, 3.0);
}

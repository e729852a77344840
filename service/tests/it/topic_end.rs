//! The end of a topic, as publishers and subscribers see it over real connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::header::HeaderMap;
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::support::{
    EventStream, Http2, PATIENCE, Program, RawStream, Received, TestServer, client, eventually,
    frame,
};
use crate::tokens::{LEGACY, legacy};

const HUB: &str = "/.well-known/mercure";

/// What a subscriber is told.
fn told(topics: &str) -> String {
    format!("event: fanfare-end\ndata: {{\"topics\":[{topics}]}}\n\n")
}

impl TestServer {
    /// Publishes with this query, which has to be accepted.
    async fn publish_with(&self, path: &str, data: &str) -> String {
        let response = self.post(path).body(data.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    /// The status of a request for a stream that resumes, which is no stream, and its headers.
    async fn no_stream(&self, path: &str, last_event_id: Option<&str>) -> (u16, HeaderMap) {
        let mut request = self.get(path);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        assert_eq!(response.text().await.unwrap(), "");
        (status, headers)
    }
}

async fn to_its_end(mut stream: EventStream) -> Vec<Received> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn whichever_way_a_topic_is_ended_its_readers_are_told_and_closed_and_its_publishers_refused()
{
    let server = TestServer::start().await;
    let ends = [
        ("query", "last", "id: {id}\ndata: last\n\n"),
        ("form", "last", "id: {id}\ndata: last\n\n"),
        ("line", "last", "id: {id}\ndata: last\n\n"),
        ("query", "", "id: {id}\n\n"),
        ("form", "", "id: {id}\n\n"),
        ("line", "", "id: {id}\n\n"),
    ];
    for (number, (way, data, expected)) in ends.into_iter().enumerate() {
        let topic = format!("job/{number}");
        let path = format!("/events/{topic}");
        let mut stream = RawStream::open(&server, &path).await;
        stream.place().await;
        let first = server.publish(&topic, "first").await;
        stream.expect(&frame(&first, "first")).await;
        let id = match way {
            "query" => server.publish_with(&format!("{path}?end"), data).await,
            "form" if data.is_empty() => {
                server.publish_form(&[("topic", &topic), ("end", "on")]).await
            }
            "form" => server.publish_form(&[("topic", &topic), ("data", data), ("end", "")]).await,
            _ => {
                let line = match data {
                    "" => format!("{{\"topic\":\"{topic}\",\"end\":true}}"),
                    _ => format!("{{\"topic\":\"{topic}\",\"data\":\"{data}\",\"end\":true}}"),
                };
                let request = server.post("/events").header("content-type", "application/x-ndjson");
                let text = request.body(line).send().await.unwrap().text().await.unwrap();
                let result: Value = serde_json::from_str(&text).unwrap();
                result["id"].as_str().unwrap().to_owned()
            }
        };
        let rest = stream.rest().await;
        let expected = expected.replace("{id}", &id) + &told(&format!("\"{topic}\""));
        assert_eq!((rest.text, rest.whole), (expected, true), "{way} {data}: without a retry");

        let refused = server.post(&path).body("more").send().await.unwrap();
        assert_eq!(refused.status(), 409);
        let problem: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
        assert_eq!(problem["type"], "urn:fanfare:problem:topic-ended");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("the topic `{topic}` has ended")), "{detail}");
    }
    let rejected = "fanfare_publish_rejected_total{reason=\"topic_ended\"}";
    assert_eq!(server.figure(rejected).await, 6.0);
    assert_eq!(server.figure("fanfare_streams_closed_total{reason=\"finished\"}").await, 6.0);
}

#[tokio::test]
async fn whoever_has_had_everything_of_a_topic_that_has_ended_is_answered_204() {
    let server = TestServer::start().await;
    let first = server.publish("t", "first").await;
    let last = server.publish_with("/events/t?end", "last").await;
    let http2 = Http2::open(&server).await;
    for id in [None, Some(last.as_str()), Some("now")] {
        let (status, headers) = server.no_stream("/events/t", id).await;
        assert_eq!((status, &headers["cache-control"]), (204, &"no-store".parse().unwrap()));
        let fields: Vec<_> = id.iter().map(|id| ("last-event-id", *id)).collect();
        assert_eq!(http2.get("/events/t", &fields).await, (204, String::new()), "{id:?}");
        let head = server.client.head(server.url("/events/t")).send().await.unwrap();
        assert_eq!(head.status(), 204);
    }
    assert_eq!(server.no_stream("/events/t?lastEventID=now", Some(&last)).await.0, 204);
    let names = |events: &[Received]| -> Vec<String> {
        let name = |event: &Received| event.event.clone().unwrap_or_else(|| event.data.clone());
        events.iter().map(name).collect()
    };
    let after = |id: &str| server.get("/events/t").header("last-event-id", id.to_owned());
    let events = to_its_end(EventStream::open(after(&first)).await).await;
    assert_eq!(names(&events), ["last", "fanfare-end"]);
    let events = to_its_end(EventStream::open(after("earliest")).await).await;
    assert_eq!(names(&events), ["first", "last", "fanfare-end"]);
    let events = to_its_end(EventStream::open(after("unknown")).await).await;
    assert_eq!(names(&events), ["fanfare-gap", "first", "last", "fanfare-end"]);
    let mut stream = http2.ask_with("/events/t", &[("last-event-id", &first)]).await.stream().await;
    stream.place_of(&first).await;
    assert_eq!(stream.frame().await.unwrap(), Some(frame(&last, "last")));
    assert_eq!(stream.frame().await.unwrap(), Some(told("\"t\"")));
    assert_eq!(stream.frame().await.unwrap(), None);
    assert_eq!(server.figure("fanfare_subscribers").await, 0.0);
}

#[tokio::test]
async fn a_stream_of_several_topics_is_told_what_has_ended_and_goes_on() {
    let server = TestServer::start().await;
    server.publish_with("/events/a?end", "last of a").await;
    let paths = [
        (format!("{HUB}?topic=a&topic=b"), true),
        (format!("{HUB}?topic=a&topic=%7Bx%7D"), true),
        (format!("{HUB}?topic=*"), false),
        ("/events/b".to_owned(), false),
    ];
    let mut streams = Vec::new();
    for (path, is_told) in &paths {
        let mut stream = RawStream::open(&server, path).await;
        stream.place().await;
        if *is_told {
            stream.expect(&told("\"a\"")).await;
        }
        streams.push(stream);
    }
    let id = server.publish("b", "first of b").await;
    for stream in &mut streams {
        stream.expect(&frame(&id, "first of b")).await;
    }
    let last = server.publish_with("/events/b?end", "last of b").await;
    let more = server.publish("c", "more").await;
    for (number, mut stream) in streams.into_iter().enumerate() {
        stream.expect(&frame(&last, "last of b")).await;
        stream.expect(&told("\"b\"")).await;
        if number == 0 || number == 3 {
            assert_eq!(stream.rest().await.text, "", "{number}: it has nothing more to come");
        } else {
            stream.expect(&frame(&more, "more")).await;
        }
    }
    // One that was cut between the event and what follows on it is told when it comes back.
    let back = server.get(&format!("{HUB}?topic=b&topic=z")).header("last-event-id", &last);
    let mut stream = EventStream::open(back).await;
    assert_eq!(stream.next().await.unwrap().event.as_deref(), Some("fanfare-end"));
}

#[tokio::test]
async fn a_publish_may_be_repeated_after_the_end_and_is_refused_as_a_whole() {
    let server = TestServer::start().await;
    let again = async |path: &str, data: &str| {
        let response = server.post(path).body(data.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(again("/events/t?id=1", "first").await, (200, "1".to_owned()));
    assert_eq!(again("/events/t?id=2&end", "last").await, (200, "2".to_owned()));
    assert_eq!(again("/events/t?id=1", "first").await, (200, "1".to_owned()));
    assert_eq!(again("/events/t?id=2&end", "last").await, (200, "2".to_owned()));
    assert_eq!(again("/events/t?id=2", "last").await.0, 409, "it ends nothing: another content");
    assert_eq!(again("/events/t?id=3", "more").await.0, 409);
    let lines = "{\"topic\":[\"u\",\"t\"],\"data\":\"1\"}\n{\"topic\":\"u\",\"data\":\"2\"}\n";
    let request = server.post("/events").header("content-type", "application/x-ndjson");
    let text = request.body(lines).send().await.unwrap().text().await.unwrap();
    let (refused, accepted) = text.trim().split_once('\n').unwrap();
    let refused: Value = serde_json::from_str(refused).unwrap();
    assert_eq!((&refused["status"], &refused["line"]), (&409.into(), &1.into()));
    assert!(accepted.starts_with("{\"id\":"));
    assert_eq!(again("/events/t?End", "x").await.0, 400, "nearly the right name");
}

#[tokio::test]
async fn a_private_end_is_told_to_those_who_may_see_it_and_closes_nobody_else() {
    let server = TestServer::start_with(&[&LEGACY[..], &["--anonymous-subscribe"]].concat()).await;
    let writer = legacy(&["--publish", "*"]);
    let reader = legacy(&["--subscribe", "t"]);
    let mut public = EventStream::open(server.get("/events/t")).await;
    let private = EventStream::open(server.get("/events/t").bearer_auth(&reader)).await;
    let mut other = EventStream::open(server.get("/events/other")).await;
    let publish = async |path: &str| {
        let request = server.post(path).body("x").bearer_auth(&writer);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(publish("/events/t?private&end").await, 200);
    let seen = to_its_end(private).await;
    assert_eq!(seen.last().unwrap().event.as_deref(), Some("fanfare-end"));
    let status = async |token: Option<&str>| {
        let request = server.get("/events/t");
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((status(Some(&reader)).await, status(None).await), (204, 200));
    assert_eq!(publish("/events/t").await, 409, "publishers are told");
    // The next that comes on that connection would be the end, if it were told.
    assert_eq!(publish("/events/other").await, 200);
    assert_eq!(other.next().await.unwrap().data, "x");
    server.stop().await;
    let rest = public.next().await;
    assert_eq!(rest.map(|last| (last.event, last.data)), Some((None, String::new())), "a retry");
}

#[tokio::test]
async fn a_topic_is_open_again_when_the_event_that_ended_it_is_not_retained() {
    let server = TestServer::start_with(&["--retain-events", "100"]).await;
    let last = server.publish_with("/events/t?end", "last").await;
    let others: Vec<(&str, String)> = (0..100).map(|number| ("u", number.to_string())).collect();
    server.publish_all(&others).await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    server.publish("t", "anew").await;
    assert_eq!(stream.next().await.unwrap().data, "anew");
    let back = server.get("/events/t").header("last-event-id", &last);
    let mut stream = EventStream::open(back).await;
    assert_eq!(stream.next().await.unwrap().event.as_deref(), Some("fanfare-gap"));
    assert_eq!(stream.next().await.unwrap().data, "anew");
}

#[tokio::test]
async fn a_log_on_disk_knows_after_a_restart_which_topics_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--data-dir", folder.path().to_str().unwrap()];
    let flags = [&flags[..], &["--drain-window", "0s"]].concat();
    let client = client();
    let url = |program: &Program| format!("http://{}/events/t", program.address());
    let mut program = Program::start(&flags);
    let response = client.post(url(&program) + "?end").body("last").send().await.unwrap();
    let last = response.text().await.unwrap();
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    let program = Program::start(&flags);
    let back = client.get(url(&program)).header("last-event-id", &last);
    assert_eq!(back.send().await.unwrap().status(), 204);
    assert_eq!(client.post(url(&program)).body("x").send().await.unwrap().status(), 409);
}

#[tokio::test]
async fn a_slow_reader_is_told_of_the_end_when_it_has_read_what_came_before() {
    for policy in ["disconnect", "drop-oldest", "conflate", "catch-up"] {
        let rule = format!("*={policy}");
        let server = TestServer::start_with(&["--policy", &rule, "--lag-bytes", "1GiB"]).await;
        let mut stream = RawStream::open(&server, "/events/t").await;
        stream.place().await;
        let large = "x".repeat(100_000);
        let events: Vec<(&str, String)> = (0..60).map(|_| ("t", large.clone())).collect();
        server.publish_all(&events).await;
        server.publish_with("/events/t?end", "").await;
        let rest = stream.rest().await;
        assert!(rest.whole && rest.text.ends_with(&told("\"t\"")), "{policy}");
        assert_eq!(rest.text.matches(&large).count(), 60, "{policy}");
    }
}

/// A run of a language model: readers come when they like, are cut when it happens, over both versions
/// of HTTP, and each has the whole text and leaves of itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_come_and_are_cut_at_any_moment_have_the_whole_text_and_stop_by_themselves() {
    const TOKENS: usize = 2_000;
    const READERS: u64 = 200;
    let server = Arc::new(TestServer::start().await);
    let text: Vec<String> = (0..TOKENS).map(|number| format!("token {number} ")).collect();
    let readers: Vec<_> = (0..READERS)
        .map(|seed| tokio::spawn(read_text(Arc::clone(&server), seed, TOKENS)))
        .collect();
    for part in text.chunks(10) {
        let events: Vec<(&str, String)> =
            part.iter().map(|token| ("run/1", token.clone())).collect();
        server.publish_all(&events).await;
        sleep(Duration::from_millis(5)).await;
    }
    server.publish_with("/events/run/1?end", "").await;
    let mut cuts = 0;
    for (seed, reader) in readers.into_iter().enumerate() {
        let (read, cut) = timeout(PATIENCE, reader).await.expect("it stops by itself").unwrap();
        assert!(read == text, "reader {seed}, cut {cut} times, has {} tokens", read.len());
        cuts += cut;
    }
    assert!(cuts > READERS as usize, "only {cuts} cuts: the test did not test anything");
    // The server may have yet to see the last cuts.
    let nobody = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("nobody is there", nobody).await;
}

/// Reads as a browser does, until it is told that there is nothing more.
async fn read_text(server: Arc<TestServer>, seed: u64, tokens: usize) -> (Vec<String>, usize) {
    let mut chance = SmallRng::seed_from_u64(seed);
    sleep(Duration::from_millis(chance.random_range(0..1_200))).await;
    let client = match seed % 4 {
        0 => reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap(),
        _ => server.client.clone(),
    };
    let mut by_id = BTreeMap::new();
    let (mut last_id, mut cuts) = ("earliest".to_owned(), 0);
    loop {
        let url = server.url("/events/run/1?lastEventID=earliest");
        let response = client.get(url).header("last-event-id", &last_id).send().await.unwrap();
        if response.status() == 204 {
            return (by_id.into_values().collect(), cuts);
        }
        let mut stream = EventStream::from_response(response);
        let mut left = chance.random_range(1..=tokens);
        while left > 0
            && let Some(event) = stream.next().await
        {
            left -= 1;
            if event.event.is_none() && event.retry.is_none() {
                let id = event.id.unwrap();
                assert_eq!(by_id.insert(id, event.data), None, "twice");
            }
        }
        cuts += usize::from(left == 0);
        last_id = stream.last_id.unwrap_or(last_id);
    }
}

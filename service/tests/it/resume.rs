//! Where a stream goes on: after the id that it is asked for, in whatever way and spelling, or from
//! the place that it began with; and what is told of a gap, which is nothing of anybody else.

use reqwest::Method;
use serde_json::Value;

use crate::support::{EventStream, RawStream, TestServer, Wire};

const HUB: &str = "/.well-known/mercure";

/// A stream whose request has these fields beside the host.
async fn open_raw(server: &TestServer, path: &str, fields: &str) -> RawStream {
    let mut wire = Wire::open(server).await;
    wire.say(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n")).await;
    wire.stream().await
}

#[tokio::test]
async fn a_stream_resumes_after_the_event_that_it_names() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for data in ["1", "2", "3"] {
        ids.push(server.publish("t", data).await);
        server.publish("another", "not for this one").await;
    }
    let custom = server.publish_form(&[("topic", "t"), ("data", "4"), ("id", "custom")]).await;
    let query = |name: &str, id: &str| format!("/events/t?{name}={id}");
    let twice = format!("/events/t?lastEventID={}&last-event-id={}", ids[0], ids[1]);
    let other_way = format!("/events/t?last_event_id={}&lastEventId={}", ids[2], ids[0]);
    let last_is_empty = format!("/events/t?lastEventID={}&lastEventId=", ids[1]);
    let cases = [
        (query("lastEventID", &ids[0]), None, vec!["2", "3", "4"], ids[0].as_str()),
        (query("lastEventId", &ids[0]), None, vec!["2", "3", "4"], &ids[0]),
        (query("last_event_id", &ids[1]), None, vec!["3", "4"], &ids[1]),
        (query("Last-Event-ID", &ids[2]), None, vec!["4"], &ids[2]),
        (query("LASTEVENTID", &ids[2]), None, vec!["4"], &ids[2]),
        (query("lastEventID", "earliest"), None, vec!["1", "2", "3", "4"], "earliest"),
        // Of several the last wins, and the header over all of them.
        (twice, None, vec!["3", "4"], &ids[1]),
        (other_way, None, vec!["2", "3", "4"], &ids[0]),
        (last_is_empty, None, vec!["3", "4"], &ids[1]),
        (query("lastEventID", &ids[0]), Some(ids[2].as_str()), vec!["4"], &ids[2]),
        (query("lastEventID", &ids[2]), Some(""), vec!["4"], &ids[2]),
        ("/events/t".to_owned(), Some(&custom), vec![], &custom),
    ];
    let mut streams = Vec::new();
    for (path, header, expected, after) in cases {
        let mut request = server.get(&path);
        if let Some(id) = header {
            request = request.header("Last-Event-ID", id);
        }
        let stream = EventStream::open(request).await;
        assert_eq!(stream.resumed_after.as_deref(), Some(after), "{path}");
        streams.push((stream, expected, path));
    }
    server.publish("t", "live").await;
    for (mut stream, mut expected, path) in streams {
        expected.push("live");
        assert_eq!(stream.data(expected.len()).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_name_that_is_nearly_right_is_refused_with_the_right_one() {
    let server = TestServer::start().await;
    let (get, post) = (Method::GET, Method::POST);
    let cases = [
        (&get, "/.well-known/mercure?topic=t&lastEventIDs=1", "lastEventID"),
        (&get, "/.well-known/mercure?topic=t&Last-Event-Ids=1", "lastEventID"),
        (&get, "/.well-known/mercure?Topics=t", "topic"),
        (&get, "/.well-known/mercure?topic=t&topic_=u", "topic"),
        (&get, "/.well-known/mercure?TOPIC=t", "topic"),
        (&get, "/events/t?lastEventIDs=1", "lastEventID"),
        (&get, "/stream-time?last_event_ids=1", "lastEventID"),
        (&post, "/events/t?types=a", "type"),
        (&post, "/events/t?Id=1", "id"),
        (&post, "/events/t?re-try=1", "retry"),
        (&post, "/events/t?Private", "private"),
    ];
    for (method, path, right) in cases {
        let request = server.client.request(method.clone(), server.url(path)).body("x");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.ends_with(&format!("write `{right}`")), "{path}: {detail}");
    }
    assert_eq!(server.figure("fanfare_events_published_total").await, 0.0);
    // What is not like any of them is left alone, and so is every field of a form.
    for path in ["/events/t?lastEventID=1&retry=1&anything=x", "/events/t?topic=x&data=y"] {
        assert_eq!(server.post(path).body("x").send().await.unwrap().status(), 200, "{path}");
    }
    server.publish_form(&[("topic", "t"), ("types", "a"), ("Id", "b")]).await;
}

#[tokio::test]
async fn an_id_that_is_empty_counts_as_none_and_the_first_comment_says_so() {
    let server = TestServer::start().await;
    server.publish("t", "before").await;
    let cases = [
        ("/events/t?lastEventID=", ""),
        ("/events/t?last_event_id", ""),
        ("/events/t", "last-event-id:\r\n"),
    ];
    for (path, fields) in cases {
        let mut stream = open_raw(&server, path, fields).await;
        assert_eq!(stream.head.field("last-event-id"), None, "{path}");
        let beginning = stream.frame().await.unwrap();
        let (comment, place) = beginning.split_once('\n').unwrap();
        assert!(comment.starts_with(": the last event id was empty"), "{path}: {beginning}");
        assert!(place.starts_with("id: e:"), "{path}: {beginning}");
        let id = server.publish("t", "next").await;
        assert_eq!(stream.frame().await.unwrap(), format!("id: {id}\ndata: next\n\n"), "{path}");
    }
}

#[tokio::test]
async fn now_is_the_place_behind_everything_that_is_there() {
    let server = TestServer::start().await;
    let before = server.publish("t", "before").await;
    for (path, fields) in
        [("/events/t?lastEventID=now", ""), ("/events/t", "last-event-id: now\r\n")]
    {
        let mut stream = open_raw(&server, path, fields).await;
        let place = stream.place().await;
        assert_eq!(stream.head.field("last-event-id"), Some(place.as_str()), "{path}");
        assert!(place >= before, "{path}: {place}");
        let id = server.publish("t", "next").await;
        assert_eq!(stream.frame().await.unwrap(), format!("id: {id}\ndata: next\n\n"), "{path}");
    }
}

/// Its first event comes when it is away.
#[tokio::test]
async fn whoever_has_had_no_event_goes_on_from_the_place_of_its_stream() {
    let server = TestServer::start().await;
    server.publish("another", "x").await;
    let mut first = RawStream::open(&server, "/events/t").await;
    let place = first.place().await;
    drop(first);
    server.publish("another", "x").await;
    server.publish("t", "while you were away").await;
    let request = server.get("/events/t").header("Last-Event-ID", &place);
    let mut back = EventStream::open(request).await;
    assert_eq!(back.resumed_after.as_deref(), Some(place.as_str()));
    assert_eq!(back.data(1).await, ["while you were away"]);
}

/// The log has long dropped what was there when the stream began.
#[tokio::test]
async fn a_quiet_stream_beside_a_busy_one_keeps_its_place_by_heartbeats() {
    let server = TestServer::start_with(&["--heartbeat", "200ms", "--retain-events", "3"]).await;
    let mut quiet = RawStream::open(&server, "/events/quiet").await;
    quiet.place().await;
    let mut last = String::new();
    for _ in 0..10 {
        last = server.publish("busy", "x").await;
    }
    let renewed = format!("id: {last}\n\n");
    while !quiet.frame().await.expect("a place").ends_with(&renewed) {}
    drop(quiet);
    server.publish("quiet", "while you were away").await;
    let mut back = open_raw(&server, "/events/quiet", &format!("last-event-id: {last}\r\n")).await;
    assert_eq!(back.place().await, last, "and no gap before it");
    assert!(back.frame().await.unwrap().ends_with("data: while you were away\n\n"));
}

#[tokio::test]
async fn who_comes_back_too_late_is_told_what_is_missing() {
    let server = TestServer::start_with(&["--retain-events", "3"]).await;
    let mut ids = Vec::new();
    for data in ["1", "2", "3", "4", "5"] {
        ids.push(server.publish("t", data).await);
    }
    // Event 2 is gone too, but it was seen, so nothing is missing.
    let request = server.get("/events/t").header("Last-Event-ID", &ids[1]);
    let mut stream = EventStream::open(request).await;
    assert_eq!(stream.resumed_after.as_ref(), Some(&ids[1]));
    assert_eq!(stream.data(3).await, ["3", "4", "5"]);
    let foreign = "urn:uuid:018f0000-0000-7001-8000-000000000005";
    let cases = [
        ("?topic=*", ids[0].as_str(), Value::from(1)),
        ("?topic=t", ids[0].as_str(), Value::Null),
        ("?topic=t", "never-heard-of", Value::Null),
        ("?topic=t", foreign, Value::Null),
    ];
    for (query, id, missed) in cases {
        let request = server.get(&format!("{HUB}{query}")).header("Last-Event-ID", id);
        let mut stream = EventStream::open(request).await;
        let gap = stream.next().await.unwrap();
        assert_eq!((gap.event.as_deref(), gap.id), (Some("fanfare-gap"), None));
        let notified: Value = serde_json::from_str(&gap.data).unwrap();
        assert_eq!((&notified["missed"], &notified["after"]), (&missed, &Value::from(id)));
        // Where it leads to is before event 3.
        assert_eq!(notified["before"], ids[1], "{query} {id}");
        assert_eq!(stream.resumed_after.as_ref(), Some(&ids[1]), "{query} {id}");
        assert_eq!(stream.data(3).await, ["3", "4", "5"], "{query} {id}");
    }
}

#[tokio::test]
async fn a_gap_tells_nothing_of_other_topics() {
    const SECRET: &str = "CUSTOMER-4711";
    let server = TestServer::start_with(&["--retain-events", "2", "--heartbeat", "200ms"]).await;
    let secret = [("topic", "secret"), ("private", "on"), ("data", "x"), ("id", SECRET)];
    let gone = server.publish("other", "gone").await;
    server.publish("other", "gone too").await;
    server.publish("other", "retained").await;
    server.publish_form(&secret).await;
    let mut behind_all = open_raw(&server, "/events/quiet?lastEventID=now", "").await;
    let head = behind_all.place().await;
    for id in ["nope", &gone, "earliest"] {
        // With something to replay, and with nothing.
        for topic in ["other", "quiet"] {
            let path = format!("/events/{topic}?lastEventID={id}");
            let mut stream = open_raw(&server, &path, "").await;
            let mut came = format!("{:?}", stream.head);
            // The last is the place that a heartbeat tells.
            while !came.ends_with(&format!("{head}\n\n")) {
                came += &stream.frame().await.unwrap();
            }
            assert!(!came.contains(SECRET), "{path}: {came}");
            assert_eq!(came.contains("fanfare-gap"), id != "earliest", "{path}: {came}");
        }
    }
}

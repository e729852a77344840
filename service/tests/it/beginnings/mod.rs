//! Where a stream begins whose client has no id: with the newest events of each topic, with what came since
//! a time, with everything; and a request that gets what is there and ends.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{EventStream, Http2, PROGRAM, RawStream, TestServer, frame};

/// Nothing is missing and nothing comes twice while events come fast.
mod under_load;

/// Some events, and their ids.
async fn published(server: &TestServer) -> Vec<String> {
    let events =
        [("a", "1"), ("b", "2"), ("a", "3"), ("rooms/x", "4"), ("b", "5"), ("rooms/y", "6")];
    let mut ids = Vec::new();
    for (topic, data) in events {
        ids.push(server.publish(topic, data).await);
    }
    ids
}

/// What comes of a request that ends with what is there: the data, and the place.
async fn poll(server: &TestServer, path: &str) -> (Vec<String>, Option<String>) {
    let response = server.get(path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    let mut stream = EventStream::from_response(response);
    let mut data = Vec::new();
    while let Some(event) = stream.next().await {
        data.push(event.data);
    }
    (data, stream.last_id)
}

#[tokio::test]
async fn a_stream_begins_with_the_newest_events_of_each_of_its_topics() {
    let server = TestServer::start().await;
    let ids = published(&server).await;
    let hub = |query: &str| format!("/.well-known/mercure?poll&{query}");
    let cases: [(String, &[&str]); 12] = [
        ("/events/a?poll&last=1".to_owned(), &["3"]),
        ("/events/a?poll&last=2".to_owned(), &["1", "3"]),
        ("/events/a?poll&last=10000".to_owned(), &["1", "3"]),
        ("/events/none?poll&last=3".to_owned(), &[]),
        (hub("topic=*&last=1"), &["3", "4", "5", "6"]),
        (hub("topic=a&topic=b&last=1"), &["3", "5"]),
        (hub("topic=rooms/{id}&last=1"), &["4", "6"]),
        (hub("topic=rooms/{id}&topic=b&last=2"), &["2", "4", "5", "6"]),
        (hub("match=*&last=1"), &["3", "4", "5", "6"]),
        (hub("match_exact=b&last=1"), &["5"]),
        (hub("match_urlpattern=/.well-known/rooms/:id&last=1"), &["4", "6"]),
        (hub("topic=a"), &["1", "3"]),
    ];
    for (path, expected) in cases {
        let (data, place) = poll(&server, &path).await;
        assert_eq!(data, expected, "{path}");
        assert_eq!(place.as_ref(), ids.last(), "{path}: the place is the newest event of all");
    }
}

#[tokio::test]
async fn a_stream_begins_with_what_came_since_a_time_as_it_is_written_or_so_long_ago() {
    let server = TestServer::start().await;
    server.publish("a", "1").await;
    let response = server.get("/events/a?last=1&poll").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let long_ago = "2020-01-01T00:00:00Z";
    for (since, expected) in [
        ("1h", vec!["1"]),
        ("90m", vec!["1"]),
        (long_ago, vec!["1"]),
        ("2020-01-01T00:00:00 02:00", vec!["1"]),
        ("2020-01-01T00:00:00+02:00", vec!["1"]),
        ("0s", vec![]),
    ] {
        let path = format!("/events/a?poll&since={since}");
        assert_eq!(poll(&server, &path).await.0, expected, "{since}");
    }
    let path = format!("/.well-known/mercure?topic=*&poll&last=1&since={long_ago}");
    assert_eq!(poll(&server, &path).await.0, ["1"], "both hold");
}

#[tokio::test]
async fn what_comes_next_follows_the_place_behind_the_beginning() {
    for path in
        ["/events/b?last=1", "/events/b?since=1h&last=1", "/.well-known/mercure?topic=b&last=1"]
    {
        let server = TestServer::start().await;
        let ids = published(&server).await;
        let mut stream = RawStream::open(&server, path).await;
        assert_eq!(stream.head.field("last-event-id"), None, "no id was given");
        assert_eq!(stream.frame().await.unwrap(), format!(":\n{}", frame(&ids[4], "5")), "{path}");
        assert_eq!(
            stream.frame().await.unwrap(),
            format!("id: {}\n\n", ids[5]),
            "{path}: the place"
        );
        let id = server.publish("b", "next").await;
        assert_eq!(stream.frame().await.unwrap(), frame(&id, "next"), "{path}");
    }
}

#[tokio::test]
async fn over_http_2_it_is_the_same() {
    let server = TestServer::start().await;
    let ids = published(&server).await;
    let http2 = Http2::open(&server).await;
    let (status, text) = http2.get("/.well-known/mercure?topic=a&topic=b&last=1&poll", &[]).await;
    assert_eq!(status, 200);
    // Comments fill small pieces up.
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with(':'));
    let expected = format!("{}{}id: {}\n\n", frame(&ids[2], "3"), frame(&ids[4], "5"), ids[5]);
    assert_eq!(lines.collect::<String>(), expected);
}

#[tokio::test]
async fn who_polls_with_the_last_place_gets_each_event_once() {
    let server = TestServer::start().await;
    let (data, place) = poll(&server, "/events/t?poll").await;
    assert_eq!(data, [""; 0]);
    let mut place = place.expect("an empty answer has a place, too");
    for round in 0..5 {
        let news: Vec<String> = (0..round).map(|number| format!("{round}.{number}")).collect();
        for data in &news {
            server.publish("t", data.clone()).await;
            server.publish("another", "x").await;
        }
        let path = format!("/events/t?poll&lastEventID={place}");
        let response = server.get(&path).send().await.unwrap();
        assert_eq!(response.headers()["last-event-id"], place.as_str());
        let (data, next) = poll(&server, &path).await;
        assert_eq!(data, news);
        place = next.unwrap();
    }
}

#[tokio::test]
async fn an_id_wins_and_one_that_is_unknown_is_told_by_a_gap_before_the_beginning() {
    let server = TestServer::start().await;
    let ids = published(&server).await;
    let path = format!("/events/a?poll&last=1&lastEventID={}", ids[0]);
    assert_eq!(poll(&server, &path).await.0, ["3"]);
    let path = format!("/.well-known/mercure?topic=*&poll&last=1&lastEventID={}", ids[4]);
    assert_eq!(poll(&server, &path).await.0, ["6"], "all that follows the id, and nothing else");
    let mut stream = EventStream::open(server.get("/events/b?last=1&lastEventID=elsewhere")).await;
    let gap = stream.next().await.unwrap();
    assert_eq!(gap.event.as_deref(), Some("fanfare-gap"));
    let told: Value = serde_json::from_str(&gap.data).unwrap();
    assert_eq!((&told["after"], &told["missed"]), (&Value::from("elsewhere"), &Value::Null));
    assert_eq!(told["before"].as_str(), stream.resumed_after.as_deref());
    assert_eq!(stream.data(1).await, ["5"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_says_what_can() {
    let server = TestServer::start().await;
    let cases = [
        ("/events/t?last=0", "no number from 1 to 10000"),
        ("/events/t?last=10001", "no number from 1 to 10000"),
        ("/events/t?last=", "no number from 1 to 10000"),
        ("/events/t?since=2100-01-01T00:00:00Z", "is in the future"),
        ("/events/t?since=tomorrow", "such as `10m`"),
        ("/events/t?since=1h&since=2h", "`since` is given twice"),
        ("/events/t?poll=maybe", "neither `true` nor `false`"),
        ("/events/t?Last=1", "write `last`"),
        ("/events/t?lasts=1", "write `last`"),
        ("/stream-time?sinces=1m", "write `since`"),
        ("/.well-known/mercure?topic=t&Poll", "write `poll`"),
    ];
    for (path, expected) in cases {
        let get = server.get(path).send().await.unwrap();
        let head = server.client.head(server.url(path)).send().await.unwrap();
        assert_eq!(
            (get.status(), head.status()),
            (StatusCode::BAD_REQUEST, StatusCode::BAD_REQUEST)
        );
        let problem: Value = serde_json::from_str(&get.text().await.unwrap()).unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_head_of_a_topic_tells_how_many_events_there_are_and_the_id_of_the_newest() {
    let secret = "a secret that is long enough for a test";
    let flags = ["--jwt-secret", secret, "--anonymous-subscribe"];
    let server = TestServer::start_with(&flags).await;
    let grants = ["token", "--jwt-secret", secret, "--publish", "*", "--subscribe", "*"];
    let token = Command::new(PROGRAM).args(grants).output().unwrap().stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let publish = async |path: &str| {
        let request = server.post(path).bearer_auth(&token).body("x");
        request.send().await.unwrap().text().await.unwrap()
    };
    let public = [publish("/events/t").await, publish("/events/t").await];
    let private = publish("/events/t?private").await;
    publish("/events/secret?private").await;
    let head = async |topic: &str, token: Option<&str>| {
        let mut request = server.client.head(server.url(&format!("/events/{topic}")));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let field = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let what = (field("fanfare-count").unwrap(), field("fanfare-newest-id"));
        assert_eq!(
            (response.status(), field("fanfare-ended").as_deref()),
            (StatusCode::OK, Some("false"))
        );
        what
    };
    assert_eq!(head("t", None).await, ("2".to_owned(), Some(public[1].clone())));
    assert_eq!(head("t", Some(&token)).await, ("3".to_owned(), Some(private)));
    assert_eq!(
        head("secret", None).await,
        ("0".to_owned(), None),
        "nobody learns that there are any"
    );
    assert_eq!(head("none", Some(&token)).await, ("0".to_owned(), None));
}

#[tokio::test]
async fn a_poll_of_topics_that_have_ended_has_the_rest_and_then_nothing() {
    let server = TestServer::start().await;
    let first = server.publish("t", "1").await;
    let ended = server.post("/events/t?end").body("2").send().await.unwrap();
    let last = ended.text().await.unwrap();
    let asked = async |path: &str| {
        let response = server.get(path).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let end = "event: fanfare-end\ndata: {\"topics\":[\"t\"]}\n\n";
    let rest = format!(":\n{}{end}", frame(&last, "2"));
    for path in [format!("/events/t?poll&lastEventID={first}"), "/events/t?poll&last=1".to_owned()]
    {
        assert_eq!(asked(&path).await, (200, rest.clone()), "{path}");
    }
    for path in ["/events/t?last=1", "/events/t?since=1h&last=1"] {
        assert_eq!(asked(path).await, (200, rest.clone()), "a stream has it, and ends: {path}");
    }
    let path = format!("/events/t?poll&lastEventID={last}");
    assert_eq!(asked(&path).await, (204, String::new()));
    let head = server.client.head(server.url("/events/t")).send().await.unwrap();
    let field = |name: &str| head.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (field("fanfare-count"), field("fanfare-newest-id"), field("fanfare-ended")),
        ("2".to_owned(), last, "true".to_owned())
    );
}

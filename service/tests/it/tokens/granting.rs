use rustix::process::Signal;

use super::*;
use crate::support::Program;

#[tokio::test]
async fn nobody_publishes_or_subscribes_without_a_token() {
    let server = start(&[&LEGACY]).await;
    let ndjson = server.post("/events").header("content-type", "application/x-ndjson").body("{}");
    let requests = [
        server.get("/events/t"),
        server.get(&format!("{HUB}?topic=t")),
        server.get("/stream-time"),
        server.get("/stream-training"),
        server.post("/events/t").body("x"),
        publish(&server, "t", "x"),
        ndjson,
    ];
    for request in requests {
        let what = format!("{request:?}");
        let (status, challenge, detail) = refusal(request).await;
        assert_eq!((status, challenge.as_str()), (401, "Bearer"), "{what}");
        assert!(detail.contains("needs a token"), "{what}: {detail}");
    }
    for page in ["/", "/demo/clock"] {
        assert_eq!(server.get(page).send().await.unwrap().status(), 200, "pages have no secrets");
    }
    let unauthorized = "fanfare_subscribe_rejected_total{reason=\"unauthorized\"}";
    assert_eq!(server.figure(unauthorized).await, 4.0);
    assert_eq!(server.figure("fanfare_publish_rejected_total{reason=\"unauthorized\"}").await, 3.0);
}

#[tokio::test]
async fn tokens_of_both_dialects_publish_and_see_private_events_of_what_they_grant() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    for (dialect, token) in [("draft-07", legacy as fn(&[&str]) -> String), ("1.0", access)] {
        let writer = token(&["--publish", "news/*", "--publish", "exact"]);
        let reader = token(&["--subscribe", "news/1"]);
        let request =
            server.get(&format!("{HUB}?topic=news%2F1&topic=news%2F2")).bearer_auth(&reader);
        let mut stream = EventStream::open(request).await;
        for (topic, data) in [("news/2", "hidden"), ("news/1", "seen"), ("exact", "elsewhere")] {
            let published =
                publish(&server, topic, data).bearer_auth(&writer).send().await.unwrap();
            assert_eq!(published.status(), 200, "{dialect}: {topic}");
        }
        assert_eq!(stream.data(1).await, ["seen"], "{dialect}");
        let (status, challenge, detail) =
            refusal(publish(&server, "other", "x").bearer_auth(&writer)).await;
        assert_eq!(status, 403, "{dialect}");
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(detail.contains("`other`"), "{detail}");
        let (status, _, detail) =
            refusal(publish(&server, "news/1", "x").bearer_auth(&reader)).await;
        assert_eq!(status, 403, "{dialect}: a reader publishes nothing");
        assert!(detail.contains("no topic"), "{detail}");
    }
}

#[tokio::test]
async fn the_private_events_of_others_are_seen_neither_live_nor_in_a_replay_nor_in_a_gap() {
    let server = start(&[&LEGACY, &["--anonymous-subscribe", "--retain-events", "20"]]).await;
    let writer = legacy(&["--publish", "*"]);
    let public = async |data: &str| {
        let request = server.post("/events/t").bearer_auth(&writer).body(data.to_owned());
        request.send().await.unwrap().text().await.unwrap()
    };
    let private = async |id: &str| {
        let request = server.post(&format!("/events/t?private&id={id}")).bearer_auth(&writer);
        request.body("private").send().await.unwrap().text().await.unwrap()
    };
    let first = public("1").await;
    let mut live = EventStream::open(server.get(&format!("{HUB}?topic=*"))).await;
    private("only-for-some").await;
    public("2").await;
    assert_eq!(live.data(1).await, ["2"]);
    for resume in [first.as_str(), "earliest"] {
        let path = format!("{HUB}?match=*&last_event_id={resume}");
        let mut stream = EventStream::open(server.get(&path)).await;
        let expected: &[&str] = if resume == "earliest" { &["1", "2"] } else { &["2"] };
        assert_eq!(stream.data(expected.len()).await, expected, "{resume}");
    }
    // Whether an id exists that only others may see cannot be found out.
    let asked = |id: &str| server.get(&format!("/events/t?last_event_id={id}"));
    for id in ["only-for-some", "made-up"] {
        let mut stream = EventStream::open(asked(id)).await;
        let gap = stream.next().await.unwrap();
        assert_eq!(gap.event.as_deref(), Some("fanfare-gap"), "{id}");
        assert!(gap.data.contains(&format!("\"after\":\"{id}\"")), "{}", gap.data);
        assert_eq!(stream.data(2).await, ["1", "2"], "{id}");
    }
    for n in 0..30 {
        private(&format!("hidden-{n}")).await;
    }
    let mut stream = EventStream::open(asked(&first)).await;
    let gap = stream.next().await.unwrap();
    assert!(gap.data.contains("\"missed\":null") && !gap.data.contains("hidden"), "{}", gap.data);
}

#[tokio::test]
async fn a_key_that_is_taken_away_shows_private_events_to_nobody_else() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), SECRET).unwrap();
    let file = ["--jwt-secret-file", secret.path().to_str().unwrap()];
    let program = Program::start(&[&file[..], &["--anonymous-subscribe"]].concat());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("{}{path}", program.url);
    let everything = || client.get(url(&format!("{HUB}?topic=*")));
    let replay = || client.get(url(&format!("{HUB}?topic=*&last_event_id=earliest")));
    let publish = async |token: &str, target: &str, data: &'static str| {
        let request = client.post(url(target)).bearer_auth(token).body(data);
        request.send().await.unwrap().status().as_u16()
    };
    let grants = ["--publish", "t", "--subscribe", "t"];
    let old = legacy(&grants);
    let mut anonymous = EventStream::open(everything()).await;
    let mut reader = EventStream::open(everything().bearer_auth(&old)).await;
    assert_eq!(publish(&old, "/events/t?private", "1").await, 200);

    let other = "another secret of draft-07, with 32 bytes or more";
    std::fs::write(secret.path(), other).unwrap();
    program.signal(Signal::HUP);
    let is_refused = async || {
        let probe = client.head(url("/events/t")).bearer_auth(&old).send().await;
        probe.unwrap().status() == 401
    };
    eventually("the key is taken away", is_refused).await;
    assert_eq!(replay().bearer_auth(&old).send().await.unwrap().status(), 401);
    let new = token(&[&["--jwt-secret", other][..], &grants].concat());
    assert_eq!(publish(&new, "/events/t?private", "2").await, 200);
    assert_eq!(publish(&new, "/events/t", "3").await, 200);

    assert_eq!(anonymous.data(1).await, ["3"]);
    assert_eq!(EventStream::open(replay()).await.data(1).await, ["3"]);
    assert_eq!(reader.data(3).await, ["1", "2", "3"], "a stream keeps its grants to its end");
    let mut replayed = EventStream::open(replay().bearer_auth(&new)).await;
    assert_eq!(replayed.data(3).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn those_without_a_token_may_be_let_in_to_public_events_alone() {
    let server = start(&[&ACCESS, &["--anonymous-subscribe"]]).await;
    let writer = access(&["--publish", "*"]);
    let mut anonymous = EventStream::open(server.get("/events/t")).await;
    let mut demo = EventStream::open(server.get("/stream-time")).await;
    assert!(demo.next().await.is_some());
    publish(&server, "t", "private").bearer_auth(&writer).send().await.unwrap();
    let public = server.post("/events/t").bearer_auth(&writer).body("public");
    assert_eq!(public.send().await.unwrap().status(), 200);
    assert_eq!(anonymous.data(1).await, ["public"]);
    assert_eq!(server.post("/events/t").body("x").send().await.unwrap().status(), 401);
    // A token that is wrong is not as good as none.
    assert_eq!(server.get("/events/t").bearer_auth("x").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_hub_itself_is_no_topic_for_tokens_of_1_0_and_is_one_for_those_of_draft_07() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    let (old, new) = (legacy(&["--publish", "*"]), access(&["--publish", "*"]));
    for (topic, of_old, of_new) in [
        ("#general", 200, 400),
        ("mercure", 200, 400),
        ("/.well-known/%6dercure", 200, 400),
        ("general", 200, 200),
        ("/.well-known/mercure/x", 400, 400),
        ("*", 400, 400),
    ] {
        for (token, expected) in [(&old, of_old), (&new, of_new)] {
            let response = publish(&server, topic, "x").bearer_auth(token).send().await.unwrap();
            assert_eq!(response.status(), expected, "{topic}");
        }
    }
}

use super::*;

#[tokio::test]
async fn subscriptions_of_1_0_are_told_in_its_form() {
    let server = TestServer::start_with(&[ON]).await;
    let pattern = "/.well-known/mercure/subscriptions/:match_type/:match/:subscriber";
    let mut observer = EventStream::open(stream(&server, &[("match_urlpattern", pattern)])).await;
    let (name, own) = told(&mut observer).await;
    assert_eq!(name.as_deref(), Some("mercure"));
    assert_eq!((&own["match_type"], &own["match"]), (&json!("urlpattern"), &json!(pattern)));
    let topic = "https://example.com/a b?c=100%25";
    let open = EventStream::open(stream(&server, &[("match", topic), ("match_exact", "*")])).await;
    let (name, document) = told(&mut observer).await;
    let subscriber = document["subscriber"].as_str().unwrap();
    let path = format!(
        "{LIST}/exact/https%3A%2F%2Fexample.com%2Fa%20b%3Fc%3D100%2525/{}",
        subscriber.replace(':', "%3A")
    );
    let expected = json!({
        "id": path, "type": "subscription", "match_type": "exact", "match": topic,
        "subscriber": subscriber, "active": true,
    });
    assert_eq!((name.as_deref(), &document), (Some("mercure"), &expected));
    let (_, of_all) = told(&mut observer).await;
    assert_eq!((&of_all["match"], &of_all["subscriber"]), (&json!("*"), &json!(subscriber)));

    assert_eq!(self::document(server.get(&path)).await, expected);
    let of_topic = path.rsplit_once('/').unwrap().0;
    let list = self::document(server.get(of_topic)).await;
    let expected_list = json!({
        "id": of_topic, "type": "subscriptions", "subscriptions": [expected],
    });
    assert_eq!(list, expected_list);
    let all = self::document(server.get(LIST)).await;
    assert_eq!(each(&all, "match"), ["*", topic, pattern], "in the order of their topics");
    assert_ne!(each(&all, "subscriber")[2], subscriber);

    drop(open);
    let (_, ended) = told(&mut observer).await;
    assert_eq!((&ended["id"], &ended["active"]), (&json!(path), &json!(false)));
    assert_eq!(server.get(&path).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn subscriptions_of_draft_07_are_told_in_its_form() {
    let server = TestServer::start_with(&[ON]).await;
    let template = "/.well-known/mercure/subscriptions/{topic}{/subscriber}";
    let mut observer = EventStream::open(stream(&server, &[("topic", template)])).await;
    assert_eq!(told(&mut observer).await.1["topic"], template);
    let topic = "https://example.com/{id}";
    let open = EventStream::open(stream(&server, &[("topic", topic)])).await;
    let (name, document) = told(&mut observer).await;
    let subscriber = document["subscriber"].as_str().unwrap();
    let of_topic = format!("{LIST}/https%3A%2F%2Fexample.com%2F%7Bid%7D");
    let path = format!("{of_topic}/{}", subscriber.replace(':', "%3A"));
    let one = json!({
        "id": path, "type": "Subscription", "topic": topic, "subscriber": subscriber,
        "active": true,
    });
    let with = |members: Value| {
        let mut document = one.clone();
        document["@context"] = json!("https://mercure.rocks/");
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        document
    };
    assert_eq!((name, &document), (None, &with(json!({}))), "it reaches `onmessage`");
    for (path, expected) in [
        (&path, with(json!({ "lastEventID": observer.last_id }))),
        (
            &of_topic,
            json!({
                "@context": "https://mercure.rocks/", "id": of_topic, "type": "Subscriptions",
                "lastEventID": observer.last_id, "subscriptions": [one],
            }),
        ),
    ] {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/ld+json");
        assert_eq!(json_of(response).await, expected);
    }
    drop(open);
    assert_eq!(told(&mut observer).await.1["active"], false);
}

#[tokio::test]
async fn the_list_of_all_is_in_the_form_that_the_client_or_its_token_is_of() {
    let server = TestServer::start_with(&KEYS).await;
    let old = legacy(&["*"], None);
    let new = access(&[detail(&[("exact", "*")], None)]);
    let _streams = [
        EventStream::open(stream(&server, &[("topic", "of draft-07")]).bearer_auth(&new)).await,
        EventStream::open(stream(&server, &[("match", "of 1.0")]).bearer_auth(&old)).await,
        EventStream::open(server.get("/events/short").bearer_auth(&old)).await,
    ];
    let types = |list: &Value| (list["type"].clone(), list["subscriptions"].clone());
    for (token, accept, is_legacy) in [
        (&new, "*/*", false),
        (&new, "application/json", false),
        (&new, "application/ld+json", true),
        (&new, "text/html, Application/LD+JSON;q=0.9", true),
        (&old, "*/*", true),
    ] {
        let request = || server.get(LIST).bearer_auth(token).header("accept", accept);
        let list = list_of(if is_legacy { 1 } else { 2 }, request).await;
        if is_legacy {
            assert_eq!(each(&list, "topic"), ["of draft-07"], "{accept}: {:?}", types(&list));
        } else {
            assert_eq!(each(&list, "match"), ["of 1.0", "short"], "{accept}: {:?}", types(&list));
        }
    }
}

#[tokio::test]
async fn payloads_are_those_of_the_token_and_of_1_0_those_of_the_first_detail_that_matches() {
    let server = TestServer::start_with(&KEYS).await;
    let reader = access(&[detail(&[("exact", "*")], None)]);
    let details = [
        detail(&[("urlpattern", "https://e.com/rooms/:id")], Some(json!({ "name": "Ann" }))),
        detail(&[("exact", "https://e.com/quiet")], None),
        detail(&[("exact", "*")], Some(json!(["any", 1.5, null]))),
    ];
    let token = access(&details);
    let cases = [
        ("https://e.com/rooms/1", json!({ "name": "Ann" })),
        ("https://e.com/quiet", Value::Null),
        ("https://e.com/other", json!(["any", 1.5, null])),
    ];
    let selectors: Vec<_> = cases.iter().map(|(topic, _)| ("match", *topic)).collect();
    let _stream = EventStream::open(stream(&server, &selectors).bearer_auth(&token)).await;
    let old = legacy(&["private"], Some(json!({ "user": 7 })));
    let _old = EventStream::open(stream(&server, &[("topic", "anything")]).bearer_auth(old)).await;
    for (topic, payload) in cases {
        let path = format!("{LIST}/exact/{}", encoded(topic));
        let list = list_of(1, || server.get(&path).bearer_auth(&reader)).await;
        assert_eq!(list["subscriptions"][0]["payload"], payload, "{topic}");
    }
    let path = format!("{LIST}/anything");
    let list = list_of(1, || server.get(&path).bearer_auth(&reader)).await;
    assert_eq!(list["subscriptions"][0]["payload"], json!({ "user": 7 }));
}

use super::*;

#[tokio::test]
async fn who_reads_a_list_and_subscribes_from_its_place_misses_nothing_and_sees_nothing_twice() {
    let server = TestServer::start_with(&[ON]).await;
    let here = EventStream::open(stream(&server, &[("match", "room")])).await;
    let path = format!("{LIST}/exact/room");
    let list = list_of(1, || server.get(&path)).await;
    let response = server.get(&path).send().await.unwrap();
    let link = response.headers()["link"].to_str().unwrap().to_owned();
    let place = place(&response);
    let expected = format!(
        "<{HUB}>; rel=\"mercure\"; last-event-id=\"{place}\"; type=\"mercure\"; content-type=\"application/json\""
    );
    assert_eq!(link, expected);

    // Between the list and the stream one goes and one comes.
    drop(here);
    list_of(0, || server.get(&path)).await;
    let _next = EventStream::open(stream(&server, &[("match", "room")])).await;
    let observing = [
        ("match_urlpattern", "/.well-known/mercure/subscriptions/exact/room/:subscriber"),
        ("last_event_id", &place),
    ];
    let mut observer = EventStream::open(stream(&server, &observing)).await;
    assert_eq!(observer.resumed_after.as_deref(), Some(place.as_str()));
    let (_, ended) = told(&mut observer).await;
    assert_eq!(ended["active"], false);
    assert_eq!(ended["id"], list["subscriptions"][0]["id"]);
    let (_, begun) = told(&mut observer).await;
    assert_eq!(begun["active"], true);
    assert_ne!(begun["subscriber"], ended["subscriber"]);
}

#[tokio::test]
async fn a_list_that_has_not_changed_is_not_sent_again() {
    let server = TestServer::start_with(&[ON]).await;
    let first = server.get(LIST).send().await.unwrap();
    assert_eq!(place(&first), "earliest", "nothing was ever published");
    let _stream = EventStream::open(stream(&server, &[("match", "room")])).await;
    list_of(1, || server.get(LIST)).await;
    let response = server.get(LIST).send().await.unwrap();
    let (tag, place) = (response.headers()["etag"].clone(), place(&response));
    assert_eq!(tag, format!("\"{place}\""));
    assert_eq!(response.headers()["cache-control"], "private, no-cache");
    let again = || server.get(LIST).header("if-none-match", &tag);
    let known = again().send().await.unwrap();
    assert_eq!((known.status().as_u16(), self::place(&known)), (304, place));
    assert_eq!(known.text().await.unwrap(), "");
    let head = server.client.head(server.url(LIST)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["etag"]), (200, &tag));
    let other_form = again().header("accept", "application/ld+json").send().await.unwrap();
    assert_eq!(other_form.status(), 200, "it is another document");
    server.publish("elsewhere", "x").await;
    assert_eq!(again().send().await.unwrap().status(), 200, "its place has moved");
}

/// A publisher's id is told to those alone who were sent its event.
#[tokio::test]
async fn the_place_is_never_the_id_of_a_publisher() {
    let server = TestServer::start_with(&[ON]).await;
    let form = [("topic", "t"), ("data", "x"), ("id", "chosen-by-its-publisher")];
    server.publish_form(&form).await;
    let response = server.get(LIST).send().await.unwrap();
    let place = place(&response);
    assert!(place.starts_with("e:") && place.len() == 23, "{place}");
}

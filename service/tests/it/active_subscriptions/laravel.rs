use super::*;

const TOPIC: &str = "https://laravel.alt/echo/channel/presence-room.1";
const ENCODED: &str = "https%3A%2F%2Flaravel.alt%2Fecho%2Fchannel%2Fpresence-room.1";

/// The token of a member of a presence channel: one relative pattern for the list and the events.
fn member(id: u64) -> String {
    let pattern = format!("{LIST}/:match_type/{ENCODED}{{/:subscriber}}?");
    let topics = [("exact", TOPIC), ("urlpattern", pattern.as_str())];
    access(&[detail(&topics, Some(json!({ "id": id, "name": "alice" })))])
}

async fn join(server: &TestServer, id: u64, cookie: bool) -> EventStream {
    let pattern = format!("{LIST}/:match_type/{ENCODED}/:subscriber");
    let request = stream(server, &[("match", TOPIC), ("match_urlpattern", &pattern)]);
    EventStream::open(signed_in(request, id, cookie)).await
}

fn signed_in(request: RequestBuilder, id: u64, cookie: bool) -> RequestBuilder {
    if cookie {
        let cookie = format!("__Secure-mercure_access_token={}", member(id));
        return request.header("cookie", cookie);
    }
    request.bearer_auth(member(id))
}

#[tokio::test]
async fn members_of_a_presence_channel_see_who_is_here_who_joins_and_who_leaves() {
    let server = TestServer::start_with(&KEYS).await;
    let mut first = join(&server, 1, true).await;
    let (name, own) = told(&mut first).await;
    assert_eq!((name.as_deref(), &own["match"]), (Some("mercure"), &json!(TOPIC)));
    let path = format!("{LIST}/exact/{ENCODED}");
    let here = || signed_in(server.get(&path), 1, true);
    assert_eq!(document(here()).await["subscriptions"][0]["payload"]["id"], 1);

    let second = join(&server, 2, false).await;
    let (_, joining) = told(&mut first).await;
    assert_eq!(joining["payload"], json!({ "id": 2, "name": "alice" }));
    assert_eq!((&joining["match"], &joining["active"]), (&json!(TOPIC), &json!(true)));
    let list = document(here()).await;
    assert_eq!(each(&list, "match"), [TOPIC, TOPIC]);
    let single = signed_in(server.get(joining["id"].as_str().unwrap()), 1, true);
    assert_eq!(document(single).await["payload"]["id"], 2);

    drop(second);
    let (_, leaving) = told(&mut first).await;
    assert_eq!((&leaving["id"], &leaving["active"]), (&joining["id"], &json!(false)));
    assert_eq!(leaving["payload"]["id"], 2, "so that whoever left is known");
}

#[tokio::test]
async fn members_of_one_channel_learn_nothing_of_another() {
    let server = TestServer::start_with(&KEYS).await;
    let mut first = join(&server, 1, false).await;
    told(&mut first).await;
    let other = "https://laravel.alt/echo/channel/presence-room.2";
    let token = access(&[detail(&[("exact", other)], Some(json!({ "id": 9 })))]);
    let elsewhere = EventStream::open(stream(&server, &[("match", other)]).bearer_auth(&token));
    drop(elsewhere.await);
    let _second = join(&server, 2, false).await;
    assert_eq!(told(&mut first).await.1["payload"]["id"], 2);
    for path in [LIST.to_owned(), format!("{LIST}/exact/{}", encoded(other))] {
        let response = signed_in(server.get(&path), 1, false).send().await.unwrap();
        assert_eq!(response.status(), 403, "{path}");
    }
}

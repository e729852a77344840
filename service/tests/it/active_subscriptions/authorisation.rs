use super::*;

const METADATA: &str = "/.well-known/oauth-protected-resource/.well-known/mercure";

async fn status(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.map_or("", |value| value.to_str().unwrap()).to_owned();
    (response.status().as_u16(), challenge)
}

#[tokio::test]
async fn nobody_is_told_anything_unless_that_was_asked_for() {
    let server = TestServer::start().await;
    let _stream = EventStream::open(stream(&server, &[("match", "room")])).await;
    for path in [LIST.to_owned(), format!("{LIST}/exact/room"), format!("{LIST}/room")] {
        assert_eq!(status(server.get(&path)).await.0, 404, "{path}");
    }
    assert_eq!(server.hub.log().bounds().head.0, 0, "nothing was published");
    let keys = &KEYS[1..];
    let server = TestServer::start_with(keys).await;
    assert_eq!(document(server.get(METADATA)).await.get("mercure_subscriptions"), None);
    let server = TestServer::start_with(&KEYS).await;
    assert_eq!(document(server.get(METADATA)).await["mercure_subscriptions"], true);
}

#[tokio::test]
async fn a_list_is_for_those_with_a_grant_for_its_path_and_its_query_counts_for_nothing() {
    let server = TestServer::start_with(&[&KEYS[..], &["--anonymous-subscribe"]].concat()).await;
    let of_room = format!("{LIST}/exact/room");
    let of_all = format!("{LIST}/:match_type/:match{{/:subscriber}}?");
    let exact = access(&[detail(&[("exact", &of_room)], None)]);
    let pattern = access(&[detail(&[("urlpattern", &of_all)], None)]);
    let template = legacy(&["/.well-known/mercure/subscriptions/exact{/match}"], None);
    let elsewhere = access(&[detail(&[("exact", "room")], None)]);
    let nothing = legacy(&[], None);
    let cases: [(&str, Option<&str>, u16); 14] = [
        (&of_room, None, 401),
        (&of_room, Some(&exact), 200),
        (&of_room, Some(&pattern), 200),
        (&of_room, Some(&template), 200),
        (&of_room, Some(&elsewhere), 403),
        (&of_room, Some(&nothing), 403),
        (&of_room, Some("nonsense"), 401),
        (LIST, Some(&pattern), 403),
        (&format!("{LIST}/exact/other"), Some(&exact), 403),
        (&format!("{of_room}/urn%3Auuid%3A1"), Some(&exact), 403),
        (&format!("{of_room}/urn%3Auuid%3A1"), Some(&pattern), 404),
        (&format!("{LIST}/regexp/room/x"), Some(&pattern), 400),
        (&format!("{LIST}/exact/room/x/y"), Some(&pattern), 404),
        (&format!("{of_room}?x={LIST}/exact/room"), Some(&exact), 200),
    ];
    for (path, token, expected) in cases {
        let request = server.get(path);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let (status, challenge) = status(request).await;
        assert_eq!(status, expected, "{path} {token:?}");
        match status {
            403 => assert!(challenge.contains("insufficient_scope"), "{challenge}"),
            401 if token.is_none() => assert!(challenge.starts_with("Bearer resource_metadata=")),
            401 => assert!(challenge.contains("invalid_token"), "{challenge}"),
            _ => assert_eq!(challenge, ""),
        }
    }
    let in_query = format!("{of_room}?authorization={template}");
    assert_eq!(status(server.get(&in_query)).await.0, 200, "a token may stand where others do");
    let post = server.post(LIST).bearer_auth(&pattern).send().await.unwrap();
    assert_eq!(
        (post.status().as_u16(), &post.headers()["allow"]),
        (405, &"GET, HEAD, OPTIONS".parse().unwrap())
    );
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_read_a_list_and_the_place_in_it() {
    let origin = "https://app.example";
    let server = TestServer::start_with(&[&KEYS[..], &["--cors-origin", origin]].concat()).await;
    let token = access(&[detail(&[("exact", LIST)], None)]);
    let cookie = format!("__Secure-mercure_access_token={token}");
    let request = server.get(LIST).header("origin", origin).header("cookie", &cookie);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], origin);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    let exposed = headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.split(", ").any(|name| name == "Link"), "{exposed}");
    let vary: Vec<_> = headers.get_all("vary").iter().collect();
    assert!(vary.iter().any(|value| *value == "Accept"), "{vary:?}");
    let preflight = server.client.request(reqwest::Method::OPTIONS, server.url(LIST));
    let preflight = preflight.header("origin", origin).send().await.unwrap();
    assert_eq!(preflight.headers()["access-control-allow-methods"], "GET, HEAD, OPTIONS");
}

#[tokio::test]
async fn events_about_subscriptions_are_private_and_nobody_else_can_publish_them() {
    let server = TestServer::start_with(&[&KEYS[..], &["--anonymous-subscribe"]].concat()).await;
    let mut anonymous = EventStream::open(stream(&server, &[("match", "*")])).await;
    let granted = access(&[detail(&[("exact", "*")], None)]);
    let mut observer =
        EventStream::open(stream(&server, &[("match", "*")]).bearer_auth(granted)).await;
    let head = "the subscription of the observer itself";
    assert_eq!(told(&mut observer).await.1["match"], "*", "{head}");
    let writer = json!({ "mercure": { "publish": ["*"] } });
    let writer = sign(&Header::default(), &writer, SECRET);
    let forged =
        crate::support::form(&[("topic", &format!("{LIST}/exact/room/x")), ("data", "{}")]);
    let publish = |body: String| {
        let request = server.post(HUB).bearer_auth(&writer).body(body);
        request.header("content-type", "application/x-www-form-urlencoded").send()
    };
    assert_eq!(publish(forged).await.unwrap().status(), 400);
    let public = crate::support::form(&[("topic", "t"), ("data", "public")]);
    assert_eq!(publish(public).await.unwrap().status(), 200);
    assert_eq!(anonymous.data(1).await, ["public"], "and nothing before it");
}

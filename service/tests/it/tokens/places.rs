use super::*;

#[tokio::test]
async fn a_token_may_stand_in_a_header_a_url_or_a_cookie_and_the_first_of_them_decides() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    let (old, new) = (legacy(&["--subscribe", "*"]), access(&["--subscribe", "*"]));
    let hub = format!("{HUB}?topic=t");
    let in_url = |token: &str| format!("{hub}&authorization={token}");
    let cookie = |name: &str, token: &str| format!("a=b; {name}={token}; c=d");
    let secure = "__Secure-mercure_access_token";
    let accepted = [
        server.get(&hub).bearer_auth(&old),
        server.get(&hub).bearer_auth(&new),
        server.get(&hub).header("authorization", format!("bearer {new}")),
        server.get(&in_url(&old)),
        server.get(&hub).header("cookie", cookie(secure, &new)),
        server.get(&hub).header("cookie", cookie(secure, &old)),
        server.get(&hub).header("cookie", cookie("mercureAuthorization", &old)),
        server.get(&hub).header("cookie", cookie("mercureAuthorization", &new)),
        server.get(&hub).bearer_auth(&new).header("cookie", cookie(secure, "nonsense")),
    ];
    for request in accepted {
        let what = format!("{request:?}");
        assert_eq!(request.send().await.unwrap().status(), 200, "{what}");
    }
    let refused = [
        (server.get(&in_url(&new)), 401, "in the URL"),
        (server.get(&in_url("")), 401, "no JSON Web Token"),
        (server.get(&hub).bearer_auth("x").header("cookie", cookie(secure, &new)), 401, "no JSON"),
        (server.get(&in_url("x")).header("cookie", cookie(secure, &new)), 401, "no JSON"),
        (
            server
                .get(&hub)
                .header("cookie", format!("mercureAuthorization={old}; {}", cookie(secure, "x"))),
            401,
            "no JSON",
        ),
        (server.get(&hub).header("authorization", format!("Basic {old}")), 400, "not `Bearer`"),
        (server.get(&hub).header("authorization", "Bearer"), 400, "not `Bearer`"),
    ];
    for (request, expected, text) in refused {
        let what = format!("{request:?}");
        let (status, challenge, detail) = refusal(request).await;
        assert_eq!(status, expected, "{what}");
        let error = if expected == 400 { "invalid_request" } else { "invalid_token" };
        assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
        assert!(detail.contains(text), "{what}: {detail}");
    }
    let server = start(&[&LEGACY, &["--query-token=false"]]).await;
    assert_eq!(server.get(&in_url(&old)).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_publish_by_cookie_comes_from_a_page_of_the_hub_or_one_that_is_listed() {
    let listed = "https://app.example";
    let server = start(&[&LEGACY, &["--cors-origin", listed]]).await;
    let cookie = format!("mercureAuthorization={}", legacy(&["--publish", "*"]));
    let own = format!("http://{}", server.address);
    let page = format!("{own}/demo/clock");
    let cases: [(Option<(&str, &str)>, u16); 8] = [
        (Some(("origin", &own)), 200),
        (Some(("referer", &page)), 200),
        (Some(("origin", listed)), 200),
        (Some(("referer", "https://app.example/chat?x")), 200),
        (None, 403),
        (Some(("origin", "https://attacker.example")), 403),
        (Some(("origin", "null")), 403),
        (Some(("referer", "not a url")), 403),
    ];
    for (header, expected) in cases {
        let mut request = publish(&server, "t", "x").header("cookie", &cookie);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status(), expected, "{header:?}");
    }
    // A token that a page has to have in its hands is enough by itself.
    let token = legacy(&["--publish", "*"]);
    let request =
        publish(&server, "t", "x").bearer_auth(token).header("origin", "https://x.example");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_origin_of_a_page_is_allowed_only_where_it_is_listed_once_there_are_tokens() {
    let server =
        start(&[&LEGACY, &["--anonymous-subscribe", "--cors-origin", "https://app.example"]]).await;
    for (origin, allowed) in [("https://app.example", true), ("http://localhost:3000", false)] {
        let request =
            server.client.request(Method::OPTIONS, server.url(HUB)).header("origin", origin);
        let response =
            request.header("access-control-request-method", "POST").send().await.unwrap();
        let found = response.headers().get("access-control-allow-origin").is_some();
        assert_eq!(found, allowed, "{origin}");
    }
}

#[tokio::test]
async fn a_query_needs_its_token_before_its_body_and_not_in_it() {
    let server = start(&[&LEGACY]).await;
    let token = legacy(&["--subscribe", "*"]);
    let method = Method::from_bytes(b"QUERY").unwrap();
    let query = |path: &str, fields: &[(&str, &str)]| {
        let request = server.client.request(method.clone(), server.url(path));
        request.header("content-type", "application/x-www-form-urlencoded").body(form(fields))
    };
    let in_body = query(HUB, &[("match", "t"), ("authorization", &token)]);
    assert_eq!(refusal(in_body).await.0, 401);
    let no_form = server.client.request(method.clone(), server.url(HUB)).body("x".repeat(100_000));
    assert_eq!(refusal(no_form).await.0, 401, "not 415: nothing of the body was looked at");
    let mut stream = EventStream::open(query(HUB, &[("match", "t")]).bearer_auth(&token)).await;
    let writer = legacy(&["--publish", "*"]);
    publish(&server, "t", "private").bearer_auth(writer).send().await.unwrap();
    assert_eq!(stream.data(1).await, ["private"]);
}

#[tokio::test]
async fn with_public_urls_the_scheme_of_a_page_counts_and_metadata_is_of_the_host_that_is_called() {
    let second = "https://push.example";
    let server = start(&[&ACCESS, &["--public-url", second]]).await;
    let cookie = format!("__Secure-mercure_access_token={}", access(&["--publish", "*"]));
    for (origin, expected) in [
        (second, 200),
        (PUBLIC_URL, 200),
        ("http://push.example", 403),
        ("https://localhost:8080", 403),
        ("null", 403),
    ] {
        let request = publish(&server, "t", "x").header("cookie", &cookie).header("origin", origin);
        let response = request.header("host", "push.example").send().await.unwrap();
        assert_eq!(response.status(), expected, "{origin}");
    }
    for (host, url) in [("push.example", second), ("localhost:8080", PUBLIC_URL)] {
        let response = server.get(METADATA).header("host", host).send().await.unwrap();
        let document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(document["resource"], format!("{url}{HUB}"), "{host}");
        let (_, challenge, _) = refusal(server.get("/events/t").header("host", host)).await;
        assert!(challenge.contains(&format!("\"{url}{METADATA}\"")), "{challenge}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_nearly_that_of_a_token_is_refused() {
    let server = start(&[&LEGACY, &["--anonymous-subscribe"]]).await;
    let token = legacy(&["--subscribe", "*"]);
    let path = format!("/events/t?Authorization={token}");
    let (status, _, detail) = refusal(server.get(&path)).await;
    assert_eq!(status, 400);
    assert!(detail.contains("`authorization`"), "{detail}");
}

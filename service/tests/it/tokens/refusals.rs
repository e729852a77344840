use super::*;

#[tokio::test]
async fn why_a_token_was_refused_is_in_the_response_on_loopback_alone() {
    let local = start(&[&LEGACY]).await;
    let wrong =
        token(&["--jwt-secret", "another secret, with 32 bytes or more of it", "--subscribe", "*"]);
    let (_, challenge, detail) = refusal(local.get("/events/t").bearer_auth(&wrong)).await;
    assert!(detail.contains("bad signature") && detail.contains("reference"), "{detail}");
    assert!(challenge.contains("error_description=\"bad signature\""), "{challenge}");
    for (more, explains) in [(&[][..], false), (&["--explain-tokens"][..], true)] {
        let server = TestServer::start_at("0.0.0.0:0", &[&LEGACY, more].concat()).await;
        let (status, challenge, detail) =
            refusal(server.get("/events/t").bearer_auth(&wrong)).await;
        assert_eq!(status, 401);
        assert_eq!(detail.contains("bad signature"), explains, "{detail}");
        assert_eq!(challenge.contains("error_description"), explains, "{challenge}");
    }
}

#[tokio::test]
async fn a_hub_of_1_0_says_what_tokens_it_takes_and_serves_no_other_host() {
    let server = start(&[&ACCESS]).await;
    let response = server.get(METADATA).send().await.unwrap();
    let document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let resource = format!("{PUBLIC_URL}{HUB}");
    let expected = json!({
        "resource": resource,
        "authorization_servers": [ISSUER],
        "authorization_details_types_supported": ["https://mercure.rocks/authorization-detail"],
        "bearer_methods_supported": ["header"],
        "mercure_cookie": "__Secure-mercure_access_token",
    });
    assert_eq!(document, expected);
    let (_, challenge, _) = refusal(server.get("/events/t")).await;
    assert_eq!(challenge, format!("Bearer resource_metadata=\"{PUBLIC_URL}{METADATA}\""));
    let elsewhere = server.get("/events/t").header("host", "attacker.example");
    assert_eq!(elsewhere.send().await.unwrap().status(), 421);
    let server = start(&[&LEGACY]).await;
    assert_eq!(
        server.get(METADATA).send().await.unwrap().status(),
        404,
        "a hub of draft-07 has none"
    );
}

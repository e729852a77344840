use super::super::claims::LegacyClaims;
use super::*;

#[test]
fn the_times_of_a_token_are_obeyed_in_both_dialects() {
    let soon = now() + 100;
    for (base, check) in [
        (Draft::legacy(), legacy as fn(&Draft) -> Result<TokenGrants, TokenError>),
        (Draft::access(), access as fn(&Draft) -> Result<TokenGrants, TokenError>),
    ] {
        let expired = check(&base.clone().claim("exp", now() - 37)).unwrap_err();
        assert!(matches!(expired, TokenError::Expired { seconds: 36..=39 }), "{expired:?}");
        let early = check(&base.clone().claim("nbf", soon)).unwrap_err();
        assert!(matches!(early, TokenError::NotYetValid { seconds: 97..=100 }), "{early:?}");
        assert!(check(&base.clone().claim("nbf", now() + 2)).is_ok(), "clocks differ");
        let granted = check(&base.clone().claim("exp", soon as f64 + 0.5)).unwrap();
        let left = granted.expires.unwrap().duration_since(SystemTime::now()).unwrap();
        assert!(left > Duration::from_secs(97) && left < Duration::from_secs(101), "{left:?}");
        for far in [json!(1e18), json!(u64::MAX)] {
            assert!(check(&base.clone().claim("exp", far.clone())).is_ok(), "{far}");
        }
        for nonsense in [json!("soon"), json!(null), json!([]), json!(-5)] {
            let result = check(&base.clone().claim("exp", nonsense.clone()));
            assert!(matches!(result, Err(TokenError::Claims(_))), "{nonsense}: {result:?}");
        }
    }
}

#[test]
fn an_access_token_is_for_this_hub_by_a_known_issuer_and_says_what_it_is() {
    let base = Draft::access;
    for audience in
        [json!(HUB), json!(["x", HUB]), json!(["https://second.example/.well-known/mercure"])]
    {
        assert!(access(&base().claim("aud", audience)).is_ok());
    }
    for audience in
        [json!("https://push.example"), json!([]), json!(["x"]), json!(format!("{HUB}/"))]
    {
        let found = access(&base().claim("aud", audience.clone())).unwrap_err();
        assert!(matches!(found, TokenError::Audience { .. }), "{audience}: {found:?}");
    }
    claims_error(access(&base().without("aud")), "`aud`");
    claims_error(access(&base().claim("aud", json!({}))), "`aud`");
    claims_error(access(&base().without("exp")), "exp");
    for issuer in [json!([ISSUER]), json!(format!("{ISSUER}/")), json!(null), json!(7)] {
        let found = access(&base().claim("iss", issuer.clone())).unwrap_err();
        assert!(matches!(found, TokenError::Issuer { .. }), "{issuer}: {found:?}");
    }
    for typ in ["AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(access(&base().header("typ", typ)).is_ok(), "{typ}");
    }
    for typ in ["JWT", "jwt", "at+jwt2", "application/jwt", ""] {
        assert_eq!(access(&base().header("typ", typ)), Err(TokenError::Type), "{typ}");
    }
    for critical in [json!(["exp"]), json!([]), json!(null)] {
        assert_eq!(access(&base().header("crit", critical)), Err(TokenError::Critical));
    }
    let in_url =
        verifier().verify(&base().with_secret(ISSUER_SECRET), Role::Subscriber, TokenPlace::Query);
    assert_eq!(in_url, Err(TokenError::InUrl));
}

#[test]
fn details_that_are_not_right_make_the_whole_token_wrong() {
    let good = json!({
        "type": "https://mercure.rocks/authorization-detail",
        "actions": ["publish"],
        "topics": [{ "match": "a" }],
    });
    let with = |name: &str, value: Value| {
        let mut detail = good.clone();
        detail[name] = value;
        Draft::access().detail(detail)
    };
    let cases = [
        (Draft::access().detail(json!("publish")), "as `type`"),
        (Draft::access().detail(json!(null)), "as `type`"),
        (with("type", json!(null)), "as `type`"),
        (with("actions", json!([])), "no actions"),
        (with("actions", json!("publish")), "authorization_details"),
        (with("actions", json!([7])), "authorization_details"),
        (with("topics", json!([])), "no topics"),
        (with("topics", json!(["a"])), "authorization_details"),
        (with("topics", json!([null])), "authorization_details"),
        (with("topics", json!([{ "match": "" }])), "is empty"),
        (with("topics", json!([{ "match_type": "exact" }])), "match"),
        (with("topics", json!([{ "match": "a", "match_type": "regexp" }])), "match_type"),
        (Draft::access().claim("authorization_details", json!({})), "one of its claims"),
    ];
    for (draft, text) in cases {
        claims_error(access(&draft), text);
    }
    for ignored in [
        json!({ "type": "payment", "anything": true }),
        json!({ "type": "https://mercure.rocks/authorization-detail/" }),
    ] {
        let granted = access(&Draft::access().detail(ignored)).unwrap();
        assert_eq!((granted.publish.len(), granted.subscribe.len()), (0, 0));
    }
    let unknown_action = access(&with("actions", json!(["delete", "publish"]))).unwrap();
    assert_eq!((unknown_action.publish.len(), unknown_action.subscribe.len()), (1, 0));
}

#[test]
fn members_that_stand_twice_and_arrays_in_the_place_of_objects_are_wrong() {
    // As text, because a value of JSON holds no member twice.
    let raw = |detail: &str| {
        let claims = format!(
            "{{\"iss\":\"{ISSUER}\",\"aud\":\"{HUB}\",\"exp\":{},\"authorization_details\":[{detail}]}}",
            now() + 60
        );
        verify(&signed_text(&Draft::access().header.to_string(), &claims, ISSUER_SECRET))
    };
    const TYPE: &str = "\"type\":\"https://mercure.rocks/authorization-detail\"";
    let with = |rest: &str| format!("{{{TYPE},{rest}}}");
    assert!(raw(&with("\"actions\":[\"publish\"],\"topics\":[{\"match\":\"a\"}]")).is_ok());
    for detail in [
        with("\"actions\":[\"publish\"],\"topics\":[[\"*\",\"exact\"]]"),
        with("\"actions\":[\"publish\"],\"topics\":[{\"match\":\"*\",\"match_type\":null}]"),
        with("\"actions\":[\"publish\"],\"topics\":[{\"match\":\"a\",\"match\":\"*\"}]"),
        with("\"actions\":[\"x\"],\"actions\":[\"publish\"],\"topics\":[{\"match\":\"*\"}]"),
        with("\"type\":\"other\",\"actions\":[\"publish\"],\"topics\":[{\"match\":\"*\"}]"),
        "[\"https://mercure.rocks/authorization-detail\",[\"publish\"],[{\"match\":\"*\"}]]"
            .to_owned(),
    ] {
        claims_error(raw(&detail), "authorization_details");
    }
}

#[test]
fn a_token_grants_at_most_a_thousand_selectors() {
    let many = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
    let with = |count: usize| Draft::legacy().claim("mercure", json!({ "subscribe": many(count) }));
    assert_eq!(legacy(&with(1_000)).unwrap().subscribe.len(), 1_000);
    assert_eq!(legacy(&with(1_001)), Err(TokenError::TooManyGrants { max: 1_000 }));
}

#[test]
fn a_claim_of_draft_07_has_its_long_name_too_and_may_leave_out_what_it_does_not_grant() {
    let claims = json!({ "https://mercure.rocks/": { "subscribe": ["a"] } });
    let granted = legacy(&Draft { claims, ..Draft::legacy() }).unwrap();
    assert_eq!((granted.publish.len(), granted.subscribe.len()), (0, 1));
    for wrong in [
        json!("*"),
        json!(["*"]),
        json!([["*"], ["*"]]),
        json!({ "publish": "*" }),
        json!({ "publish": [7] }),
    ] {
        assert!(legacy(&Draft::legacy().claim("mercure", wrong.clone())).is_err(), "{wrong}");
    }
}

#[test]
fn payloads_are_kept_as_they_are_with_the_topics_that_they_belong_to() {
    let of_all = |json: &str| vec![GrantedPayload { topics: None, json: Some(json.into()) }];
    let cases = [
        (json!({ "payload": { "n": 1.50 } }), of_all("{\"n\":1.5}")),
        (json!({ "payload": "text\n" }), of_all("\"text\\n\"")),
        (json!({ "payload": null }), vec![]),
        (json!({}), vec![]),
    ];
    for (claim, expected) in cases {
        let granted = legacy(&Draft::legacy().claim("mercure", claim.clone())).unwrap();
        assert_eq!(granted.payloads, expected, "{claim}");
    }
    let detail = |actions: &[&str], topics: &[&str], payload: Value| {
        let topics: Vec<_> = topics.iter().map(|topic| json!({ "match": topic })).collect();
        let kind = "https://mercure.rocks/authorization-detail";
        json!({ "type": kind, "actions": actions, "topics": topics, "payload": payload })
    };
    let details = json!([
        detail(&["publish"], &["x"], json!("none of a subscriber")),
        detail(&["subscribe"], &["a", "b"], json!([1])),
        detail(&["subscribe", "publish"], &["c"], json!(null)),
        { "type": "another", "payload": 1 },
    ]);
    let granted = access(&Draft::access().claim("authorization_details", details)).unwrap();
    let payload = |topics, json: Option<&str>| GrantedPayload {
        topics: Some(topics),
        json: json.map(Into::into),
    };
    assert_eq!(granted.payloads, [payload(0..2, Some("[1]")), payload(2..3, None)]);
}

#[test]
fn a_payload_is_on_one_line_however_it_was_written() {
    let json: LegacyClaims =
        serde_json::from_str("{\"mercure\": {\"payload\": {\r\n\t\"a\": \"b\\n\"\n}}}").unwrap();
    let granted = json.into_grants().unwrap();
    assert_eq!(granted.payloads[0].json.as_deref(), Some("{   \"a\": \"b\\n\" }"));
}

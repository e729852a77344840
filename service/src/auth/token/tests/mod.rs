//! Tokens of both dialects, right ones and every kind of wrong one.
//!
//! The keys beside this file were made for these tests and guard nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};

use super::*;
use crate::topic::Notation;

const LEGACY_SECRET: &[u8] = b"the secret of draft-07, with 32 bytes or more";
const ISSUER_SECRET: &[u8] = b"the secret of an issuer, with 32 bytes or more";
const RSA: &[u8] = include_bytes!("rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("rsa.pub.pem");
const EC: &[u8] = include_bytes!("ec.pem");
const EC_PUBLIC: &[u8] = include_bytes!("ec.pub.pem");
const ED: &[u8] = include_bytes!("ed.pem");
const ED_PUBLIC: &[u8] = include_bytes!("ed.pub.pem");

const HUB: &str = "https://push.example/.well-known/mercure";
const ISSUER: &str = "https://issuer.example";
const OTHER_ISSUER: &str = "https://other.example";

fn secret(secret: &[u8]) -> Key {
    Key::secret(secret, None).unwrap()
}

fn verifier() -> Verifier {
    Verifier {
        legacy: LegacyKeys {
            publisher: vec![secret(LEGACY_SECRET)],
            subscriber: vec![secret(LEGACY_SECRET)],
        },
        issuers: vec![
            Issuer { name: ISSUER.into(), keys: vec![secret(ISSUER_SECRET)] },
            Issuer { name: OTHER_ISSUER.into(), keys: vec![Key::pem(RSA_PUBLIC, None).unwrap()] },
        ],
        audience: vec![HUB.into(), "https://second.example/.well-known/mercure".into()],
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token before it is signed.
#[derive(Clone)]
struct Draft {
    header: Value,
    claims: Value,
}

impl Draft {
    fn legacy() -> Self {
        let mercure = json!({ "publish": ["a", "/{x}"], "subscribe": ["*"] });
        Self {
            header: json!({ "alg": "HS256", "typ": "JWT" }),
            claims: json!({ "mercure": mercure }),
        }
    }

    fn access() -> Self {
        let detail = json!({
            "type": "https://mercure.rocks/authorization-detail",
            "actions": ["publish", "subscribe"],
            "topics": [{ "match": "a" }, { "match": "/:id", "match_type": "urlpattern" }],
        });
        Self {
            header: json!({ "alg": "HS256", "typ": "at+jwt" }),
            claims: json!({
                "iss": ISSUER, "aud": HUB, "exp": now() + 60, "authorization_details": [detail],
            }),
        }
    }

    fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn detail(self, detail: impl Into<Value>) -> Self {
        self.claim("authorization_details", vec![detail.into()])
    }

    fn signed(&self, key: &EncodingKey, algorithm: Algorithm) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    fn with_secret(&self, secret: &[u8]) -> String {
        self.signed(&EncodingKey::from_secret(secret).unwrap(), Algorithm::HS256)
    }
}

fn signed_text(header: &str, claims: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(secret).unwrap();
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
}

fn verify(token: &str) -> Result<TokenGrants, TokenError> {
    verifier().verify(token, Role::Subscriber, Place::Header)
}

fn legacy(draft: &Draft) -> Result<TokenGrants, TokenError> {
    verify(&draft.with_secret(LEGACY_SECRET))
}

fn access(draft: &Draft) -> Result<TokenGrants, TokenError> {
    verify(&draft.with_secret(ISSUER_SECRET))
}

fn claims_error(result: Result<TokenGrants, TokenError>, text: &str) {
    match result {
        Err(TokenError::Claims(message)) => assert!(message.contains(text), "{text}: {message}"),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn each_dialect_grants_with_selectors_of_its_own_notation() {
    let (exact, template, pattern) =
        (Notation::Exact, Notation::TopicOrTemplate, Notation::UrlPattern);
    let granted = legacy(&Draft::legacy()).unwrap();
    assert_eq!(granted.publish, [(template, "a".into()), (template, "/{x}".into())]);
    assert_eq!(granted.subscribe, [(template, "*".into())]);
    assert_eq!(granted.expires, None);
    let granted = access(&Draft::access()).unwrap();
    assert_eq!(granted.publish, [(exact, "a".into()), (pattern, "/:id".into())]);
    assert_eq!(granted.subscribe, granted.publish);
    assert!(granted.expires.is_some());
}

#[test]
fn an_exact_grant_of_1_0_is_never_a_template() {
    let topics = json!([{ "match": "https://example.com/{+p}" }]);
    let detail = json!({
        "type": "https://mercure.rocks/authorization-detail", "actions": ["subscribe"], "topics": topics,
    });
    let granted = access(&Draft::access().detail(detail)).unwrap();
    assert_eq!(granted.subscribe, [(Notation::Exact, "https://example.com/{+p}".into())]);
    assert_eq!(granted.publish, []);
}

#[test]
fn what_is_no_token_is_told_to_be_none() {
    let good = Draft::legacy().with_secret(LEGACY_SECRET);
    let mut parts = good.split('.');
    let (header, payload) = (parts.next().unwrap(), parts.next().unwrap());
    let cases = [
        String::new(),
        "a".into(),
        "a.b.c".into(),
        "..".into(),
        format!("{header}.{payload}"),
        format!("{good}.x"),
        format!("{header}=.{payload}.x"),
        format!("{}.{payload}.x", URL_SAFE_NO_PAD.encode("[]")),
        format!("{}.{payload}.x", URL_SAFE_NO_PAD.encode("[\"HS256\",\"at+jwt\",null,null]")),
        format!("{header}.{}.x", URL_SAFE_NO_PAD.encode("{")),
        format!("{header}.{}.x", URL_SAFE_NO_PAD.encode([0xff])),
        format!("{}.{payload}.x", URL_SAFE_NO_PAD.encode("{\"alg\":7}")),
        "x".repeat(100_000),
    ];
    for token in cases {
        assert_eq!(verify(&token), Err(TokenError::NotAToken), "{token:.80}");
    }
}

#[test]
fn a_signature_is_made_with_the_key_and_the_algorithm_of_the_dialect_and_the_issuer() {
    let signature = Err(TokenError::Signature);
    let algorithm = Err(TokenError::Algorithm);
    let (old, new) = (Draft::legacy(), Draft::access());
    assert_eq!(legacy(&new), signature, "the key of draft-07 is none of an issuer");
    assert_eq!(access(&old), signature, "and the other way round");
    for draft in [&old, &new] {
        let (mut token, key) = match draft.claims.get("mercure") {
            Some(_) => (draft.with_secret(LEGACY_SECRET), LEGACY_SECRET),
            None => (draft.with_secret(ISSUER_SECRET), ISSUER_SECRET),
        };
        assert_eq!(
            verify(&draft.with_secret(b"another secret, which has enough bytes")),
            signature
        );
        for alg in ["none", "None", "HS257", "HS384", "RS256", "ES256", "EdDSA", ""] {
            let other = draft.clone().header("alg", alg).with_secret(key);
            assert_eq!(verify(&other), algorithm, "{alg}");
        }
        // The last character may have bits that are not part of the signature.
        let at = token.len() - 10;
        let changed = if &token[at..=at] == "A" { "B" } else { "A" };
        token.replace_range(at..=at, changed);
        assert_eq!(verify(&token), signature);
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert_eq!(verify(&unsigned), signature);
    }
    // The public key of the other issuer is known to everybody, and is no secret.
    let confused = Draft::access().claim("iss", OTHER_ISSUER);
    assert_eq!(verify(&confused.with_secret(RSA_PUBLIC)), algorithm);
    assert_eq!(access(&confused), algorithm, "its issuer has keys of its own");
}

#[test]
fn every_kind_of_public_key_verifies() {
    let key = |pem: &[u8]| Key::pem(pem, None).unwrap();
    let cases = [
        (EncodingKey::from_rsa_pem(RSA).unwrap(), Algorithm::RS256, key(RSA_PUBLIC)),
        (
            EncodingKey::from_rsa_pem(RSA).unwrap(),
            Algorithm::PS512,
            Key::pem(RSA_PUBLIC, Some(Algorithm::PS512)).unwrap(),
        ),
        (EncodingKey::from_ec_pem(EC).unwrap(), Algorithm::ES256, key(EC_PUBLIC)),
        (EncodingKey::from_ed_pem(ED).unwrap(), Algorithm::EdDSA, key(ED_PUBLIC)),
    ];
    for (signing, algorithm, key) in cases {
        let issuers = vec![Issuer { name: ISSUER.into(), keys: vec![key] }];
        let verifier = Verifier { issuers, ..verifier() };
        let name = format!("{algorithm:?}");
        let token = Draft::access().header("alg", name.as_str()).signed(&signing, algorithm);
        let found = verifier.verify(&token, Role::Publisher, Place::Header);
        assert!(found.is_ok(), "{name}: {found:?}");
    }
}

#[test]
fn a_name_of_a_key_chooses_among_those_that_have_names() {
    let public: Value = {
        let key = EncodingKey::from_ed_pem(ED).unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
        serde_json::to_value(jwk).unwrap()
    };
    let named = |name: &str| {
        let mut key = public.clone();
        key["kid"] = name.into();
        key
    };
    let secret = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(ISSUER_SECRET), "kid": "s" });
    let encryption = {
        let mut key = named("e");
        key["use"] = "enc".into();
        key
    };
    let set = json!({ "keys": [named("a"), secret, encryption, { "kty": "new", "kid": "n" }] });
    let keys = Key::set(set.to_string().as_bytes(), None).unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let issuers = vec![Issuer { name: ISSUER.into(), keys }];
    let verifier = Verifier { issuers, ..verifier() };
    let signing = EncodingKey::from_ed_pem(ED).unwrap();
    let base = Draft::access().header("alg", "EdDSA");
    for (name, expected) in [
        (Some("a"), None),
        (None, None),
        (Some("b"), Some(TokenError::UnknownKey)),
        (Some("e"), Some(TokenError::UnknownKey)),
    ] {
        let draft = name.map_or(base.clone(), |name| base.clone().header("kid", name));
        let token = draft.signed(&signing, Algorithm::EdDSA);
        let found = verifier.verify(&token, Role::Subscriber, Place::Header);
        assert_eq!(found.err(), expected, "{name:?}");
    }
    for nothing in [json!({ "keys": [] }), json!({ "keys": [secret] })] {
        assert_eq!(Key::set(nothing.to_string().as_bytes(), None).unwrap_err(), KeyError::EmptySet);
    }
    assert!(matches!(Key::set(b"{", None), Err(KeyError::NotASet(_))));
}

#[test]
fn a_key_in_the_header_of_a_token_is_not_used() {
    let signing = EncodingKey::from_ed_pem(ED).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&signing, Algorithm::EdDSA).unwrap();
    let draft = Draft::access()
        .header("alg", "EdDSA")
        .header("jwk", serde_json::to_value(jwk).unwrap())
        .header("jku", "https://attacker.example/keys");
    assert_eq!(verify(&draft.signed(&signing, Algorithm::EdDSA)), Err(TokenError::Algorithm));
}

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
        verifier().verify(&base().with_secret(ISSUER_SECRET), Role::Subscriber, Place::Query);
    assert_eq!(in_url, Err(TokenError::InUrl));
}

#[test]
fn a_token_of_1_0_that_fails_is_not_tried_as_one_of_draft_07() {
    let mercure = json!({ "publish": ["*"], "subscribe": ["*"] });
    // Whoever may put claims into tokens of an issuer gains nothing by the claim of the other dialect.
    let both = access(&Draft::access().claim("mercure", mercure.clone())).unwrap();
    assert!(both.subscribe.iter().all(|(notation, _)| *notation != Notation::TopicOrTemplate));
    for draft in [
        Draft::access().claim("mercure", mercure.clone()),
        Draft::legacy().header("typ", "at+jwt"),
        Draft::legacy().claim("authorization_details", json!([])),
        Draft::legacy().claim("authorization_details", json!(null)),
        Draft { claims: json!({ "sub": "nobody" }), ..Draft::legacy() },
    ] {
        assert!(legacy(&draft).is_err(), "{:?}", draft.claims);
    }
    // A claim without the rest, from an issuer whose tokens are of 1.0.
    let id_token = Draft::access().header("typ", "JWT").without("authorization_details");
    assert_eq!(access(&id_token.claim("mercure", mercure)), Err(TokenError::Signature));
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
fn roles_of_draft_07_have_keys_of_their_own() {
    let mut verifier = verifier();
    verifier.legacy.publisher = vec![secret(b"a secret that only publishers have, 32 bytes")];
    let token = Draft::legacy().with_secret(LEGACY_SECRET);
    assert!(verifier.verify(&token, Role::Subscriber, Place::Cookie).is_ok());
    let refused = verifier.verify(&token, Role::Publisher, Place::Cookie);
    assert_eq!(refused, Err(TokenError::Signature));
    verifier.legacy.publisher.clear();
    let refused = verifier.verify(&token, Role::Publisher, Place::Cookie);
    assert_eq!(refused, Err(TokenError::NoLegacyKey));
    verifier.issuers.clear();
    let refused = verifier.verify(
        &Draft::access().with_secret(ISSUER_SECRET),
        Role::Publisher,
        Place::Header,
    );
    assert_eq!(refused, Err(TokenError::NoIssuer));
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_reason() {
    let short = |bytes, algorithm| Key::secret(&vec![b'x'; bytes], Some(algorithm)).unwrap_err();
    let min = |bytes, algorithm, min| KeyError::TooShort { bytes, algorithm, min };
    assert_eq!(short(31, Algorithm::HS256), min(31, Algorithm::HS256, 32));
    assert_eq!(short(47, Algorithm::HS384), min(47, Algorithm::HS384, 48));
    assert_eq!(short(63, Algorithm::HS512), min(63, Algorithm::HS512, 64));
    assert_eq!(short(99, Algorithm::RS256), KeyError::Algorithm { algorithm: Algorithm::RS256 });
    for pem in [RSA_PUBLIC, EC_PUBLIC, ED] {
        assert_eq!(Key::secret(pem, None).unwrap_err(), KeyError::PemAsSecret);
    }
    let (one, other) = (secret(LEGACY_SECRET), secret(ISSUER_SECRET));
    assert!(one.is_same_as(&one) && !one.is_same_as(&other));
    for (private, public) in [
        (EncodingKey::from_rsa_pem(RSA).unwrap(), RSA_PUBLIC),
        (EncodingKey::from_ec_pem(EC).unwrap(), EC_PUBLIC),
        (EncodingKey::from_ed_pem(ED).unwrap(), ED_PUBLIC),
    ] {
        let pem = Key::pem(public, None).unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&private, pem.algorithm()).unwrap();
        let set = Key::set(json!({ "keys": [jwk] }).to_string().as_bytes(), None).unwrap();
        assert!(pem.is_same_as(&set[0]) && set[0].is_same_as(&pem), "{pem:?}");
        assert!(!pem.is_same_as(&one));
    }
    for (pem, algorithm) in [
        (RSA_PUBLIC, Algorithm::HS256),
        (RSA_PUBLIC, Algorithm::ES256),
        (EC_PUBLIC, Algorithm::ES384),
        (ED_PUBLIC, Algorithm::RS256),
    ] {
        let error = Key::pem(pem, Some(algorithm)).unwrap_err();
        assert_eq!(error, KeyError::Algorithm { algorithm });
    }
    for not_a_key in [&b""[..], b"secret", b"-----BEGIN PUBLIC KEY-----"] {
        assert_eq!(Key::pem(not_a_key, None).unwrap_err(), KeyError::NotAKey);
    }
    for private in [RSA, EC, ED] {
        assert_eq!(Key::pem(private, None).unwrap_err(), KeyError::Private);
    }
}

#[test]
fn nothing_secret_shows_in_what_is_printed_for_debugging() {
    let shown = format!("{:?} {:?}", verifier(), Secret::random());
    assert!(!shown.contains("bytes or more"), "{shown}");
    assert!(!shown.contains(&format!("{LEGACY_SECRET:?}")[1..40]), "{shown}");
}

#[test]
fn a_token_that_was_made_here_is_accepted_here() {
    let grants = vec![(Notation::Exact, "a".to_owned()), (Notation::UrlPattern, "/*".to_owned())];
    let mut request = TokenRequest {
        publish: grants.clone(),
        subscribe: grants.clone(),
        lifetime: Duration::from_secs(60),
        access_token: Some((ISSUER.into(), HUB.into())),
    };
    let token = request.sign(ISSUER_SECRET, Algorithm::HS256).unwrap();
    let granted = verify(token.reveal()).unwrap();
    assert_eq!((granted.publish, granted.subscribe), (grants.clone(), grants));
    request.access_token = None;
    let token = request.sign(LEGACY_SECRET, Algorithm::HS256).unwrap();
    assert_eq!(verify(token.reveal()).unwrap().publish.len(), 2);
    assert!(request.sign(b"short", Algorithm::HS256).is_err());
}

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

/// What has to stand in a token, and what it grants then.
mod claims;
/// Keys that can be used, and tokens that are made here.
mod keys;
/// Which key and which algorithm a token has to be signed with.
mod signatures;

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
            Issuer { name: ISSUER.into(), keys: IssuerKeys::given(vec![secret(ISSUER_SECRET)]) },
            Issuer {
                name: OTHER_ISSUER.into(),
                keys: IssuerKeys::given(vec![Key::pem(RSA_PUBLIC, None).unwrap()]),
            },
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
    verifier().verify(token, Role::Subscriber, TokenPlace::Header)
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

//! Every defect of a token in every place where a token may stand, in both dialects: each is refused
//! with its status, and nobody else notices.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use super::*;

const PUBLIC_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/auth/token/tests/rsa.pub.pem");
const KEY_ISSUER: &str = "https://keys.example";

/// A change of a good token that makes it a wrong one, or of how it is signed.
type Change = fn(&mut Value, &mut Value);

/// Header and claims, signed as they are.
fn signed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret).unwrap();
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn draft_07(change: Change) -> String {
    let mut header = json!({ "alg": "HS256", "typ": "JWT" });
    let mut claims = json!({ "exp": now() + 60, "mercure": { "subscribe": ["t"] } });
    change(&mut header, &mut claims);
    signed(&header, &claims, SECRET.as_bytes())
}

fn v1(change: Change) -> String {
    let mut header = json!({ "alg": "HS256", "typ": "at+jwt" });
    let detail = json!({
        "type": "https://mercure.rocks/authorization-detail",
        "actions": ["subscribe"],
        "topics": [{ "match": "t" }],
    });
    let mut claims = json!({
        "iss": ISSUER, "aud": format!("{PUBLIC_URL}{HUB}"), "exp": now() + 60,
        "authorization_details": [detail],
    });
    change(&mut header, &mut claims);
    signed(&header, &claims, ISSUER_SECRET.as_bytes())
}

fn tampered(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let claims = json!({ "exp": now() + 60, "mercure": { "subscribe": ["*"] } });
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Defects that both dialects know.
const COMMON: [(&str, Change); 5] = [
    ("`alg: none`", |header, _| header["alg"] = "none".into()),
    ("the algorithm of another key", |header, _| header["alg"] = "RS256".into()),
    ("expired", |_, claims| claims["exp"] = (now() - 37).into()),
    ("not yet valid", |_, claims| claims["nbf"] = (now() + 100).into()),
    ("a critical header", |header, _| header["crit"] = json!(["exp"])),
];

const OF_V1: [(&str, Change); 8] = [
    ("the `typ` of any JWT", |header, _| header["typ"] = "JWT".into()),
    ("no `typ`", |header, _| drop(header.as_object_mut().unwrap().remove("typ"))),
    ("`iss` as an array", |_, claims| claims["iss"] = json!([ISSUER])),
    ("an unknown issuer", |_, claims| claims["iss"] = "https://issuer.example/".into()),
    ("another audience", |_, claims| claims["aud"] = "https://other.example".into()),
    ("no `exp`", |_, claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
    ("no right details", |_, claims| claims["authorization_details"][0]["topics"] = json!([])),
    // It would be a good one of draft-07, were it signed with a key of those.
    ("a claim of draft-07 alone", |_, claims| {
        claims.as_object_mut().unwrap().remove("authorization_details");
        claims["mercure"] = json!({ "subscribe": ["*"] });
        claims["exp"] = (now() - 37).into();
    }),
];

/// More than are taken; in a token of 1.0 so many are longer than a head may be.
fn with_too_many_grants() -> String {
    draft_07(|_, claims| {
        let many: Vec<_> = (0..1_001).map(|number| format!("t{number}")).collect();
        claims["mercure"]["subscribe"] = json!(many);
    })
}

/// Every wrong token, and what is wrong with it.
fn defects() -> Vec<(String, String)> {
    let mut all = vec![("too many grants".to_owned(), with_too_many_grants())];
    for (dialect, make) in [("draft-07", draft_07 as fn(Change) -> String), ("1.0", v1)] {
        let good = make(|_, _| {});
        let message = good.rsplit_once('.').unwrap().0;
        let common = COMMON.map(|(what, change)| (what, make(change)));
        let signatures = [
            ("changed behind its signature", tampered(&good)),
            ("no signature", format!("{message}.")),
            ("a secret of somebody else", resigned(message)),
        ];
        let named = |(what, token): (&str, String)| (format!("{dialect}: {what}"), token);
        all.extend(common.into_iter().chain(signatures).map(named));
    }
    all.extend(OF_V1.map(|(what, change)| (format!("1.0: {what}"), v1(change))));
    all
}

fn resigned(message: &str) -> String {
    let key = EncodingKey::from_secret(b"another secret, of 32 bytes or more, too").unwrap();
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
}

/// A place for a token, and a request that has one there.
type Place = (&'static str, fn(&TestServer, &str, &str) -> RequestBuilder);

const PLACES: [Place; 4] = [
    ("header", |server, path, token| server.get(path).bearer_auth(token)),
    ("query", |server, path, token| server.get(&format!("{path}&authorization={token}"))),
    ("cookie of 1.0", |server, path, token| {
        server.get(path).header("cookie", format!("__Secure-mercure_access_token={token}"))
    }),
    ("cookie of draft-07", |server, path, token| {
        server.get(path).header("cookie", format!("mercureAuthorization={token}"))
    }),
];

#[tokio::test]
async fn every_defect_of_a_token_is_refused_in_every_place_and_nobody_else_notices() {
    // With anonymous subscribers a token that is passed over would open a stream.
    let server = start(&[&LEGACY, &ACCESS, &["--anonymous-subscribe"]]).await;
    let request = server.get(&format!("{HUB}?topic=t")).bearer_auth(draft_07(|_, _| {}));
    let mut healthy = EventStream::open(request).await;
    let mut refused = 0.0;
    for (what, token) in defects() {
        for (place, put) in PLACES {
            let request = put(&server, &format!("{HUB}?topic=t"), &token);
            let (status, challenge, _) = refusal(request).await;
            assert_eq!(status, 401, "{what}, in the {place}");
            assert!(challenge.contains("error=\"invalid_token\""), "{what}, {place}: {challenge}");
            refused += 1.0;
        }
    }
    let writer = legacy(&["--publish", "*"]);
    publish(&server, "t", "private").bearer_auth(writer).send().await.unwrap();
    assert_eq!(healthy.data(1).await, ["private"]);
    let series = "fanfare_subscribe_rejected_total{reason=\"unauthorized\"}";
    assert_eq!(server.figure(series).await, refused);
}

#[tokio::test]
async fn a_token_that_is_longer_than_a_head_may_be_is_refused_as_a_head_is() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    let huge = "x".repeat(20 << 10);
    for (place, put) in PLACES {
        let response = put(&server, &format!("{HUB}?topic=t"), &huge).send().await.unwrap();
        let expected = if place == "query" { 414 } else { 431 };
        assert_eq!(response.status(), expected, "{place}");
    }
}

/// What a token of an issuer with public keys says.
fn key_claims() -> Value {
    let aud = format!("{PUBLIC_URL}{HUB}");
    json!({ "iss": KEY_ISSUER, "aud": aud, "exp": now() + 60, "authorization_details": [] })
}

async fn start_with_key(flag: &str, file: &str) -> TestServer {
    start(&[&["--issuer", KEY_ISSUER, flag, file, "--public-url", PUBLIC_URL]]).await
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let server = start_with_key("--issuer-key", PUBLIC_KEY).await;
    let header = json!({ "alg": "HS256", "typ": "at+jwt" });
    let token = signed(&header, &key_claims(), &std::fs::read(PUBLIC_KEY).unwrap());
    for (place, put) in PLACES {
        let request = put(&server, &format!("{HUB}?match=t"), &token);
        assert_eq!(refusal(request).await.0, 401, "{place}");
    }
}

#[tokio::test]
async fn a_key_is_chosen_by_the_name_that_the_token_gives() {
    let key = include_bytes!("../../../src/auth/token/tests/ed.pem");
    let key = EncodingKey::from_ed_pem(key).unwrap();
    let public = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
    let mut public = serde_json::to_value(public).unwrap();
    public["kid"] = "a".into();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, json!({ "keys": [public] }).to_string()).unwrap();
    let server = start_with_key("--issuer-jwks", file.to_str().unwrap()).await;
    for (name, expected) in [("a", 200), ("b", 401)] {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": name });
        let parts = [&header, &key_claims()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = parts.join(".");
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        let token = format!("{message}.{signature}");
        for (place, put) in PLACES.into_iter().filter(|(place, _)| *place != "query") {
            let response = put(&server, &format!("{HUB}?match=t"), &token).send().await.unwrap();
            assert_eq!(response.status(), expected, "{name}, in the {place}");
        }
    }
}

#[tokio::test]
async fn an_exact_grant_that_looks_like_a_template_and_a_claim_of_the_other_dialect_grant_nothing()
{
    let server = start(&[&LEGACY, &ACCESS]).await;
    let writer = legacy(&["--publish", "*"]);
    let cases: [(&str, Change); 2] = [
        ("an exact grant", |_, claims| {
            claims["authorization_details"][0]["topics"] = json!([{ "match": "orders/{id}" }]);
        }),
        ("both claims", |_, claims| claims["mercure"] = json!({ "subscribe": ["*"] })),
    ];
    for (what, change) in cases {
        for (place, put) in PLACES.into_iter().filter(|(place, _)| *place != "query") {
            let request = put(&server, &format!("{HUB}?match=*"), &v1(change));
            let mut stream = EventStream::open(request).await;
            publish(&server, "orders/7", "hidden").bearer_auth(&writer).send().await.unwrap();
            let public = server.post("/events/orders/7").bearer_auth(&writer).body("marker");
            public.send().await.unwrap();
            assert_eq!(stream.data(1).await, ["marker"], "{what}, in the {place}");
        }
    }
}

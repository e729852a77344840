//! Which tokens are valid. Each case is a token that is right but for one thing, sent to publish.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::hub::{Dialect, Hub};
use crate::outcome::{Checked, Stop};
use crate::signing::SigningKey;
use crate::token::{DETAIL, Issuer, detail, legacy_claims, now, unsigned};

fn issuer(hub: &Hub) -> Checked<&Issuer> {
    hub.own_key()?;
    hub.target.keys.issuer.as_ref().ok_or_else(|| Stop::skipped("no key given"))
}

fn everything() -> Value {
    json!([detail(&["publish", "subscribe"], &["*"])])
}

async fn publish(hub: &Hub, what: &str, token: &str) -> Checked<Answer> {
    let topic = hub.fresh();
    let call = hub.call("POST").bearer(Some(token)).form(&[("topic", &topic), ("data", "d")]);
    let mut answer = call.send().await?;
    answer.sent = format!("a token with {what}: {}", answer.sent);
    Ok(answer)
}

/// Claims in which one is another, or none where the value is null.
fn with(issuer: &Issuer, name: &str, value: Value) -> Value {
    let mut claims = issuer.claims(&everything());
    if let Some(object) = claims.as_object_mut() {
        match value {
            Value::Null => object.remove(name),
            value => object.insert(name.to_owned(), value),
        };
    }
    claims
}

async fn claims_are(hub: &Hub, name: &str, values: &[Value], status: u16) -> Checked {
    let issuer = issuer(hub)?;
    for value in values {
        let token = issuer.sign(&with(issuer, name, value.clone()))?;
        publish(hub, &format!("{name} = {value}"), &token).await?.status(&[status])?;
    }
    Ok(())
}

pub(crate) async fn a_token_as_rfc_9068_is_taken(hub: &Hub) -> Checked {
    let issuer = issuer(hub)?;
    let token = issuer.sign(&issuer.claims(&everything()))?;
    publish(hub, "everything right", &token).await?.status(&[200]).map(drop)
}

pub(crate) async fn the_typ_is_at_jwt(hub: &Hub) -> Checked {
    let issuer = issuer(hub)?;
    let claims = issuer.claims(&everything());
    let cases = [
        (Some("at+jwt"), 200),
        (Some("AT+JWT"), 200),
        (Some("application/at+jwt"), 200),
        (Some("Application/At+Jwt"), 200),
        (Some("JWT"), 401),
        (Some("at+jwt2"), 401),
        (None, 401),
    ];
    for (typ, status) in cases {
        let token = issuer.key.sign(typ, &claims)?;
        publish(hub, &format!("typ {typ:?}"), &token).await?.status(&[status])?;
    }
    Ok(())
}

pub(crate) async fn the_algorithm_is_the_hubs_choice(hub: &Hub) -> Checked {
    let issuer = issuer(hub)?;
    let claims = issuer.claims(&everything());
    publish(hub, "alg none", &unsigned(&claims)).await?.status(&[401])?;
    let good = issuer.sign(&claims)?;
    let rest = good.split_once('.').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    for algorithm in ["PS512", "HS384", "none"] {
        let header = json!({"alg": algorithm, "typ": "at+jwt"}).to_string();
        let header_part = URL_SAFE_NO_PAD.encode(&header);
        publish(hub, &header, &format!("{header_part}.{rest}")).await?.status(&[401])?;
    }
    if let Some(token) = issuer.key.sign_with_public_half("at+jwt", &claims) {
        let what = "HS256 by the public key of the issuer";
        publish(hub, what, &token?).await?.status(&[401])?;
    }
    let token = issuer.key.sign_as_stranger(&issuer.key.header(Some("at+jwt")), &claims)?;
    publish(hub, "a signature by another key", &token).await?.status(&[401]).map(drop)
}

pub(crate) async fn keys_in_the_token_are_not_used(hub: &Hub) -> Checked {
    let issuer = issuer(hub)?;
    let mut header = issuer.key.header(Some("at+jwt"));
    header.jku = Some("https://stranger.example/keys".to_owned());
    header.x5u = Some("https://stranger.example/chain".to_owned());
    let token = issuer.key.sign_as_stranger(&header, &issuer.claims(&everything()))?;
    publish(hub, "jku and x5u of its own", &token).await?.status(&[401]).map(drop)
}

pub(crate) async fn the_issuer_is_exact(hub: &Hub) -> Checked {
    let name = issuer(hub)?.name.clone();
    let other = [
        json!("https://stranger.example"),
        json!(format!("{name}/")),
        json!(name.to_uppercase()),
        json!([name]),
        Value::Null,
    ];
    claims_are(hub, "iss", &other, 401).await
}

pub(crate) async fn the_audience_is_the_hub(hub: &Hub) -> Checked {
    let audience = issuer(hub)?.audience.clone();
    let good = [json!(audience), json!([audience]), json!(["https://other.example", audience])];
    claims_are(hub, "aud", &good, 200).await?;
    let bad =
        [json!("https://other.example"), json!(format!("{audience}/x")), json!([]), Value::Null];
    claims_are(hub, "aud", &bad, 401).await
}

pub(crate) async fn the_expiry_is_needed(hub: &Hub) -> Checked {
    let bad = [json!(now() - 300), json!("tomorrow"), json!(0), Value::Null];
    claims_are(hub, "exp", &bad, 401).await
}

pub(crate) async fn a_token_before_its_time_is_refused(hub: &Hub) -> Checked {
    claims_are(hub, "nbf", &[json!(now() - 300)], 200).await?;
    claims_are(hub, "nbf", &[json!(now() + 300)], 401).await
}

pub(crate) async fn other_claims_are_not_asked_for(hub: &Hub) -> Checked {
    for name in ["sub", "client_id", "iat", "jti"] {
        claims_are(hub, name, &[Value::Null], 200).await?;
    }
    Ok(())
}

pub(crate) async fn malformed_details_spoil_the_token(hub: &Hub) -> Checked {
    let issuer = issuer(hub)?;
    let good = detail(&["publish"], &["*"]);
    let of = |actions: Value, topics: Value| json!({"type": DETAIL, "actions": actions, "topics": topics});
    let bad = [
        of(json!([]), json!([{"match": "*"}])),
        of(json!("publish"), json!([{"match": "*"}])),
        of(json!([1]), json!([{"match": "*"}])),
        of(Value::Null, json!([{"match": "*"}])),
        of(json!(["publish"]), json!([])),
        of(json!(["publish"]), json!(["*"])),
        of(json!(["publish"]), json!([null])),
        of(json!(["publish"]), json!([{}])),
        of(json!(["publish"]), json!([{"match": 1}])),
        of(json!(["publish"]), json!([{"match": "a", "match_type": "nosuchtype"}])),
        of(
            json!(["publish"]),
            json!([{"match": "https://e.example/(", "match_type": "urlpattern"}]),
        ),
        json!({"type": DETAIL}),
    ];
    for detail in bad {
        // A good one beside it does not help: the whole token is refused.
        let token = issuer.sign(&issuer.claims(&json!([good, detail])))?;
        publish(hub, &format!("the detail {detail}"), &token).await?.status(&[401])?;
    }
    Ok(())
}

pub(crate) async fn details_of_other_types_are_passed_over(hub: &Hub) -> Checked {
    let issuer = issuer(hub)?;
    let details = json!([
        {"type": "payment", "actions": 7},
        {"type": DETAIL.to_uppercase(), "actions": []},
        detail(&["publish", "fly"], &["*"]),
    ]);
    let token = issuer.sign(&issuer.claims(&details))?;
    publish(hub, "details of other types", &token).await?.status(&[200])?;
    let other = json!([{"type": DETAIL.to_uppercase(), "actions": ["publish"], "topics": [{"match": "*"}]}]);
    let token = issuer.sign(&issuer.claims(&other))?;
    publish(hub, "a type in capitals", &token).await?.status(&[401, 403]).map(drop)
}

pub(crate) async fn no_token_is_tried_in_the_other_dialect(hub: &Hub) -> Checked {
    let issuer = issuer(hub)?;
    let mut claims = with(issuer, "aud", json!("https://other.example"));
    claims["mercure"] = json!({"publish": ["*"], "subscribe": ["*"]});
    for key in [Some(&issuer.key), hub.target.keys.legacy.as_ref()].into_iter().flatten() {
        let token = key.sign(Some("at+jwt"), &claims)?;
        publish(hub, "a wrong audience and the claim mercure", &token).await?.status(&[401])?;
    }
    Ok(())
}

/// Long enough for the stream to be open, short enough to be waited for.
const SHORT_LIFE: u64 = 3;

pub(crate) async fn a_stream_ends_with_its_token(hub: &Hub) -> Checked {
    hub.own_key()?;
    let (exp, topic) = (now() + SHORT_LIFE, hub.fresh());
    let keys = &hub.target.keys;
    let token = match (hub.dialect, &keys.issuer, &keys.legacy) {
        (Dialect::One, Some(issuer), _) => issuer.sign(&with(issuer, "exp", json!(exp)))?,
        (_, _, Some(key)) => {
            let claims = json!({"exp": exp, "mercure": {"subscribe": ["*"]}});
            key.sign(Some("JWT"), &claims)?
        }
        _ => return Err(Stop::skipped("no key given")),
    };
    let call = hub.call("GET").query(hub.selector(), &topic).bearer(Some(&token));
    let mut stream = call.open().await?;
    stream.end(Duration::from_secs(SHORT_LIFE) + hub.target.patience).await
}

fn legacy_key(hub: &Hub) -> Checked<&SigningKey> {
    hub.own_key()?;
    hub.target.keys.legacy.as_ref().ok_or_else(|| Stop::skipped("no key given"))
}

pub(crate) async fn legacy_signatures_are_checked(hub: &Hub) -> Checked {
    let key = legacy_key(hub)?;
    let claims = legacy_claims(&["*"], &[]);
    let good = key.sign(Some("JWT"), &claims)?;
    publish(hub, "everything right", &good).await?.status(&[200])?;
    if let Some(token) = key.sign_with_public_half("JWT", &claims) {
        publish(hub, "HS256 by the public key", &token?).await?.status(&[401, 403])?;
    }
    let bad = key.sign_as_stranger(&key.header(Some("JWT")), &claims)?;
    publish(hub, "a signature by another key", &bad).await?.status(&[401, 403])?;
    publish(hub, "alg none", &unsigned(&claims)).await?.status(&[401, 403])?;
    publish(hub, "rubbish", "rubbish").await?.status(&[400, 401, 403]).map(drop)
}

pub(crate) async fn legacy_claims_grant_by_strings(hub: &Hub) -> Checked {
    let key = legacy_key(hub)?;
    let cases = [
        (json!({"mercure": {"publish": ["*"]}}), true),
        (json!({"mercure": {"publish": []}}), false),
        (json!({"mercure": {"subscribe": ["*"]}}), false),
        (json!({"mercure": {}}), false),
        (json!({"sub": "nobody"}), false),
        (json!({"mercure": {"publish": ["*"]}, "exp": now() - 300}), false),
        (json!({"mercure": {"publish": ["*"]}, "exp": now() + 300}), true),
        (json!({"mercure": {"publish": ["https://conformance.example/{id}"]}}), true),
        (json!({"mercure": {"publish": ["https://conformance.example/a"]}}), false),
    ];
    for (claims, granted) in cases {
        let token = key.sign(Some("JWT"), &claims)?;
        let statuses = if granted { &[200][..] } else { &[401, 403] };
        publish(hub, &claims.to_string(), &token).await?.status(statuses)?;
    }
    Ok(())
}

//! Tokens of both dialects, right ones and wrong ones, made from the keys that the caller gives.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::outcome::Checked;
use crate::signing::SigningKey;

/// The type of the details that tokens of 1.0 grant by.
pub const DETAIL: &str = "https://mercure.rocks/authorization-detail";

/// What tokens are made with.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    pub issuer: Option<Issuer>,
    /// The key of draft-07's tokens.
    pub legacy: Option<SigningKey>,
}

/// An issuer of 1.0's access tokens.
#[derive(Debug, Clone)]
pub struct Issuer {
    pub name: String,
    pub key: SigningKey,
    /// The identifier of the hub that tokens must name.
    pub audience: String,
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A detail of 1.0 with exact topics.
pub fn detail(actions: &[&str], topics: &[&str]) -> Value {
    let topics: Vec<_> = topics.iter().map(|topic| json!({"match": topic})).collect();
    json!({"type": DETAIL, "actions": actions, "topics": topics})
}

impl Issuer {
    /// Valid claims with these details, for a case to spoil.
    pub fn claims(&self, details: &Value) -> Value {
        json!({
            "iss": self.name, "aud": self.audience, "exp": now() + 3600,
            "sub": "conformance", "client_id": "conformance", "iat": now(),
            "jti": uuid::Uuid::new_v4().to_string(), "authorization_details": details,
        })
    }

    pub fn sign(&self, claims: &Value) -> Checked<String> {
        self.key.sign(Some("at+jwt"), claims)
    }
}

/// Valid claims of draft-07: grants are strings in the claim `mercure`.
pub fn legacy_claims(publish: &[&str], subscribe: &[&str]) -> Value {
    json!({"exp": now() + 3600, "mercure": {"publish": publish, "subscribe": subscribe}})
}

/// A token that says that it needs no signature.
pub fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "at+jwt"})), part(claims))
}

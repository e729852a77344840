//! Making tokens, for those who begin and have nothing yet that makes them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::KeyError;
use super::claims::Grant;
use crate::topic::Notation;

/// Bytes of a new secret: as many as HS512 needs.
const SECRET_BYTES: usize = 64;

/// A text that only its holder may know: a secret to sign with, or a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Secret {
    /// A random one to sign with.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; SECRET_BYTES] = std::array::from_fn(|_| rand::random());
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Its text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// Topics to publish to.
    pub publish: Vec<Grant>,
    /// Topics whose private events may be seen.
    pub subscribe: Vec<Grant>,
    /// What is told of the subscriptions of its holder, to those who may know.
    pub payload: Option<Value>,
    /// How long it is valid.
    pub lifetime: Duration,
    /// For a token of 1.0: who makes it, and for which hub. `None` for one of draft-07.
    pub access_token: Option<(String, String)>,
}

impl TokenRequest {
    /// Signs it with a secret.
    ///
    /// # Errors
    /// When the secret or the algorithm cannot be used.
    pub fn sign(&self, secret: &[u8], algorithm: Algorithm) -> Result<Secret, KeyError> {
        super::Key::secret(secret, Some(algorithm))?;
        let key = EncodingKey::from_secret(secret).map_err(|_| KeyError::NotAKey)?;
        let mut header = Header::new(algorithm);
        if self.access_token.is_some() {
            header.typ = Some("at+jwt".to_owned());
        }
        let token = encode(&header, &self.claims(), &key);
        token.map(Secret).map_err(|_| KeyError::Algorithm { algorithm })
    }

    fn claims(&self) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (issued, expires) = (now.as_secs(), (now + self.lifetime).as_secs());
        match &self.access_token {
            None => {
                let mut grants = json!({
                    "publish": texts(&self.publish),
                    "subscribe": texts(&self.subscribe),
                });
                if let Some(payload) = &self.payload {
                    grants["payload"] = payload.clone();
                }
                json!({ "iat": issued, "exp": expires, "mercure": grants })
            }
            Some((issuer, hub)) => {
                let details = [
                    detail("publish", &self.publish, None),
                    detail("subscribe", &self.subscribe, self.payload.as_ref()),
                ];
                let details: Vec<_> = details.into_iter().flatten().collect();
                json!({
                    "iss": issuer,
                    "aud": hub,
                    "iat": issued,
                    "exp": expires,
                    "authorization_details": details,
                })
            }
        }
    }
}

fn texts(grants: &[Grant]) -> Vec<&str> {
    grants.iter().map(|(_, text)| text.as_str()).collect()
}

fn detail(action: &str, grants: &[Grant], payload: Option<&Value>) -> Option<Value> {
    let topics: Vec<_> = grants.iter().map(topic).collect();
    if topics.is_empty() {
        return None;
    }
    let mut detail = json!({
        "type": "https://mercure.rocks/authorization-detail",
        "actions": [action],
        "topics": topics,
    });
    if let Some(payload) = payload {
        detail["payload"] = payload.clone();
    }
    Some(detail)
}

fn topic((notation, text): &Grant) -> Value {
    match notation {
        Notation::UrlPattern => json!({ "match": text, "match_type": "urlpattern" }),
        Notation::Exact | Notation::TopicOrTemplate => json!({ "match": text }),
    }
}

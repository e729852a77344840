//! What a token says of itself before anything is known of its signature: only used to choose the
//! rules and the keys that it is then checked with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::TokenError;

/// The form of the access tokens of RFC 9068, section 2.1.
const ACCESS_TOKEN: &str = "at+jwt";

/// Which rules a token is checked by.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Draft-07 of the protocol.
    #[default]
    Legacy,
    /// 1.0 of the protocol.
    AccessToken,
}

/// The unverified parts of a token.
#[derive(Debug)]
pub(super) struct Peeked {
    pub(super) dialect: Dialect,
    pub(super) is_access_token: bool,
    /// How it says that it is signed; `None` for what is not known, such as `none`.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) key_id: Option<String>,
    pub(super) issuer: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

#[derive(Deserialize)]
struct Payload {
    iss: Option<Value>,
    #[serde(default, deserialize_with = "is_there")]
    authorization_details: bool,
    #[serde(default, deserialize_with = "is_there")]
    mercure: bool,
    #[serde(default, deserialize_with = "is_there", rename = "https://mercure.rocks/")]
    mercure_url: bool,
}

impl Peeked {
    pub(super) fn of(token: &str) -> Result<Self, TokenError> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::NotAToken);
        };
        let header: Header = read(header)?;
        let payload: Payload = read(payload)?;
        // What has to be understood (RFC 7515, section 4.1.11), and nothing of it is here.
        if header.crit {
            return Err(TokenError::Critical);
        }
        let is_access_token = header.typ.as_deref().is_some_and(is_access_token);
        let has_legacy_claim = payload.mercure || payload.mercure_url;
        let is_new = is_access_token || payload.authorization_details;
        let dialect =
            if is_new || !has_legacy_claim { Dialect::AccessToken } else { Dialect::Legacy };
        // An array of issuers would be taken by some libraries; RFC 9068 has one.
        let issuer = match payload.iss {
            Some(Value::String(issuer)) => Some(issuer),
            _ => None,
        };
        let algorithm = header.alg.parse().ok();
        Ok(Self { dialect, is_access_token, algorithm, key_id: header.kid, issuer })
    }
}

/// The prefix `application/` may be left out, and case does not matter (RFC 7515, section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == ACCESS_TOKEN
}

/// Whether a member is there, whatever its value, `null` too.
fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

fn read<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::NotAToken)?;
    // An array would be read as the fields of an object in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(TokenError::NotAToken);
    }
    serde_json::from_slice(&json).map_err(|_| TokenError::NotAToken)
}

//! Checking a token, by the rules of its dialect.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Validation, decode};
use serde::de::DeserializeOwned;

use super::claims::{AccessClaims, LegacyClaims};
use super::peek::{Dialect, Peeked};
use super::{IssuerKeys, Key, TokenError, TokenGrants};

/// How far the clock of an issuer may be ahead of ours. None is allowed at the other end: a stream
/// would be ended in the moment in which it begins.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// What a token is to be used for: draft-07 has keys for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// To publish.
    Publisher,
    /// To subscribe.
    Subscriber,
}

/// Where a token stood in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenPlace {
    /// `Authorization: Bearer`.
    Header,
    /// The parameter `authorization`, which is one of draft-07.
    Query,
    /// A ticket that was made for it.
    Ticket,
    /// A cookie.
    Cookie,
}

/// Somebody who makes tokens of 1.0. No key is used for any issuer but its own.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its `iss`, byte for byte.
    pub name: String,
    /// What it signs with.
    pub keys: IssuerKeys,
}

/// The keys of draft-07.
#[derive(Clone, Debug, Default)]
pub struct LegacyKeys {
    /// For tokens to publish with.
    pub publisher: Vec<Key>,
    /// For tokens to subscribe with.
    pub subscriber: Vec<Key>,
}

/// Checks tokens.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    /// The keys of draft-07; without any, its tokens are not accepted.
    pub legacy: LegacyKeys,
    /// Those who make tokens of 1.0.
    pub issuers: Vec<Issuer>,
    /// The URLs of this hub, one of which is the audience of every token of 1.0.
    pub audience: Vec<String>,
}

impl Verifier {
    /// Whether tokens of draft-07 are accepted.
    #[must_use]
    pub fn takes_legacy(&self) -> bool {
        !self.legacy.publisher.is_empty() || !self.legacy.subscriber.is_empty()
    }

    /// Whether tokens of 1.0 are accepted.
    #[must_use]
    pub fn takes_access_tokens(&self) -> bool {
        !self.issuers.is_empty()
    }

    /// Begins with the keys that another one has fetched from the same URLs.
    pub fn begin_with(&self, other: &Self) {
        for issuer in &self.issuers {
            let before = other.issuers.iter().find(|before| before.name == issuer.name);
            if let Some(IssuerKeys::Fetched(before)) = before.map(|before| &before.keys)
                && let IssuerKeys::Fetched(keys) = &issuer.keys
            {
                keys.begin_with(before);
            }
        }
    }

    /// What a token grants.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn verify(
        &self,
        token: &str,
        role: Role,
        place: TokenPlace,
    ) -> Result<TokenGrants, TokenError> {
        let peeked = Peeked::of(token)?;
        match peeked.dialect {
            Dialect::Legacy => self.verify_legacy(token, &peeked, role),
            Dialect::AccessToken => self.verify_access_token(token, &peeked, place),
        }
    }

    fn verify_legacy(
        &self,
        token: &str,
        peeked: &Peeked,
        role: Role,
    ) -> Result<TokenGrants, TokenError> {
        let keys = match role {
            Role::Publisher => &self.legacy.publisher,
            Role::Subscriber => &self.legacy.subscriber,
        };
        if keys.is_empty() {
            return Err(TokenError::NoLegacyKey);
        }
        let rules = Validation {
            required_spec_claims: HashSet::new(),
            validate_aud: false,
            ..Validation::default()
        };
        let claims: LegacyClaims = self.decode(token, peeked, keys, rules)?;
        check_begin(claims.not_before())?;
        claims.into_grants()
    }

    fn verify_access_token(
        &self,
        token: &str,
        peeked: &Peeked,
        place: TokenPlace,
    ) -> Result<TokenGrants, TokenError> {
        if self.issuers.is_empty() {
            return Err(TokenError::NoIssuer);
        }
        if place == TokenPlace::Query {
            return Err(TokenError::InUrl);
        }
        if !peeked.is_access_token {
            return Err(TokenError::Type);
        }
        let issuer =
            self.issuers.iter().find(|issuer| peeked.issuer.as_ref() == Some(&issuer.name));
        let Some(issuer) = issuer else {
            return Err(TokenError::Issuer { issuer: peeked.issuer.clone() });
        };
        let mut rules = Validation::default();
        rules.set_required_spec_claims(&["exp", "aud", "iss"]);
        rules.set_audience(&self.audience);
        rules.set_issuer(&[&issuer.name]);
        let keys = issuer.keys.current().ok_or(TokenError::KeysNotFetched)?;
        let decoded = self.decode::<AccessClaims>(token, peeked, &keys, rules);
        // Keys without a name are tried for every name.
        let is_known = keys.iter().any(|key| key.id() == peeked.key_id.as_deref());
        match &decoded {
            Err(TokenError::UnknownKey) => issuer.keys.want_newer(),
            Err(TokenError::Signature) if !is_known => issuer.keys.want_newer(),
            _ => {}
        }
        let claims = decoded?;
        check_begin(claims.not_before())?;
        claims.into_grants()
    }

    /// Checks the signature with every key that may have made it, and then the claims.
    fn decode<T: DeserializeOwned>(
        &self,
        token: &str,
        peeked: &Peeked,
        keys: &[Key],
        mut rules: Validation,
    ) -> Result<T, TokenError> {
        rules.leeway = 0;
        let keys = keys_named(keys, peeked.key_id.as_deref());
        if keys.is_empty() {
            return Err(TokenError::UnknownKey);
        }
        let mut result = Err(TokenError::Algorithm);
        for key in keys.into_iter().filter(|key| peeked.algorithm == Some(key.algorithm())) {
            rules.algorithms = vec![key.algorithm()];
            match decode::<T>(token, key.decoding(), &rules) {
                Ok(data) => return Ok(data.claims),
                Err(error) => result = Err(self.reason(token, &error)),
            }
            // With the right key everything else is the token's own fault.
            if result.as_ref().err() != Some(&TokenError::Signature) {
                break;
            }
        }
        result
    }

    fn reason(&self, token: &str, error: &Error) -> TokenError {
        match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::InvalidAlgorithm
            | ErrorKind::InvalidAlgorithmName
            | ErrorKind::InvalidKeyFormat => TokenError::Algorithm,
            ErrorKind::ExpiredSignature => TokenError::Expired { seconds: seconds_since(token) },
            ErrorKind::InvalidAudience => {
                TokenError::Audience { expected: self.audience.join(" or ") }
            }
            ErrorKind::MissingRequiredClaim(claim) => {
                TokenError::Claims(format!("it has no `{claim}`"))
            }
            ErrorKind::InvalidClaimFormat(claim) => {
                TokenError::Claims(format!("its `{claim}` cannot be read"))
            }
            // The library's own words repeat what is in the token.
            ErrorKind::Json(_) => TokenError::Claims(
                "one of its claims has another type than it should, or stands there twice"
                    .to_owned(),
            ),
            _ => TokenError::NotAToken,
        }
    }
}

/// Where keys have names and the token says one, those of that name; and else all.
fn keys_named<'a>(keys: &'a [Key], name: Option<&str>) -> Vec<&'a Key> {
    let of_name = |key: &&Key| name.is_none() || key.id().is_none() || key.id() == name;
    keys.iter().filter(of_name).collect()
}

fn check_begin(not_before: Option<SystemTime>) -> Result<(), TokenError> {
    let wait = not_before.and_then(|begin| begin.duration_since(SystemTime::now()).ok());
    match wait {
        Some(wait) if wait > CLOCK_SKEW => Err(TokenError::NotYetValid { seconds: wait.as_secs() }),
        _ => Ok(()),
    }
}

/// How long ago a token whose signature is right has expired.
fn seconds_since(token: &str) -> u64 {
    #[derive(serde::Deserialize)]
    struct Expiry {
        exp: f64,
    }
    let expiry = jsonwebtoken::dangerous::insecure_decode_claims::<Expiry>(token);
    let expiry = expiry.map_or(0.0, |expiry| expiry.exp.max(0.0));
    jsonwebtoken::get_current_timestamp().saturating_sub(expiry as u64)
}

//! Keys that tokens are verified with.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use thiserror::Error;

/// The most keys of a set.
const KEYS_MAX: usize = 64;

/// A key, and how tokens may be signed with it. What is secret of it is never shown.
#[derive(Clone)]
pub struct Key {
    /// Its name in a set of keys.
    id: Option<String>,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

/// Why a key cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The secret could be guessed.
    #[error(
        "the secret has {bytes} bytes, and {algorithm:?} needs at least {min} (RFC 7518, section 3.2); make one with `fanfare secret`"
    )]
    TooShort {
        /// Its length.
        bytes: usize,
        /// What it is for.
        algorithm: Algorithm,
        /// The least.
        min: usize,
    },
    /// A key in a file is given where a secret is meant.
    #[error(
        "it is a key as PEM and no secret, and everybody who has the public key could make tokens; give it with the flag for keys"
    )]
    PemAsSecret,
    /// The text is no public key.
    #[error(
        "it holds no public key of RSA, EC (P-256 or P-384) or Ed25519 as PEM; write one with `openssl pkey -in private.pem -pubout`"
    )]
    NotAKey,
    /// The key can make tokens, which is not for a server to have that only checks them.
    #[error(
        "it holds a private key; keep that where tokens are made, and give the public one, which `openssl pkey -in private.pem -pubout` writes"
    )]
    Private,
    /// The algorithm is one of other keys.
    #[error("{algorithm:?} is not an algorithm of this kind of key")]
    Algorithm {
        /// What was asked for.
        algorithm: Algorithm,
    },
    /// The set of keys cannot be read.
    #[error("it is no set of keys as JSON (RFC 7517, section 5): {0}")]
    NotASet(String),
    /// The set has no key that can be used.
    #[error(
        "no key of the set can be used; it needs a public key with `\"use\": \"sig\"` or without `use`, and an `alg` that is known"
    )]
    EmptySet,
}

impl Key {
    /// A secret that is shared with those who make tokens: HS256, unless said otherwise.
    ///
    /// # Errors
    /// When it is too short, or the algorithm is one of public keys.
    pub fn secret(secret: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        let algorithm = algorithm.unwrap_or(Algorithm::HS256);
        let min = match algorithm {
            Algorithm::HS256 => 32,
            Algorithm::HS384 => 48,
            Algorithm::HS512 => 64,
            _ => return Err(KeyError::Algorithm { algorithm }),
        };
        if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(KeyError::PemAsSecret);
        }
        if secret.len() < min {
            return Err(KeyError::TooShort { bytes: secret.len(), algorithm, min });
        }
        let decoding = DecodingKey::from_secret(secret).map_err(|_| KeyError::NotAKey)?;
        Ok(Self { id: None, algorithm, decoding })
    }

    /// A public key as PEM: RS256, ES256, ES384 or `EdDSA` by its kind, unless said otherwise.
    ///
    /// # Errors
    /// When it is no public key, or the algorithm is not one of its kind.
    pub fn pem(pem: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        if memchr::memmem::find(pem, b"PRIVATE KEY-----").is_some() {
            return Err(KeyError::Private);
        }
        let decoding = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeyError::NotAKey)?;
        let natural = natural_algorithm(&decoding).ok_or(KeyError::NotAKey)?;
        let algorithm = algorithm.unwrap_or(natural);
        // A curve has one algorithm, while any RSA key does for all of RSA's.
        let fits = match decoding.family() {
            AlgorithmFamily::Rsa => AlgorithmFamily::Rsa.algorithms().contains(&algorithm),
            _ => algorithm == natural,
        };
        fits.then_some(Self { id: None, algorithm, decoding })
            .ok_or(KeyError::Algorithm { algorithm })
    }

    /// The keys of a set (JWKS) that can be used for signatures. Secrets are none of them: whoever
    /// may read the set could sign with them.
    ///
    /// # Errors
    /// When the text is no set, or has no such key.
    pub fn set(json: &[u8], algorithm: Option<Algorithm>) -> Result<Vec<Self>, KeyError> {
        let set: JwkSet =
            serde_json::from_slice(json).map_err(|error| KeyError::NotASet(error.to_string()))?;
        let keys = set.keys.iter().take(KEYS_MAX);
        let keys: Vec<_> = keys.filter_map(|key| Self::of_jwk(key, algorithm)).collect();
        if keys.is_empty() { Err(KeyError::EmptySet) } else { Ok(keys) }
    }

    fn of_jwk(key: &Jwk, algorithm: Option<Algorithm>) -> Option<Self> {
        let signs = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
        if !signs || matches!(key.algorithm, AlgorithmParameters::OctetKey(_)) {
            return None;
        }
        let decoding = DecodingKey::from_jwk(key).ok()?;
        let said = match key.common.key_algorithm {
            Some(said) => Some(said.to_string().parse::<Algorithm>().ok()?),
            None => None,
        };
        let algorithm = algorithm.or(said).or_else(|| natural_algorithm(&decoding))?;
        let fits = said.is_none_or(|said| said == algorithm)
            && decoding.family().algorithms().contains(&algorithm);
        fits.then(|| Self { id: key.common.key_id.clone(), algorithm, decoding })
    }

    /// Whether a token that is signed for one of them is signed for the other.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        // As members of a set, because a key of RSA is held in other bytes when it comes from one.
        let members = |key: &Self| Jwk::from_decoding_key(&key.decoding, None).ok();
        self.algorithm == other.algorithm
            && members(self).is_some_and(|own| members(other) == Some(own))
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The algorithm that a key is used with where nothing is said.
fn natural_algorithm(key: &DecodingKey) -> Option<Algorithm> {
    match key.family() {
        AlgorithmFamily::Hmac => None,
        AlgorithmFamily::Rsa => Some(Algorithm::RS256),
        // An uncompressed point of P-256 has 65 bytes, one of P-384 has 97.
        AlgorithmFamily::Ec => match key.try_get_as_bytes().ok()?.len() {
            65 => Some(Algorithm::ES256),
            97 => Some(Algorithm::ES384),
            _ => None,
        },
        AlgorithmFamily::Ed => Some(Algorithm::EdDSA),
    }
}

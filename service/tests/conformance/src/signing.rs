//! Keys that tokens are signed with: secrets, and private keys of each kind that hubs take.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
};
use serde_json::Value;

use crate::outcome::{Checked, Stop};

/// A key whose other half a hub trusts, and one of the same kind that none does.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    own: EncodingKey,
    stranger: EncodingKey,
    /// The public half, which anybody may have; none of a secret.
    public: Option<String>,
}

impl SigningKey {
    /// A secret of HS256.
    ///
    /// # Errors
    /// When it is too short.
    pub fn secret(secret: &str) -> Result<Self, String> {
        let algorithm = Algorithm::HS256;
        let stranger = encoding_key(algorithm, &"another secret ".repeat(4))?;
        Ok(Self { algorithm, own: encoding_key(algorithm, secret)?, stranger, public: None })
    }

    /// A private key; its kind says the algorithm.
    ///
    /// # Errors
    /// When it is no key that tokens can be signed with.
    pub fn private(pem: &str) -> Result<Self, String> {
        let pair = KeyPair::from_pem(pem).map_err(|error| format!("no private key: {error}"))?;
        let kinds = [
            (&PKCS_RSA_SHA256, Algorithm::RS256),
            (&PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
            (&PKCS_ECDSA_P384_SHA384, Algorithm::ES384),
            (&PKCS_ED25519, Algorithm::EdDSA),
        ];
        let found = kinds.into_iter().find(|(kind, _)| pair.is_compatible(kind));
        let (kind, algorithm) =
            found.ok_or("a key of another kind than RSA, P-256, P-384 or Ed25519")?;
        let stranger = KeyPair::generate_for(kind).map_err(|error| error.to_string())?;
        Ok(Self {
            algorithm,
            own: encoding_key(algorithm, pem)?,
            stranger: encoding_key(algorithm, &stranger.serialize_pem())?,
            public: Some(pair.public_key_pem()),
        })
    }

    pub fn sign(&self, typ: Option<&str>, claims: &Value) -> Checked<String> {
        sign(&self.header(typ), claims, &self.own)
    }

    /// A header of the algorithm of this key.
    pub fn header(&self, typ: Option<&str>) -> Header {
        let mut header = Header::new(self.algorithm);
        header.typ = typ.map(str::to_owned);
        header
    }

    /// As somebody signs who has not this key.
    pub fn sign_as_stranger(&self, header: &Header, claims: &Value) -> Checked<String> {
        sign(header, claims, &self.stranger)
    }

    /// With the public half as the secret of HS256, which a hub accepts that lets the token choose how
    /// its key is used. `None` where there is no such half.
    pub fn sign_with_public_half(&self, typ: &str, claims: &Value) -> Option<Checked<String>> {
        let public = self.public.as_deref()?;
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(typ.to_owned());
        let key = encoding_key(Algorithm::HS256, public).map_err(Stop::skipped);
        Some(key.and_then(|key| sign(&header, claims, &key)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish()
    }
}

/// The key that a secret or a PEM is.
fn encoding_key(algorithm: Algorithm, text: &str) -> Result<EncodingKey, String> {
    let key = match algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(text.as_bytes()),
        Algorithm::RS256 => EncodingKey::from_rsa_pem(text.as_bytes()),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(text.as_bytes()),
        _ => EncodingKey::from_ec_pem(text.as_bytes()),
    };
    key.map_err(|error| match algorithm {
        Algorithm::HS256 => format!("no secret: {error}"),
        _ => format!("{error}; write it as PKCS #8 with `openssl pkcs8 -topk8 -nocrypt`"),
    })
}

fn sign(header: &Header, claims: &Value, key: &EncodingKey) -> Checked<String> {
    encode(header, claims, key)
        .map_err(|error| Stop::skipped(format!("no token can be made with the key: {error}")))
}

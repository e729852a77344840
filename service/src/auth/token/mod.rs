//! Tokens: JSON Web Tokens that say what their holder may publish and subscribe.
//!
//! There are two dialects, those of the Mercure protocol. A token of *1.0* is an OAuth 2.0 access
//! token (RFC 9068) with `authorization_details`, made by an issuer whose keys are known. One of
//! *draft-07* has a claim `mercure` with lists of selectors, and is checked with keys of its own. The
//! form of a token decides which rules it is checked by, and nothing else does: a token of 1.0 that
//! fails is never tried as one of draft-07, whose rules are weaker.

mod claims;
mod error;
mod issuer_keys;
mod key;
mod peek;
mod signing;
#[cfg(test)]
mod tests;
mod verifier;

pub use claims::{Grant, GrantedPayload, TokenGrants};
pub use error::{TokenError, TokenFault};
pub use issuer_keys::{FetchedKeys, IssuerKeys};
pub use key::{Key, KeyError};
pub use peek::Dialect;
pub use signing::{Secret, TokenRequest};
pub use verifier::{Issuer, LegacyKeys, Role, TokenPlace, Verifier};

pub use jsonwebtoken::Algorithm;

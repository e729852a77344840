//! What a request may publish and subscribe to.
//!
//! Everything above asks an [`Authority`] before it does anything for a request, so there is one
//! place that decides. An open authority lets everybody do everything, which the configuration only
//! allows where nobody else can reach the listener, or where it was asked for in so many words. Any
//! other has keys, and what a request may do stands in its [`token`].

pub mod admin_token;
mod grants;
pub mod ticket;
pub mod token;

pub use grants::{Grants, Visibility};

use std::sync::Arc;

use self::token::Verifier;

/// Decides what a request may do.
#[derive(Clone, Debug)]
pub enum Authority {
    /// No keys: every client may do everything.
    Open,
    /// Those with a token may do what is in it.
    Tokens {
        /// Checks tokens.
        verifier: Arc<Verifier>,
        /// Whether those without a token may subscribe to public events.
        anonymous_subscribe: bool,
    },
}

impl Authority {
    /// The URLs by which clients know the hub, where tokens are made for one of them.
    #[must_use]
    pub fn public_urls(&self) -> &[String] {
        match self {
            Self::Open => &[],
            Self::Tokens { verifier, .. } => &verifier.audience,
        }
    }
}

//! Tokens that were refused.

use metrics::Counter;

use super::Metrics;
use super::series::counters;
use crate::auth::token::TokenFault;

pub(super) struct Tokens {
    refused: [Counter; TokenFault::ALL.len()],
}

impl Tokens {
    pub(super) fn register() -> Self {
        Self {
            refused: counters(
                (
                    "fanfare_tokens_refused_total",
                    "Tokens that were refused, by what was wrong with them: malformed, signed with another key, expired or not valid yet (time), or made for another hub (foreign).",
                ),
                "reason",
                TokenFault::ALL.map(TokenFault::label),
            ),
        }
    }
}

impl Metrics {
    /// A token was refused.
    pub fn token_refused(&self, fault: TokenFault) {
        self.inner.tokens.refused[fault as usize].increment(1);
    }
}

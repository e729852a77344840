//! The token of the admin listener: a secret that its holder sends as it is.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use thiserror::Error;

/// The least that a token needs, in characters: it is what keeps strangers out, and there is no limit
/// on tries.
const LENGTH_MIN: usize = 32;

/// A token that opens the admin listener. Only its hash is kept, so that no dump and no log of this
/// process can give it away, and so that comparing takes no longer for one that is nearly right.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken([u8; SHA256_OUTPUT_LEN]);

/// Why a text is no such token.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AdminTokenError {
    /// It could be guessed.
    #[error(
        "the token has {length} characters, and needs at least {LENGTH_MIN}; make one with `fanfare secret`"
    )]
    TooShort { length: usize },
    /// It could not stand in a header.
    #[error(
        "the token has characters other than letters, digits and -._~+/= (RFC 6750); make one with `fanfare secret`"
    )]
    NotInHeaders,
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdminToken(…)")
    }
}

impl AdminToken {
    /// The token in a file.
    ///
    /// # Errors
    /// When it is too short, or cannot be sent.
    pub fn new(text: &[u8]) -> Result<Self, AdminTokenError> {
        if !text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte)) {
            return Err(AdminTokenError::NotInHeaders);
        }
        if text.len() < LENGTH_MIN {
            return Err(AdminTokenError::TooShort { length: text.len() });
        }
        Ok(Self::hash_of(text))
    }

    /// Whether somebody has sent it.
    #[must_use]
    pub fn is(&self, sent: &str) -> bool {
        verify_slices_are_equal(&self.0, &Self::hash_of(sent.as_bytes()).0).is_ok()
    }

    fn hash_of(text: &[u8]) -> Self {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, text).as_ref());
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyz-._~+/=";

    #[test]
    fn a_token_is_that_text_and_no_other() {
        let token = AdminToken::new(TOKEN.as_bytes()).unwrap();
        assert!(token.is(TOKEN));
        let others = ["", "0", &TOKEN[1..], &TOKEN[..TOKEN.len() - 1], &TOKEN.to_uppercase()];
        for other in others {
            assert!(!token.is(other), "{other}");
        }
        assert!(!token.is(&format!("{TOKEN} ")));
        assert_eq!(format!("{token:?}"), "AdminToken(…)");
    }

    #[test]
    fn one_that_can_be_guessed_or_cannot_be_sent_is_refused() {
        let short = AdminTokenError::TooShort { length: 31 };
        assert_eq!(AdminToken::new(&TOKEN.as_bytes()[..31]), Err(short));
        assert_eq!(AdminToken::new(b""), Err(AdminTokenError::TooShort { length: 0 }));
        for byte in [" ", "\n", ",", "\"", "\u{e9}", "\0"] {
            let text = format!("{TOKEN}{byte}");
            assert_eq!(AdminToken::new(text.as_bytes()), Err(AdminTokenError::NotInHeaders));
        }
    }
}

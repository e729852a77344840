//! What the limits of a token count it by.
//!
//! A client that renews its token stays the same: it counts by who the token is for, as far as the
//! token says so, and else as the token itself.

use std::hash::{BuildHasher as _, RandomState};

/// What the limits of a token count it by. A hash with a key of this process is enough: nobody can
/// choose a text that meets another's, and 64 bits do not meet by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::http) struct TokenHolder(u64);

/// Makes them.
#[derive(Debug, Default)]
pub(super) struct TokenHolders(RandomState);

impl TokenHolders {
    /// That of a token; `identity` is who it is for.
    pub(super) fn of(&self, identity: Option<&str>, token: &str) -> TokenHolder {
        TokenHolder(self.0.hash_one((identity.is_some(), identity.unwrap_or(token))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_for_the_same_are_the_same_and_others_are_themselves() {
        let holders = TokenHolders::default();
        assert_eq!(holders.of(Some("me"), "one"), holders.of(Some("me"), "two"));
        assert_ne!(holders.of(Some("me"), "one"), holders.of(Some("you"), "one"));
        assert_eq!(holders.of(None, "one"), holders.of(None, "one"));
        assert_ne!(holders.of(None, "one"), holders.of(None, "two"));
        assert_ne!(
            holders.of(Some("one"), "x"),
            holders.of(None, "one"),
            "no token passes for a name"
        );
    }
}

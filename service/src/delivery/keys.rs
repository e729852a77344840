//! What names subscribers and audiences within their shard.

use mio::Token;
use slotmap::{Key as _, KeyData, new_key_type};

use crate::event::Sequence;

new_key_type! {
    /// Names a subscriber within its shard. Keys are never used twice, so a notice about one that
    /// has left finds nothing.
    pub struct SubscriberKey;

    /// Names an audience within its shard.
    pub(super) struct AudienceKey;
}

/// Names what the members of an audience are sent next that have the same cursor.
pub(super) type PageKey = (AudienceKey, Sequence);

// A key is 64 bits, and has to fit into a token.
const _: () = assert!(usize::BITS >= u64::BITS, "sockets are named by 64-bit tokens");

/// The token under which a subscriber's socket is registered. Keys are never 0, so 0 is free for
/// the waker.
pub(super) fn token(key: SubscriberKey) -> Token {
    Token(key.data().as_ffi() as usize)
}

/// The subscriber whose socket a token names.
pub(super) fn key_of(token: Token) -> SubscriberKey {
    KeyData::from_ffi(token.0 as u64).into()
}

//! The audiences with the same exact topic: mostly one, and sometimes very many.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::AudienceKey;

/// A set of audiences in the order of their keys, so that an iteration can be cut at one and go on
/// behind it, whichever have come and gone meanwhile. It is not a list, which would be searched
/// when one leaves: with half a million in it, many times in one iteration of the shard.
#[derive(Debug)]
pub(super) enum KeySet {
    /// Usual where each subscriber has a topic of its own; it takes no memory beside itself.
    One(AudienceKey),
    #[expect(clippy::box_collection, reason = "twice as large, most topics would pay for it")]
    Many(Box<BTreeSet<AudienceKey>>),
}

impl KeySet {
    pub(super) fn insert(&mut self, key: AudienceKey) {
        match self {
            Self::One(one) => *self = Self::Many(Box::new(BTreeSet::from([*one, key]))),
            Self::Many(many) => {
                many.insert(key);
            }
        }
    }

    /// Takes one out; true if nothing is left.
    pub(super) fn remove(&mut self, key: AudienceKey) -> bool {
        match self {
            Self::One(one) => *one == key,
            Self::Many(many) => {
                many.remove(&key);
                many.is_empty()
            }
        }
    }

    /// Those from a bound on.
    pub(super) fn from(&self, bound: Bound<AudienceKey>) -> impl Iterator<Item = AudienceKey> {
        let range = (bound, Bound::Unbounded);
        let (one, many) = match self {
            Self::One(one) => (std::ops::RangeBounds::contains(&range, one).then_some(*one), None),
            Self::Many(many) => (None, Some(many.range(range).copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

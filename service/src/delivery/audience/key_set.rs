//! The audiences that ask for a topic: mostly one, and sometimes very many.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::AudienceKey;

/// A set of audiences in an order of its own, so that whoever goes through it can be cut at one and
/// go on behind it, whoever has come and gone meanwhile. Coming and going takes no longer with half
/// a million than a dozen steps, where a list would be searched.
#[derive(Debug)]
pub(super) enum KeySet {
    /// What a topic of its own has for each subscriber; it needs no memory beside itself.
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

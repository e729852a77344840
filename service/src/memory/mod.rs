//! What things take in memory, for limits in bytes that mean what they say.

mod budget;

pub use budget::{HeldMemory, MemoryBudget, NoRoom};

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};

/// What an allocation of so many bytes takes: a word of the allocator's, rounded up to 16 bytes,
/// and 32 at least (glibc 2.36, `malloc.c`, "minimum allocated size"). Nothing is allocated for
/// nothing.
#[must_use]
pub const fn allocated(bytes: usize) -> usize {
    if bytes == 0 {
        return 0;
    }
    let rounded = (bytes + 8 + 15) & !15;
    if rounded < 32 { 32 } else { rounded }
}

/// In how many parts a [`SplitMap`] is cut.
const PARTS: usize = 64;

/// A hash map in parts, so that growing one never takes long: with a million entries the table that
/// grows has 16,000, which takes less than a millisecond. Whole, it would take 50, and every thread
/// that waits for its lock would wait as long.
#[derive(Debug)]
pub struct SplitMap<K, V> {
    hasher: RandomState,
    parts: Box<[HashMap<K, V, RandomState>]>,
    len: usize,
    /// What the tables take.
    bytes: usize,
}

impl<K, V> Default for SplitMap<K, V> {
    fn default() -> Self {
        let hasher = RandomState::new();
        let part = || HashMap::with_hasher(hasher.clone());
        Self { parts: (0..PARTS).map(|_| part()).collect(), hasher, len: 0, bytes: 0 }
    }
}

impl<K: Hash + Eq, V> SplitMap<K, V> {
    fn part<Q>(&self, key: &Q) -> usize
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        // Bits that the tables themselves use for neither the place nor the tag.
        (self.hasher.hash_one(key) >> 40) as usize % PARTS
    }

    fn table_bytes(capacity: usize) -> usize {
        if capacity == 0 {
            return 0;
        }
        // As hashbrown does it: a power of two of places, an eighth of which stays free, a byte of
        // tag for each and a group of tags more.
        let buckets = if capacity < 8 { capacity + 1 } else { capacity / 7 * 8 };
        allocated(buckets * (size_of::<(K, V)>() + 1) + 16)
    }

    /// The value of a key.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.is_empty() {
            return None;
        }
        self.parts[self.part(key)].get(key)
    }

    /// Whether there is a value for a key.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get(key).is_some()
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.parts.iter().flat_map(HashMap::keys)
    }

    /// The keys in one of the parts; nothing behind the last one. A key stays in its part.
    pub fn keys_in_part(&self, part: usize) -> Option<impl Iterator<Item = &K>> {
        self.parts.get(part).map(HashMap::keys)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.is_empty() {
            return None;
        }
        let part = self.part(key);
        self.parts[part].get_mut(key)
    }

    /// Sets the value of a key; the one before, if there was one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let part = self.part(&key);
        let table = &mut self.parts[part];
        let before = table.capacity();
        let old = table.insert(key, value);
        let after = table.capacity();
        self.len += usize::from(old.is_none());
        self.bytes = self.bytes + Self::table_bytes(after) - Self::table_bytes(before);
        old
    }

    /// Forgets a key. A table that has become sparse is made smaller.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.is_empty() {
            return None;
        }
        let part = self.part(key);
        let table = &mut self.parts[part];
        let before = table.capacity();
        let old = table.remove(key)?;
        if before > 64 && table.len() < before / 4 {
            table.shrink_to(table.len() * 2);
        } else if table.is_empty() {
            table.shrink_to_fit();
        }
        let after = table.capacity();
        self.len -= 1;
        self.bytes = self.bytes + Self::table_bytes(after) - Self::table_bytes(before);
        Some(old)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the tables take in memory, without what their keys and values point to.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_takes_a_word_more_and_32_bytes_at_least() {
        for (bytes, taken) in
            [(0, 0), (1, 32), (24, 32), (25, 48), (40, 48), (41, 64), (1000, 1008)]
        {
            assert_eq!(allocated(bytes), taken, "{bytes}");
        }
    }

    #[test]
    fn a_map_in_parts_is_a_map_and_takes_no_more_than_it_holds() {
        let mut map: SplitMap<u64, u64> = SplitMap::default();
        assert_eq!((map.bytes(), map.is_empty()), (0, true));
        for key in 0..10_000 {
            assert_eq!(map.insert(key, key * 2), None);
        }
        assert_eq!(map.insert(7, 70), Some(14));
        assert_eq!((map.len(), map.get(&7), map.get(&10_000)), (10_000, Some(&70), None));
        assert_eq!(map.keys().sum::<u64>(), (0..10_000).sum::<u64>());
        let full = map.bytes();
        assert!((10_000 * 17..10_000 * 17 * 3).contains(&full), "{full}");
        for key in 0..10_000 {
            *map.get_mut(&key).unwrap() += 1;
            assert!(map.remove(&key).is_some());
        }
        assert_eq!((map.remove(&1), map.len(), map.bytes()), (None, 0, 0));
    }
}

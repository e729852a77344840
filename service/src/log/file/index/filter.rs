//! A Bloom filter of the ids of a segment: whether one may be in it, without a look at the disk.

/// How many bits an id takes, with which one in a hundred that are not there is looked for in vain.
const BITS_PER_ID: usize = 10;
const PROBES: u64 = 5;

/// A set of hashes of ids that may say yes for one that is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::log::file) struct IdFilter {
    bytes: Box<[u8]>,
}

impl IdFilter {
    pub(super) fn of(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut filter =
            Self { bytes: vec![0; (hashes.len() * BITS_PER_ID).div_ceil(8)].into_boxed_slice() };
        for hash in hashes {
            for bit in filter.bits(hash) {
                filter.bytes[bit / 8] |= 1 << (bit % 8);
            }
        }
        filter
    }

    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into_boxed_slice() }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it takes in memory.
    pub(in crate::log::file) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether an id with this hash may be there; if not, it is not.
    pub(in crate::log::file) fn may_have(&self, hash: u64) -> bool {
        !self.bytes.is_empty()
            && self.bits(hash).all(|bit| self.bytes[bit / 8] & (1 << (bit % 8)) != 0)
    }

    fn bits(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let bits = 8 * self.bytes.len() as u64;
        // Two halves make all probes (Kirsch and Mitzenmacher, "Less hashing, same performance").
        let step = (hash >> 32) | 1;
        (0..PROBES).map(move |probe| (hash.wrapping_add(step.wrapping_mul(probe)) % bits) as usize)
    }
}

//! The memory of what is sent: every buffer of bytes for subscribers is counted from its making
//! until its last holder drops it, wherever that is.
//!
//! The log bounds what it retains. A slow reader may hold an event that the log has dropped, and
//! segments joined of several events; what is held so is the difference between the buffers that
//! are alive and those of retained events. A count at the places that hold bytes could not show it:
//! one buffer is shared by many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::memory::allocated;

/// Counts buffers; cheap to clone, and all clones are one count.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Bytes of all buffers that have not been dropped.
    alive: AtomicUsize,
    /// Bytes of those that belong to retained events.
    retained: AtomicUsize,
    /// Bytes of streams that have been ended, which are released soon.
    pending_release: AtomicUsize,
}

/// A buffer that is counted until it is dropped.
struct Counted {
    bytes: Vec<u8>,
    counts: Arc<Counts>,
}

/// The allocation that `Bytes` makes for the owner of its memory.
const OWNER: usize = allocated(size_of::<Counted>() + 4 * size_of::<usize>());

impl Counted {
    fn held(&self) -> usize {
        Buffers::held_by(self.bytes.capacity())
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.alive.fetch_sub(self.held(), Ordering::Relaxed);
    }
}

impl Buffers {
    /// Counts a buffer from now on. Slices of what is returned share its memory, and keep it alive.
    #[must_use]
    pub fn count(&self, bytes: Vec<u8>) -> Bytes {
        let counted = Counted { bytes, counts: Arc::clone(&self.counts) };
        self.counts.alive.fetch_add(counted.held(), Ordering::Relaxed);
        Bytes::from_owner(counted)
    }

    /// What one buffer of such a capacity is counted as.
    pub(crate) fn held_by(capacity: usize) -> usize {
        allocated(capacity) + OWNER
    }

    /// A buffer of so many counted bytes now belongs to a retained event.
    pub fn retain(&self, bytes: usize) {
        self.counts.retained.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The log has dropped it. It may live on in streams that still send it.
    pub fn release(&self, bytes: usize) {
        self.counts.retained.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A shard that had counted so many bytes as pending release counts so many now.
    pub(crate) fn recount_pending_release(&self, before: usize, now: usize) {
        self.counts.pending_release.fetch_add(now, Ordering::Relaxed);
        self.counts.pending_release.fetch_sub(before, Ordering::Relaxed);
    }

    /// Bytes that are released soon, because their streams have been ended.
    #[must_use]
    pub(crate) fn pending_release(&self) -> usize {
        self.counts.pending_release.load(Ordering::Relaxed)
    }

    /// Bytes that are alive and belong to no retained event.
    #[must_use]
    pub fn beyond_the_log(&self) -> usize {
        let alive = self.counts.alive.load(Ordering::Relaxed);
        alive.saturating_sub(self.counts.retained.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_counted_until_the_last_slice_of_it_is_dropped() {
        let buffers = Buffers::default();
        let bytes = buffers.count(vec![0; 1_000]);
        let counted = buffers.beyond_the_log();
        assert!((1_000..1_200).contains(&counted), "{counted}");
        let slice = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(buffers.beyond_the_log(), counted);
        drop(slice);
        assert_eq!(buffers.beyond_the_log(), 0);
    }

    #[test]
    fn what_the_log_retains_is_not_beyond_it() {
        let buffers = Buffers::default();
        let bytes = buffers.count(vec![0; 1_000]);
        let counted = Buffers::held_by(1_000);
        assert_eq!(buffers.beyond_the_log(), counted);
        buffers.retain(counted);
        assert_eq!(buffers.beyond_the_log(), 0);
        buffers.release(counted);
        assert_eq!(buffers.beyond_the_log(), counted);
        drop(bytes);
        assert_eq!(buffers.beyond_the_log(), 0);
    }
}

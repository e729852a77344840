//! A budget of bytes that many share: what is held is counted as it is held.
//!
//! What does not fit is refused; nobody waits for room, because those who hold it may be waiting for
//! clients that send nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The budget, and how much of it is held. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    shared: Arc<SharedBudget>,
}

#[derive(Debug)]
struct SharedBudget {
    held: AtomicUsize,
    max: usize,
}

/// There is no room for these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl MemoryBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { shared: Arc::new(SharedBudget { held: AtomicUsize::new(0), max }) }
    }

    /// How many there may be.
    #[must_use]
    pub fn max(&self) -> usize {
        self.shared.max
    }

    /// How many bytes are held at this moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Counts so many bytes.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn hold(&self, bytes: usize) -> Result<HeldMemory, NoRoom> {
        let mut held = self.nothing();
        held.resize(bytes)?;
        Ok(held)
    }

    /// Counts bytes whether there is room or not: for what has to be kept, and is bounded
    /// otherwise.
    #[must_use]
    pub fn hold_anyway(&self, bytes: usize) -> HeldMemory {
        self.shared.held.fetch_add(bytes, Ordering::Relaxed);
        HeldMemory { budget: self.clone(), bytes }
    }

    /// What will be counted as it grows.
    #[must_use]
    pub fn nothing(&self) -> HeldMemory {
        HeldMemory { budget: self.clone(), bytes: 0 }
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub struct HeldMemory {
    budget: MemoryBudget,
    bytes: usize,
}

impl HeldMemory {
    /// Counts so many bytes from now on.
    ///
    /// # Errors
    /// When there is no room for them; then what was counted before stays so.
    pub fn resize(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let SharedBudget { held, max } = &*self.budget.shared;
        if let Some(less) = self.bytes.checked_sub(bytes) {
            held.fetch_sub(less, Ordering::Relaxed);
        } else {
            let more = bytes - self.bytes;
            let grown = |held: usize| held.checked_add(more).filter(|held| held <= max);
            held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).map_err(|_| NoRoom)?;
        }
        self.bytes = bytes;
        Ok(())
    }

    /// The budget that it counts in.
    #[must_use]
    pub fn budget(&self) -> &MemoryBudget {
        &self.budget
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.budget.shared.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_until_it_is_let_go() {
        let memory = MemoryBudget::new(100);
        let first = memory.hold(60).unwrap();
        assert_eq!(memory.hold(41).err(), Some(NoRoom));
        assert_eq!(memory.held(), 60, "a refusal holds nothing");
        let second = memory.hold(40).unwrap();
        drop(first);
        assert_eq!(memory.held(), 40);
        drop(second);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn what_has_to_be_kept_is_counted_beyond_the_budget_and_leaves_no_room() {
        let memory = MemoryBudget::new(10);
        let kept = memory.hold_anyway(25);
        assert_eq!(memory.held(), 25);
        assert_eq!(memory.hold(1).err(), Some(NoRoom));
        drop(kept);
        assert!(memory.hold(10).is_ok());
    }
}

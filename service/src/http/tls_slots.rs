//! How many TLS handshakes go on at a time.
//!
//! A handshake holds buffers and costs a signature, and a client may stop in the middle of it. So
//! there is a bound, and whoever comes then waits. A handshake that has had its time gives its slot
//! to one that waits: clients that stop on purpose hold nobody up for longer than that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::sleep;

/// How many at a time. Each may hold some 70 KiB.
const SLOTS: usize = 512;
/// How long a handshake has its slot for certain: long enough for a client that is far away, and for
/// this machine to get through all the others.
const SLOT_TIME_MIN: Duration = Duration::from_secs(2);

/// The slots of handshakes.
#[derive(Debug)]
pub(super) struct HandshakeSlots {
    free: Semaphore,
    waiting: AtomicUsize,
    wanted: Notify,
}

/// A slot that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct HandshakeSlot<'a> {
    slots: &'a HandshakeSlots,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Default for HandshakeSlots {
    fn default() -> Self {
        Self::new(SLOTS)
    }
}

impl HandshakeSlots {
    fn new(count: usize) -> Self {
        Self { free: Semaphore::new(count), waiting: AtomicUsize::new(0), wanted: Notify::new() }
    }

    /// A slot; waits for one if all are taken, in the order of coming.
    pub(super) async fn take(&self) -> HandshakeSlot<'_> {
        if let Ok(permit) = self.free.try_acquire() {
            return HandshakeSlot { slots: self, _permit: Some(permit) };
        }
        let _waiting = WaitingHandshake::begin(self);
        // The semaphore is never closed.
        let permit = self.free.acquire().await.ok();
        HandshakeSlot { slots: self, _permit: permit }
    }
}

impl HandshakeSlot<'_> {
    /// Waits until this one has had its time and another waits for it.
    pub(super) async fn is_wanted(&self) {
        sleep(SLOT_TIME_MIN).await;
        while self.slots.waiting.load(Ordering::SeqCst) == 0 {
            self.slots.wanted.notified().await;
        }
    }
}

/// Counts as waiting until it is dropped, also when the client goes away meanwhile.
struct WaitingHandshake<'a>(&'a HandshakeSlots);

impl<'a> WaitingHandshake<'a> {
    fn begin(slots: &'a HandshakeSlots) -> Self {
        slots.waiting.fetch_add(1, Ordering::SeqCst);
        // Of those that have had their time, the one that has had it for the longest.
        slots.wanted.notify_one();
        Self(slots)
    }
}

impl Drop for WaitingHandshake<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{Instant, timeout};

    use super::*;

    /// A handshake that never ends by itself.
    async fn stall(slots: Arc<HandshakeSlots>) {
        let slot = slots.take().await;
        slot.is_wanted().await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_all_slots_taken_gets_one_when_somebody_has_had_its_time() {
        let slots = Arc::new(HandshakeSlots::new(3));
        let stalled: Vec<_> = (0..3).map(|_| tokio::spawn(stall(Arc::clone(&slots)))).collect();
        tokio::task::yield_now().await;
        let began = Instant::now();
        let first = slots.take().await;
        assert_eq!(began.elapsed(), SLOT_TIME_MIN, "nobody loses a slot before its time");
        let ended = || stalled.iter().filter(|task| task.is_finished()).count();
        tokio::task::yield_now().await;
        assert!((1..=3).contains(&ended()));
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_loses_a_slot_while_nobody_waits_and_one_does_when_somebody_comes() {
        let slots = Arc::new(HandshakeSlots::new(2));
        let stalled: Vec<_> = (0..2).map(|_| tokio::spawn(stall(Arc::clone(&slots)))).collect();
        sleep(10 * SLOT_TIME_MIN).await;
        assert!(stalled.iter().all(|task| !task.is_finished()));
        let came = Instant::now();
        let _third = slots.take().await;
        assert_eq!(came.elapsed(), Duration::ZERO);
        assert_eq!(stalled.iter().filter(|task| task.is_finished()).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gave_up_waiting_wants_no_slot_any_more() {
        let slots = Arc::new(HandshakeSlots::new(1));
        let stalled = tokio::spawn(stall(Arc::clone(&slots)));
        tokio::task::yield_now().await;
        assert!(timeout(SLOT_TIME_MIN / 2, slots.take()).await.is_err());
        sleep(2 * SLOT_TIME_MIN).await;
        assert!(!stalled.is_finished());
    }
}

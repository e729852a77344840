//! How many TLS handshakes go on at a time.
//!
//! A handshake holds buffers and costs a signature, and a client may stop in the middle of it. So
//! there is a bound, and whoever comes then waits. A handshake that has had its time gives its slot
//! to one that waits, one for one: clients that stop on purpose hold nobody up for longer than that.

use std::sync::{Mutex, MutexGuard, PoisonError};
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
    line: Mutex<HandshakeLine>,
    wanted: Notify,
}

/// Who waits for a slot. Each newcomer is given way to once: `conceded` is never more than `waiting`, and
/// goes down with it, so that there are never more concessions than newcomers, however many handshakes
/// have had their time.
#[derive(Debug, Default)]
struct HandshakeLine {
    waiting: usize,
    /// For how many of them a handshake has agreed to end.
    conceded: usize,
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
        Self { free: Semaphore::new(count), line: Mutex::default(), wanted: Notify::new() }
    }

    /// A slot, if one is free and nobody waits.
    pub(super) fn try_take(&self) -> Option<HandshakeSlot<'_>> {
        let permit = self.free.try_acquire().ok()?;
        Some(HandshakeSlot { slots: self, _permit: Some(permit) })
    }

    /// A slot; waits for one in the order of coming, and has a handshake make room that has had its time.
    pub(super) async fn take(&self) -> HandshakeSlot<'_> {
        let _waiting = WaitingHandshake::begin(self);
        // The semaphore is never closed.
        let permit = self.free.acquire().await.ok();
        HandshakeSlot { slots: self, _permit: permit }
    }

    fn line(&self) -> MutexGuard<'_, HandshakeLine> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody waits for whom nobody else has agreed to end.
    fn concede(&self) -> bool {
        let mut line = self.line();
        let is_wanted = line.conceded < line.waiting;
        line.conceded += usize::from(is_wanted);
        is_wanted
    }
}

impl HandshakeSlot<'_> {
    /// Waits until this one has had its time and another waits for it, and no other makes room for that
    /// one. Whoever is told so has to end.
    pub(super) async fn is_wanted(&self) {
        sleep(SLOT_TIME_MIN).await;
        while !self.slots.concede() {
            self.slots.wanted.notified().await;
        }
    }
}

/// Counts as waiting until it is dropped, also when the client goes away meanwhile.
struct WaitingHandshake<'a>(&'a HandshakeSlots);

impl<'a> WaitingHandshake<'a> {
    fn begin(slots: &'a HandshakeSlots) -> Self {
        slots.line().waiting += 1;
        // Of those that have had their time, the one that has had it for the longest.
        slots.wanted.notify_one();
        Self(slots)
    }
}

impl Drop for WaitingHandshake<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.waiting -= 1;
        line.conceded = line.conceded.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinHandle;
    use tokio::time::{Instant, timeout};

    use super::*;

    /// A handshake that never ends by itself.
    async fn stall(slots: Arc<HandshakeSlots>) {
        let slot = slots.take().await;
        slot.is_wanted().await;
    }

    fn finished<T>(tasks: &[JoinHandle<T>]) -> usize {
        tasks.iter().filter(|task| task.is_finished()).count()
    }

    fn stall_so_many(slots: &Arc<HandshakeSlots>, count: usize) -> Vec<JoinHandle<()>> {
        (0..count).map(|_| tokio::spawn(stall(Arc::clone(slots)))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_all_slots_taken_gets_one_when_somebody_has_had_its_time() {
        let slots = Arc::new(HandshakeSlots::new(3));
        let stalled = stall_so_many(&slots, 3);
        tokio::task::yield_now().await;
        assert!(slots.try_take().is_none());
        let began = Instant::now();
        let first = slots.take().await;
        assert_eq!(began.elapsed(), SLOT_TIME_MIN, "nobody loses a slot before its time");
        sleep(SLOT_TIME_MIN).await;
        assert_eq!(finished(&stalled), 1, "although all have had their time at the same moment");
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn newcomers_end_no_more_slow_handshakes_than_they_are() {
        const SLOW: usize = 20;
        // Newcomers, how many of them give up at once, and whether the slow ones have had their time
        // before they come.
        for (newcomers, impatient, is_late) in
            [(1, 0, true), (1, 0, false), (7, 0, true), (7, 0, false), (9, 4, false), (20, 0, true)]
        {
            let slots = Arc::new(HandshakeSlots::new(SLOW));
            let stalled = stall_so_many(&slots, SLOW);
            sleep(if is_late { 2 * SLOT_TIME_MIN } else { SLOT_TIME_MIN / 2 }).await;
            let come = |number: usize| {
                let slots = Arc::clone(&slots);
                let patience = if number < impatient { SLOT_TIME_MIN / 4 } else { Duration::MAX };
                tokio::spawn(async move {
                    let slot = timeout(patience, slots.take()).await;
                    // Its handshake takes a while, in which nobody else is given its slot.
                    sleep(10 * SLOT_TIME_MIN).await;
                    slot.is_ok()
                })
            };
            let come: Vec<_> = (0..newcomers).map(come).collect();
            sleep(5 * SLOT_TIME_MIN).await;
            let expected = newcomers - impatient;
            assert_eq!(finished(&stalled), expected, "{newcomers} {impatient} {is_late}");
            for (number, newcomer) in come.into_iter().enumerate() {
                assert_eq!(newcomer.await.unwrap(), number >= impatient);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_loses_a_slot_while_nobody_waits_and_one_does_when_somebody_comes() {
        let slots = Arc::new(HandshakeSlots::new(2));
        let stalled = stall_so_many(&slots, 2);
        sleep(10 * SLOT_TIME_MIN).await;
        assert!(stalled.iter().all(|task| !task.is_finished()));
        let came = Instant::now();
        let _third = slots.take().await;
        assert_eq!(came.elapsed(), Duration::ZERO);
        assert_eq!(finished(&stalled), 1);
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

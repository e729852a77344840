//! Backpressure on publishers: they do not publish faster than events are delivered.
//!
//! The log takes events far faster than any machine can send them to all subscribers. Without a
//! bound a publisher could fill the log anew before the shards have read it, and every subscriber
//! would lose events, however fast it reads. So the response to a publish is sent only when all
//! shards are within a window of so many events of it: the publisher waits for its response, and a
//! long upload is no longer read. A shard that does not move at all delays each publish by a second
//! at most.
//!
//! What other servers publish into a log that they share is held up in the same way, by not reading it;
//! for that there is no longest time, since nobody waits for it but our own subscribers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::event::Sequence;
use crate::log::{FollowerProgress, Nearing};

/// The longest that a publisher waits for followers.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// How many events publishers may be ahead of the slowest shard.
#[derive(Debug)]
pub(super) struct PublishWindow {
    window_max: u64,
    followers: Mutex<Vec<Arc<AtomicU64>>>,
    moved: Notify,
    waiting: AtomicUsize,
}

/// Counts as a publisher that waits, until it is dropped.
struct Waiting<'a>(&'a PublishWindow);

/// A reader of the log, which says how far it has come, until it is dropped.
#[derive(Debug)]
pub struct Follower {
    seen: Arc<AtomicU64>,
    window: Arc<PublishWindow>,
}

impl PublishWindow {
    pub(super) fn new(window_max: u64) -> Arc<Self> {
        Arc::new(Self {
            window_max,
            followers: Mutex::default(),
            moved: Notify::new(),
            waiting: AtomicUsize::new(0),
        })
    }

    pub(super) fn follow(self: &Arc<Self>, seen: Sequence) -> Follower {
        let seen = Arc::new(AtomicU64::new(seen.0));
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.push(Arc::clone(&seen));
        Follower { seen, window: Arc::clone(self) }
    }

    /// Waits until all followers are near enough, and no longer than `WAIT_MAX`.
    pub(super) async fn wait(&self, published: Sequence) {
        if self.is_near(published) {
            return;
        }
        let _waiting = Waiting::begin(self);
        tokio::select! {
            () = self.wait_until_near(published) => {}
            () = sleep(WAIT_MAX) => {}
        }
    }

    async fn wait_until_near(&self, head: Sequence) {
        loop {
            let moved = self.moved.notified();
            // A follower that moves from here on is not missed.
            if self.is_near(head) {
                return;
            }
            moved.await;
        }
    }

    /// How many publishers wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn is_near(&self, published: Sequence) -> bool {
        let followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let slowest = followers.iter().map(|seen| seen.load(Ordering::Acquire)).min();
        slowest.is_none_or(|seen| published.0.saturating_sub(seen) <= self.window_max)
    }
}

impl FollowerProgress for PublishWindow {
    fn until_near(&self, head: Sequence) -> Nearing<'_> {
        Box::pin(self.wait_until_near(head))
    }
}

impl<'a> Waiting<'a> {
    fn begin(window: &'a PublishWindow) -> Self {
        window.waiting.fetch_add(1, Ordering::Relaxed);
        Self(window)
    }
}

impl Drop for Waiting<'_> {
    /// Also when its request is given up.
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Follower {
    /// Everything up to here has been read and handed out.
    pub fn set_seen(&self, seen: Sequence) {
        self.seen.store(seen.0, Ordering::Release);
        self.window.moved.notify_waiters();
    }
}

impl Drop for Follower {
    /// No publisher waits for a follower that has gone.
    fn drop(&mut self) {
        let mut followers = self.window.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.retain(|seen| !Arc::ptr_eq(seen, &self.seen));
        drop(followers);
        self.window.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_publisher_is_answered_while_all_who_follow_are_near() {
        let window = PublishWindow::new(10);
        let (one, other) = (window.follow(Sequence(0)), window.follow(Sequence(5)));
        assert!(window.wait(Sequence(10)).now_or_never().is_some());
        assert!(window.wait(Sequence(11)).now_or_never().is_none());
        one.set_seen(Sequence(100));
        assert!(window.wait(Sequence(15)).now_or_never().is_some());
        assert!(window.wait(Sequence(16)).now_or_never().is_none());
        drop(other);
        assert!(window.wait(Sequence(110)).now_or_never().is_some());
        drop(one);
        assert!(window.wait(Sequence(u64::MAX)).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_publisher_that_waits_is_answered_when_the_slowest_has_moved_or_gone() {
        for gone in [false, true] {
            let window = PublishWindow::new(10);
            let slow = window.follow(Sequence(0));
            let began = Instant::now();
            let waiting = tokio::spawn({
                let window = Arc::clone(&window);
                async move { window.wait(Sequence(50)).await }
            });
            tokio::task::yield_now().await;
            slow.set_seen(Sequence(39));
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            assert_eq!(window.waiting(), 1);
            if gone {
                drop(slow);
            } else {
                slow.set_seen(Sequence(40));
            }
            waiting.await.unwrap();
            assert_eq!((began.elapsed(), window.waiting()), (Duration::ZERO, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_is_read_ahead_waits_for_as_long_as_it_takes() {
        let window = PublishWindow::new(10);
        let slow = window.follow(Sequence(0));
        let mut reading = window.until_near(Sequence(50));
        assert!((&mut reading).now_or_never().is_none());
        assert!(timeout(WAIT_MAX * 60, &mut reading).await.is_err());
        slow.set_seen(Sequence(40));
        assert!(reading.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_does_not_move_holds_nobody_up_for_more_than_a_moment() {
        let window = PublishWindow::new(10);
        let _stuck = window.follow(Sequence(0));
        let began = Instant::now();
        window.wait(Sequence(50)).await;
        assert_eq!(began.elapsed(), WAIT_MAX);
    }
}

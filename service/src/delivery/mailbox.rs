//! What wakes a shard, and the notices that other threads post to it.
//!
//! The waker is an eventfd that is written at most once until the shard has woken: however many
//! publishers, sinks and connections wake it, it costs one system call. The queue needs no limit of
//! its own, because each entry belongs to a subscriber or a command that is limited elsewhere: one
//! join, at most one pending "ready" and one "gone" for each open stream, one "loaded" for each page
//! that a log loads, and one of what operators ask for each of their requests.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use mio::{Registry, Token};
use tokio::sync::oneshot;

use super::NewSubscriber;
use super::keys::{PageKey, SubscriberKey};
use super::listing::{CountRequest, ListRequest, ListedStream};
use super::wake_once::WakeOnce;
use crate::event::Sequence;
use crate::logging::log_limited;

/// Something that happened outside the shard.
#[derive(Debug)]
pub(super) enum Notice {
    /// A new subscriber.
    Join(Box<NewSubscriber>),
    /// A sink that was full takes bytes again.
    Ready(SubscriberKey),
    /// The reader of a sink went away.
    Gone(SubscriberKey),
    /// The log, which had something to load, may have it now.
    Loaded(LoadedPart),
    /// The log has begun a new epoch.
    Epoch,
    /// Say what streams there are.
    List(Box<ListRequest>),
    /// Say how many subscribers some topics have.
    Count(Box<CountRequest>),
    /// End a stream, and say what it was.
    End { key: SubscriberKey, ended: oneshot::Sender<Option<ListedStream>> },
    /// Close every stream, spread over the window.
    Drain { window: Duration },
    /// End the thread.
    Stop,
}

/// What a shard waits for that a log has to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadedPart {
    /// What the shard itself comes to next.
    Head,
    /// What subscribers of an audience come to next that have this cursor.
    Page(PageKey),
}

/// Posts that something has been loaded.
struct LoadedWaker {
    mailbox: Arc<Mailbox>,
    part: LoadedPart,
}

impl Wake for LoadedWaker {
    fn wake(self: Arc<Self>) {
        self.mailbox.post(Notice::Loaded(self.part));
    }
}

/// The room for notices that is not given back once it was needed: 64 KiB.
const ROOM_KEPT: usize = 4 << 10;

/// What a shard and other threads share: notices to the shard, and how far it has come.
#[derive(Debug)]
pub(crate) struct Mailbox {
    notices: Mutex<VecDeque<Notice>>,
    waker: WakeOnce<mio::Waker>,
    /// Subscribers of the shard and those on their way to it.
    load: AtomicUsize,
    seen: AtomicU64,
    /// Written under the lock of the notices.
    ended: AtomicBool,
}

impl Mailbox {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self {
            notices: Mutex::default(),
            waker: WakeOnce::new(mio::Waker::new(registry, token)?),
            load: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        })
    }

    /// What tells the shard that something has been loaded.
    pub(super) fn loaded_waker(self: &Arc<Self>, part: LoadedPart) -> Waker {
        Waker::from(Arc::new(LoadedWaker { mailbox: Arc::clone(self), part }))
    }

    /// Wakes the shard, once.
    pub(super) fn wake(&self) {
        self.waker.wake(|waker| {
            if let Err(error) = waker.wake() {
                log_limited!(ERROR, %error, "cannot wake a shard");
            }
        });
    }

    /// Posts a notice. When the shard has ended, the notice is dropped, and with it a subscriber
    /// that was to join.
    pub(super) fn post(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_ended() {
            drop(notices);
            return drop(notice);
        }
        if matches!(notice, Notice::Join(_)) {
            self.load.fetch_add(1, Ordering::Relaxed);
        }
        notices.push_back(notice);
        drop(notices);
        self.wake();
    }

    /// Takes everything into `into`, which is empty and whose space is used again. What is
    /// posted after this began wakes the shard once more.
    pub(super) fn take(&self, into: &mut VecDeque<Notice>) {
        if into.capacity() > ROOM_KEPT {
            // What a burst needed is given back by halves.
            into.shrink_to(into.capacity() / 2);
        }
        self.waker.rearm();
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *notices, into);
    }

    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    pub(super) fn left(&self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }

    /// The shard has ended: no more subscribers are sent there, and those on the way are dropped,
    /// which ends their streams.
    pub(super) fn retire(&self) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        self.ended.store(true, Ordering::Release);
        let left = std::mem::take(&mut *notices);
        drop(notices);
        drop(left);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn seen(&self) -> Sequence {
        Sequence(self.seen.load(Ordering::Acquire))
    }

    pub(super) fn set_seen(&self, sequence: Sequence) {
        self.seen.store(sequence.0, Ordering::Release);
    }
}

//! Pages that have to come from the disk: each is read once for all who wait for it, by threads of
//! their own.
//!
//! A page that nobody has asked for again since it was loaded is kept for a moment: those who wait for
//! it have been woken and come back. While too much is kept in this way no other page is loaded, so
//! that a thousand readers at a thousand places do not push out each other's pages unread.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::cold_page::{ColdPageKey, LoadedPage};

/// What pages may hold that are kept, in bytes of frames; as much again while they are being loaded.
const BYTES_MAX: usize = 32 << 20;
/// What of it may be pages that nobody has read yet.
const UNREAD_MAX: usize = BYTES_MAX / 2;
/// How long a page that nobody reads is kept for those who waited for it.
const UNREAD_AGE_MAX: Duration = Duration::from_secs(1);
/// How many tasks wait at most: those of clients that have stopped waiting are among them.
const TASKS_MAX: usize = 10_000;
/// What a page takes beside its frames, at least.
const PAGE_BYTES: usize = 512;

/// Something that has to wait for the disk.
pub(super) type DiskTask = Box<dyn FnOnce() + Send>;

/// Pages that are wanted, are being loaded, or have been.
#[derive(Default)]
pub(super) struct ColdPages {
    state: Mutex<ColdState>,
    changed: Condvar,
    /// As they are in the state, for those who do not wait for it.
    bytes: AtomicUsize,
}

#[derive(Default)]
struct ColdState {
    pages: HashMap<ColdPageKey, ColdPage>,
    /// Those that are there, in the order in which they were loaded.
    loaded: VecDeque<ColdPageKey>,
    wanted: VecDeque<ColdPageKey>,
    tasks: VecDeque<DiskTask>,
    bytes: usize,
    unread_bytes: usize,
    is_closed: bool,
}

enum ColdPage {
    Wanted(Vec<Waker>),
    Loaded { page: LoadedPage, bytes: usize, at: Instant, is_read: bool },
}

enum ReaderWork {
    Load(ColdPageKey),
    Task(DiskTask),
}

impl std::fmt::Debug for ColdPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("ColdPages").field("pages", &state.pages.len()).finish_non_exhaustive()
    }
}

impl ColdPages {
    fn lock(&self) -> MutexGuard<'_, ColdState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page, if it has been loaded. If not it is now, and the waker is woken then.
    pub(super) fn ask(
        &self,
        key: &ColdPageKey,
        waker: impl FnOnce() -> Waker,
    ) -> Option<LoadedPage> {
        let mut state = self.lock();
        let state = &mut *state;
        match state.pages.get_mut(key) {
            Some(ColdPage::Loaded { page, bytes, is_read, .. }) => {
                if !std::mem::replace(is_read, true) {
                    state.unread_bytes -= *bytes;
                    self.changed.notify_one();
                }
                return Some(page.clone());
            }
            Some(ColdPage::Wanted(wakers)) => {
                let waker = waker();
                if !wakers.iter().any(|other| other.will_wake(&waker)) {
                    wakers.push(waker);
                }
            }
            None => {
                state.pages.insert(key.clone(), ColdPage::Wanted(vec![waker()]));
                state.wanted.push_back(key.clone());
                self.changed.notify_one();
            }
        }
        None
    }

    /// Runs something that has to wait for the disk, unless too much waits already.
    pub(super) fn run(&self, task: DiskTask) {
        let mut state = self.lock();
        if state.tasks.len() < TASKS_MAX {
            state.tasks.push_back(task);
            self.changed.notify_one();
        }
    }

    /// What pages hold that are kept, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds a page that has been loaded, and wakes whoever waits for it.
    fn add(&self, key: ColdPageKey, page: LoadedPage) {
        let mut state = self.lock();
        let wakers = state.add(key, page);
        self.bytes.store(state.bytes, Ordering::Relaxed);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Loads what is wanted until it is closed.
    pub(super) fn work(&self, load: impl Fn(&ColdPageKey) -> LoadedPage) {
        while let Some(work) = self.next() {
            match work {
                // Whoever waits for it sees that it has gone.
                ReaderWork::Task(task) => drop(catch_unwind(AssertUnwindSafe(task))),
                ReaderWork::Load(key) => {
                    // Whoever waits for it would wait for ever.
                    let page = catch_unwind(AssertUnwindSafe(|| load(&key)));
                    let page = page.unwrap_or_else(|_| LoadedPage::unreadable(&key));
                    self.add(key, page);
                }
            }
        }
    }

    /// What is to be done next; nothing when it is closed.
    fn next(&self) -> Option<ReaderWork> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(task) = state.tasks.pop_front() {
                return Some(ReaderWork::Task(task));
            }
            if state.unread_bytes > UNREAD_MAX {
                state.evict();
                self.bytes.store(state.bytes, Ordering::Relaxed);
            }
            if state.unread_bytes <= UNREAD_MAX
                && let Some(key) = state.wanted.pop_front()
            {
                return Some(ReaderWork::Load(key));
            }
            state = match state.wanted.is_empty() {
                true => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                false => {
                    let waited = self.changed.wait_timeout(state, UNREAD_AGE_MAX);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Loads everything that is wanted now.
    #[cfg(test)]
    pub(super) fn load_all(&self, load: impl Fn(&ColdPageKey) -> LoadedPage) {
        let wanted = std::mem::take(&mut self.lock().wanted);
        for key in wanted {
            let page = load(&key);
            self.add(key, page);
        }
        let tasks = std::mem::take(&mut self.lock().tasks);
        tasks.into_iter().for_each(|task| task());
    }

    /// Ends the work. Nobody who waits is woken: the log has ended too.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

impl ColdState {
    /// Adds a page that has been loaded; whom to wake.
    fn add(&mut self, key: ColdPageKey, page: LoadedPage) -> Vec<Waker> {
        let bytes = PAGE_BYTES
            + match &page {
                LoadedPage::Events { events, .. } => {
                    events.iter().map(|event| event.bytes_held()).sum()
                }
                LoadedPage::Unreadable { .. } => 0,
            };
        self.bytes += bytes;
        self.unread_bytes += bytes;
        self.loaded.push_back(key.clone());
        let loaded = ColdPage::Loaded { page, bytes, at: Instant::now(), is_read: false };
        let wakers = match self.pages.insert(key, loaded) {
            Some(ColdPage::Wanted(wakers)) => wakers,
            Some(ColdPage::Loaded { .. }) | None => Vec::new(),
        };
        self.evict();
        wakers
    }

    /// Drops the oldest pages that are too many, but for those that others will ask for at once.
    fn evict(&mut self) {
        let mut kept = VecDeque::new();
        while self.bytes > BYTES_MAX || self.unread_bytes > UNREAD_MAX {
            let Some(key) = self.loaded.pop_front() else { break };
            let Some(ColdPage::Loaded { bytes, at, is_read, .. }) = self.pages.get(&key) else {
                continue;
            };
            let (bytes, is_read) = (*bytes, *is_read);
            if !is_read && at.elapsed() < UNREAD_AGE_MAX {
                kept.push_back(key);
                continue;
            }
            self.bytes -= bytes;
            if !is_read {
                self.unread_bytes -= bytes;
            }
            self.pages.remove(&key);
        }
        kept.append(&mut self.loaded);
        self.loaded = kept;
    }
}

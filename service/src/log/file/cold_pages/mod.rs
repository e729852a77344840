//! Pages that have to come from the disk: each is read once for all who wait for it, by threads of
//! their own.
//!
//! A page that nobody has asked for again since it was loaded is kept for a moment: those who wait for
//! it have been woken and come back. While too much is kept in this way no other page is loaded, so
//! that a thousand readers at a thousand places do not push out each other's pages unread.
//!
//! The threads that read stand behind all others for the processor, so that whoever finds the lock taken
//! may wait for one that is not running. So no page is copied, counted or dropped under the lock.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use super::cold_page::{ColdPageKey, LoadedPage};
use crate::event::Buffers;

/// How long a page that nobody reads is kept for those who waited for it.
const UNREAD_AGE_MAX: Duration = Duration::from_secs(1);
/// For so many times as long as it took to find that a page cannot be read, everybody is told so: a disk may
/// take seconds for that. After this and a moment it is tried again.
const UNREADABLE_AGE_FACTOR: u32 = 10;
/// How long a thread has no page to load until it is idle: a single reader asks for one page after another.
const IDLE_AFTER: Duration = Duration::from_millis(100);
/// How many tasks are taken at a time, those of clients that have stopped waiting among them. Whoever has
/// another one waits: it would be a gap for a client if nobody looked where it goes on.
pub(super) const TASKS_MAX: usize = 10_000;
/// What a page takes beside its frames, at least.
const PAGE_BYTES: usize = 512;

/// Something that has to wait for the disk.
type DiskTask = Box<dyn FnOnce() + Send>;

/// Pages that are wanted, are being loaded, or have been.
pub(super) struct ColdPages {
    state: Mutex<ColdState>,
    changed: Condvar,
    /// As they are in the state, for those who do not wait for it.
    bytes: AtomicUsize,
    /// Room for tasks.
    room: Arc<Semaphore>,
    /// How long a thread has no page to load until it is idle.
    idle_after: Duration,
    /// Where what pages hold is counted: what slow readers hold is not that.
    buffers: Buffers,
}

struct ColdState {
    /// What pages may hold that are kept, in bytes.
    bytes_max: usize,
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
    Loaded(KeptPage),
}

/// A page that has been loaded.
struct KeptPage {
    page: Arc<LoadedPage>,
    bytes: usize,
    at: Instant,
    is_read: bool,
    /// When it is to be loaded again, if it could not be read.
    again_at: Option<Instant>,
}

impl KeptPage {
    fn is_to_be_loaded_again(&self) -> bool {
        self.again_at.is_some_and(|at| at <= Instant::now())
    }
}

/// What was taken from the pages, to be dropped where nobody waits for it.
type EvictedPages = Vec<Arc<LoadedPage>>;

/// Whoever loads pages, one after another.
pub(super) trait PageLoader {
    fn load(&mut self, key: &ColdPageKey) -> LoadedPage;

    /// There has been nothing to load for a moment, or there is something else to do now: it gives back what
    /// it keeps from one page to the next.
    fn idle(&mut self);
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
    /// Pages that may hold so much while they are kept, in bytes of frames; half of it those that nobody has
    /// read yet.
    pub(super) fn new(bytes_max: usize, buffers: Buffers) -> Self {
        Self {
            state: Mutex::new(ColdState::new(bytes_max)),
            changed: Condvar::new(),
            bytes: AtomicUsize::new(0),
            room: Arc::new(Semaphore::new(TASKS_MAX)),
            idle_after: IDLE_AFTER,
            buffers,
        }
    }

    fn lock(&self) -> MutexGuard<'_, ColdState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page, if it has been loaded. If not it is now, and the waker is woken then.
    pub(super) fn ask(
        &self,
        key: &ColdPageKey,
        waker: impl FnOnce() -> Waker,
    ) -> Option<LoadedPage> {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.forget_if_to_be_loaded_again(key);
        match state.pages.get_mut(key) {
            Some(ColdPage::Loaded(kept)) => {
                let page = Arc::clone(&kept.page);
                if !std::mem::replace(&mut kept.is_read, true) {
                    state.unread_bytes -= kept.bytes;
                    // One may have waited for that room.
                    if !state.wanted.is_empty() {
                        self.changed.notify_one();
                    }
                }
                drop(guard);
                return Some(LoadedPage::clone(&page));
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

    /// What comes of something that has to wait for the disk; nothing if that has failed or the log ends.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let place = Arc::clone(&self.room).acquire_owned().await.ok()?;
        let (answer, result) = oneshot::channel();
        let task: DiskTask = Box::new(move || {
            // Whoever has stopped waiting holds up nobody.
            if !answer.is_closed() {
                let _ = answer.send(task());
            }
            drop(place);
        });
        self.add_task(task)?;
        result.await.ok()
    }

    /// Adds a task; nothing where none is done any more.
    fn add_task(&self, task: DiskTask) -> Option<()> {
        let mut state = self.lock();
        if state.is_closed {
            return None;
        }
        state.tasks.push_back(task);
        self.changed.notify_one();
        Some(())
    }

    /// How many tasks are taken, and not done yet.
    pub(super) fn tasks(&self) -> usize {
        TASKS_MAX - self.room.available_permits()
    }

    /// What pages hold that are kept, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds a page whose loading has begun at a time, and wakes whoever waits for it.
    fn add(&self, key: ColdPageKey, page: LoadedPage, began: Instant) {
        let at = Instant::now();
        let again_after = || UNREAD_AGE_MAX + UNREADABLE_AGE_FACTOR * (at - began);
        let again_at = matches!(page, LoadedPage::Unreadable { .. }).then(|| at + again_after());
        let bytes = bytes_of(&page);
        self.buffers.retain(buffers_held(&page));
        let page = KeptPage { page: Arc::new(page), bytes, at, is_read: false, again_at };
        let mut state = self.lock();
        let wakers = state.add(key, page);
        let evicted = state.evict();
        self.bytes.store(state.bytes, Ordering::Relaxed);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.drop_evicted(evicted);
    }

    fn drop_evicted(&self, evicted: EvictedPages) {
        for page in evicted {
            self.buffers.release(buffers_held(&page));
        }
    }

    /// Loads what is wanted until it is closed.
    pub(super) fn work(&self, mut loader: impl PageLoader) {
        while let Some(work) = self.next(&mut loader) {
            match work {
                ReaderWork::Task(task) => {
                    loader.idle();
                    // Whoever waits for it sees that it has gone.
                    drop(catch_unwind(AssertUnwindSafe(task)));
                }
                ReaderWork::Load(key) => {
                    let began = Instant::now();
                    // Whoever waits for it would wait for ever.
                    let page = catch_unwind(AssertUnwindSafe(|| loader.load(&key)));
                    let page = page.unwrap_or_else(|_| LoadedPage::unreadable(&key));
                    self.add(key, page, began);
                }
            }
        }
    }

    /// What is to be done next; nothing when it is closed.
    fn next(&self, loader: &mut impl PageLoader) -> Option<ReaderWork> {
        // However often it is woken for nothing: it may have files open that others have removed.
        let idle_at = Instant::now() + self.idle_after;
        let mut is_idle = false;
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(task) = state.tasks.pop_front() {
                return Some(ReaderWork::Task(task));
            }
            if state.has_too_much_unread() {
                let evicted = state.evict();
                self.bytes.store(state.bytes, Ordering::Relaxed);
                if !evicted.is_empty() {
                    drop(state);
                    self.drop_evicted(evicted);
                    state = self.lock();
                    continue;
                }
            }
            if !state.has_too_much_unread()
                && let Some(key) = state.wanted.pop_front()
            {
                return Some(ReaderWork::Load(key));
            }
            let wait_max = if !state.wanted.is_empty() {
                // There is no room for what is wanted.
                UNREAD_AGE_MAX
            } else if is_idle {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            } else {
                idle_at.saturating_duration_since(Instant::now())
            };
            if wait_max.is_zero() {
                drop(state);
                loader.idle();
                is_idle = true;
                state = self.lock();
            } else {
                let waited = self.changed.wait_timeout(state, wait_max);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Keeps no page any more.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        let forgotten = ColdState::new(state.bytes_max);
        for page in std::mem::replace(&mut *state, forgotten).pages.into_values() {
            if let ColdPage::Loaded(kept) = page {
                self.buffers.release(buffers_held(&kept.page));
            }
        }
    }

    /// What could not be read is tried again from now on.
    #[cfg(test)]
    pub(super) fn let_faults_pass(&self) {
        for page in self.lock().pages.values_mut() {
            if let ColdPage::Loaded(KeptPage { again_at: Some(at), .. }) = page {
                *at = Instant::now();
            }
        }
    }

    /// Loads everything that is wanted now.
    #[cfg(test)]
    pub(super) fn load_all(&self, load: impl Fn(&ColdPageKey) -> LoadedPage) {
        let wanted = std::mem::take(&mut self.lock().wanted);
        for key in wanted {
            let began = Instant::now();
            let page = load(&key);
            self.add(key, page, began);
        }
        let tasks = std::mem::take(&mut self.lock().tasks);
        tasks.into_iter().for_each(|task| task());
    }

    /// Ends the work. Nobody who waits for a page is woken: the log has ended too.
    pub(super) fn close(&self) {
        self.room.close();
        let mut state = self.lock();
        state.is_closed = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        // They hold parts of the log, and whoever waits for them sees that they have gone.
        drop(tasks);
        self.changed.notify_all();
    }
}

impl ColdState {
    fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            pages: HashMap::new(),
            loaded: VecDeque::new(),
            wanted: VecDeque::new(),
            tasks: VecDeque::new(),
            bytes: 0,
            unread_bytes: 0,
            is_closed: false,
        }
    }

    fn has_too_much_unread(&self) -> bool {
        self.unread_bytes > self.bytes_max / 2
    }

    /// Adds a page that has been loaded; whom to wake.
    fn add(&mut self, key: ColdPageKey, page: KeptPage) -> Vec<Waker> {
        self.bytes += page.bytes;
        self.unread_bytes += page.bytes;
        self.loaded.push_back(key.clone());
        match self.pages.insert(key, ColdPage::Loaded(page)) {
            Some(ColdPage::Wanted(wakers)) => wakers,
            Some(ColdPage::Loaded(_)) | None => Vec::new(),
        }
    }

    /// A page that could not be read a while ago is as one that nobody has asked for.
    fn forget_if_to_be_loaded_again(&mut self, key: &ColdPageKey) {
        let Some(ColdPage::Loaded(kept)) = self.pages.get(key) else { return };
        if !kept.is_to_be_loaded_again() {
            return;
        }
        // There is nothing in it that takes long to drop.
        self.bytes -= kept.bytes;
        self.unread_bytes -= if kept.is_read { 0 } else { kept.bytes };
        self.pages.remove(key);
        self.loaded.retain(|loaded| loaded != key);
    }

    /// Takes out the oldest pages that are too many, but for those that others will ask for at once.
    fn evict(&mut self) -> EvictedPages {
        let (mut evicted, mut kept) = (Vec::new(), VecDeque::new());
        while self.bytes > self.bytes_max || self.has_too_much_unread() {
            let Some(key) = self.loaded.pop_front() else { break };
            let Some(ColdPage::Loaded(page)) = self.pages.get(&key) else { continue };
            let (bytes, is_read, at) = (page.bytes, page.is_read, page.at);
            let is_full = self.bytes > self.bytes_max;
            let is_young = at.elapsed() < UNREAD_AGE_MAX;
            if !is_full && is_young {
                // So are all behind it, and dropping one that was read gives no room to the unread.
                self.loaded.push_front(key);
                break;
            }
            let stays = if is_read { !is_full } else { is_young };
            if stays {
                kept.push_back(key);
                continue;
            }
            self.bytes -= bytes;
            if !is_read {
                self.unread_bytes -= bytes;
            }
            if let Some(ColdPage::Loaded(kept)) = self.pages.remove(&key) {
                evicted.push(kept.page);
            }
        }
        kept.append(&mut self.loaded);
        self.loaded = kept;
        evicted
    }
}

/// What the frames of a page hold, as buffers are counted.
fn buffers_held(page: &LoadedPage) -> usize {
    match page {
        LoadedPage::Events { events, .. } => events.iter().map(|event| event.buffer_held()).sum(),
        LoadedPage::Unreadable { .. } => 0,
    }
}

/// What a page counts for while it is kept, in bytes.
fn bytes_of(page: &LoadedPage) -> usize {
    let events = match page {
        LoadedPage::Events { events, .. } => events.iter().map(|event| event.bytes_held()).sum(),
        LoadedPage::Unreadable { .. } => 0,
    };
    PAGE_BYTES + events
}

#[cfg(test)]
mod tests;

//! A shard that sleeps until it is woken sees everything that was done before the wake, whoever wakes
//! it and whenever.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex, Notify};
use loom::thread;

use crate::wake_once::WakeOnce;

/// The log, as far as it matters here: something behind a lock that grows, and what wakes its reader.
struct Log {
    events: Mutex<usize>,
    waker: WakeOnce<Arc<Notify>>,
    sleeper: Arc<Notify>,
    wakes: AtomicUsize,
}

impl Log {
    fn new() -> Arc<Self> {
        let sleeper = Arc::new(Notify::new());
        Arc::new(Self {
            events: Mutex::new(0),
            waker: WakeOnce::new(Arc::clone(&sleeper)),
            sleeper,
            wakes: AtomicUsize::new(0),
        })
    }

    fn append(&self) {
        *self.events.lock().unwrap() += 1;
        self.waker.wake(|sleeper| {
            self.wakes.fetch_add(1, Ordering::Relaxed);
            sleeper.notify();
        });
    }

    /// Reads until all events have been seen; sleeps in between. loom finds it if it sleeps for
    /// ever.
    fn read_all(&self, events: usize) -> usize {
        let mut looks = 0;
        loop {
            self.waker.rearm();
            looks += 1;
            if *self.events.lock().unwrap() == events {
                return looks;
            }
            self.sleeper.wait();
        }
    }
}

#[test]
fn no_event_is_slept_through_whoever_publishes() {
    // All orders with up to three preemptions: every order of two publishers takes a minute.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let log = Log::new();
        let publishers: Vec<_> = (0..2)
            .map(|_| {
                let log = Arc::clone(&log);
                thread::spawn(move || log.append())
            })
            .collect();
        log.read_all(2);
        for publisher in publishers {
            publisher.join().unwrap();
        }
    });
}

#[test]
fn a_thread_that_was_woken_and_has_not_looked_is_not_woken_again() {
    loom::model(|| {
        let log = Log::new();
        let publisher = {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                log.append();
                log.append();
            })
        };
        let looks = log.read_all(2);
        publisher.join().unwrap();
        // One for what was published before it looked, and at most one for each look.
        assert!(log.wakes.load(Ordering::Relaxed) <= looks + 1);
    });
}

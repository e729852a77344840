//! The callbacks of followers.

use super::*;

#[test]
fn every_append_calls_every_follower_once_after_the_head_has_moved_and_outside_the_lock() {
    let stage = stage(UNBOUNDED);
    let log = Arc::new(stage.log);
    let heads = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::new(AtomicUsize::new(0));
    let (watched, seen) = (Arc::downgrade(&log), Arc::clone(&heads));
    log.follow(Arc::new(move |change| {
        assert_eq!(change, LogChange::Head);
        let log = watched.upgrade().unwrap();
        // No other thread is here, so the lock is free unless the caller holds it.
        let head = log.window.try_lock().map(|window| window.bounds().head.0).ok();
        seen.lock().unwrap().push(head);
    }));
    let count = Arc::clone(&calls);
    log.follow(Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    }));

    append(&log, vec![draft(&["t"], None, "d")]);
    append(&log, vec![draft(&["t"], None, "d"), draft(&["t"], None, "d")]);
    assert_eq!(*heads.lock().unwrap(), [Some(1), Some(3)]);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn an_append_has_happened_even_if_nobody_waits_for_it() {
    let stage = stage(UNBOUNDED);
    drop(stage.log.append(vec![EncodedEvent::encode(draft(&["t"], None, "d"))]));
    assert_eq!(stage.retained(), [1]);
}

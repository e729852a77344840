//! Which subscribers count as interest in a topic.

use super::*;

#[test]
fn interest_is_whether_anybody_is_subscribed() {
    let stage = stage(2);
    let interest = stage.hub.interest(&topic("news"));
    assert!(!interest.is_some());
    let first = subscribe(&stage.hub, request("news", None));
    let second = subscribe(&stage.hub, request("news", None));
    assert!(interest.is_some());
    drop(first);
    assert!(interest.is_some());
    drop(second);
    assert!(!interest.is_some());
}

#[test]
fn only_who_names_a_topic_counts_as_interested() {
    let stage = stage(2);
    let interest = stage.hub.interest(&topic("news/sport"));
    let check = |selectors: &[&str], expected| {
        let guard = stage.hub.interests.enter(&set(selectors));
        assert_eq!(interest.is_some(), expected, "{selectors:?}");
        drop(guard);
        assert!(!interest.is_some(), "{selectors:?}");
    };
    check(&["news/sport"], true);
    check(&["news/{x}"], false);
    check(&["weather", "news/sport"], true);
    check(&["news/{x}", "news/sport"], true);
    check(&["*", "news/sport"], true);
    check(&["news"], false);
    check(&["news/sport/x"], false);
    check(&["{x}"], false);
    // A subscriber to everything asks for no topic.
    check(&["*"], false);
    check(&["*", "weather"], false);
}

#[test]
fn a_source_can_wait_until_interest_comes_and_until_it_goes() {
    let stage = stage(2);
    let mut interest = stage.hub.interest(&topic("news"));
    assert_eq!(interest.none().now_or_never(), Some(()));
    assert_eq!(interest.some().now_or_never(), None);
    let unrelated = subscribe(&stage.hub, request("weather", None));
    assert_eq!(interest.some().now_or_never(), None);
    let subscription = subscribe(&stage.hub, request("news", None));
    assert_eq!(interest.some().now_or_never(), Some(()));
    assert_eq!(interest.none().now_or_never(), None);
    drop(subscription);
    assert_eq!(interest.none().now_or_never(), Some(()));
    drop(unrelated);
}

#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_wait_for_interest_is_woken_by_it() {
    let stage = stage(2);
    let mut interest = stage.hub.interest(&topic("news"));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut wait = Box::pin(interest.some());
    assert!(wait.as_mut().poll(&mut context).is_pending());
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    let _subscription = subscribe(&stage.hub, request("news", None));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(wait.as_mut().poll(&mut context).is_ready());
}

#[test]
fn all_who_watch_a_topic_see_the_same_subscribers() {
    let stage = stage(2);
    let first = stage.hub.interest(&topic("news"));
    let second = stage.hub.interest(&topic("news"));
    let other = stage.hub.interest(&topic("weather"));
    let subscription = subscribe(&stage.hub, request("news", None));
    assert!(first.is_some() && second.is_some() && !other.is_some());
    drop((first, second));
    // A source that comes back still finds the subscribers that were counted.
    assert!(stage.hub.interest(&topic("news")).is_some());
    drop(subscription);
    assert!(!stage.hub.interest(&topic("news")).is_some());
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::clock::Clock;
use crate::event::{DraftFields, EventLimits, HubId, Life};
use crate::log::{Appending, Bell, MemoryLog, MemoryLogSettings, Page, Tail};
use crate::metrics::Readings;
use crate::topic::Selector;

/// A hub over a log with a clock that stands still until it is moved.
struct Stage {
    hub: Hub,
    metrics: Metrics,
    now_ms: Arc<AtomicU64>,
    log: Arc<MemoryLog>,
}

fn stage(events_max: usize) -> Stage {
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    let age_max = Duration::from_secs(60);
    let settings = MemoryLogSettings { events_max, age_max, ..MemoryLogSettings::default() };
    let log = Arc::new(MemoryLog::new(settings, clock));
    let metrics = Metrics::new(1);
    Stage { hub: Hub::new(log.clone(), metrics.clone()), metrics, now_ms, log }
}

impl Stage {
    fn set_clock(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    /// Publishes so many events, and says what their ids are.
    fn publish(&self, count: usize) -> Vec<String> {
        let receipts = publish_all(&self.hub, vec![draft("t", None); count]);
        receipts.into_iter().map(|receipt| receipt.unwrap().id).collect()
    }

    fn subscribe(&self, resume: Option<Resume>) -> Subscription {
        self.hub.subscribe(request("*", resume))
    }

    fn resume_after(&self, id: &str) -> Subscription {
        self.subscribe(Some(Resume::After(id.to_owned())))
    }

    fn figure(&self, series: &str) -> u64 {
        let text = self.metrics.render(&Readings::default());
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap().parse().unwrap()
    }
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

fn draft(topic: &str, id: Option<&str>) -> Draft {
    let fields = DraftFields {
        topics: vec![topic.into()],
        id: id.map(Into::into),
        data: "d".into(),
        ..DraftFields::default()
    };
    fields.check(&EventLimits::default()).unwrap()
}

fn publish_all(hub: &Hub, drafts: Vec<Draft>) -> Vec<Result<Receipt, AppendError>> {
    hub.publish_all(PublishSource::Raw, drafts)
        .now_or_never()
        .expect("a log in memory answers at once")
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}

fn request(selector: &str, resume: Option<Resume>) -> SubscribeRequest {
    SubscribeRequest { selectors: set(&[selector]), grants: Grants::all(), resume }
}

/// An id as another life of the log would have made it.
fn id_of_another_life(stage: &Stage, accepted_ms: u64) -> String {
    let own = HubId::parse(&stage.publish(1)[0]).unwrap().life;
    let life = [Life::new(1), Life::new(2)].into_iter().find(|&life| life != own).unwrap();
    HubId { accepted_ms, life, sequence: Sequence(1) }.to_string()
}

// Publishing.

#[test]
fn publishing_gives_a_receipt_for_each_draft_and_a_bad_one_does_not_stop_the_others() {
    let stage = stage(10);
    let drafts = [None, Some("x"), Some("x"), Some("y")].map(|id| draft("t", id)).to_vec();
    let results = publish_all(&stage.hub, drafts);
    let sequences: Vec<_> =
        results.iter().map(|result| result.as_ref().map(|receipt| receipt.sequence.0)).collect();
    assert_eq!(sequences, [Ok(1), Ok(2), Err(&AppendError::DuplicateId), Ok(3)]);

    let bytes: usize = results.iter().flatten().map(|receipt| receipt.frame_bytes).sum();
    assert_eq!(stage.figure(r#"fanfare_events_published_total{source="raw"}"#), 3);
    assert_eq!(stage.figure("fanfare_events_published_bytes_total"), bytes as u64);
    assert_eq!(stage.figure(r#"fanfare_publish_rejected_total{reason="duplicate_id"}"#), 1);
}

#[test]
fn one_draft_has_one_receipt() {
    let stage = stage(10);
    let publish = |id| stage.hub.publish(draft("t", id)).now_or_never().unwrap();
    assert_eq!(publish(Some("x")).unwrap().id, "x");
    assert_eq!(publish(Some("x")), Err(AppendError::DuplicateId));
    assert_eq!(publish(None).unwrap().sequence, Sequence(2));
}

/// A log that is away.
#[derive(Debug)]
struct Away;

impl Log for Away {
    fn append(&self, _: Vec<Unnumbered>) -> Appending<'_> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn follow(&self, _: Bell) {}

    fn read(&self, range: ReadRange, _: Wanted<'_>, _: PageLimit) -> Page {
        Page { events: Vec::new(), through: range.after, passed: false }
    }

    fn read_back(&self, range: ReadRange, _: Wanted<'_>, _: PageLimit) -> Tail {
        Tail { events: Vec::new(), after: range.after }
    }

    fn locate(&self, _: &str) -> Located {
        Located::Unknown
    }

    fn extent(&self) -> Extent {
        Extent { oldest: Sequence(1), ..Extent::default() }
    }
}

#[test]
fn a_log_that_does_not_answer_is_unavailable() {
    let hub = Hub::new(Arc::new(Away), Metrics::new(1));
    let result = hub.publish(draft("t", None)).now_or_never().unwrap();
    assert_eq!(result, Err(AppendError::Unavailable));
}

// Subscribing.

#[test]
fn the_value_of_last_event_id_is_an_id_or_earliest_or_nothing() {
    let after = |id: &str| Some(Resume::After(id.to_owned()));
    let cases = [
        ("", None),
        ("earliest", Some(Resume::Earliest)),
        ("Earliest", after("Earliest")),
        ("earliest ", after("earliest ")),
        ("some id", after("some id")),
    ];
    for (text, expected) in cases {
        assert_eq!(Resume::parse(text), expected, "{text:?}");
    }
}

#[test]
fn a_subscriber_who_asks_for_nothing_begins_at_the_head() {
    let stage = stage(2);
    for count in [0, 1, 2] {
        stage.publish(count);
        let subscription = stage.subscribe(None);
        assert_eq!(subscription.cursor, stage.hub.log().extent().head);
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after, None);
    }
}

#[test]
fn a_subscription_keeps_what_was_asked_for() {
    let stage = stage(2);
    let grants = Grants::subscribe_to(topic("a"));
    let selectors = set(&["a", "b"]);
    let request =
        SubscribeRequest { selectors: selectors.clone(), grants: grants.clone(), resume: None };
    let subscription = stage.hub.subscribe(request);
    assert_eq!(subscription.selectors, selectors);
    assert_eq!(subscription.grants, grants);
}

#[test]
fn earliest_begins_before_the_oldest_event_and_misses_nothing() {
    let stage = stage(2);
    let check = |cursor| {
        let subscription = stage.subscribe(Some(Resume::Earliest));
        assert_eq!(subscription.cursor, Sequence(cursor));
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after.as_deref(), Some("earliest"));
    };
    check(0);
    stage.publish(2);
    check(0);
    stage.publish(3);
    check(3);
    stage.set_clock(100_000);
    stage.log.expire();
    check(5);
}

#[test]
fn a_retained_id_is_where_a_subscriber_goes_on() {
    let stage = stage(4);
    let mut ids = stage.publish(2);
    publish_all(&stage.hub, vec![draft("t", Some("mine"))]);
    ids.push("mine".to_owned());
    ids.extend(stage.publish(1));
    for (id, sequence) in ids.iter().zip(1..) {
        let subscription = stage.resume_after(id);
        assert_eq!(subscription.cursor, Sequence(sequence), "{id}");
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after.as_ref(), Some(id));
    }
}

#[test]
fn an_event_that_was_the_last_one_to_go_leaves_no_gap() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after(&ids[2]);
    assert_eq!(subscription.cursor, Sequence(3));
    assert_eq!(subscription.gap, None);
}

#[test]
fn whoever_resumes_too_late_gets_all_that_is_retained_and_is_told_of_the_gap() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after(&ids[0]);
    assert_eq!(subscription.cursor, Sequence(3));
    // Events 2 and 3 are gone.
    let gap =
        GapNotice { missed: Some(2), after: Some(ids[0].clone()), before: Some(ids[3].clone()) };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_deref(), Some("earliest"));
}

#[test]
fn only_who_sees_every_event_is_told_how_many_were_missed() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let check = |selectors: &[&str], grants: Grants, missed| {
        let resume = Some(Resume::After(ids[0].clone()));
        let request = SubscribeRequest { selectors: set(selectors), grants, resume };
        let gap = stage.hub.subscribe(request).gap.unwrap();
        assert_eq!(gap.missed, missed, "{selectors:?}");
    };
    check(&["*"], Grants::all(), Some(2));
    check(&["*", "t"], Grants::all(), Some(2));
    check(&["t"], Grants::all(), None);
    check(&["{x}"], Grants::all(), None);
    check(&["*"], Grants::subscribe_to(topic("t")), None);
}

#[test]
fn an_id_that_means_nothing_gets_all_that_is_retained_and_a_gap_of_unknown_size() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after("who knows");
    assert_eq!(subscription.cursor, Sequence(3));
    let gap = GapNotice {
        missed: None,
        after: Some("who knows".to_owned()),
        before: Some(ids[3].clone()),
    };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_deref(), Some("earliest"));
}

#[test]
fn where_nothing_is_retained_nothing_comes_after_a_gap() {
    let stage = stage(2);
    let subscription = stage.resume_after("who knows");
    assert_eq!(subscription.cursor, Sequence(0));
    let gap = GapNotice { missed: None, after: Some("who knows".to_owned()), before: None };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_deref(), Some("earliest"));
}

#[test]
fn an_id_of_an_earlier_life_resumes_by_its_time_and_always_tells_of_a_gap() {
    let stage = stage(10);
    stage.publish(2);
    stage.set_clock(2_000);
    let id = id_of_another_life(&stage, 1_500);
    let first = stage.hub.first_id_after(Sequence(1));
    let second = stage.hub.first_id_after(Sequence(2));
    let check = |id: &str, cursor, resumed_after, before| {
        let subscription = stage.resume_after(id);
        assert_eq!(subscription.cursor, Sequence(cursor), "{id}");
        assert_eq!(subscription.resumed_after, resumed_after, "{id}");
        let gap = GapNotice { missed: None, after: Some(id.to_owned()), before };
        assert_eq!(subscription.gap, Some(gap), "{id}");
    };
    check(&id, 2, first, second);
    // Earlier than everything, and later than everything.
    let earlier = id.replace("00000000-05dc", "00000000-0001");
    check(&earlier, 0, Some("earliest".to_owned()), stage.hub.first_id_after(Sequence(0)));
    let later = id.replace("00000000-05dc", "00000000-ffff");
    check(&later, 3, stage.hub.first_id_after(Sequence(2)), None);
}

// Interest.

#[test]
fn interest_is_whether_anybody_is_subscribed() {
    let stage = stage(2);
    let interest = stage.hub.interest(&topic("news"));
    assert!(!interest.is_some());
    let first = stage.hub.subscribe(request("news", None));
    let second = stage.hub.subscribe(request("news", None));
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
        let presence = stage.hub.interests.enter(&set(selectors));
        assert_eq!(interest.is_some(), expected, "{selectors:?}");
        drop(presence);
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
    // Whoever looks at everything does not ask for anything.
    check(&["*"], false);
    check(&["*", "weather"], false);
}

#[test]
fn a_source_can_wait_until_interest_comes_and_until_it_goes() {
    let stage = stage(2);
    let mut interest = stage.hub.interest(&topic("news"));
    assert_eq!(interest.none().now_or_never(), Some(()));
    assert_eq!(interest.some().now_or_never(), None);
    let unrelated = stage.hub.subscribe(request("weather", None));
    assert_eq!(interest.some().now_or_never(), None);
    let subscription = stage.hub.subscribe(request("news", None));
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
    let _subscription = stage.hub.subscribe(request("news", None));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(wait.as_mut().poll(&mut context).is_ready());
}

#[test]
fn all_who_watch_a_topic_see_the_same_subscribers() {
    let stage = stage(2);
    let first = stage.hub.interest(&topic("news"));
    let second = stage.hub.interest(&topic("news"));
    let other = stage.hub.interest(&topic("weather"));
    let subscription = stage.hub.subscribe(request("news", None));
    assert!(first.is_some() && second.is_some() && !other.is_some());
    drop((first, second));
    // A source that comes back still finds the subscribers that were counted.
    assert!(stage.hub.interest(&topic("news")).is_some());
    drop(subscription);
    assert!(!stage.hub.interest(&topic("news")).is_some());
}

#[test]
fn who_has_seen_the_event_that_was_evicted_last_is_exactly_where_it_was() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after(&ids[2]);
    assert_eq!(subscription.gap, None);
    assert_eq!(subscription.resumed_after.as_ref(), Some(&ids[2]));
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::clock::Clock;
use crate::event::{Buffers, DraftFields, Epoch, Event, EventLimits, HubId};
use crate::log::{Appending, MemoryLog, MemoryLogSettings, OnAppend, Page, PageBack};
use crate::metrics::Snapshot;
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
        let text = self.metrics.render(&Snapshot::default());
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

/// An id as a log of another epoch would have made it.
fn id_of_another_epoch(accepted_ms: u64) -> String {
    HubId { epoch: Epoch::begun_at(0, 1), sequence: Sequence(1), accepted_ms }.to_string()
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
#[derive(Debug, Default)]
struct Away {
    buffers: Buffers,
}

impl Log for Away {
    fn append(&self, _: Vec<EncodedEvent>) -> Appending<'_> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn follow(&self, _: OnAppend) {}

    fn read(&self, range: ReadRange, _: EventFilter<'_>, _: PageLimit) -> Page {
        Page { events: Vec::new(), through: range.after, passed: false }
    }

    fn read_back(&self, range: ReadRange, _: EventFilter<'_>, _: PageLimit) -> PageBack {
        PageBack { events: Vec::new(), after: range.after }
    }

    fn newest(&self, _: &Topic, _: Sequence, _: &dyn Fn(&Event) -> bool) -> Option<Sequence> {
        None
    }

    fn locate(&self, _: &str) -> Position {
        Position::Unknown
    }

    fn id_at(&self, _: Sequence) -> Option<HubId> {
        None
    }

    fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            epoch: Epoch::begun_at(0, 0),
            head: Sequence(0),
            head_ms: 0,
            oldest: Sequence(1),
            start_ms: 0,
            events: 0,
            bytes: 0,
            oldest_ms: None,
            last_for_one_stream: Sequence(0),
        }
    }
}

#[test]
fn a_log_that_does_not_answer_is_unavailable() {
    let hub = Hub::new(Arc::new(Away::default()), Metrics::new(1));
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
        ("now", Some(Resume::Now)),
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
        assert_eq!(subscription.cursor, stage.hub.log().bounds().head);
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after, None);
        assert_eq!(subscription.place, stage.hub.log().bounds().head_id().to_string());
    }
}

#[test]
fn now_begins_at_the_head_as_well_and_says_where_that_is() {
    let stage = stage(2);
    let check = |resumed_after: &str| {
        let subscription = stage.subscribe(Some(Resume::Now));
        assert_eq!(subscription.cursor, stage.hub.log().bounds().head);
        assert_eq!((subscription.gap, subscription.resumed), (None, None));
        assert_eq!(subscription.resumed_after.as_deref(), Some(resumed_after));
    };
    check("earliest");
    let ids = stage.publish(3);
    check(&ids[2]);
}

/// A stream begins with an id, and whoever comes back with it goes on at the same position.
#[test]
fn the_place_that_a_stream_begins_with_is_where_its_cursor_is() {
    let stage = stage(3);
    let ids = stage.publish(5);
    publish_all(&stage.hub, vec![draft("t", Some("mine"))]);
    let resumes = [
        None,
        Some(Resume::Now),
        Some(Resume::Earliest),
        Some(Resume::After(ids[0].clone())),
        Some(Resume::After(ids[2].clone())),
        Some(Resume::After(ids[4].clone())),
        Some(Resume::After("mine".to_owned())),
        Some(Resume::After("nobody's".to_owned())),
        Some(Resume::After(id_of_another_epoch(500))),
    ];
    for resume in resumes {
        let began = stage.subscribe(resume.clone());
        assert_eq!(began.last_id.sequence, began.cursor, "{resume:?}");
        assert_eq!(began.last_id.by_publisher, began.place == "mine", "{resume:?}");
        let again = stage.resume_after(&began.place);
        assert_eq!((again.cursor, again.gap), (began.cursor, None), "{resume:?}");
        assert_eq!(again.place, began.place, "{resume:?}");
        assert_eq!(again.resumed_after, Some(began.place), "{resume:?}");
    }
}

#[test]
fn nobody_learns_that_an_id_exists_which_only_others_may_see() {
    let stage = stage(5);
    stage.publish(1);
    let secret = DraftFields {
        topics: vec!["secret".into()],
        id: Some("CUSTOMER-4711".into()),
        private: true,
        ..DraftFields::default()
    };
    publish_all(&stage.hub, vec![secret.check(&EventLimits::default()).unwrap()]);
    let resume = |grants: Grants, id: &str| {
        let resume = Some(Resume::After(id.to_owned()));
        stage.hub.subscribe(SubscribeRequest { selectors: set(&["other"]), grants, resume })
    };
    let stranger = || Grants::subscribe_to(topic("other"));
    for id in ["CUSTOMER-4711", "CUSTOMER-4712", "nope"] {
        let told = resume(stranger(), id);
        let gap = told.gap.unwrap();
        assert_eq!((told.cursor, gap.after.as_deref()), (Sequence(0), Some(id)));
        assert_eq!(told.resumed_after.as_deref(), Some("earliest"));
        for text in [gap.before.unwrap(), told.place] {
            assert!(HubId::parse(&text).is_some(), "{text}");
        }
    }
    let own = resume(Grants::subscribe_to(topic("secret")), "CUSTOMER-4711");
    assert_eq!((own.cursor, own.gap, own.place.as_str()), (Sequence(2), None, "CUSTOMER-4711"));
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
    let check = |cursor, resumed_after: &str| {
        let subscription = stage.subscribe(Some(Resume::Earliest));
        assert_eq!(subscription.cursor, Sequence(cursor));
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after.as_deref(), Some(resumed_after));
    };
    check(0, "earliest");
    stage.publish(2);
    check(0, "earliest");
    let ids = stage.publish(3);
    check(3, &ids[0]);
    stage.set_clock(100_000);
    stage.log.expire();
    check(5, &ids[2]);
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
        GapNotice { missed: Some(2), after: Some(ids[0].clone()), before: Some(ids[2].clone()) };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_ref(), Some(&ids[2]));
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
fn an_event_for_one_stream_is_never_counted_as_missed_by_others() {
    let stage = stage(2);
    let before = stage.publish(1);
    stage.hub.publish(draft("t", None).for_one_stream()).now_or_never().unwrap().unwrap();
    let after = stage.publish(5);
    // How many of them others had a right to is not known, but where none lies in between.
    for (id, missed) in [(&before[0], None), (&after[0], Some(2))] {
        let gap = stage.resume_after(id).gap.unwrap();
        assert_eq!((gap.after.as_ref(), gap.missed), (Some(id), missed));
    }
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
        before: Some(ids[2].clone()),
    };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_ref(), Some(&ids[2]));
}

#[test]
fn where_nothing_is_retained_nothing_comes_after_a_gap() {
    let stage = stage(2);
    let subscription = stage.resume_after("who knows");
    assert_eq!(subscription.cursor, Sequence(0));
    let before = Some(stage.hub.log().bounds().head_id().to_string());
    let gap = GapNotice { missed: None, after: Some("who knows".to_owned()), before };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_deref(), Some("earliest"));
}

#[test]
fn an_id_of_another_epoch_resumes_by_its_time_and_always_tells_of_a_gap() {
    let stage = stage(10);
    let mut ids = stage.publish(2);
    stage.set_clock(2_000);
    ids.extend(stage.publish(1));
    let check = |accepted_ms, cursor: u64| {
        let id = id_of_another_epoch(accepted_ms);
        let subscription = stage.resume_after(&id);
        assert_eq!(subscription.cursor, Sequence(cursor), "{id}");
        let place = HubId::parse(&subscription.place).unwrap();
        assert_eq!(place.sequence, Sequence(cursor), "{id}");
        let header = if cursor == 0 { "earliest" } else { &*subscription.place };
        assert_eq!(subscription.resumed_after.as_deref(), Some(header), "{id}");
        let before = Some(subscription.place);
        assert_eq!(subscription.gap, Some(GapNotice { missed: None, after: Some(id), before }));
    };
    check(1_500, 2);
    // Earlier than everything, and later than everything.
    check(1, 0);
    check(2_000, 3);
    // From a clock that is ahead: nothing that is retained is left out.
    check(9_000, 0);
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

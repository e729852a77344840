use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;

use super::*;
use crate::clock::Clock;
use crate::event::{Buffers, EncodedEvent, Event, HubId, Sequence};
use crate::log::{
    AppendError, Appending, Bounds, EventFilter, Locating, Log, LogReader, MemoryLog,
    MemoryLogSettings, OnChange, Page, PageBack, PageLimit, ReadNow as _, ReadOutcome, ReadRange,
    Seeking,
};
use crate::metrics::Metrics;
use crate::topic::{Notation, Topic};

/// A log that refuses a number of appends first.
struct Refusing {
    log: MemoryLog,
    refusals: AtomicUsize,
}

impl Log for Refusing {
    fn append(&self, events: Vec<EncodedEvent>) -> Appending<'_> {
        let left = self.refusals.load(Ordering::Relaxed);
        if left == 0 {
            return self.log.append(events);
        }
        self.refusals.store(left - 1, Ordering::Relaxed);
        // The first one is in, and the others are not: what is done is not to be done again.
        let mut events = events.into_iter();
        let first = self.log.append(events.next().into_iter().collect());
        let others = vec![Err(AppendError::Unavailable); events.len()];
        Box::pin(async move { first.await.into_iter().chain(others).collect() })
    }

    fn follow(&self, on_change: OnChange) {
        self.log.follow(on_change);
    }

    fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        self.log.read(reader, range, filter, limit)
    }

    fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        self.log.read_back(reader, range, filter, limit)
    }

    fn last_accepted_by(&self, ms: u64) -> Seeking<'_> {
        self.log.last_accepted_by(ms)
    }

    fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>> {
        self.log.topics_in_part(part)
    }

    fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        self.log.newest(topic, through)
    }

    fn locate<'a>(&'a self, id: &'a str) -> Locating<'a> {
        self.log.locate(id)
    }

    fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        self.log.id_at(sequence)
    }

    fn buffers(&self) -> &Buffers {
        self.log.buffers()
    }

    fn bounds(&self) -> Bounds {
        self.log.bounds()
    }
}

fn active_over(refusals: usize, bytes_max: usize) -> ActiveSubscriptions {
    let log = MemoryLog::new(MemoryLogSettings::default(), Clock::system());
    let log = Refusing { log, refusals: AtomicUsize::new(refusals) };
    ActiveSubscriptions::new(Hub::new(Arc::new(log), Metrics::new(1)), bytes_max)
}

fn active() -> ActiveSubscriptions {
    active_over(0, 1 << 20)
}

fn named(texts: &[&str]) -> Vec<NamedSelector> {
    let notation = Notation::Exact;
    let named = |text: &&str| NamedSelector { notation, text: (*text).to_owned(), payload: None };
    texts.iter().map(named).collect()
}

/// A stream that has begun.
fn begun(active: &ActiveSubscriptions, texts: &[&str]) -> SubscriptionsGuard {
    let mut guard = active.prepare(named(texts)).unwrap().unwrap();
    guard.begin();
    guard
}

fn announce(active: &ActiveSubscriptions) {
    while active.announce_next().now_or_never().expect("the log takes everything at once") {}
}

/// The selectors of the events after a place, and whether each is active from then on.
fn events_after(active: &ActiveSubscriptions, place: Sequence) -> Vec<(String, bool)> {
    let log = active.shared.hub.log();
    let range = ReadRange { after: place, through: log.bounds().head };
    let limit = PageLimit { events_max: 1_000, bytes_max: usize::MAX };
    let events = log.read_now(range, EventFilter::Everything, limit).events;
    let told = |event: &Arc<Event>| {
        assert!(event.is_private());
        let frame = String::from_utf8(event.frame().to_vec()).unwrap();
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let document: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(document["id"], event.topics()[0].as_str());
        (document["match"].as_str().unwrap().to_owned(), document["active"] == true)
    };
    events.iter().map(told).collect()
}

fn listed(page: &SubscriptionPage) -> Vec<String> {
    let members = page.subscriptions.iter().map(|it| format!("{{{}}}", it.members(true)));
    let documents = members.map(|json| serde_json::from_str::<serde_json::Value>(&json).unwrap());
    documents.map(|document| document["match"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn beginnings_and_ends_are_announced_in_order_and_what_never_began_is_not() {
    let active = active();
    let one = begun(&active, &["a", "b", "a"]);
    drop(active.prepare(named(&["never"])).unwrap());
    let other = begun(&active, &["c"]);
    drop(one);
    announce(&active);
    let expected = [("a", true), ("b", true), ("c", true), ("a", false), ("b", false)];
    let expected = expected.map(|(text, is_active)| (text.to_owned(), is_active));
    assert_eq!(events_after(&active, Sequence(0)), expected);
    assert_eq!(listed(&active.page(false, SUBSCRIPTIONS_PATH, None)), ["c"]);
    drop(other);
    announce(&active);
    assert_eq!(active.counts(), SubscriptionCounts::default(), "nothing is left");
}

#[test]
fn all_subscriptions_of_a_stream_have_its_id_and_those_of_another_have_another() {
    let active = active();
    let _streams = [begun(&active, &["a", "b"]), begun(&active, &["a"])];
    announce(&active);
    let subscribers = |path: &str| {
        let page = active.page(false, &format!("{SUBSCRIPTIONS_PATH}{path}"), None);
        let ids = page.subscriptions.iter().map(|it| {
            let (_, id) = it.topic().as_str().rsplit_once('/').unwrap();
            id.to_owned()
        });
        ids.collect::<Vec<_>>()
    };
    let (of_a, of_b) = (subscribers("/exact/a"), subscribers("/exact/b"));
    assert_eq!((of_a.len(), of_b.len()), (2, 1));
    assert!(of_a.contains(&of_b[0]) && of_a[0] != of_a[1]);
    assert_eq!(subscribers("/exact"), subscribers(""), "a part of a path is a whole one");
    assert_eq!(subscribers("/exact/").len() + subscribers("/ex").len(), 0);
}

/// At each moment of an announcement, whoever reads the list and then the events after its place has
/// every change once.
#[test]
fn a_list_and_the_events_after_its_place_have_every_change_once() {
    let active = active();
    let log = Arc::clone(active.shared.hub.log());
    let _before = begun(&active, &["before"]);
    announce(&active);
    let guard = begun(&active, &["a", "b"]);
    let page = || active.page(false, SUBSCRIPTIONS_PATH, None);
    let waiting = page();
    let change = active.shared.registry.begin_next(&*log).unwrap();
    let begun_to_publish = page();
    let drafts = |stream: &StreamSubscriptions| {
        stream.subscriptions().iter().map(|it| it.draft(true)).collect::<Vec<_>>()
    };
    let publish = |drafts| active.publish(drafts).now_or_never().unwrap();
    publish(drafts(&change.stream));
    let published = page();
    active.shared.registry.apply(&change);
    let applied = page();
    for (page, moment) in [
        (waiting, "before it is published"),
        (begun_to_publish, "when it begins to be published"),
        (published, "when it is published"),
        (applied, "when it is in the table"),
    ] {
        let mut all = listed(&page);
        all.extend(events_after(&active, page.place.sequence).into_iter().map(|(text, _)| text));
        all.sort();
        assert_eq!(all, ["a", "b", "before"], "{moment}");
    }
    drop(guard);
}

#[test]
fn a_list_that_is_long_has_pages() {
    let registry = SubscriptionRegistry::new(1 << 20);
    let active = active();
    let log = active.shared.hub.log();
    let guard = active.prepare(named(&["a", "b", "c", "d", "e"])).unwrap().unwrap();
    let stream = Arc::clone(&guard.stream);
    assert!(registry.reserve(&stream));
    registry.apply(&SubscriptionChange { stream, is_active: true });
    let pages = |limit: SubscriptionPageLimit| {
        let (mut pages, mut after) = (Vec::new(), None::<Topic>);
        loop {
            let from = after.as_ref().map(Topic::as_str);
            let page = registry.read(false, SUBSCRIPTIONS_PATH, from, limit, &**log);
            pages.push(listed(&page).concat());
            match page.next_after {
                Some(topic) => after = Some(topic),
                None => return pages,
            }
        }
    };
    let bytes_max = usize::MAX;
    let limit = |subscriptions_max| SubscriptionPageLimit { subscriptions_max, bytes_max };
    assert_eq!(pages(limit(2)), ["ab", "cd", "e"]);
    assert_eq!(pages(limit(5)), ["abcde"]);
    let of_bytes = |bytes_max| SubscriptionPageLimit { subscriptions_max: 9, bytes_max };
    assert_eq!(pages(of_bytes(0)), ["a", "b", "c", "d", "e"], "one there is always room for");
    let each = guard.stream.document_bytes() / 5;
    assert_eq!(pages(of_bytes(3 * each)), ["abc", "de"]);
}

#[test]
fn streams_beyond_the_limit_are_refused_until_the_ends_of_others_are_announced() {
    let of_one = {
        let active = active();
        let _guard = active.prepare(named(&["a"])).unwrap();
        active.counts().bytes
    };
    let active = active_over(0, 2 * of_one);
    let one = begun(&active, &["a"]);
    let _other = active.prepare(named(&["b"])).unwrap();
    assert_eq!(active.prepare(named(&["c"])).unwrap_err(), AnnounceError::TooMany);
    drop(one);
    assert_eq!(active.prepare(named(&["c"])).unwrap_err(), AnnounceError::TooMany);
    announce(&active);
    assert!(active.prepare(named(&["c"])).is_ok());
}

#[test]
fn one_stream_has_a_limit_of_its_own_and_a_payload_counts_once_in_memory() {
    let active = active_over(0, usize::MAX);
    let long = "x".repeat(ANNOUNCED_BYTES_MAX);
    assert_eq!(active.prepare(named(&[&long])).unwrap_err(), AnnounceError::TooLarge);
    let payload: Arc<str> = "1".repeat(10_000).into();
    let with_payload = |count: usize| {
        let selectors = (0..count).map(|n| NamedSelector {
            notation: Notation::TopicOrTemplate,
            text: n.to_string(),
            payload: Some(Arc::clone(&payload)),
        });
        active.prepare(selectors.collect())
    };
    let _few = with_payload(10).unwrap();
    let bytes = active.counts().bytes;
    assert!((10_000..20_000).contains(&bytes), "{bytes}");
    assert_eq!(with_payload(200).unwrap_err(), AnnounceError::TooLarge, "each event has it");
}

#[tokio::test(start_paused = true)]
async fn what_the_log_does_not_take_is_announced_when_it_does() {
    let active = active_over(2, 1 << 20);
    let guard = begun(&active, &["a", "b", "c"]);
    let announcing = active.clone();
    let task = tokio::spawn(async move { announcing.announce(std::future::pending()).await });
    let mut page = active.page(false, SUBSCRIPTIONS_PATH, None);
    while page.subscriptions.is_empty() {
        assert_eq!(page.place.sequence, Sequence(0), "nothing of it is told before");
        sleep(RETRY_PAUSE / 10).await;
        page = active.page(false, SUBSCRIPTIONS_PATH, None);
    }
    assert_eq!(listed(&page), ["a", "b", "c"]);
    let expected = ["a", "b", "c"].map(|text| (text.to_owned(), true));
    assert_eq!(events_after(&active, Sequence(0)), expected, "each once");
    drop(guard);
    while active.counts().subscriptions > 0 {
        sleep(RETRY_PAUSE / 10).await;
    }
    task.abort();
}

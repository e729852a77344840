use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use futures_util::FutureExt as _;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::event::{Draft, DraftFields, EventLimits};
use crate::topic::Selector;

const UNBOUNDED: MemoryLogSettings = MemoryLogSettings {
    events_max: usize::MAX,
    bytes_max: usize::MAX,
    age_max: Duration::from_millis(u64::MAX),
};
const ALL: PageLimit = PageLimit { events_max: usize::MAX, bytes_max: usize::MAX };

/// A log with a clock that stands still until it is moved.
struct Stage {
    log: MemoryLog,
    now_ms: Arc<AtomicU64>,
}

fn stage(settings: MemoryLogSettings) -> Stage {
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    Stage { log: MemoryLog::new(settings, clock), now_ms }
}

impl Stage {
    fn set_clock(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    /// Appends one event a topic, and says which sequences they got.
    fn append(&self, topics: &[&str]) -> Vec<u64> {
        let drafts = topics.iter().map(|topic| draft(&[topic], None, "d")).collect();
        append(&self.log, drafts).into_iter().map(|result| result.unwrap().sequence.0).collect()
    }

    fn append_with_id(&self, id: &str) -> Result<u64, AppendError> {
        let mut results = append(&self.log, vec![draft(&["t"], Some(id), "d")]);
        results.pop().unwrap().map(|receipt| receipt.sequence.0)
    }

    fn retained(&self) -> Vec<u64> {
        sequences(&self.log.read(range(0, u64::MAX), Wanted::Everything, ALL))
    }

    fn id_of(&self, sequence: u64) -> String {
        let page = self.log.read(range(sequence - 1, sequence), Wanted::Everything, ALL);
        page.events[0].id().to_owned()
    }

    fn topics_indexed(&self) -> usize {
        self.log.lock().by_topic.len()
    }
}

fn draft(topics: &[&str], id: Option<&str>, data: &str) -> Draft {
    let topics = topics.iter().map(|&topic| topic.into()).collect();
    let fields =
        DraftFields { topics, id: id.map(Into::into), data: data.into(), ..DraftFields::default() };
    fields.check(&EventLimits::default()).unwrap()
}

fn append(log: &MemoryLog, drafts: Vec<Draft>) -> Vec<Result<Receipt, AppendError>> {
    let events = drafts.into_iter().map(Unnumbered::encode).collect();
    log.append(events).now_or_never().expect("an append in memory is done at once")
}

fn range(after: u64, through: u64) -> ReadRange {
    ReadRange { after: Sequence(after), through: Sequence(through) }
}

fn sequences(page: &Page) -> Vec<u64> {
    page.events.iter().map(|event| event.sequence().0).collect()
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}

/// What an event of [`Stage::append`] counts as against the byte limit.
fn bytes_held() -> usize {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"]);
    stage.log.extent().bytes
}

// Appending.

#[test]
fn an_empty_log_has_its_head_at_0() {
    let stage = stage(UNBOUNDED);
    let expected =
        Extent { head: Sequence(0), oldest: Sequence(1), events: 0, bytes: 0, oldest_ms: None };
    assert_eq!(stage.log.extent(), expected);
    assert_eq!(stage.retained(), [0; 0]);
}

#[test]
fn sequences_begin_at_1_and_have_no_gaps() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    assert_eq!(stage.append(&["a"]), [1]);
    assert_eq!(stage.append(&["a", "b", "a"]), [2, 3, 4]);
    assert_eq!(stage.append(&[]), [0; 0]);
    assert_eq!(stage.append(&["b"]), [5]);
    assert_eq!(stage.log.extent().head, Sequence(5));
}

#[test]
fn a_receipt_says_what_was_appended() {
    let stage = stage(UNBOUNDED);
    let drafts = vec![draft(&["t"], None, "one"), draft(&["t"], Some("mine"), "two\nlines")];
    let receipts = append(&stage.log, drafts);
    let page = stage.log.read(range(0, 2), Wanted::Everything, ALL);
    assert_eq!(receipts.len(), 2);
    for (receipt, event) in receipts.into_iter().zip(&page.events) {
        let expected = Receipt {
            sequence: event.sequence(),
            id: event.id().to_owned(),
            frame_bytes: event.frame().len(),
        };
        assert_eq!(receipt, Ok(expected));
    }
    assert_eq!(page.events[1].id(), "mine");
}

#[test]
fn an_id_made_by_the_log_tells_time_life_and_sequence() {
    let stage = stage(UNBOUNDED);
    stage.set_clock(1_234);
    stage.append(&["t"]);
    let expected = HubId { accepted_ms: 1_234, life: stage.log.life, sequence: Sequence(1) };
    assert_eq!(HubId::parse(&stage.id_of(1)), Some(expected));
}

#[test]
fn when_the_clock_is_set_back_accept_times_wait_for_it() {
    let stage = stage(UNBOUNDED);
    for ms in [5_000, 3_000, 4_999, 5_001] {
        stage.set_clock(ms);
        stage.append(&["t"]);
    }
    let page = stage.log.read(range(0, 4), Wanted::Everything, ALL);
    let times: Vec<_> = page.events.iter().map(|event| event.accepted_ms()).collect();
    assert_eq!(times, [5_000, 5_000, 5_000, 5_001]);
    assert!(page.events.is_sorted_by(|a, b| a.id() < b.id()));
}

#[test]
fn several_writers_share_one_order() {
    let stage = stage(UNBOUNDED);
    let received: Vec<Vec<u64>> = thread::scope(|scope| {
        let write =
            |_| scope.spawn(|| (0..20).flat_map(|_| stage.append(&["t"; 3])).collect::<Vec<_>>());
        let writers: Vec<_> = (0..3).map(write).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert!(received.iter().all(|sequences| sequences.is_sorted()));
    let batches_are_whole = |sequences: &Vec<u64>| {
        sequences.chunks(3).all(|batch| batch[1] == batch[0] + 1 && batch[2] == batch[0] + 2)
    };
    assert!(received.iter().all(batches_are_whole));
    let mut all = received.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=180).collect::<Vec<_>>());
    assert_eq!(stage.log.extent().head, Sequence(180));
}

// Retaining.

#[test]
fn the_oldest_events_go_when_there_are_too_many() {
    let stage = stage(MemoryLogSettings { events_max: 3, ..UNBOUNDED });
    stage.append(&["t"; 3]);
    assert_eq!(stage.retained(), [1, 2, 3]);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3, 4]);
    stage.append(&["t"; 10]);
    assert_eq!(stage.retained(), [12, 13, 14]);
}

#[test]
fn the_oldest_events_go_when_they_hold_too_many_bytes() {
    let held = bytes_held();
    let stage = stage(MemoryLogSettings { bytes_max: 3 * held, ..UNBOUNDED });
    stage.append(&["t"; 3]);
    assert_eq!(stage.retained(), [1, 2, 3]);
    assert_eq!(stage.log.extent().bytes, 3 * held);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3, 4]);
    assert_eq!(stage.log.extent().bytes, 3 * held);
}

#[test]
fn the_newest_event_stays_even_if_it_alone_is_too_large() {
    for settings in [
        MemoryLogSettings { bytes_max: 0, ..UNBOUNDED },
        MemoryLogSettings { events_max: 0, ..UNBOUNDED },
    ] {
        let stage = stage(settings);
        stage.append(&["t"; 3]);
        assert_eq!(stage.retained(), [3], "{settings:?}");
    }
}

#[test]
fn events_go_when_they_are_older_than_the_limit() {
    let stage = stage(MemoryLogSettings { age_max: Duration::from_millis(100), ..UNBOUNDED });
    stage.append(&["t"]);
    stage.set_clock(1_050);
    stage.append(&["t"]);
    stage.set_clock(1_100);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [1, 2, 3]);
    stage.set_clock(1_101);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3, 4]);
    assert_eq!(stage.log.extent().oldest_ms, Some(1_050));
}

#[test]
fn a_log_that_nobody_writes_to_expires_all_the_same() {
    let stage = stage(MemoryLogSettings { age_max: Duration::from_millis(100), ..UNBOUNDED });
    stage.append(&["a", "b"]);
    stage.set_clock(1_100);
    stage.log.expire();
    assert_eq!(stage.retained(), [1, 2]);
    stage.set_clock(1_101);
    stage.log.expire();
    // The newest too; the head does not go back.
    let expected =
        Extent { head: Sequence(2), oldest: Sequence(3), events: 0, bytes: 0, oldest_ms: None };
    assert_eq!(stage.log.extent(), expected);
    assert_eq!(stage.append(&["a"]), [3]);
    assert_eq!(stage.retained(), [3]);
}

#[test]
fn a_log_without_an_age_limit_never_expires() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"; 2]);
    stage.set_clock(u64::MAX);
    stage.log.expire();
    assert_eq!(stage.retained(), [1, 2]);
}

#[test]
fn a_topic_is_forgotten_with_its_last_event() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    stage.append(&["a", "b"]);
    assert_eq!(stage.topics_indexed(), 2);
    append(&stage.log, vec![draft(&["b", "c"], None, "d")]);
    assert_eq!(stage.topics_indexed(), 2); // 2 has b, 3 has b and c.
    stage.append(&["d"]);
    assert_eq!(stage.topics_indexed(), 3);
    stage.append(&["d"]);
    assert_eq!(stage.topics_indexed(), 1);
    for number in 0..1_000 {
        stage.append(&[&format!("topic {number}")]);
    }
    assert_eq!(stage.topics_indexed(), 2);
}

#[test]
fn a_topic_that_was_busy_once_still_finds_what_is_left() {
    let stage = stage(MemoryLogSettings { events_max: 1_000, ..UNBOUNDED });
    stage.append(&["busy"; 1_000]);
    stage.append(&["quiet"; 990]);
    let page = stage.log.read(range(0, u64::MAX), Wanted::Matching(&set(&["busy"])), ALL);
    assert_eq!(sequences(&page), (991..=1_000).collect::<Vec<_>>());
}

// Ids by publishers.

#[test]
fn an_id_can_be_used_again_when_its_event_is_gone() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    assert_eq!(stage.append_with_id("x"), Ok(1));
    assert_eq!(stage.append_with_id("x"), Err(AppendError::DuplicateId));
    stage.append(&["t"]);
    assert_eq!(stage.append_with_id("x"), Err(AppendError::DuplicateId));
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3]);
    assert_eq!(stage.append_with_id("x"), Ok(4));
    assert_eq!(stage.log.locate("x"), Located::After(Sequence(4)));
    stage.append(&["t"; 2]);
    assert_eq!(stage.log.locate("x"), Located::Unknown);
    assert!(stage.log.lock().by_custom_id.is_empty());
}

#[test]
fn a_duplicate_id_is_refused_and_the_others_of_its_batch_are_appended() {
    let stage = stage(UNBOUNDED);
    let ids = [Some("x"), None, Some("x"), Some("y")];
    let results = append(&stage.log, ids.map(|id| draft(&["t"], id, "d")).to_vec());
    let results: Vec<_> =
        results.into_iter().map(|result| result.map(|receipt| receipt.sequence.0)).collect();
    assert_eq!(results, [Ok(1), Ok(2), Err(AppendError::DuplicateId), Ok(3)]);
    assert_eq!(stage.retained(), [1, 2, 3]);
}

// Bells.

#[test]
fn every_append_rings_every_bell_once_after_the_head_has_moved_and_outside_the_lock() {
    let stage = stage(UNBOUNDED);
    let log = Arc::new(stage.log);
    let heads = Arc::new(Mutex::new(Vec::new()));
    let rings = Arc::new(AtomicUsize::new(0));
    let (watched, seen) = (Arc::downgrade(&log), Arc::clone(&heads));
    log.follow(Arc::new(move || {
        let log = watched.upgrade().unwrap();
        // Nobody else is here, so the lock is free unless whoever rings holds it.
        let head = log.state.try_lock().map(|state| state.head.0).ok();
        seen.lock().unwrap().push(head);
    }));
    let count = Arc::clone(&rings);
    log.follow(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));

    append(&log, vec![draft(&["t"], None, "d")]);
    append(&log, vec![draft(&["t"], None, "d"), draft(&["t"], None, "d")]);
    assert_eq!(*heads.lock().unwrap(), [Some(1), Some(3)]);
    assert_eq!(rings.load(Ordering::Relaxed), 2);
}

#[test]
fn an_append_has_happened_even_if_nobody_waits_for_it() {
    let stage = stage(UNBOUNDED);
    drop(stage.log.append(vec![Unnumbered::encode(draft(&["t"], None, "d"))]));
    assert_eq!(stage.retained(), [1]);
}

// Reading.

#[test]
fn a_read_gives_what_matches_in_order_and_each_event_once() {
    let stage = stage(UNBOUNDED);
    let topics: [&[&str]; 6] = [&["a"], &["b"], &["a", "b"], &["c"], &["c", "a"], &["books/1"]];
    append(&stage.log, topics.map(|topics| draft(topics, None, "d")).to_vec());
    let check = |selectors: &[&str], expected: &[u64]| {
        let set = set(selectors);
        let page = stage.log.read(range(0, u64::MAX), Wanted::Matching(&set), ALL);
        assert_eq!(sequences(&page), expected, "{selectors:?}");
        assert_eq!(page.through, Sequence(6), "{selectors:?}");
        assert!(!page.passed);
    };
    check(&["a"], &[1, 3, 5]);
    check(&["b"], &[2, 3]);
    check(&["a", "b"], &[1, 2, 3, 5]);
    check(&["c", "b", "a", "books/1"], &[1, 2, 3, 4, 5, 6]);
    check(&["nothing"], &[]);
    check(&["nothing", "c"], &[4, 5]);
    check(&["books/{id}"], &[6]);
    check(&["{x}"], &[1, 2, 3, 4, 5]);
    check(&["books/{id}", "b"], &[2, 3, 6]);
    check(&["*"], &[1, 2, 3, 4, 5, 6]);
    check(&["*", "a"], &[1, 2, 3, 4, 5, 6]);
    assert_eq!(stage.retained(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_range_begins_after_one_sequence_and_goes_through_another() {
    let stage = stage(UNBOUNDED);
    stage.append(&["a", "b", "a", "b", "a"]);
    let check = |after, through, everything: &[u64], a: &[u64], looked_at| {
        for (wanted, expected) in
            [(Wanted::Everything, everything), (Wanted::Matching(&set(&["a"])), a)]
        {
            let page = stage.log.read(range(after, through), wanted, ALL);
            assert_eq!(sequences(&page), expected, "{after}..={through}");
            assert_eq!(page.through, Sequence(looked_at), "{after}..={through}");
            assert!(!page.passed, "{after}..={through}");
        }
    };
    check(0, 5, &[1, 2, 3, 4, 5], &[1, 3, 5], 5);
    check(0, u64::MAX, &[1, 2, 3, 4, 5], &[1, 3, 5], 5);
    check(1, 4, &[2, 3, 4], &[3], 4);
    check(1, 2, &[2], &[], 2);
    check(3, 3, &[], &[], 3);
    check(4, 2, &[], &[], 4);
    check(5, u64::MAX, &[], &[], 5);
    check(9, 12, &[], &[], 9);
}

#[test]
fn a_page_says_whether_the_log_had_lost_the_beginning_of_the_range() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    stage.append(&["t"; 5]);
    let check = |after, through, passed, expected: &[u64]| {
        for wanted in [Wanted::Everything, Wanted::Matching(&set(&["t"]))] {
            let page = stage.log.read(range(after, through), wanted, ALL);
            assert_eq!(page.passed, passed, "{after}..={through}");
            assert_eq!(sequences(&page), expected, "{after}..={through}");
        }
    };
    check(0, u64::MAX, true, &[4, 5]);
    check(2, u64::MAX, true, &[4, 5]);
    check(3, u64::MAX, false, &[4, 5]);
    check(5, u64::MAX, false, &[]);
    // A range that is lost altogether.
    check(1, 3, true, &[]);
    // A range without anything in it has lost nothing.
    check(1, 1, false, &[]);
}

#[test]
fn a_log_that_has_lost_everything_says_so_to_whoever_missed_it() {
    let stage = stage(MemoryLogSettings { age_max: Duration::ZERO, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    stage.set_clock(2_000);
    stage.log.expire();
    for (after, passed) in [(0, true), (1, true), (2, false)] {
        let page = stage.log.read(range(after, u64::MAX), Wanted::Everything, ALL);
        assert_eq!(page.passed, passed, "{after}");
        assert_eq!(page.through, Sequence(2), "{after}");
        assert!(page.events.is_empty());
    }
}

#[test]
fn a_page_ends_before_it_holds_too_much_and_has_one_event_at_least() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"; 5]);
    let frame = stage.log.read(range(0, 1), Wanted::Everything, ALL).events[0].frame().len();
    let check = |events_max, bytes_max, count: u64| {
        for wanted in [Wanted::Everything, Wanted::Matching(&set(&["t"]))] {
            let limit = PageLimit { events_max, bytes_max };
            let page = stage.log.read(range(0, u64::MAX), wanted, limit);
            assert_eq!(sequences(&page), (1..=count).collect::<Vec<_>>(), "{limit:?}");
            assert_eq!(page.through, Sequence(count), "{limit:?}");
        }
    };
    check(1, usize::MAX, 1);
    check(4, usize::MAX, 4);
    check(5, usize::MAX, 5);
    check(6, usize::MAX, 5);
    check(usize::MAX, 0, 1);
    check(usize::MAX, frame, 1);
    check(usize::MAX, 2 * frame - 1, 1);
    check(usize::MAX, 2 * frame, 2);
    check(3, 2 * frame, 2);
    check(1, 2 * frame, 1);
}

#[test]
fn a_page_of_a_template_may_be_empty_but_always_gets_on() {
    let stage = stage(UNBOUNDED);
    stage.append(&["a", "a", "a", "books/1", "a"]);
    let limit = PageLimit { events_max: 2, bytes_max: usize::MAX };
    let selectors = set(&["books/{id}"]);
    let mut pages = Vec::new();
    let mut after = 0;
    while after < 5 {
        let page = stage.log.read(range(after, 5), Wanted::Matching(&selectors), limit);
        pages.push((sequences(&page), page.through.0));
        after = page.through.0;
    }
    assert_eq!(pages, [(vec![], 2), (vec![4], 4), (vec![], 5)]);
}

// Locating.

#[test]
fn an_id_of_this_life_tells_its_place_whether_retained_or_not() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    let ids = [stage.id_of(1), stage.id_of(2)];
    stage.append(&["t"]);
    assert_eq!(stage.log.locate(&ids[0]), Located::After(Sequence(1)));
    assert_eq!(stage.log.locate(&ids[1]), Located::After(Sequence(2)));
    assert_eq!(stage.log.locate(&stage.id_of(3)), Located::After(Sequence(3)));
}

#[test]
fn an_id_of_another_life_tells_only_its_time() {
    let stage = stage(MemoryLogSettings { events_max: 4, ..UNBOUNDED });
    for ms in [500, 1_000, 2_000, 2_000, 3_000] {
        stage.set_clock(ms);
        stage.append(&["t"]);
    }
    let (own, other) = (stage.log.life, another_life(stage.log.life));
    let check = |life, accepted_ms, sequence, expected| {
        let id = HubId { accepted_ms, life, sequence: Sequence(sequence) }.to_string();
        assert_eq!(stage.log.locate(&id), Located::Later(Sequence(expected)), "{id}");
    };
    // Before everything retained, at and between the times of events, and after all of them.
    check(other, 1, 3, 1);
    check(other, 999, 3, 1);
    check(other, 1_000, 3, 2);
    check(other, 1_999, 3, 2);
    check(other, 2_000, 3, 4);
    check(other, 2_500, 3, 4);
    check(other, 3_000, 3, 5);
    check(other, 9_000, 3, 5);
    // Such an event never was in this life, so it must be from one that drew the same bits.
    check(own, 2_500, 6, 4);
}

#[test]
fn an_id_of_another_life_comes_before_all_when_nothing_is_retained() {
    let stage = stage(MemoryLogSettings { age_max: Duration::ZERO, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    stage.set_clock(2_000);
    stage.log.expire();
    let life = another_life(stage.log.life);
    let id = HubId { accepted_ms: 1, life, sequence: Sequence(1) }.to_string();
    assert_eq!(stage.log.locate(&id), Located::Later(Sequence(2)));
}

#[test]
fn an_id_by_a_publisher_is_looked_up() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"]);
    stage.append_with_id("mine").unwrap();
    let of_another_maker = "urn:uuid:11111111-1111-4111-8111-111111111111";
    stage.append_with_id(of_another_maker).unwrap();
    assert_eq!(stage.log.locate("mine"), Located::After(Sequence(2)));
    assert_eq!(stage.log.locate(of_another_maker), Located::After(Sequence(3)));
    for unknown in ["", "Mine", "mine ", "urn:uuid:11111111-1111-4111-8111-111111111112"] {
        assert_eq!(stage.log.locate(unknown), Located::Unknown, "{unknown:?}");
    }
}

fn another_life(life: Life) -> Life {
    [Life::new(1), Life::new(2)].into_iter().find(|&other| other != life).unwrap()
}

// A model: all events ever, in a list, and the plainest words for what is retained and what matches.

const TOPICS: [&str; 3] = ["a", "b", "c/1"];
const SELECTORS: [&[&str]; 6] = [&["a"], &["a", "b"], &["c/{x}"], &["c/{x}", "a"], &["*"], &["z"]];

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<AnyDraft>),
    SetClock(u64),
    Expire,
    Read { after: u64, through: u64, selectors: Option<usize>, limit: PageLimit },
}

#[derive(Clone, Debug)]
struct AnyDraft {
    topics: Vec<&'static str>,
    id: Option<u8>,
    data_bytes: usize,
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = btree_set(0..TOPICS.len(), 1..=TOPICS.len())
        .prop_map(|indices| indices.into_iter().map(|index| TOPICS[index]).collect());
    let draft = (topics, option::weighted(0.3, 0..6_u8), 0..100_usize)
        .prop_map(|(topics, id, data_bytes)| AnyDraft { topics, id, data_bytes });
    let limit = (1..5_usize, prop_oneof![Just(usize::MAX), 0..500_usize])
        .prop_map(|(events_max, bytes_max)| PageLimit { events_max, bytes_max });
    let through = prop_oneof![0..40_u64, Just(u64::MAX)];
    let read = (0..40_u64, through, option::of(0..SELECTORS.len()), limit).prop_map(
        |(after, through, selectors, limit)| Step::Read { after, through, selectors, limit },
    );
    prop_oneof![
        4 => vec(draft, 1..4).prop_map(Step::Append),
        1 => (900..1_400_u64).prop_map(Step::SetClock),
        1 => Just(Step::Expire),
        4 => read,
    ]
}

#[derive(Clone, Debug)]
struct ModelEvent {
    sequence: u64,
    topics: Vec<&'static str>,
    id: Option<u8>,
    frame_bytes: usize,
    bytes_held: usize,
    accepted_ms: u64,
}

#[derive(Debug)]
struct Model {
    settings: MemoryLogSettings,
    now_ms: u64,
    all: Vec<ModelEvent>,
    /// How many are gone.
    gone: usize,
}

impl Model {
    fn retained(&self) -> &[ModelEvent] {
        &self.all[self.gone..]
    }

    fn append(&mut self, drafts: &[AnyDraft]) -> Vec<Option<u64>> {
        let add = |draft: &AnyDraft| {
            let taken = self.retained().iter().any(|event| event.id == draft.id);
            if draft.id.is_some() && taken {
                return None;
            }
            let sequence = self.all.len() as u64 + 1;
            let newest = self.all.last().map_or(0, |event| event.accepted_ms);
            let id_bytes = if draft.id.is_some() { "id 0".len() } else { HUB_ID_BYTES };
            let frame_bytes = "id: \ndata: \n\n".len() + id_bytes + draft.data_bytes;
            let topic_bytes: usize = draft.topics.iter().map(|topic| 140 + topic.len()).sum();
            self.all.push(ModelEvent {
                sequence,
                topics: draft.topics.clone(),
                id: draft.id,
                frame_bytes,
                bytes_held: 100 + frame_bytes + topic_bytes,
                accepted_ms: self.now_ms.max(newest),
            });
            Some(sequence)
        };
        let results = drafts.iter().map(add).collect();
        self.evict();
        results
    }

    /// The most of the newest events that keep to all limits.
    fn evict(&mut self) {
        let keeps = |events: &[ModelEvent]| {
            let age_ms = self.settings.age_max.as_millis() as u64;
            let bytes: usize = events.iter().map(|event| event.bytes_held).sum();
            events.len() <= self.settings.events_max
                && (bytes <= self.settings.bytes_max || events.len() == 1)
                && events.iter().all(|event| event.accepted_ms + age_ms >= self.now_ms)
        };
        let gone = (self.gone..=self.all.len()).find(|&gone| keeps(&self.all[gone..]));
        self.gone = gone.unwrap();
    }

    fn matching(&self, after: u64, through: u64, selectors: Option<usize>) -> Vec<u64> {
        let wanted = |topic: &&str| match selectors.map(|index| SELECTORS[index]) {
            None | Some(["*"]) => true,
            Some(texts) => texts
                .iter()
                .any(|text| text == topic || (*text == "c/{x}" && topic.starts_with("c/"))),
        };
        let in_range = self.retained().iter().filter(|event| {
            event.sequence > after && event.sequence <= through && event.topics.iter().any(wanted)
        });
        in_range.map(|event| event.sequence).collect()
    }
}

const HUB_ID_BYTES: usize = "urn:uuid:018bcfe5-6800-7abc-8000-000000000007".len();

fn append_any(log: &MemoryLog, drafts: &[AnyDraft]) -> Vec<Option<u64>> {
    let drafts = drafts.iter().map(|any| {
        let id = any.id.map(|id| format!("id {id}"));
        draft(&any.topics, id.as_deref(), &"d".repeat(any.data_bytes))
    });
    let results = append(log, drafts.collect());
    results.into_iter().map(|result| result.ok().map(|receipt| receipt.sequence.0)).collect()
}

/// Reads page after page, and checks each.
fn read_all(
    stage: &Stage,
    model: &Model,
    range: ReadRange,
    selectors: Option<usize>,
    limit: PageLimit,
) -> Vec<u64> {
    let set = selectors.map(|index| set(SELECTORS[index]));
    let wanted = set.as_ref().map_or(Wanted::Everything, Wanted::Matching);
    let ReadRange { mut after, through } = range;
    let end = Sequence(through.0.min(model.all.len() as u64));
    let mut all = Vec::new();
    loop {
        let page = stage.log.read(ReadRange { after, through }, wanted, limit);
        let lost = |sequence| sequence <= model.gone as u64 && sequence <= through.0;
        assert_eq!(page.passed, lost(after.0 + 1), "{after}..={through}");
        let bytes: usize = sequences(&page)
            .iter()
            .map(|&sequence| model.all[usize::try_from(sequence).unwrap() - 1].frame_bytes)
            .sum();
        assert!(page.events.len() <= limit.events_max);
        assert!(bytes <= limit.bytes_max || page.events.len() == 1);
        all.extend(sequences(&page));
        if page.through >= end {
            assert_eq!(page.through, end.max(after));
            return all;
        }
        assert!(page.through > after, "a page gets on");
        after = page.through;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_log_does_what_a_plain_list_would_do(
        steps in vec(any_step(), 1..40),
        events_max in 1..12_usize,
        bytes_max in prop_oneof![Just(usize::MAX), 300..4_000_usize],
        age_ms in prop_oneof![Just(1_000_000), 0..300_u64],
    ) {
        let age_max = Duration::from_millis(age_ms);
        let settings = MemoryLogSettings { events_max, bytes_max, age_max };
        let stage = stage(settings);
        let mut model = Model { settings, now_ms: 1_000, all: Vec::new(), gone: 0 };
        for step in steps {
            match step {
                Step::Append(drafts) => {
                    prop_assert_eq!(append_any(&stage.log, &drafts), model.append(&drafts));
                }
                Step::SetClock(ms) => {
                    stage.set_clock(ms);
                    model.now_ms = ms;
                }
                Step::Expire => {
                    stage.log.expire();
                    model.evict();
                }
                Step::Read { after, through, selectors, limit } => {
                    let read = read_all(&stage, &model, range(after, through), selectors, limit);
                    prop_assert_eq!(read, model.matching(after, through, selectors));
                }
            }
            let retained = model.retained();
            let expected = Extent {
                head: Sequence(model.all.len() as u64),
                oldest: Sequence(model.gone as u64 + 1),
                events: retained.len(),
                bytes: retained.iter().map(|event| event.bytes_held).sum(),
                oldest_ms: retained.first().map(|event| event.accepted_ms),
            };
            prop_assert_eq!(stage.log.extent(), expected);
            for id in 0..6_u8 {
                let known = retained.iter().find(|event| event.id == Some(id));
                let expected = known
                    .map_or(Located::Unknown, |event| Located::After(Sequence(event.sequence)));
                prop_assert_eq!(stage.log.locate(&format!("id {id}")), expected);
            }
            let topics = TOPICS
                .iter()
                .filter(|topic| retained.iter().any(|event| event.topics.contains(topic)));
            prop_assert_eq!(stage.topics_indexed(), topics.count());
        }
    }
}

#[test]
fn an_id_that_the_log_made_cannot_be_brought_again() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"]);
    let id = stage.id_of(1);
    assert_eq!(stage.append_with_id(&id), Err(AppendError::DuplicateId));
}

#[test]
fn an_id_that_the_log_has_yet_to_make_cannot_be_brought() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"]);
    let own = HubId { accepted_ms: 1_000, life: stage.log.life, sequence: Sequence(3) }.to_string();
    assert_eq!(stage.append_with_id(&own), Err(AppendError::DuplicateId));
}

#[test]
fn a_page_has_one_event_at_the_least_and_no_more_than_asked_for() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"; 9]);
    let limit = PageLimit { events_max: 0, bytes_max: usize::MAX };
    let page = stage.log.read(range(0, u64::MAX), Wanted::Everything, limit);
    assert_eq!(page.events.len(), 1);
}

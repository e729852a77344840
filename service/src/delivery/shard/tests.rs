//! A shard without its thread: what happens outside is posted to its mailbox, and it is told when
//! to make a pass. Its time stands still but for the ticks that a test lets go by.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::sink::Sink;
use super::super::{Joiner, LagLimit};
use super::*;
use crate::auth::Grants;
use crate::clock::Clock;
use crate::event::{Draft, DraftFields, EventLimits, HubId};
use crate::hub::{Hub, Resume, SubscribeRequest, Subscription};
use crate::log::{MemoryLog, MemoryLogSettings};
use crate::metrics::Metrics;
use crate::topic::{Selector, SelectorSet, Topic};

/// A sink that writes down what it is given, and the test's view of it.
#[derive(Clone, Debug)]
struct Reader(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    key: Option<SubscriberKey>,
    pieces: Vec<Bytes>,
    /// How many pieces it takes before it is full.
    room: usize,
    /// It has said that it is full, and is to tell when it is not.
    promised: bool,
    gone: bool,
    end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Finished(Bytes),
    Aborted,
}

impl Reader {
    fn with_room(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Reading {
            key: None,
            pieces: Vec::new(),
            room,
            promised: false,
            gone: false,
            end: None,
        })))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Reading) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn fill(&self) {
        self.change(|reading| reading.room = 0);
    }

    fn key(&self) -> SubscriberKey {
        self.change(|reading| reading.key).unwrap()
    }

    fn bytes(&self) -> Vec<Bytes> {
        self.change(|reading| reading.pieces.clone())
    }

    fn end(&self) -> Option<End> {
        self.change(|reading| reading.end.clone())
    }

    /// What each piece holds, as words: `2 3` are two events, by their sequences.
    fn pieces(&self) -> Vec<String> {
        self.bytes().iter().map(in_words).collect()
    }

    /// The sequences of all events, in whatever pieces they came.
    fn sequences(&self) -> Vec<u64> {
        self.pieces().join(" ").split_whitespace().map(|word| word.parse().unwrap()).collect()
    }
}

fn in_words(piece: &Bytes) -> String {
    if *piece == HEARTBEAT {
        return "heartbeat".to_owned();
    }
    let text = std::str::from_utf8(piece).unwrap();
    let frames = text.strip_suffix("\n\n").expect("a piece is whole frames").split("\n\n");
    frames.map(frame_in_words).collect::<Vec<_>>().join(" ")
}

fn frame_in_words(frame: &str) -> String {
    if let Some(json) = frame.strip_prefix("event: fanfare-gap\ndata: ") {
        let gap: serde_json::Value = serde_json::from_str(json).unwrap();
        assert!(gap["missed"].is_null() && gap["after"].is_null());
        let before = gap["before"].as_str().map_or("nothing".to_owned(), sequence_in);
        return format!("gap before {before}");
    }
    sequence_in(frame.lines().next().unwrap().strip_prefix("id: ").unwrap())
}

fn sequence_in(id: &str) -> String {
    HubId::parse(id).unwrap().sequence.to_string()
}

impl Sink for Reader {
    fn attach(&mut self, key: SubscriberKey) {
        self.change(|reading| reading.key = Some(key));
    }

    fn readiness(&mut self) -> Offer {
        self.change(|reading| {
            assert_eq!(reading.end, None, "nothing is asked of a stream that has ended");
            if reading.gone {
                Offer::Gone
            } else if reading.room > 0 {
                Offer::Taken
            } else {
                reading.promised = true;
                Offer::Full
            }
        })
    }

    fn offer(&mut self, frames: &Bytes) -> Offer {
        let offer = self.readiness();
        if offer == Offer::Taken {
            assert!(!frames.is_empty(), "nothing is not a piece");
            self.change(|reading| {
                reading.room -= 1;
                reading.pieces.push(frames.clone());
            });
        }
        offer
    }

    fn finish(&mut self, farewell: &Bytes) {
        self.change(|reading| {
            assert_eq!(reading.end, None, "a stream ends once");
            reading.end = Some(End::Finished(farewell.clone()));
        });
    }

    fn abort(&mut self) {
        self.change(|reading| {
            assert_eq!(reading.end, None, "a stream ends once");
            reading.end = Some(End::Aborted);
        });
    }
}

/// A hub, a log with a clock moved by hand, and one shard.
struct Stage {
    hub: Hub,
    log: Arc<MemoryLog>,
    now_ms: Arc<AtomicU64>,
    metrics: Metrics,
    mailbox: Arc<Mailbox>,
    shard: Shard,
}

/// What clients of closed streams are told: with one value to draw from, it is known.
fn farewell() -> Option<End> {
    Some(End::Finished(Bytes::from_static(b"retry: 7\n\n")))
}

fn no_limits() -> (DeliverySettings, MemoryLogSettings) {
    let delivery = DeliverySettings {
        shards: 1,
        lag: LagLimit { events_max: u64::MAX, bytes_max: u64::MAX },
        heartbeat: Duration::ZERO,
        age_max: Duration::ZERO,
        retry_ms: 7..=7,
    };
    (delivery, MemoryLogSettings::default())
}

fn stage() -> Stage {
    let (delivery, log) = no_limits();
    stage_with(delivery, log)
}

fn stage_with_lag_limit(events_max: u64, bytes_max: u64) -> Stage {
    let (delivery, log) = no_limits();
    let lag = LagLimit { events_max, bytes_max };
    stage_with(DeliverySettings { lag, ..delivery }, log)
}

fn stage_with_log_of(events_max: usize) -> Stage {
    let (delivery, log) = no_limits();
    stage_with(delivery, MemoryLogSettings { events_max, ..log })
}

fn stage_with(settings: DeliverySettings, log: MemoryLogSettings) -> Stage {
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    let log = Arc::new(MemoryLog::new(log, clock));
    let metrics = Metrics::new(1);
    let hub = Hub::new(log.clone(), metrics.clone());
    let figures = Arc::clone(&metrics.shards()[0]);
    let (mut shard, mailbox) = Shard::new(log.clone(), settings, figures).unwrap();
    // It begins tomorrow, so no tick goes by of itself.
    shard.began = Instant::now() + Duration::from_secs(24 * 60 * 60);
    Stage { hub, log, now_ms, metrics, mailbox, shard }
}

impl Stage {
    fn publish(&self, topic: &str) -> u64 {
        self.publish_draft(draft(&[topic], false))
    }

    fn publish_times(&self, topic: &str, count: usize) {
        for _ in 0..count {
            self.publish(topic);
        }
    }

    fn publish_draft(&self, draft: Draft) -> u64 {
        let receipt = self.hub.publish(draft).now_or_never().unwrap();
        receipt.unwrap().sequence.0
    }

    fn subscribe(&self, selectors: &[&str], resume: Option<Resume>) -> Subscription {
        let request = SubscribeRequest { selectors: set(selectors), grants: Grants::all(), resume };
        self.hub.subscribe(request)
    }

    /// Sends a subscriber on its way to the shard.
    fn post(&self, subscription: Subscription, reader: &Reader) {
        let joiner = Joiner { subscription, sink: Box::new(reader.clone()) };
        self.mailbox.post(Notice::Join(Box::new(joiner)));
    }

    /// A live subscriber whose sink is never full; the shard has not met it yet.
    fn join(&self, selectors: &[&str]) -> Reader {
        let reader = Reader::with_room(usize::MAX);
        self.post(self.subscribe(selectors, None), &reader);
        reader
    }

    /// One that wants everything that is retained.
    fn join_from_earliest(&self, selectors: &[&str], room: usize) -> Reader {
        let reader = Reader::with_room(room);
        self.post(self.subscribe(selectors, Some(Resume::Earliest)), &reader);
        reader
    }

    /// Makes passes until there is nothing left to do.
    fn settle(&mut self) {
        while self.shard.pass() {}
    }

    /// A sink that was full takes so many pieces more.
    fn make_room(&self, reader: &Reader, pieces: usize) {
        let promised = reader.change(|reading| {
            reading.room = pieces;
            std::mem::take(&mut reading.promised)
        });
        if promised {
            self.mailbox.post(Notice::Ready(reader.key()));
        }
    }

    fn leave(&self, reader: &Reader) {
        reader.change(|reading| reading.gone = true);
        self.mailbox.post(Notice::Gone(reader.key()));
    }

    /// Lets the ticks go by up to this one.
    fn at(&mut self, tick: Tick) {
        let mut due = Vec::new();
        while self.shard.deadlines.advance(tick, &mut due) {
            for key in due.drain(..) {
                self.shard.look_at(key);
            }
        }
    }

    fn figure(&self, series: &str) -> u64 {
        let text = self.metrics.render(&self.hub.log().extent());
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap().parse().unwrap()
    }

    fn ended(&self, reason: &str) -> u64 {
        self.figure(&format!("fanfare_disconnects_total{{reason=\"{reason}\"}}"))
    }

    fn subscribers(&self) -> u64 {
        self.metrics.shards()[0].subscribers()
    }

    fn audiences(&mut self) -> usize {
        self.shard.audiences.values_mut().count()
    }
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}

fn draft(topics: &[&str], private: bool) -> Draft {
    let topics = topics.iter().map(|&topic| topic.into()).collect();
    let fields = DraftFields { topics, private, data: "d".into(), ..DraftFields::default() };
    fields.check(&EventLimits::default()).unwrap()
}

// Live delivery.

#[test]
fn a_subscriber_gets_what_is_published_after_it_came_and_matches() {
    let mut stage = stage();
    stage.publish("a");
    let (a, b, all) = (stage.join(&["a"]), stage.join(&["b"]), stage.join(&["*"]));
    for topic in ["a", "b", "c", "a"] {
        stage.publish(topic);
        stage.settle();
    }
    assert_eq!(a.pieces(), ["2", "5"]);
    assert_eq!(b.pieces(), ["3"]);
    assert_eq!(all.pieces(), ["2", "3", "4", "5"]);
}

#[test]
fn everybody_is_handed_the_very_bytes_that_the_log_holds() {
    let mut stage = stage();
    let readers = [stage.join(&["a"]), stage.join(&["a"]), stage.join(&["*"])];
    stage.publish("a");
    stage.settle();
    let range = ReadRange { after: Sequence(0), through: Sequence(1) };
    let page = stage.log.read(range, Wanted::Everything, PASS);
    let frame = page.events[0].frame();
    for reader in readers {
        assert_eq!(reader.bytes(), [frame]);
        assert_eq!(reader.bytes()[0].as_ptr(), frame.as_ptr());
    }
}

#[test]
fn events_of_one_pass_are_one_piece_joined_once_for_an_audience() {
    let mut stage = stage();
    let (first, second, all) = (stage.join(&["a"]), stage.join(&["a"]), stage.join(&["*"]));
    for topic in ["a", "b", "a", "a"] {
        stage.publish(topic);
    }
    stage.settle();
    assert_eq!(first.pieces(), ["1 3 4"]);
    assert_eq!(second.pieces(), ["1 3 4"]);
    assert_eq!(all.pieces(), ["1 2 3 4"]);
    assert_eq!(first.bytes()[0].as_ptr(), second.bytes()[0].as_ptr());
}

#[test]
fn an_event_with_several_topics_comes_once() {
    let mut stage = stage();
    let reader = stage.join(&["a", "{x}", "b"]);
    stage.publish_draft(draft(&["a", "b", "c"], false));
    stage.settle();
    assert_eq!(reader.pieces(), ["1"]);
}

#[test]
fn a_pass_reads_so_many_events_and_says_that_there_is_more() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.publish_times("a", 2 * PASS.events_max + 1);
    assert!(stage.shard.pass());
    assert_eq!(stage.mailbox.seen(), Sequence(1_024));
    assert!(stage.shard.pass());
    assert!(!stage.shard.pass());
    assert_eq!(stage.mailbox.seen(), Sequence(2_049));
    assert_eq!(reader.bytes().len(), 3);
    assert_eq!(reader.sequences(), (1..=2_049).collect::<Vec<_>>());
}

#[test]
fn a_pass_reads_so_many_bytes_and_says_that_there_is_more() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    for _ in 0..5 {
        stage.publish_draft(Draft::new(topic("a"), "x".repeat(PASS.bytes_max * 2 / 5)));
    }
    assert!(stage.shard.pass());
    stage.settle();
    assert_eq!(reader.pieces(), ["1 2", "3 4", "5"]);
}

#[test]
fn a_private_event_goes_to_those_with_a_grant_live_and_from_the_log() {
    let mut stage = stage();
    let join = |stage: &Stage, grants: Grants| {
        let reader = Reader::with_room(usize::MAX);
        let resume = Some(Resume::Earliest);
        let request = SubscribeRequest { selectors: set(&["*"]), grants, resume };
        stage.post(stage.hub.subscribe(request), &reader);
        reader
    };
    let publish = |stage: &mut Stage| {
        for (topics, private) in [(&["a"][..], true), (&["b"], true), (&["b", "a"], true)] {
            stage.publish_draft(draft(topics, private));
        }
        stage.publish_draft(draft(&["c"], false));
    };
    let live = [join(&stage, Grants::all()), join(&stage, Grants::subscribe_to(topic("a")))];
    stage.settle();
    publish(&mut stage);
    stage.settle();
    let late = [join(&stage, Grants::all()), join(&stage, Grants::subscribe_to(topic("a")))];
    stage.settle();
    for readers in [live, late] {
        assert_eq!(readers[0].pieces(), ["1 2 3 4"]);
        assert_eq!(readers[1].pieces(), ["1 3 4"]);
    }
}

// From replay to live.

/// When a script makes a pass: one bit for each chance, the first one lowest.
#[derive(Clone, Copy, Debug)]
struct Passes(u32);

impl Passes {
    const ALL: u32 = 1 << 5;

    fn chance(&mut self, stage: &mut Stage) {
        if self.0 & 1 == 1 {
            stage.shard.pass();
        }
        self.0 >>= 1;
    }
}

/// Events before a subscription, between it and the join, and after; and from where it resumes.
#[derive(Clone, Copy, Debug)]
struct Seam {
    before: u64,
    cursor: u64,
    between: u64,
    after: u64,
    selector: &'static str,
}

impl Seam {
    /// Odd events are for the subscriber; even ones only if it wants everything.
    fn publish(stage: &Stage, count: u64) {
        for _ in 0..count {
            let next = stage.hub.log().extent().head.next();
            stage.publish(if next.0 % 2 == 1 { "a" } else { "b" });
        }
    }

    fn play(self, mut passes: Passes, neighbour: bool) {
        let case = (self, passes, neighbour);
        let mut stage = stage();
        let _neighbour = neighbour.then(|| stage.join(&[self.selector]));
        Self::publish(&stage, self.before);
        passes.chance(&mut stage);
        let cursor = Sequence(self.cursor);
        let subscription = Subscription { cursor, ..stage.subscribe(&[self.selector], None) };
        Self::publish(&stage, self.between);
        passes.chance(&mut stage);
        let reader = Reader::with_room(usize::MAX);
        stage.post(subscription, &reader);
        passes.chance(&mut stage);
        for _ in 0..self.after {
            Self::publish(&stage, 1);
            passes.chance(&mut stage);
        }
        stage.settle();
        let all = self.cursor + 1..=self.before + self.between + self.after;
        let expected: Vec<_> =
            all.filter(|sequence| self.selector == "*" || sequence % 2 == 1).collect();
        assert_eq!(reader.sequences(), expected, "{case:?}");
        assert!(!stage.shard.subscribers[reader.key()].replaying, "{case:?}");
    }
}

#[test]
fn replay_and_live_meet_without_a_gap_or_a_duplicate_whenever_passes_are_made() {
    for before in 0..=3 {
        for (cursor, between) in (0..=before).flat_map(|cursor| (0..=2).map(move |n| (cursor, n))) {
            for after in 0..=2 {
                for passes in 0..Passes::ALL {
                    for selector in ["a", "*"] {
                        let seam = Seam { before, cursor, between, after, selector };
                        seam.play(Passes(passes), passes % 3 == 0);
                    }
                }
            }
        }
    }
}

#[test]
fn what_was_missed_comes_as_one_piece() {
    let mut stage = stage();
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], usize::MAX);
    stage.publish_times("a", 2);
    stage.settle();
    assert_eq!(reader.pieces(), ["1 2 3 4 5"]);
}

#[test]
fn whoever_stands_at_the_same_place_is_handed_the_same_bytes() {
    let mut stage = stage();
    stage.publish_times("a", 3);
    stage.settle();
    let readers = [(); 3].map(|()| stage.join_from_earliest(&["a"], usize::MAX));
    let other = stage.join_from_earliest(&["*"], usize::MAX);
    stage.settle();
    for reader in &readers {
        assert_eq!(reader.pieces(), ["1 2 3"]);
        assert_eq!(reader.bytes()[0].as_ptr(), readers[0].bytes()[0].as_ptr());
    }
    assert_ne!(other.bytes()[0].as_ptr(), readers[0].bytes()[0].as_ptr());
}

#[test]
fn a_page_is_joined_anew_when_there_is_more_to_put_into_it() {
    let mut stage = stage();
    stage.publish_times("a", 3);
    stage.settle();
    let first = stage.join_from_earliest(&["a"], usize::MAX);
    stage.settle();
    stage.publish_times("a", 2);
    let second = stage.join_from_earliest(&["a"], usize::MAX);
    stage.settle();
    assert_eq!(first.pieces(), ["1 2 3", "4 5"]);
    assert_eq!(second.pieces(), ["1 2 3 4 5"]);
}

#[test]
fn many_who_resume_are_all_served_over_as_many_passes_as_it_takes() {
    const MANY: usize = 2_000;
    let mut stage = stage();
    stage.publish("a");
    stage.settle();
    let readers: Vec<_> = (0..MANY).map(|_| stage.join_from_earliest(&["a"], usize::MAX)).collect();
    stage.settle();
    assert_eq!(readers.iter().filter(|one| one.pieces() == ["1"]).count(), MANY);
}

#[test]
fn audiences_that_get_the_same_events_share_their_bytes() {
    let mut batches = JoinedBatches::default();
    let stage = stage();
    for _ in 0..3 {
        stage.publish("a");
    }
    let range = ReadRange { after: Sequence(0), through: Sequence(3) };
    let events = stage.log.read(range, Wanted::Everything, PASS).events;
    let (one, other) = (batches.join(&events), batches.join(&events));
    assert_eq!(one.frames.as_ptr(), other.frames.as_ptr());
    assert_ne!(batches.join(&events[..2]).frames, one.frames);
}

#[test]
fn a_long_replay_comes_in_several_pieces_and_lets_live_events_in_between() {
    let mut stage = stage();
    let live = stage.join(&["a"]);
    stage.publish_times("a", 2_500);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], usize::MAX);
    assert!(stage.shard.pass());
    stage.publish("a");
    assert!(stage.shard.pass());
    assert_eq!(live.pieces().last().unwrap(), "2501");
    stage.settle();
    assert_eq!(reader.bytes().len(), 3);
    assert_eq!(reader.sequences(), (1..=2_501).collect::<Vec<_>>());
}

#[test]
fn whoever_joins_in_the_middle_of_what_a_pass_reads_gets_the_second_half() {
    for cursor in [1, 1_023, 1_024, 1_025, 1_500, 2_000] {
        let mut stage = stage();
        stage.publish_times("a", 2_000);
        let subscription = stage.subscribe(&["a"], None);
        let reader = Reader::with_room(usize::MAX);
        stage.post(Subscription { cursor: Sequence(cursor), ..subscription }, &reader);
        // The shard has not read any of it.
        stage.shard.seen = Sequence(0);
        stage.settle();
        stage.publish("a");
        stage.settle();
        assert_eq!(reader.sequences(), (cursor + 1..=2_001).collect::<Vec<_>>());
    }
}

// Slow readers.

#[test]
fn a_full_sink_stays_where_it_is_and_is_then_served_in_one_piece() {
    let mut stage = stage();
    let (slow, fast) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.publish("a");
    stage.settle();
    slow.fill();
    for topic in ["a", "b", "a", "a"] {
        stage.publish(topic);
        stage.settle();
    }
    assert_eq!(slow.pieces(), ["1"]);
    assert_eq!(fast.pieces(), ["1", "2", "4", "5"]);
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.pieces(), ["1", "2 4 5"]);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.pieces(), ["1", "2 4 5", "6"]);
}

#[test]
fn what_comes_in_the_very_pass_that_finds_room_is_not_overtaken() {
    let mut stage = stage();
    let slow = stage.join(&["a"]);
    stage.settle();
    slow.fill();
    stage.publish("a");
    stage.settle();
    stage.publish("a");
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.pieces(), ["1 2"]);
}

#[test]
fn a_sink_with_room_for_one_piece_gets_everything_piece_by_piece() {
    let mut stage = stage();
    let slow = stage.join_from_earliest(&["a"], 1);
    stage.publish_times("a", 3);
    stage.settle();
    for _ in 0..3 {
        stage.publish("a");
        stage.settle();
    }
    assert_eq!(slow.pieces(), ["1 2 3"]);
    stage.make_room(&slow, 1);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.pieces(), ["1 2 3", "4 5 6 7"]);
}

#[test]
fn a_live_subscriber_that_lags_by_more_events_than_the_limit_is_cut() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let (slow, fast) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.publish_times("a", 2);
    stage.settle();
    slow.fill();
    for topic in ["a", "a", "a", "b", "b"] {
        stage.publish(topic);
        stage.settle();
    }
    // Events that are not for it are no lag.
    assert_eq!(slow.end(), None);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.end(), Some(End::Aborted));
    assert_eq!(slow.pieces(), ["1 2"]);
    assert_eq!((stage.ended("slow"), stage.subscribers()), (1, 1));
    assert_eq!(fast.sequences(), [1, 2, 3, 4, 5, 8]);
}

#[test]
fn a_live_subscriber_that_lags_by_more_bytes_than_the_limit_is_cut() {
    let frame_bytes = draft_frame_bytes();
    let mut stage = stage_with_lag_limit(u64::MAX, 3 * frame_bytes);
    let slow = stage.join(&["a"]);
    stage.settle();
    slow.fill();
    stage.publish_times("a", 3);
    stage.settle();
    assert_eq!(slow.end(), None);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.end(), Some(End::Aborted));
}

fn draft_frame_bytes() -> u64 {
    let receipt = stage().hub.publish(draft(&["a"], false)).now_or_never().unwrap();
    receipt.unwrap().frame_bytes as u64
}

#[test]
fn more_than_the_limit_in_one_pass_is_no_lag_for_a_sink_that_takes_it() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let (fast, full) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.settle();
    full.fill();
    stage.publish_times("a", 4);
    stage.settle();
    assert_eq!(fast.pieces(), ["1 2 3 4"]);
    assert_eq!((fast.end(), full.end()), (None, Some(End::Aborted)));
}

#[test]
fn lag_is_forgotten_when_a_subscriber_is_level_again() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let reader = stage.join(&["a"]);
    stage.settle();
    for _ in 0..5 {
        reader.fill();
        for _ in 0..3 {
            stage.publish("a");
            stage.settle();
        }
        stage.make_room(&reader, usize::MAX);
        stage.settle();
    }
    assert_eq!(reader.end(), None);
    assert_eq!(reader.pieces(), ["1 2 3", "4 5 6", "7 8 9", "10 11 12", "13 14 15"]);
}

#[test]
fn lag_is_counted_from_where_a_subscriber_joined() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let early = stage.join(&["a"]);
    for _ in 0..10 {
        stage.publish("a");
        stage.settle();
    }
    let late = stage.join(&["a"]);
    stage.settle();
    late.fill();
    stage.publish_times("a", 3);
    stage.settle();
    assert_eq!((early.end(), late.end()), (None, None));
}

#[test]
fn what_was_published_before_a_subscriber_came_is_no_lag_even_if_the_shard_reads_it_later() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    stage.publish_times("a", 5);
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.fill();
    stage.publish_times("a", 3);
    stage.settle();
    assert_eq!((reader.end(), reader.bytes().len()), (None, 0));
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.end(), Some(End::Aborted));
}

#[test]
fn a_replay_has_no_lag_limit_until_it_is_level() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    stage.publish_times("a", 5);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    for _ in 0..10 {
        stage.publish("a");
        stage.settle();
    }
    assert_eq!((reader.end(), reader.bytes().len()), (None, 0));
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!(reader.sequences(), (1..=15).collect::<Vec<_>>());
    // Now it is live.
    stage.publish_times("a", 4);
    stage.settle();
    assert_eq!(reader.end(), Some(End::Aborted));
}

#[test]
fn a_live_subscriber_that_the_log_has_passed_ends_and_is_told_when_to_come_back() {
    let mut stage = stage_with_log_of(2);
    let slow = stage.join(&["a"]);
    stage.publish("a");
    stage.settle();
    slow.fill();
    for _ in 0..2 {
        stage.publish("a");
        stage.settle();
    }
    let just_reached = stage.join(&["a"]);
    stage.settle();
    just_reached.fill();
    for _ in 0..2 {
        stage.publish("a");
        stage.settle();
    }
    // Of 2 to 5 the log has 4 and 5: the one has lost some, the other has not.
    stage.make_room(&slow, usize::MAX);
    stage.make_room(&just_reached, usize::MAX);
    stage.settle();
    assert_eq!((slow.pieces(), slow.end()), (vec!["1".to_owned()], farewell()));
    assert_eq!((just_reached.pieces(), just_reached.end()), (vec!["4 5".to_owned()], None));
    assert_eq!((stage.ended("log_passed"), stage.subscribers()), (1, 1));
    assert_eq!(stage.figure("fanfare_gaps_told_total"), 0);
}

#[test]
fn what_the_log_lost_of_other_topics_is_no_loss() {
    let mut stage = stage_with_log_of(3);
    let reader = stage.join(&["a"]);
    stage.publish("a");
    stage.settle();
    for _ in 0..5 {
        stage.publish("b");
        stage.settle();
    }
    reader.fill();
    stage.publish("a");
    stage.settle();
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!((reader.pieces(), reader.end()), (vec!["1".to_owned(), "7".to_owned()], None));
}

#[test]
fn a_replay_that_the_log_has_passed_is_told_of_the_gap_and_goes_on() {
    let mut stage = stage_with_log_of(3);
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    for _ in 0..4 {
        stage.publish("a");
        stage.settle();
    }
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    assert_eq!(reader.pieces(), ["gap before 5", "5 6 7"]);
    assert_eq!(stage.figure("fanfare_gaps_told_total"), 1);
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.pieces(), ["gap before 5", "5 6 7", "8"]);
    assert_eq!(reader.end(), None);
}

#[test]
fn a_gap_is_told_even_if_it_takes_all_the_room_there_is() {
    let mut stage = stage_with_log_of(3);
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    stage.publish("a");
    stage.settle();
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!(reader.pieces(), ["gap before 2"]);
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!(reader.pieces(), ["gap before 2", "2 3 4"]);
}

#[test]
fn where_nothing_is_left_a_replay_is_told_so_and_goes_live() {
    let (delivery, log) = no_limits();
    let age_max = Duration::from_secs(1);
    let mut stage = stage_with(delivery, MemoryLogSettings { age_max, ..log });
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    stage.now_ms.store(10_000, Ordering::Relaxed);
    stage.log.expire();
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.pieces(), ["gap before nothing", "4"]);
}

#[test]
fn when_the_log_has_passed_the_shard_itself_nobody_misses_anything_unknowingly() {
    let mut stage = stage_with_log_of(3);
    let (live, quiet) = (stage.join(&["a"]), stage.join(&["b"]));
    stage.publish("a");
    stage.settle();
    let replay = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    stage.publish_times("a", 5);
    let newcomer = stage.join(&["a"]);
    stage.publish("a");
    stage.make_room(&replay, usize::MAX);
    stage.settle();
    assert_eq!((live.pieces(), live.end()), (vec!["1".to_owned()], farewell()));
    // It cannot be known whether something was for this one.
    assert_eq!((quiet.pieces(), quiet.end()), (vec![], farewell()));
    assert_eq!(replay.pieces(), ["gap before 5", "5 6 7"]);
    assert_eq!(newcomer.pieces(), ["7"]);
    assert_eq!((stage.ended("log_passed"), stage.subscribers()), (2, 2));
    stage.publish("a");
    stage.settle();
    assert_eq!(newcomer.pieces(), ["7", "8"]);
}

// The end of a topic.

#[test]
fn a_stream_that_listens_to_nothing_else_ends_with_its_topic() {
    let mut stage = stage();
    let (live, full, both, all) =
        (stage.join(&["a"]), stage.join(&["a"]), stage.join(&["a", "b"]), stage.join(&["*"]));
    stage.settle();
    full.fill();
    stage.publish("a");
    stage.publish_draft(draft(&["a"], false).ending_topic());
    stage.settle();
    let replay = stage.join_from_earliest(&["a"], usize::MAX);
    stage.settle();
    let no_farewell = Some(End::Finished(Bytes::new()));
    for ended in [&live, &replay] {
        assert_eq!((ended.pieces(), ended.end()), (vec!["1 2".to_owned()], no_farewell.clone()));
    }
    for open in [&both, &all] {
        assert_eq!((open.pieces(), open.end()), (vec!["1 2".to_owned()], None));
    }
    assert_eq!(full.end(), None);
    stage.make_room(&full, 1);
    stage.settle();
    assert_eq!((full.pieces(), full.end()), (vec!["1 2".to_owned()], no_farewell));
    assert_eq!((stage.ended("finished"), stage.subscribers()), (3, 2));
}

// Coming and going.

#[test]
fn a_reader_that_has_gone_is_forgotten_however_that_is_found_out() {
    let mut stage = stage();
    let readers = [(); 4].map(|()| stage.join(&["a"]));
    stage.settle();
    let [told, offered, resumed, stays] = &readers;
    resumed.fill();
    stage.publish("a");
    stage.settle();
    stage.leave(told);
    offered.change(|reading| reading.gone = true);
    resumed.change(|reading| reading.gone = true);
    stage.mailbox.post(Notice::Ready(resumed.key()));
    stage.publish("a");
    stage.settle();
    for reader in [told, offered, resumed] {
        assert_eq!(reader.end(), None, "there is nobody to say good-bye to");
        assert!(!stage.shard.subscribers.contains_key(reader.key()));
    }
    assert_eq!(stays.pieces(), ["1", "2"]);
    assert_eq!((stage.ended("client"), stage.subscribers()), (3, 1));
}

#[test]
fn a_reader_that_left_before_it_joined_is_found_out_at_once() {
    let mut stage = stage();
    stage.publish("a");
    stage.settle();
    let live = stage.join(&["a"]);
    let replay = stage.join_from_earliest(&["a"], usize::MAX);
    for reader in [&live, &replay] {
        reader.change(|reading| reading.gone = true);
    }
    stage.settle();
    assert_eq!((stage.ended("client"), stage.subscribers()), (2, 0));
    assert_eq!(stage.audiences(), 0);
}

#[test]
fn a_notice_about_one_who_has_left_finds_nothing() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.settle();
    stage.leave(&reader);
    stage.settle();
    let next = stage.join(&["a"]);
    stage.mailbox.post(Notice::Ready(reader.key()));
    stage.mailbox.post(Notice::Gone(reader.key()));
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.bytes().len(), 0);
    assert_eq!(next.pieces(), ["1"]);
    assert_eq!((stage.ended("client"), stage.subscribers()), (1, 1));
}

#[test]
fn a_ready_notice_for_one_who_misses_nothing_changes_nothing() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.publish("a");
    stage.settle();
    for _ in 0..3 {
        stage.mailbox.post(Notice::Ready(reader.key()));
    }
    stage.settle();
    assert_eq!(reader.pieces(), ["1"]);
}

#[test]
fn whoever_leaves_takes_interest_and_load_along() {
    let mut stage = stage();
    let interest = stage.hub.interest(&topic("a"));
    let reader = stage.join(&["a"]);
    assert_eq!(stage.mailbox.load(), 1); // On its way.
    stage.settle();
    assert!(interest.is_some());
    assert_eq!((stage.mailbox.load(), stage.audiences()), (1, 1));
    stage.leave(&reader);
    stage.settle();
    assert!(!interest.is_some());
    assert_eq!((stage.mailbox.load(), stage.audiences()), (0, 0));
}

#[test]
fn a_shard_stops_when_it_is_told_to() {
    let mut stage = stage();
    stage.settle();
    assert!(!stage.shard.stopped);
    stage.mailbox.post(Notice::Stop);
    stage.settle();
    assert!(stage.shard.stopped);
}

#[test]
fn the_figures_add_up() {
    let mut stage = stage_with_lag_limit(1, u64::MAX);
    let frame_bytes = draft_frame_bytes();
    stage.publish_times("a", 2);
    stage.settle();
    let replay = stage.join_from_earliest(&["a"], usize::MAX);
    let (live, slow) = (stage.join(&["*"]), stage.join(&["a"]));
    stage.settle();
    assert_eq!(stage.subscribers(), 3);
    slow.fill();
    stage.publish_times("a", 2);
    stage.settle();
    stage.leave(&live);
    stage.settle();
    assert_eq!(replay.sequences().len() + live.sequences().len(), 6);
    assert_eq!(stage.metrics.delivered_total(), 6);
    assert_eq!(stage.figure("fanfare_delivered_bytes_total"), 6 * frame_bytes);
    assert_eq!(stage.figure("fanfare_subscribed_total"), 3);
    assert_eq!((stage.ended("slow"), stage.ended("client")), (1, 1));
    assert_eq!(stage.subscribers(), 1);
    assert_eq!(stage.figure("fanfare_subscribers"), 1);
}

// Heartbeats and ages.

/// Heartbeats after 100 ticks.
fn stage_with_heartbeat() -> Stage {
    let (delivery, log) = no_limits();
    stage_with(DeliverySettings { heartbeat: TICK * 100, ..delivery }, log)
}

#[test]
fn silence_is_broken_by_a_heartbeat() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    stage.settle();
    stage.at(99);
    assert_eq!(reader.bytes().len(), 0);
    stage.at(100);
    assert_eq!(reader.pieces(), ["heartbeat"]);
    stage.at(299);
    assert_eq!(reader.pieces(), ["heartbeat"; 2]);
    assert_eq!(stage.figure("fanfare_heartbeats_total"), 2);
    assert_eq!(stage.metrics.delivered_total(), 0);
}

#[test]
fn a_stream_that_is_not_silent_needs_no_heartbeat() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    for tick in [60, 120, 180] {
        stage.at(tick);
        stage.publish("a");
        stage.settle();
    }
    stage.at(279);
    assert_eq!(reader.pieces(), ["1", "2", "3"]);
    stage.at(280);
    assert_eq!(reader.pieces(), ["1", "2", "3", "heartbeat"]);
}

#[test]
fn a_full_sink_needs_no_heartbeat() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.fill();
    stage.at(150);
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    stage.at(199);
    assert_eq!(reader.bytes().len(), 0);
    stage.at(200);
    assert_eq!(reader.pieces(), ["heartbeat"]);
}

#[test]
fn a_heartbeat_finds_out_who_has_gone() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.change(|reading| reading.gone = true);
    stage.at(100);
    assert_eq!((stage.ended("client"), stage.subscribers()), (1, 0));
}

#[test]
fn first_heartbeats_of_those_who_come_together_are_spread_over_a_quarter() {
    let mut stage = stage_with_heartbeat();
    stage.at(1_000);
    let readers: Vec<_> = (0..100).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    let mut counts = Vec::new();
    for tick in 1_000..=1_100 {
        stage.at(tick);
        counts.push(readers.iter().filter(|reader| reader.pieces() == ["heartbeat"]).count());
    }
    assert_eq!(counts[75], 0);
    assert_eq!(counts[100], 100);
    assert!(counts.windows(2).all(|pair| pair[1] - pair[0] < 50), "{counts:?}");
}

#[test]
fn without_heartbeats_and_ages_there_is_nothing_to_wake_for() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.settle();
    assert_eq!(stage.shard.until_next_deadline(), None);
    stage.at(100_000);
    assert_eq!((reader.bytes().len(), reader.end()), (0, None));
}

#[test]
fn a_shard_sleeps_until_the_next_deadline() {
    let mut stage = stage_with_heartbeat();
    stage.join(&["a"]);
    stage.settle();
    assert_eq!(stage.shard.until_next_deadline(), Some(TICK * 100));
    stage.at(60);
    assert_eq!(stage.shard.until_next_deadline(), Some(TICK * 100));
    stage.at(100);
    assert_eq!(stage.shard.until_next_deadline(), Some(TICK * 200));
}

#[test]
fn a_stream_ends_at_the_maximum_age_plus_or_minus_a_fifth() {
    let (delivery, log) = no_limits();
    // Longer than the ring of deadlines is.
    let age_max = TICK * 2_000;
    let mut stage = stage_with(DeliverySettings { age_max, ..delivery }, log);
    let readers: Vec<_> = (0..50).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    stage.at(1_599);
    assert_eq!(stage.subscribers(), 50);
    stage.at(2_000);
    let left = stage.subscribers();
    assert!((1..50).contains(&left), "{left}");
    stage.at(2_400);
    assert_eq!((stage.ended("max_age"), stage.subscribers()), (50, 0));
    assert!(readers.iter().all(|reader| reader.end() == farewell()));
}

#[test]
fn a_pass_serves_the_deadlines_that_the_time_has_reached() {
    let (delivery, log) = no_limits();
    let age_max = Duration::from_secs(60);
    let mut stage = stage_with(DeliverySettings { age_max, ..delivery }, log);
    let reader = stage.join(&["a"]);
    stage.settle();
    assert_eq!(reader.end(), None);
    stage.shard.began = Instant::now() - Duration::from_secs(60 * 60);
    stage.settle();
    assert_eq!(reader.end(), farewell());
}

#[test]
fn times_to_come_back_are_drawn_from_the_range() {
    let (delivery, log) = no_limits();
    let delivery =
        DeliverySettings { retry_ms: 1_000..=5_000, age_max: Duration::from_secs(1), ..delivery };
    let mut stage = stage_with(delivery, log);
    let readers: Vec<_> = (0..50).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    stage.at(100);
    let mut times: Vec<u32> = readers.iter().map(|reader| told_retry(reader).unwrap()).collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 10, "{times:?}");
    assert!(times.iter().all(|time| (1_000..=5_000).contains(time)), "{times:?}");
}

fn told_retry(reader: &Reader) -> Option<u32> {
    let Some(End::Finished(farewell)) = reader.end() else { return None };
    let text = std::str::from_utf8(&farewell).unwrap();
    text.strip_prefix("retry: ")?.strip_suffix("\n\n")?.parse().ok()
}

// Draining.

#[test]
fn a_drain_closes_all_streams_evenly_spread_over_its_window() {
    let mut stage = stage();
    let readers: Vec<_> = (0..10).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    stage.at(500);
    stage.mailbox.post(Notice::Drain { window: TICK * 100 });
    stage.settle();
    let mut left = Vec::new();
    for tick in (501..).step_by(5).take(21) {
        stage.at(tick);
        left.push(stage.subscribers());
    }
    // One every ten ticks, and the first at once.
    let expected = [9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0, 0];
    assert_eq!(left, expected);
    assert!(readers.iter().all(|reader| reader.end() == farewell()));
    assert_eq!(stage.ended("drain"), 10);
}

#[test]
fn a_drain_without_a_window_closes_all_at_the_next_tick() {
    let mut stage = stage();
    let readers = [(); 3].map(|()| stage.join(&["a"]));
    stage.settle();
    stage.mailbox.post(Notice::Drain { window: Duration::ZERO });
    stage.settle();
    assert_eq!(stage.subscribers(), 3);
    stage.at(1);
    assert!(readers.iter().all(|reader| reader.end() == farewell()));
}

#[test]
fn a_stream_is_served_until_its_moment_in_the_drain_comes() {
    let mut stage = stage_with_heartbeat();
    let readers = [(); 2].map(|()| stage.join(&["a"]));
    stage.settle();
    stage.mailbox.post(Notice::Drain { window: TICK * 400 });
    stage.settle();
    stage.at(50);
    stage.publish("a");
    stage.settle();
    stage.at(199);
    let open: Vec<_> = readers.iter().filter(|reader| reader.end().is_none()).collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].pieces(), ["1", "heartbeat"]);
    stage.at(200);
    assert_eq!(open[0].end(), farewell());
}

#[test]
fn whoever_joins_while_the_shard_drains_is_closed_at_once() {
    let mut stage = stage();
    stage.publish("a");
    stage.mailbox.post(Notice::Drain { window: TICK * 100 });
    stage.settle();
    let interest = stage.hub.interest(&topic("a"));
    for reader in [stage.join(&["a"]), stage.join_from_earliest(&["a"], usize::MAX)] {
        stage.settle();
        assert_eq!((reader.bytes().len(), reader.end()), (0, farewell()));
    }
    assert!(!interest.is_some());
    assert_eq!((stage.mailbox.load(), stage.audiences()), (0, 0));
    assert_eq!((stage.figure("fanfare_subscribed_total"), stage.ended("drain")), (2, 2));
}

// Whatever happens in whatever order.

const SELECTORS: [&[&str]; 5] = [&["a"], &["b"], &["a", "b"], &["{x}"], &["*"]];

impl Stage {
    /// Each member knows its place in its audience, and each audience has a member.
    fn assert_members_know_their_places(&mut self) {
        let mut members = 0;
        for audience in self.shard.audiences.values_mut() {
            assert!(!audience.members.is_empty(), "an audience without members is forgotten");
            for (index, &member) in audience.members.iter().enumerate() {
                assert_eq!(self.shard.subscribers[member].member_index, index);
            }
            members += audience.members.len();
        }
        assert_eq!(members, self.shard.subscribers.len());
        assert_eq!(members as u64, self.subscribers());
        assert_eq!(members, self.mailbox.load());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish { topics: Vec<&'static str>, private: bool },
    Subscribe { selectors: usize, granted: bool, after: Option<Index> },
    Join { which: Index, room: usize },
    Pass,
    Fill(Index),
    MakeRoom(Index, usize),
    Leave(Index),
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = prop_oneof![Just(vec!["a"]), Just(vec!["b"]), Just(vec!["b", "a"])];
    let room = || prop_oneof![Just(0), Just(1), Just(2), Just(usize::MAX)];
    let subscribe = (0..SELECTORS.len(), any::<bool>(), option::of(any::<Index>()))
        .prop_map(|(selectors, granted, after)| Step::Subscribe { selectors, granted, after });
    prop_oneof![
        5 => (topics, any::<bool>())
            .prop_map(|(topics, private)| Step::Publish { topics, private }),
        3 => subscribe,
        3 => (any::<Index>(), room()).prop_map(|(which, room)| Step::Join { which, room }),
        6 => Just(Step::Pass),
        2 => any::<Index>().prop_map(Step::Fill),
        2 => (any::<Index>(), room()).prop_map(|(which, room)| Step::MakeRoom(which, room)),
        1 => any::<Index>().prop_map(Step::Leave),
    ]
}

/// What a subscriber is to get in the end.
#[derive(Clone, Debug)]
struct Terms {
    cursor: u64,
    selectors: &'static [&'static str],
    granted: bool,
}

/// Takes the steps, and remembers what was published and who is there.
struct Play {
    stage: Stage,
    published: Vec<(Vec<&'static str>, bool)>,
    on_their_way: Vec<(Subscription, Terms)>,
    joined: Vec<(Reader, Terms)>,
}

impl Play {
    fn take(&mut self, step: Step) {
        match step {
            Step::Publish { topics, private } => {
                self.stage.publish_draft(draft(&topics, private));
                self.published.push((topics, private));
            }
            Step::Subscribe { selectors, granted, after } => {
                self.subscribe(SELECTORS[selectors], granted, after);
            }
            Step::Join { which, room } => self.join(which, room),
            Step::Pass => self.pass(),
            Step::Fill(which) => {
                if let Some(at) = chosen(which, &self.joined) {
                    self.joined[at].0.fill();
                }
            }
            Step::MakeRoom(which, room) => {
                if let Some(at) = chosen(which, &self.joined) {
                    self.make_room(at, room);
                }
            }
            Step::Leave(which) => {
                if let Some(at) = chosen(which, &self.joined) {
                    self.leave(at);
                }
            }
        }
    }

    fn subscribe(
        &mut self,
        selectors: &'static [&'static str],
        granted: bool,
        after: Option<Index>,
    ) {
        let grants = if granted { Grants::all() } else { Grants::subscribe_to(topic("none")) };
        let request = SubscribeRequest { selectors: set(selectors), grants, resume: None };
        let mut subscription = self.stage.hub.subscribe(request);
        if let Some(after) = after {
            subscription.cursor = Sequence(after.index(self.published.len() + 1) as u64);
        }
        let cursor = subscription.cursor.0;
        self.on_their_way.push((subscription, Terms { cursor, selectors, granted }));
    }

    fn join(&mut self, which: Index, room: usize) {
        let Some(at) = chosen(which, &self.on_their_way) else { return };
        let (subscription, terms) = self.on_their_way.swap_remove(at);
        let reader = Reader::with_room(room);
        self.stage.post(subscription, &reader);
        self.joined.push((reader, terms));
    }

    fn pass(&mut self) {
        self.stage.shard.pass();
        self.stage.assert_members_know_their_places();
    }

    fn leave(&mut self, at: usize) {
        self.pass(); // Whoever was on the way has its key now.
        let (reader, terms) = self.joined.swap_remove(at);
        assert!(self.expected(&terms).starts_with(&reader.sequences()));
        self.stage.leave(&reader);
        self.pass();
    }

    fn make_room(&mut self, at: usize, room: usize) {
        let reader = &self.joined[at].0;
        if room > 0 {
            self.stage.make_room(reader, room);
        }
    }

    fn expected(&self, terms: &Terms) -> Vec<u64> {
        let selectors = set(terms.selectors);
        let events = (1..).zip(&self.published).filter(|(sequence, (topics, private))| {
            *sequence > terms.cursor
                && selectors.matches_any(topics.iter().copied())
                && (terms.granted || !private)
        });
        events.map(|(sequence, _)| sequence).collect()
    }
}

fn chosen<T>(which: Index, list: &[T]) -> Option<usize> {
    (!list.is_empty()).then(|| which.index(list.len()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn everybody_gets_everything_once_and_in_order(steps in vec(any_step(), 1..60)) {
        let (stage, nobody) = (stage(), Vec::new());
        let mut play =
            Play { stage, published: Vec::new(), on_their_way: Vec::new(), joined: nobody };
        for step in steps {
            play.take(step);
        }
        play.pass();
        for at in 0..play.joined.len() {
            play.make_room(at, usize::MAX);
        }
        play.stage.settle();
        let mut delivered = 0;
        for (reader, terms) in &play.joined {
            prop_assert_eq!(reader.sequences(), play.expected(terms));
            prop_assert_eq!(reader.end(), None);
            delivered += reader.sequences().len() as u64;
        }
        prop_assert!(play.stage.metrics.delivered_total() >= delivered);
    }
}

#[test]
fn who_joins_in_the_middle_of_a_pass_is_not_measured_by_what_came_before() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let first = stage.join(&["a"]);
    stage.settle();
    stage.publish_times("a", 5);
    let reader = stage.join(&["a"]); // cursor 5
    stage.publish("a");
    stage.settle();
    assert_eq!(first.end(), None);
    assert_eq!((reader.end(), reader.sequences()), (None, vec![6]));
}

#[test]
fn lag_is_what_is_still_to_be_served_and_not_what_was() {
    let mut stage = stage_with_lag_limit(3_000, u64::MAX);
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.fill();
    stage.publish_times("a", 1_500);
    stage.settle();
    for round in 0..5 {
        stage.publish_times("a", 1_024);
        stage.settle();
        assert_eq!(reader.end(), None, "round {round}, served {}", reader.sequences().len());
        stage.make_room(&reader, 1);
        stage.settle();
    }
}

#[test]
fn a_log_that_expires_to_nothing_while_a_shard_is_behind_ends_the_streams_that_lost() {
    let (delivery, log) = no_limits();
    let age_max = Duration::from_secs(1);
    let mut stage = stage_with(delivery, MemoryLogSettings { age_max, ..log });
    stage.publish_times("a", 10);
    stage.settle();
    stage.publish_times("a", 2);
    let reader = stage.join(&["a"]); // cursor 12
    stage.publish_times("a", 3); // 13..15 are for it
    stage.now_ms.store(10_000, Ordering::Relaxed);
    stage.log.expire();
    stage.settle();
    stage.publish("a");
    stage.settle();
    assert_eq!((reader.pieces(), reader.end()), (vec![], farewell()));
}

#[test]
fn a_stream_ends_with_its_topic_even_if_something_follows_in_the_same_pass() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.publish_draft(draft(&["a"], false).ending_topic());
    stage.publish("a");
    stage.settle();
    assert!(reader.end().is_some());
}

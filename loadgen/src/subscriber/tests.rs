//! One subscriber with a clock of the test's own: every figure that follows from an event is exact.

use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::plan::Settings;

/// A subscriber that is connected, its books, and the moment at which publishing began.
struct Desk {
    subscriber: Subscriber,
    ledger: Ledger,
    start: Moment,
}

impl Desk {
    fn new(flags: impl FnOnce(&mut Settings)) -> Self {
        let url = "http://127.0.0.1:1/events/load".to_owned();
        let mut settings =
            Settings { subscribe: vec![url.clone()], publish: Some(url), ..Settings::default() };
        settings.warmup = Some("0".parse().expect("a time"));
        flags(&mut settings);
        let mut plan = settings.plan().expect("a plan");
        plan.run = 7;
        let mut ledger = Ledger::new(&plan);
        let start = Moment(1_000_000_000);
        let mut subscriber = Subscriber::new(0, &plan);
        subscriber.opened(Moment(100), false, Moment(200), &mut ledger);
        ledger.facts.start = start;
        ledger.facts.measure_from = start + plan.timing.warmup;
        Self { subscriber, ledger, start }
    }

    fn at(&self, ms: u64) -> Moment {
        self.start + Duration::from_millis(ms)
    }

    /// The frame of an event that was due and sent at these milliseconds.
    fn frame(&self, topic: u32, sequence: u64, due: u64, sent: u64) -> Vec<u8> {
        self.frame_of(7, topic, sequence, due, sent)
    }

    fn frame_of(&self, run: u32, topic: u32, sequence: u64, due: u64, sent: u64) -> Vec<u8> {
        let stamp = Stamp {
            run,
            clock: Clock::Monotonic.id(),
            lane: 0,
            topic,
            sequence,
            due: self.at(due),
            sent: self.at(sent),
        };
        let mut data = Vec::new();
        payload::write(&stamp, 100, &mut data);
        [format!("id: {sequence}\ndata: ").as_bytes(), &data, b"\n\n"].concat()
    }

    fn read(&mut self, bytes: &[u8], ms: u64) {
        let reading = Reading { now: self.at(ms), known_since: Some(self.at(ms)) };
        self.subscriber.count(bytes.len(), reading.now, &mut self.ledger);
        self.subscriber.read(bytes, reading, &mut self.ledger).expect("short lines");
    }

    fn event(&mut self, sequence: u64, due: u64, sent: u64, read: u64) {
        let frame = self.frame(0, sequence, due, sent);
        self.read(&frame, read);
    }

    /// The end, after so many events.
    fn settle(&mut self, published: u64) {
        let mut all = Published::new(1, 1);
        all.add_lane(0, &[published], &[]);
        self.subscriber.settle(Some(&all), false, &mut self.ledger);
    }
}

fn near(found: u64, ms: f64) -> bool {
    (found as f64 / 1e6 - ms).abs() <= ms * 0.002
}

#[test]
fn latency_counts_from_when_an_event_was_due_and_from_when_it_was_sent() {
    let mut desk = Desk::new(|_| ());
    desk.event(0, 0, 0, 5);
    // The publisher was kept waiting for 300 ms; the delivery itself took 5.
    desk.event(1, 100, 400, 405);
    assert!(near(desk.ledger.intended.quantile(1.0), 305.0));
    assert!(near(desk.ledger.actual.quantile(1.0), 5.0));
    desk.settle(2);
    assert_eq!(desk.ledger.counts.unique, 2);
    // Its own mean, for fairness over subscribers.
    assert!(near(desk.ledger.fairness.quantile(1.0), 155.0));
}

#[test]
fn warm_up_is_verified_and_not_measured() {
    let mut desk = Desk::new(|settings| settings.warmup = Some("1s".parse().expect("a time")));
    desk.event(0, 0, 0, 900);
    desk.event(1, 1000, 1000, 1005);
    assert_eq!((desk.ledger.counts.received, desk.ledger.intended.count()), (2, 1));
}

#[test]
fn a_negative_latency_is_counted_and_not_clamped() {
    let mut desk = Desk::new(|_| ());
    desk.event(0, 10, 10, 7);
    assert_eq!((desk.ledger.counts.negative, desk.ledger.intended.count()), (1, 0));
    assert_eq!(desk.ledger.most_negative, 3_000_000);
}

#[test]
fn a_stamp_of_another_clock_gives_no_latency() {
    let mut desk = Desk::new(|_| ());
    desk.ledger.facts.clock_id = crate::clock::ClockId(42);
    desk.event(0, 0, 0, 5);
    assert_eq!((desk.ledger.counts.received, desk.ledger.counts.other_clock), (1, 1));
    assert_eq!(desk.ledger.intended.count(), 0);
}

#[test]
fn the_time_of_day_gives_a_latency_only_with_a_stated_error() {
    for (error, known) in [(None, 0), (Some("2ms"), 1)] {
        let mut desk = Desk::new(|settings| {
            settings.clock = Some(Clock::Wall);
            settings.clock_error = error.map(|error: &str| error.parse().expect("a time"));
        });
        desk.ledger.facts.clock_id = Clock::Monotonic.id();
        desk.event(0, 0, 0, 5);
        assert_eq!(desk.ledger.intended.count(), known, "{error:?}");
    }
}

#[test]
fn each_kind_of_wrong_event_is_counted_as_itself() {
    let mut desk = Desk::new(|_| ());
    let other = desk.frame(9, 0, 0, 0);
    let mut damaged = desk.frame(0, 0, 0, 0);
    let middle = damaged.len() - 10;
    damaged[middle] ^= 1;
    for bytes in [other, damaged, b"data: {\"hello\":1}\n\n".to_vec()] {
        desk.read(&bytes, 5);
    }
    desk.event(1, 0, 0, 5);
    desk.event(1, 0, 0, 5);
    let counts = desk.ledger.counts;
    assert_eq!(
        (counts.wrong_topic, counts.corrupted, counts.foreign, counts.duplicates),
        (1, 1, 1, 1)
    );
    // The damaged one has arrived, though nobody knows which it was: nothing is missing.
    desk.settle(2);
    assert_eq!(desk.ledger.counts.silent, 0);
    let kinds: Vec<_> = desk.ledger.findings.iter().map(|finding| finding.kind.as_str()).collect();
    assert_eq!(kinds, ["wrong topic", "corrupted", "duplicate"]);
}

#[test]
fn an_announced_loss_is_no_gap_and_a_silent_one_is_named() {
    let mut desk = Desk::new(|_| ());
    desk.event(0, 0, 0, 1);
    desk.read(b"event: fanfare-gap\ndata: {\"missed\":3,\"after\":\"a\",\"before\":\"b\"}\n\n", 2);
    desk.event(4, 0, 0, 3);
    desk.settle(7);
    let counts = desk.ledger.counts;
    assert_eq!((counts.announced, counts.silent, counts.lost), (3, 2, 5));
    assert!(
        desk.ledger.findings[0].what.starts_with("2 events never came"),
        "{:?}",
        desk.ledger.findings
    );
}

#[test]
fn other_servers_may_name_their_own_announcements() {
    let mut desk = Desk::new(|settings| settings.loss_event = vec!["skipped".to_owned()]);
    desk.event(0, 0, 0, 1);
    desk.read(b"event: skipped\ndata: whatever\n\n", 2);
    desk.event(4, 0, 0, 3);
    desk.settle(5);
    assert_eq!((desk.ledger.counts.announced, desk.ledger.counts.silent), (3, 0));
}

/// Where nobody publishes here: what comes is of runs 1 and 2 and of two topics, all at once.
#[test]
fn writers_and_topics_that_share_a_stream_are_told_apart() {
    let alone = |settings: &mut Settings| settings.publish = None;
    let mut desk = Desk::new(alone);
    for (run, topic, sequence) in
        [(1, 0, 5), (2, 0, 0), (1, 1, 0), (1, 0, 6), (2, 0, 1), (1, 1, 1), (2, 0, 2)]
    {
        let frame = desk.frame_of(run, topic, sequence, 0, 0);
        desk.read(&frame, 5);
    }
    let faults = |desk: &Desk| {
        let counts = &desk.ledger.counts;
        (counts.duplicates, counts.reordered, counts.silent)
    };
    assert_eq!((desk.ledger.counts.received, faults(&desk)), (7, (0, 0, 0)));
    // Real mistakes are still found, each in its own sequence.
    for (run, topic, sequence) in [(1, 0, 8), (1, 1, 1)] {
        let frame = desk.frame_of(run, topic, sequence, 0, 0);
        desk.read(&frame, 6);
    }
    desk.subscriber.settle(None, false, &mut desk.ledger);
    assert_eq!(faults(&desk), (1, 0, 1));
    let gap = desk.ledger.findings.iter().find(|finding| finding.kind == "gap").expect("named");
    assert!(gap.what.ends_with("7 to 7 of publisher 0 of run 00000001, topic 0"), "{}", gap.what);
}

#[test]
fn more_sequences_than_are_told_apart_are_taken_as_they_come() {
    let mut desk = Desk::new(|settings| settings.publish = None);
    for run in 0..3000 {
        let frame = desk.frame_of(run, 0, 0, 0, 0);
        desk.read(&frame, 5);
        desk.read(&frame, 6);
    }
    let counts = desk.ledger.counts;
    assert_eq!((counts.received, counts.duplicates), (6000, 1024));
}

#[test]
fn a_stream_that_comes_back_goes_on_after_its_last_event() {
    let mut desk = Desk::new(|_| ());
    desk.event(0, 0, 0, 1);
    // Cut within an event: its id does not count.
    let frame = desk.frame(0, 1, 0, 0);
    desk.read(&frame[..frame.len() - 1], 2);
    let at = desk.at(2);
    desk.subscriber.closed(at, &mut desk.ledger);
    assert_eq!(desk.subscriber.last_id(), b"0");
    let (began, now) = (desk.at(50), desk.at(60));
    desk.subscriber.opened(began, true, now, &mut desk.ledger);
    desk.read(&frame, 61);
    desk.settle(2);
    let counts = desk.ledger.counts;
    assert_eq!((counts.unique, counts.lost, counts.reconnects, counts.resumed), (2, 0, 1, 1));
    assert!(near(desk.ledger.phases.outage.quantile(1.0), 59.0));
    assert!(near(desk.ledger.phases.reconnect.quantile(1.0), 10.0));
}

#[test]
fn a_slow_reader_is_not_in_the_figures_of_the_fast() {
    let mut desk = Desk::new(|settings| settings.slow_share = Some(1.0));
    desk.event(0, 0, 0, 900);
    desk.event(2, 0, 0, 901);
    desk.settle(10);
    assert_eq!((desk.ledger.counts.received, desk.ledger.intended.count()), (0, 0));
    // Nor are its bytes among those by which events are estimated.
    let counts = desk.ledger.counts;
    assert!(counts.parsed_bytes == 0 && counts.hindered_bytes > 200, "{counts:?}");
    let slow = desk.ledger.class(Class::Slow);
    // What it has not read yet is its handicap; what was left out before what it read is a loss.
    assert_eq!((slow.received, slow.expected, slow.gaps), (2, 10, 1));
    assert_eq!(desk.ledger.counts.silent, 1);
}

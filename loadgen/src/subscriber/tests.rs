//! One subscriber with a clock of the test's own: every figure that follows from an event is exact.

use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::payload::{self, Stamp};
use crate::plan::Settings;

/// A subscriber that is connected, its recorder, and the moment at which publishing began.
struct Bench {
    subscriber: Subscriber,
    recorder: Recorder,
    start: Moment,
}

impl Bench {
    fn new(flags: impl FnOnce(&mut Settings)) -> Self {
        let url = "http://127.0.0.1:1/events/load".to_owned();
        let mut settings =
            Settings { subscribe: vec![url.clone()], publish: vec![url], ..Settings::default() };
        settings.warmup = Some("0".parse().expect("a time"));
        flags(&mut settings);
        let mut plan = settings.plan().expect("a plan");
        plan.run = 7;
        let mut recorder = Recorder::new(&plan);
        let start = Moment(1_000_000_000);
        let mut subscriber = Subscriber::new(0, &plan);
        subscriber.opened(Moment(100), false, Moment(200), &mut recorder);
        recorder.facts.start = start;
        recorder.facts.measure_from = start + plan.timing.warmup;
        Self { subscriber, recorder, start }
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
            publisher: 0,
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
        let read_time = ReadTime { now: self.at(ms), known_since: Some(self.at(ms)) };
        self.subscriber.count(bytes.len(), read_time.now, &mut self.recorder);
        self.subscriber.read(bytes, read_time, &mut self.recorder).expect("short lines");
    }

    fn event(&mut self, sequence: u64, due: u64, sent: u64, read: u64) {
        let frame = self.frame(0, sequence, due, sent);
        self.read(&frame, read);
    }

    /// The end, after so many events.
    fn finish(&mut self, published: u64) {
        let mut all = Published::new(1, 1);
        all.add_publisher(0, &[published], &[]);
        self.subscriber.finish(Some(&all), false, &mut self.recorder);
    }
}

fn near(found: u64, ms: f64) -> bool {
    (found as f64 / 1e6 - ms).abs() <= ms * 0.002
}

#[test]
fn latency_counts_from_when_an_event_was_due_and_from_when_it_was_sent() {
    let mut bench = Bench::new(|_| ());
    bench.event(0, 0, 0, 5);
    // The publisher was kept waiting for 300 ms; the delivery itself took 5.
    bench.event(1, 100, 400, 405);
    assert!(near(bench.recorder.intended.quantile(1.0), 305.0));
    assert!(near(bench.recorder.actual.quantile(1.0), 5.0));
    bench.finish(2);
    assert_eq!(bench.recorder.counts.unique, 2);
    // Its own mean, for fairness over subscribers.
    assert!(near(bench.recorder.fairness.quantile(1.0), 155.0));
}

#[test]
fn warm_up_is_verified_and_not_measured() {
    let mut bench = Bench::new(|settings| settings.warmup = Some("1s".parse().expect("a time")));
    bench.event(0, 0, 0, 900);
    bench.event(1, 1000, 1000, 1005);
    assert_eq!((bench.recorder.counts.received, bench.recorder.intended.count()), (2, 1));
}

#[test]
fn a_negative_latency_is_counted_and_not_clamped() {
    let mut bench = Bench::new(|_| ());
    bench.event(0, 10, 10, 7);
    assert_eq!((bench.recorder.counts.negative, bench.recorder.intended.count()), (1, 0));
    assert_eq!(bench.recorder.most_negative, 3_000_000);
}

#[test]
fn a_stamp_of_another_clock_gives_no_latency() {
    let mut bench = Bench::new(|_| ());
    bench.recorder.facts.clock_id = crate::clock::ClockId(42);
    bench.event(0, 0, 0, 5);
    assert_eq!((bench.recorder.counts.received, bench.recorder.counts.other_clock), (1, 1));
    assert_eq!(bench.recorder.intended.count(), 0);
}

#[test]
fn the_time_of_day_gives_a_latency_only_with_a_stated_error() {
    for (error, known) in [(None, 0), (Some("2ms"), 1)] {
        let mut bench = Bench::new(|settings| {
            settings.clock = Some(Clock::Wall);
            settings.clock_error = error.map(|error: &str| error.parse().expect("a time"));
        });
        bench.recorder.facts.clock_id = Clock::Monotonic.id();
        bench.event(0, 0, 0, 5);
        assert_eq!(bench.recorder.intended.count(), known, "{error:?}");
    }
}

#[test]
fn each_kind_of_wrong_event_is_counted_as_itself() {
    let mut bench = Bench::new(|_| ());
    let other = bench.frame(9, 0, 0, 0);
    let mut damaged = bench.frame(0, 0, 0, 0);
    let middle = damaged.len() - 10;
    damaged[middle] ^= 1;
    for bytes in [other, damaged, b"data: {\"hello\":1}\n\n".to_vec()] {
        bench.read(&bytes, 5);
    }
    bench.event(1, 0, 0, 5);
    bench.event(1, 0, 0, 5);
    let counts = bench.recorder.counts;
    assert_eq!(
        (counts.wrong_topic, counts.corrupted, counts.foreign, counts.duplicates),
        (1, 1, 1, 1)
    );
    // The damaged one has arrived, though it is not known which it was: nothing is missing.
    bench.finish(2);
    assert_eq!(bench.recorder.counts.silent, 0);
    let kinds: Vec<_> =
        bench.recorder.findings.iter().map(|finding| finding.kind.as_str()).collect();
    assert_eq!(kinds, ["wrong topic", "corrupted", "duplicate"]);
}

#[test]
fn who_came_late_and_was_never_accepted_is_no_fault() {
    let mut bench = Bench::new(|_| ());
    for sequence in [0, 3, 1, 4, 2] {
        bench.event(sequence, 0, 0, 5);
    }
    let mut all = Published::new(1, 1);
    // One was answered with an error and came after those that its publisher sent then.
    all.add_publisher(0, &[5], &[(0, 2)]);
    bench.subscriber.finish(Some(&all), false, &mut bench.recorder);
    let counts = bench.recorder.counts;
    assert_eq!((counts.reordered, counts.overtaken, counts.silent), (1, 1, 0));
    let found = &bench.recorder.findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].what, "event 1 of publisher 0 came after a later one");
}

#[test]
fn the_longest_silence_is_between_two_events_with_or_without_a_stream() {
    let mut bench = Bench::new(|_| ());
    let silence = |bench: &Bench| bench.recorder.longest_silence / 1_000_000;
    // The first is counted from the start of publishing.
    bench.event(0, 0, 0, 30);
    bench.event(1, 0, 0, 50);
    assert_eq!(silence(&bench), 30);
    let (left, began, opened) = (bench.at(60), bench.at(80), bench.at(90));
    bench.subscriber.closed(left, &mut bench.recorder);
    bench.subscriber.opened(began, true, opened, &mut bench.recorder);
    // Neither a new stream nor a comment on it is news.
    bench.read(b":\n\n", 95);
    bench.event(2, 0, 0, 150);
    bench.event(3, 0, 0, 160);
    assert_eq!(silence(&bench), 100);
}

#[test]
fn an_announced_loss_is_no_gap_and_a_silent_one_is_named() {
    let mut bench = Bench::new(|_| ());
    bench.event(0, 0, 0, 1);
    bench.read(b"event: fanfare-gap\ndata: {\"missed\":3,\"after\":\"a\",\"before\":\"b\"}\n\n", 2);
    bench.event(4, 0, 0, 3);
    bench.finish(7);
    let counts = bench.recorder.counts;
    assert_eq!((counts.announced, counts.silent, counts.lost), (3, 2, 5));
    assert!(
        bench.recorder.findings[0].what.starts_with("2 events never came"),
        "{:?}",
        bench.recorder.findings
    );
}

#[test]
fn other_servers_may_name_their_own_announcements() {
    let mut bench = Bench::new(|settings| settings.loss_event = vec!["skipped".to_owned()]);
    bench.event(0, 0, 0, 1);
    bench.read(b"event: skipped\ndata: whatever\n\n", 2);
    bench.event(4, 0, 0, 3);
    bench.finish(5);
    assert_eq!((bench.recorder.counts.announced, bench.recorder.counts.silent), (3, 0));
}

/// Without publishers of its own: what comes is of runs 1 and 2 and of two topics, all at once.
#[test]
fn writers_and_topics_that_share_a_stream_are_told_apart() {
    let alone = |settings: &mut Settings| settings.publish.clear();
    let mut bench = Bench::new(alone);
    for (run, topic, sequence) in
        [(1, 0, 5), (2, 0, 0), (1, 1, 0), (1, 0, 6), (2, 0, 1), (1, 1, 1), (2, 0, 2)]
    {
        let frame = bench.frame_of(run, topic, sequence, 0, 0);
        bench.read(&frame, 5);
    }
    let faults = |bench: &Bench| {
        let counts = &bench.recorder.counts;
        (counts.duplicates, counts.reordered, counts.silent)
    };
    assert_eq!((bench.recorder.counts.received, faults(&bench)), (7, (0, 0, 0)));
    // Real mistakes are still found, each in its own sequence.
    for (run, topic, sequence) in [(1, 0, 8), (1, 1, 1)] {
        let frame = bench.frame_of(run, topic, sequence, 0, 0);
        bench.read(&frame, 6);
    }
    bench.subscriber.finish(None, false, &mut bench.recorder);
    assert_eq!(faults(&bench), (1, 0, 1));
    let gap = bench.recorder.findings.iter().find(|finding| finding.kind == "gap").expect("named");
    assert!(gap.what.ends_with("7 to 7 of publisher 0 of run 00000001, topic 0"), "{}", gap.what);
}

#[test]
fn more_sequences_than_are_told_apart_are_taken_as_they_come() {
    let mut bench = Bench::new(|settings| settings.publish.clear());
    for run in 0..3000 {
        let frame = bench.frame_of(run, 0, 0, 0, 0);
        bench.read(&frame, 5);
        bench.read(&frame, 6);
    }
    let counts = bench.recorder.counts;
    assert_eq!((counts.received, counts.duplicates), (6000, 1024));
}

#[test]
fn a_stream_that_comes_back_goes_on_after_its_last_event() {
    let mut bench = Bench::new(|_| ());
    bench.event(0, 0, 0, 1);
    // Cut within an event: its id does not count.
    let frame = bench.frame(0, 1, 0, 0);
    bench.read(&frame[..frame.len() - 1], 2);
    let at = bench.at(2);
    bench.subscriber.closed(at, &mut bench.recorder);
    assert_eq!(bench.subscriber.last_id(), b"0");
    let (began, now) = (bench.at(50), bench.at(60));
    bench.subscriber.opened(began, true, now, &mut bench.recorder);
    bench.read(&frame, 61);
    bench.finish(2);
    let counts = bench.recorder.counts;
    assert_eq!((counts.unique, counts.lost, counts.reconnects, counts.resumed), (2, 0, 1, 1));
    assert!(near(bench.recorder.phases.outage.quantile(1.0), 59.0));
    assert!(near(bench.recorder.phases.reconnect.quantile(1.0), 10.0));
}

/// The first event came, the stream ended at 10 ms, and the next one was there at 60 ms.
fn reconnected(flags: impl FnOnce(&mut Settings), resumes: bool) -> Bench {
    let mut bench = Bench::new(flags);
    bench.event(0, 0, 0, 1);
    let (left, began, opened) = (bench.at(10), bench.at(50), bench.at(60));
    bench.subscriber.closed(left, &mut bench.recorder);
    bench.subscriber.opened(began, resumes, opened, &mut bench.recorder);
    bench
}

/// How many caught up, how long the longest took, and until when the recovery lasted.
fn caught_up(bench: &Bench) -> (u64, u64, Option<Duration>) {
    let catch_up = &bench.recorder.phases.catch_up;
    let longest = (catch_up.quantile(1.0) as f64 / 1e6).round() as u64;
    (catch_up.count(), longest, bench.recorder.recovery.time())
}

#[test]
fn who_comes_back_has_caught_up_with_the_last_event_that_was_sent_before() {
    let ms = Duration::from_millis;
    // Of each event: when it was sent, and when it came.
    let cases: [(&[(u64, u64)], _); 5] = [
        // Two were missed, and what is sent later is no part of it.
        (&[(20, 61), (59, 70), (60, 90), (61, 200)], (1, 20, Some(ms(20)))),
        // Nobody publishes any more.
        (&[(20, 61), (59, 75)], (1, 25, Some(ms(25)))),
        // Nothing was missed: it has caught up as soon as it is there.
        (&[(70, 71)], (1, 10, Some(ms(10)))),
        (&[], (1, 10, Some(ms(10)))),
        // One that is missing does not come later.
        (&[(20, 61), (300, 301)], (1, 11, Some(ms(11)))),
    ];
    for (events, expected) in cases {
        let mut bench = reconnected(|_| (), true);
        for (sequence, &(sent, read)) in (1..).zip(events) {
            bench.event(sequence, sent, sent, read);
        }
        bench.finish(1 + events.len() as u64);
        assert_eq!(caught_up(&bench), expected, "{events:?}");
    }
}

#[test]
fn who_is_cut_off_again_catches_up_on_the_next_stream() {
    let mut bench = reconnected(|_| (), true);
    bench.event(1, 20, 20, 61);
    let (left, began, opened) = (bench.at(62), bench.at(80), bench.at(90));
    bench.subscriber.closed(left, &mut bench.recorder);
    bench.subscriber.opened(began, true, opened, &mut bench.recorder);
    bench.event(2, 30, 30, 95);
    bench.finish(3);
    assert_eq!(caught_up(&bench), (1, 15, Some(Duration::from_millis(15))));
}

#[test]
fn only_who_resumes_and_is_parsed_and_fast_catches_up() {
    let slow = |settings: &mut Settings| settings.slow_share = Some(1.0);
    let no_clock = |settings: &mut Settings| settings.clock = Some(Clock::Wall);
    let benches =
        [reconnected(|_| (), false), reconnected(slow, true), reconnected(no_clock, true)];
    for mut bench in benches {
        bench.event(1, 20, 20, 61);
        bench.finish(2);
        assert_eq!(caught_up(&bench).0, 0);
    }
}

#[test]
fn a_slow_reader_is_not_in_the_counts_of_the_fast() {
    let mut bench = Bench::new(|settings| settings.slow_share = Some(1.0));
    bench.event(0, 0, 0, 900);
    bench.event(2, 0, 0, 901);
    bench.finish(10);
    assert_eq!((bench.recorder.counts.received, bench.recorder.intended.count()), (0, 0));
    // Nor are its bytes among those by which events are estimated.
    let counts = bench.recorder.counts;
    assert!(counts.parsed_bytes == 0 && counts.hindered_bytes > 200, "{counts:?}");
    let slow = bench.recorder.class(Class::Slow);
    // What it has not read yet is no loss; what was left out before what it read is a loss.
    assert_eq!((slow.received, slow.expected, slow.gaps), (2, 10, 1));
    assert_eq!(bench.recorder.counts.silent, 1);
}

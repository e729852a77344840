//! Replicas beside a model that counts everything anew from the list of all messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::super::super::record::put_content;
use super::super::super::{EventFilter, PageLimit, Position, ReadOutcome, ReadRange};
use super::super::entry::RawMessage;
use super::super::retention::MESSAGE_OVERHEAD;
use super::*;
use crate::event::Event;
use crate::event::{Draft, DraftFields, EventLimits};

const EPOCHS: [Epoch; 3] =
    [Epoch::begun_at(1_000_000, 1), Epoch::begun_at(2_000_000, 2), Epoch::begun_at(3_000_000, 3)];

/// A message of a plan.
#[derive(Clone, Debug)]
struct Planned {
    sequence: u64,
    ms: u64,
    kind: PlannedKind,
    body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum PlannedKind {
    Event { id: Option<String>, data: String, idempotent: bool, about: About },
    Epoch(Epoch),
    Garbage,
}

/// Its topics, and whether it ends them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct About {
    topics: &'static [&'static str],
    ends: bool,
}

const T: About = About { topics: &["t"], ends: false };

impl Planned {
    fn new(sequence: u64, ms: u64, kind: PlannedKind) -> Self {
        let body = match &kind {
            PlannedKind::Event { id, data, idempotent, about } => {
                body(id.as_deref(), data, *idempotent, *about)
            }
            PlannedKind::Epoch(_) => Vec::new(),
            PlannedKind::Garbage => b"\x01garbage".to_vec(),
        };
        Self { sequence, ms, kind, body }
    }

    fn entry(&self) -> StreamEntry {
        let epoch = match self.kind {
            PlannedKind::Epoch(epoch) => Some(epoch),
            _ => None,
        };
        StreamEntry::read(RawMessage {
            sequence: Sequence(self.sequence),
            stored_ms: self.ms,
            attempt: Some(Attempt(u128::from(self.sequence))),
            epoch,
            headers_bytes: 0,
            body: &self.body,
        })
    }

    fn bytes(&self) -> u64 {
        self.body.len() as u64 + MESSAGE_OVERHEAD
    }

    fn id(&self) -> Option<&str> {
        match &self.kind {
            PlannedKind::Event { id, .. } => id.as_deref(),
            _ => None,
        }
    }
}

fn body(id: Option<&str>, data: &str, idempotent: bool, about: About) -> Vec<u8> {
    let fields = DraftFields {
        topics: about.topics.iter().map(|&topic| topic.into()).collect(),
        end: about.ends,
        data: data.to_owned().into(),
        id: id.map(|id| id.to_owned().into()),
        ..<_>::default()
    };
    let draft: Draft = fields.check(&EventLimits::default()).unwrap();
    let draft = if idempotent { draft.idempotent() } else { draft };
    let mut body = Vec::new();
    put_content(&mut body, &EncodedEvent::encode(draft).content()).unwrap();
    body
}

fn event(sequence: u64, ms: u64, id: &str, data: &str) -> Planned {
    let (id, data) = (Some(id.to_owned()), data.to_owned());
    Planned::new(sequence, ms, PlannedKind::Event { id, data, idempotent: true, about: T })
}

/// An event without an id.
fn event_about(sequence: u64, topics: &'static [&'static str], ends: bool) -> Planned {
    let about = About { topics, ends };
    let kind = PlannedKind::Event { id: None, data: "x".to_owned(), idempotent: false, about };
    Planned::new(sequence, 10_000 + sequence, kind)
}

const TOPICS: [&[&str]; 6] = [&["a"], &["b"], &["a", "b"], &["c"], &["d"], &["d", "c"]];

/// Messages with sequences left out, clocks that go back, ids that come again, and epochs.
fn plan(random: &mut StdRng, count: u64) -> Vec<Planned> {
    let (mut sequence, mut ms) = (0, 10_000_u64);
    let mut epochs = EPOCHS[1..].iter();
    let mut messages = Vec::new();
    for _ in 0..count {
        sequence += 1;
        if random.random_range(0..40) == 0 {
            sequence += random.random_range(1..4);
        }
        ms = match random.random_range(0..30) {
            0 => ms.saturating_sub(random.random_range(0..400)),
            1 => ms + random.random_range(0..400),
            _ => ms + random.random_range(0..10),
        };
        let kind = match random.random_range(0..100) {
            0 => epochs.next().map_or(PlannedKind::Garbage, |&epoch| PlannedKind::Epoch(epoch)),
            1..5 => PlannedKind::Garbage,
            number => PlannedKind::Event {
                id: (number < 80).then(|| format!("id {}", random.random_range(0..12))),
                data: "x".repeat(random.random_range(0..3) * 100),
                idempotent: number < 70,
                about: About {
                    topics: TOPICS[random.random_range(0..TOPICS.len())],
                    ends: random.random_range(0..12) == 0,
                },
            },
        };
        messages.push(Planned::new(sequence, ms, kind));
    }
    messages
}

fn is_retained(messages: &[Planned], at: usize, newest: usize, limits: RetainedLimits) -> bool {
    let within = &messages[at..=newest];
    let bytes: u64 = within.iter().map(Planned::bytes).sum();
    let is_stale = within.iter().enumerate().any(|(index, earlier)| {
        within[index..].iter().any(|later| earlier.ms + limits.age_max_ms < later.ms)
    });
    let newest = &messages[newest];
    let is_near = newest.sequence - messages[at].sequence < limits.messages_max;
    at == messages.len() || is_near && bytes <= limits.bytes_max && !is_stale
}

/// The events that are shown when all have been read, with their data, and the epoch.
fn model(messages: &[Planned], limits: RetainedLimits) -> (Epoch, BTreeMap<u64, String>) {
    let (mut epoch, mut from) = (EPOCHS[0], 0);
    for (at, message) in messages.iter().enumerate() {
        if let PlannedKind::Epoch(new) = message.kind {
            (epoch, from) = (new, at + 1);
        }
    }
    let mut shown = BTreeMap::new();
    for at in from..messages.len() {
        let PlannedKind::Event { id, data, idempotent, about } = &messages[at].kind else {
            continue;
        };
        let gives_way = *idempotent
            && (from..at).any(|earlier| {
                messages[earlier].id() == id.as_deref()
                    && id.is_some()
                    && is_retained(messages, earlier, at, limits)
            });
        let has_ended = (from..at).any(|earlier| {
            let PlannedKind::Event { about: other, .. } = &messages[earlier].kind else {
                return false;
            };
            other.ends
                && other.topics.iter().any(|topic| about.topics.contains(topic))
                && is_retained(messages, earlier, at, limits)
        });
        let last = messages.len() - 1;
        if !gives_way && !has_ended && (at == last || is_retained(messages, at, last, limits)) {
            shown.insert(messages[at].sequence, data.clone());
        }
    }
    (epoch, shown)
}

fn replica_from(after: u64, ms: u64, limits: RetainedLimits) -> Replica {
    Replica::beginning_after((Sequence(after), ms), EPOCHS[0], limits, Buffers::default())
}

/// What a replica shows: each sequence with its frame.
fn shown(replica: &Replica) -> Vec<(u64, Vec<u8>)> {
    let limit = PageLimit { events_max: usize::MAX, bytes_max: usize::MAX };
    let bounds = replica.window().bounds();
    let (mut after, mut events) = (Sequence(0), Vec::new());
    while after < bounds.head {
        let range = ReadRange { after, through: bounds.head };
        match replica.window().read(bounds.epoch, range, EventFilter::Everything, limit) {
            ReadOutcome::Ready(page) => {
                let of = |event: &Arc<Event>| (event.sequence().0, event.frame().to_vec());
                events.extend(page.events.iter().map(of));
                after = page.through;
            }
            ReadOutcome::Failed { beyond } => after = beyond,
            other => panic!("{other:?}"),
        }
    }
    events
}

fn read_all(replica: &mut Replica, messages: &[Planned]) {
    for message in messages {
        let outcome = replica.apply(message.entry(), None);
        assert_ne!(outcome, Outcome::Known);
        replica.evict(0, usize::MAX);
    }
}

#[test]
fn all_show_the_same_wherever_they_began_and_it_is_what_a_model_shows() {
    let (mut passed_over, mut began_later) = (0, 0);
    for seed in 0..400 {
        let mut random = StdRng::seed_from_u64(seed);
        let count = random.random_range(1..160);
        let messages = plan(&mut random, count);
        let limits = RetainedLimits {
            messages_max: random.random_range(1..60),
            bytes_max: random.random_range(1_000..40_000),
            age_max_ms: random.random_range(50..500),
        };
        let (epoch, expected) = model(&messages, limits);
        let mut first = replica_from(0, 10_000, limits);
        read_all(&mut first, &messages);
        let all = shown(&first);
        let sequences: Vec<u64> = all.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, expected.keys().copied().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(first.window().bounds().epoch, epoch);
        passed_over += messages.len() - expected.len();

        // The latest place from which everything is known that may matter.
        let last = messages.len() - 1;
        let retained = |newest: usize| {
            (0..=newest).find(|&at| is_retained(&messages, at, newest, limits)).unwrap_or(newest)
        };
        let start = retained(retained(last));
        let no_epoch_before =
            !messages[..start].iter().any(|message| matches!(message.kind, PlannedKind::Epoch(_)));
        if start > 0 && no_epoch_before {
            let mut later = replica_from(messages[start].sequence - 1, messages[start].ms, limits);
            read_all(&mut later, &messages[start..]);
            assert_eq!(shown(&later), all, "seed {seed} from {start}");
            assert_eq!(later.window().bounds().head_id(), first.window().bounds().head_id());
            began_later += 1;
        }
    }
    assert!(passed_over > 1_000 && began_later > 50, "{passed_over} {began_later}");
}

const WIDE: RetainedLimits =
    RetainedLimits { messages_max: 100, bytes_max: u64::MAX, age_max_ms: 1_000 };

#[test]
fn the_first_of_two_with_an_id_is_shown_and_the_other_told_what_it_is() {
    let mut replica = replica_from(0, 10_000, WIDE);
    let mut take = |message: Planned| replica.apply(message.entry(), None);
    assert!(matches!(take(event(1, 10_001, "a", "x")), Outcome::Shown(_)));
    let Outcome::Repeat(receipt) = take(event(2, 10_002, "a", "x")) else { panic!() };
    assert_eq!((receipt.sequence, receipt.id.to_string().as_str()), (Sequence(1), "a"));
    assert!(receipt.is_repeat);
    assert_eq!(take(event(3, 10_003, "a", "y")), Outcome::Conflict);
    // What lost says nothing about what the id stands for.
    assert!(matches!(take(event(4, 10_004, "a", "x")), Outcome::Repeat(_)));
    let (id, data) = (Some("a".into()), "z".into());
    let by_form = PlannedKind::Event { id, data, idempotent: false, about: T };
    assert!(matches!(take(Planned::new(5, 10_005, by_form)), Outcome::Shown(_)));
    // While it is sent again within the limits it stays taken, and then it is free.
    assert!(matches!(take(event(6, 11_004, "a", "x")), Outcome::Repeat(_)));
    assert!(matches!(take(event(7, 12_000, "a", "x")), Outcome::Repeat(_)));
    assert!(matches!(take(event(8, 13_001, "a", "x")), Outcome::Shown(_)));
}

#[test]
fn what_is_passed_over_is_no_hole_and_a_place_there_is_one() {
    let mut replica = replica_from(0, 10_000, WIDE);
    let messages = [
        event(1, 10_001, "a", "x"),
        event(2, 10_002, "a", "x"),
        Planned::new(3, 10_003, PlannedKind::Garbage),
        event(4, 10_004, "b", "x"),
        Planned::new(5, 10_005, PlannedKind::Garbage),
        event(8, 10_008, "c", "x"),
    ];
    for message in &messages {
        replica.apply(message.entry(), None);
        let id = replica.window().bounds().head_id();
        assert_eq!((id.sequence.0, id.accepted_ms), (message.sequence, message.ms));
    }
    assert_eq!(replica.foreign(), 2);
    let window = replica.window();
    for (sequence, ms) in [(1, 10_001), (2, 10_002), (3, 10_003), (5, 10_005), (8, 10_008)] {
        let id = window.id_at(Sequence(sequence)).unwrap();
        assert_eq!(id.accepted_ms, ms);
        assert_eq!(window.locate(&id.to_string(), 20_000), Position::After(Sequence(sequence)));
    }
    let epoch = EPOCHS[0];
    let read = |after, through| {
        let range = ReadRange { after: Sequence(after), through: Sequence(through) };
        let limit = PageLimit { events_max: 100, bytes_max: usize::MAX };
        match window.read(epoch, range, EventFilter::Everything, limit) {
            ReadOutcome::Ready(page) => Ok((page.events.len(), page.through.0)),
            ReadOutcome::Failed { beyond } => Err(beyond.0),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(0, 8), Ok((2, 5)));
    assert_eq!(read(1, 3), Ok((0, 3)));
    assert_eq!(read(5, 8), Err(7));
    assert_eq!(read(7, 8), Ok((1, 8)));
}

#[test]
fn a_place_of_a_node_that_knew_more_is_known_where_less_is() {
    let limits = RetainedLimits { messages_max: 2, ..WIDE };
    let messages: Vec<_> =
        (1..8).map(|number| event(number, 10_000 + number, &number.to_string(), "x")).collect();
    let mut first = replica_from(0, 10_000, limits);
    read_all(&mut first, &messages);
    let mut later = replica_from(3, 10_004, limits);
    read_all(&mut later, &messages[3..]);
    for replica in [&first, &later] {
        for (sequence, ms) in [(7, 10_007), (6, 10_006), (5, 10_005), (2, 10_002)] {
            let (sequence, epoch) = (Sequence(sequence), EPOCHS[0]);
            let id = crate::event::HubId { epoch, sequence, accepted_ms: ms };
            let place = replica.window().locate(&id.to_string(), 20_000);
            assert_eq!(place, Position::After(sequence));
            let of_another = crate::event::HubId { accepted_ms: ms + 900, ..id };
            let place = replica.window().locate(&of_another.to_string(), 20_000);
            assert_eq!(place, Position::Unknown, "{sequence}");
        }
    }
}

#[test]
fn with_an_epoch_all_begins_anew_and_its_record_sent_twice_is_nothing() {
    let mut replica = replica_from(0, 10_000, WIDE);
    let mut take = |message: Planned| replica.apply(message.entry(), None);
    take(event(1, 10_001, "a", "x"));
    assert_eq!(take(Planned::new(2, 10_002, PlannedKind::Epoch(EPOCHS[1]))), Outcome::Epoch);
    assert!(matches!(take(event(3, 10_003, "a", "y")), Outcome::Shown(_)));
    let again = Planned::new(4, 10_004, PlannedKind::Epoch(EPOCHS[1]));
    assert_eq!(take(again), Outcome::PassedOver);
    assert!(matches!(take(event(5, 10_005, "a", "y")), Outcome::Repeat(_)));
    let bounds = replica.window().bounds();
    assert_eq!((bounds.epoch, bounds.oldest, bounds.head), (EPOCHS[1], Sequence(3), Sequence(5)));
}

#[test]
fn what_only_a_later_version_can_read_is_a_hole_and_what_nobody_sent_is_nothing() {
    let mut replica = replica_from(0, 10_000, WIDE);
    replica.apply(event(1, 10_001, "a", "x").entry(), None);
    let mut later = event(2, 10_002, "b", "x");
    later.body[0] = u8::MAX;
    assert_eq!(replica.apply(later.entry(), None), Outcome::Unreadable);
    let mut unsent = event(3, 10_003, "c", "x");
    unsent.body.clear();
    assert_eq!(replica.apply(unsent.entry(), None), Outcome::Foreign);
    let raw = RawMessage {
        sequence: Sequence(4),
        stored_ms: 10_004,
        attempt: None,
        epoch: Some(EPOCHS[2]),
        headers_bytes: 0,
        body: &body(None, "x", false, T),
    };
    assert_eq!(replica.apply(StreamEntry::read(raw), None), Outcome::Foreign);
    assert_eq!(replica.apply(event(4, 10_004, "d", "x").entry(), None), Outcome::Known);
    assert_eq!((replica.foreign(), replica.window().bounds().events), (2, 1));
}

fn ended(text: &str) -> Outcome {
    Outcome::TopicEnded(Topic::parse(text, 100).unwrap())
}

#[test]
fn nothing_is_shown_of_a_topic_that_has_ended_until_its_end_is_not_retained() {
    let limits = RetainedLimits { messages_max: 5, ..WIDE };
    let mut replica = replica_from(0, 10_000, limits);
    let mut take = |message: Planned| replica.apply(message.entry(), None);
    assert!(matches!(take(event_about(1, &["a", "b"], true)), Outcome::Shown(_)));
    assert_eq!(take(event_about(2, &["a"], false)), ended("a"));
    assert_eq!(take(event_about(3, &["c", "b"], false)), ended("b"));
    assert!(matches!(take(event_about(4, &["c"], false)), Outcome::Shown(_)));
    assert_eq!(take(event_about(5, &["a"], false)), ended("a"));
    assert!(matches!(take(event_about(6, &["a"], false)), Outcome::Shown(_)), "open again");
}

#[test]
fn an_end_that_came_too_late_has_a_say_as_long_as_it_is_retained() {
    let limits = RetainedLimits { messages_max: 5, ..WIDE };
    let mut replica = replica_from(0, 10_000, limits);
    let mut take = |message: Planned| replica.apply(message.entry(), None);
    assert!(matches!(take(event_about(1, &["a"], true)), Outcome::Shown(_)));
    assert_eq!(take(event_about(4, &["a"], true)), ended("a"));
    assert_eq!(take(event_about(8, &["a"], false)), ended("a"));
    assert!(matches!(take(event_about(9, &["a"], false)), Outcome::Shown(_)));
}

#[test]
fn a_repeat_is_one_also_when_its_topic_has_ended_and_what_nobody_has_had_is_none() {
    let mut replica = replica_from(0, 10_000, WIDE);
    let (first, late) = (event(1, 10_001, "a", "x"), event(3, 10_003, "b", "x"));
    let encoded = |message: &Planned| match message.entry().kind {
        EntryKind::Event { event, .. } => event,
        other => panic!("{other:?}"),
    };
    let mut take = |message: Planned| replica.apply(message.entry(), None);
    assert!(matches!(take(first.clone()), Outcome::Shown(_)));
    assert!(matches!(take(event_about(2, &["t"], true)), Outcome::Shown(_)));
    assert_eq!(take(late.clone()), ended("t"));
    assert!(matches!(take(event(4, 10_004, "a", "x")), Outcome::Repeat(_)));
    assert_eq!(take(event(5, 10_005, "a", "y")), Outcome::Conflict);
    assert_eq!(take(event(6, 10_006, "b", "x")), ended("t"), "nobody has had it");
    assert_eq!(replica.first_ended(&encoded(&first)), None, "a repeat may be sent");
    assert!(replica.first_ended(&encoded(&late)).is_some());
    // It is open again, and the id is not while what was passed over is retained.
    let mut take = |message: Planned| replica.apply(message.entry(), None);
    assert_eq!(take(event(7, 11_003, "b", "x")), Outcome::Conflict);
    assert!(matches!(take(event(8, 11_004, "c", "x")), Outcome::Shown(_)));
}

//! A stream can be resumed from wherever it was cut: its client holds the place that the stream
//! began with, or the id of an event, or the place of a heartbeat, and whichever it is, everything
//! after it comes, and nothing before.

use super::every_order::orders;
use super::*;

/// What a client makes of the bytes of a stream, as the HTML standard says (section 9.2.6).
#[derive(Clone, Debug, Default)]
struct Client {
    last_event_id: String,
    /// The ids of the events that it was handed.
    events: Vec<String>,
}

impl Client {
    fn read(&mut self, block: &str) {
        let field = |name: &str| {
            block.lines().filter_map(|line| line.strip_prefix(name)).next_back().map(str::to_owned)
        };
        if let Some(id) = field("id: ") {
            self.last_event_id = id;
        }
        if field("data: ").is_some() && field("event: ").as_deref() != Some("fanfare-gap") {
            self.events.push(self.last_event_id.clone());
        }
    }
}

/// The blocks of everything that a reader was sent.
fn blocks(reader: &Reader) -> Vec<String> {
    let text: Vec<u8> = reader.bytes().concat();
    // A heartbeat that is a comment has no empty line behind it.
    let text = String::from_utf8(text).unwrap().replace(":\n", ":\n\n");
    text.split_terminator("\n\n").map(str::to_owned).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// An event for the subscriber, with an id by its publisher or one of ours.
    Publish,
    PublishWithId,
    /// One for other subscribers.
    Other,
    Subscribe,
    Join,
    Iterate,
    /// A heartbeat is due.
    Beat,
    Stop,
    Read,
}

use Step::{Beat, Iterate, Join, Other, Publish, PublishWithId, Read, Stop, Subscribe};

#[derive(Clone, Copy, Debug)]
enum From {
    Start,
    Now,
    Earliest,
    Unknown,
}

impl From {
    fn resume(self) -> Option<Resume> {
        match self {
            Self::Start => None,
            Self::Now => Some(Resume::Now),
            Self::Earliest => Some(Resume::Earliest),
            Self::Unknown => Some(Resume::After("never heard of".to_owned())),
        }
    }
}

/// A stage, what was published for the subscriber, and the time.
struct Play {
    stage: Stage,
    published: Vec<(u64, String)>,
    tick: Tick,
}

impl Play {
    fn begin(steps: Option<usize>, log: MemoryLogSettings) -> Self {
        let (delivery, _) = no_limits();
        let mut stage = stage_with(DeliverySettings { heartbeat: TICK * 100, ..delivery }, log);
        if let Some(steps) = steps {
            stage.shard.allowance = Allowance::Steps(steps);
        }
        Self { stage, published: Vec::new(), tick: 0 }
    }

    fn publish(&mut self, id: Option<String>) {
        let fields = DraftFields {
            topics: vec!["t".into()],
            data: "d".into(),
            id: id.map(Into::into),
            ..DraftFields::default()
        };
        let draft = fields.check(&EventLimits::default()).unwrap();
        let receipt = self.stage.hub.publish(draft).now_or_never().unwrap().unwrap();
        self.published.push((receipt.sequence.0, receipt.id.to_string()));
    }

    fn ids_after(&self, sequence: u64) -> Vec<String> {
        let after = self.published.iter().filter(|(other, _)| *other > sequence);
        after.map(|(_, id)| id.clone()).collect()
    }

    /// Moves the time on by one heartbeat.
    fn beat(&mut self) {
        self.tick += 100;
        self.stage.at(self.tick);
    }
}

/// Takes the steps, cuts the stream after each of its blocks, and comes back each time.
fn run(order: &[Step], from: From, steps: Option<usize>) {
    let mut play = Play::begin(steps, MemoryLogSettings::default());
    play.publish(None);
    let reader = Reader::with_room(usize::MAX);
    let (mut subscription, mut began) = (None, None);
    for step in order {
        match step {
            Publish => play.publish(None),
            PublishWithId => play.publish(Some(format!("mine {}", play.published.len()))),
            Other => drop(play.stage.publish("other")),
            Subscribe => {
                let begun = play.stage.subscribe(&["t"], from.resume());
                began = Some((begun.cursor.0, begun.place.clone()));
                subscription = Some(begun);
            }
            Join => play.stage.post(subscription.take().unwrap(), &reader),
            Iterate => drop(play.stage.shard.iterate()),
            Beat => play.beat(),
            Stop => reader.fill(),
            Read => play.stage.make_room(&reader, usize::MAX),
        }
    }
    let (cursor, place) = began.unwrap();
    let expected = play.ids_after(cursor);
    let mut client = Client { last_event_id: place, ..Client::default() };
    let mut cuts = vec![client.clone()];
    for block in blocks(&reader) {
        client.read(&block);
        cuts.push(client.clone());
    }
    for mut client in cuts {
        let resume = Some(Resume::After(client.last_event_id.clone()));
        let again = play.stage.subscribe(&["t"], resume);
        assert_eq!(again.gap, None, "{from:?} {order:?}: {client:?}");
        assert_eq!(again.place, client.last_event_id);
        let reader = Reader::with_room(usize::MAX);
        play.stage.post(again, &reader);
        play.stage.settle();
        blocks(&reader).iter().for_each(|block| client.read(block));
        assert_eq!(client.events, expected, "{from:?} {order:?} {steps:?}");
    }
}

fn run_all(threads: &[&[Step]]) {
    for order in orders(threads) {
        for from in [From::Start, From::Now, From::Earliest, From::Unknown] {
            for steps in [None, Some(1)] {
                run(&order, from, steps);
            }
        }
    }
}

#[test]
fn wherever_a_stream_is_cut_its_client_gets_the_rest_and_nothing_twice() {
    run_all(&[&[Publish, Other], &[Subscribe, Join], &[Iterate, Beat, Iterate, Beat]]);
    run_all(&[&[PublishWithId, Other], &[Subscribe, Join], &[Iterate, Beat, Iterate, Beat]]);
}

#[test]
fn nor_if_its_reader_was_slow() {
    run_all(&[&[Publish], &[Subscribe, Join], &[Iterate, Beat], &[Stop, Read]]);
}

fn beat_of(play: &mut Play, reader: &Reader) -> String {
    let before = reader.segments().len();
    play.beat();
    reader.segments()[before..].join(" ")
}

#[test]
fn a_heartbeat_tells_a_place_only_when_that_is_new() {
    let mut play = Play::begin(None, MemoryLogSettings::default());
    let reader = play.stage.join(&["t"]);
    play.stage.settle();
    assert_eq!(beat_of(&mut play, &reader), "heartbeat");
    play.stage.publish_times("other", 3);
    play.stage.settle();
    assert_eq!(beat_of(&mut play, &reader), "at-3");
    assert_eq!(beat_of(&mut play, &reader), "heartbeat");
    play.publish(None);
    play.stage.settle();
    assert_eq!(reader.segments().last().unwrap(), "4");
    assert_eq!(beat_of(&mut play, &reader), "heartbeat", "the event told it");
}

#[test]
fn one_who_has_not_caught_up_is_told_no_place() {
    let mut play = Play::begin(None, MemoryLogSettings::default());
    let slow = play.stage.join(&["t"]);
    play.stage.settle();
    slow.fill();
    play.publish(None);
    play.stage.publish("other");
    play.stage.settle();
    slow.change(|reading| reading.room = 1);
    assert_eq!(beat_of(&mut play, &slow), "heartbeat");
    play.stage.make_room(&slow, usize::MAX);
    play.stage.settle();
    assert_eq!(beat_of(&mut play, &slow), "at-2");
}

/// Servers that are fed the same events share the ids of publishers, and no others.
#[test]
fn an_id_by_a_publisher_is_left_alone_for_as_long_as_it_is_retained() {
    let mut play = Play::begin(None, MemoryLogSettings { events_max: 3, ..no_limits().1 });
    let reader = play.stage.join(&["t"]);
    play.publish(Some("mine".to_owned()));
    play.stage.settle();
    play.stage.publish_times("other", 2);
    play.stage.settle();
    assert_eq!(beat_of(&mut play, &reader), "heartbeat");
    play.stage.publish("other");
    play.stage.settle();
    assert_eq!(beat_of(&mut play, &reader), "at-4");

    let resumed = Reader::with_room(usize::MAX);
    play.publish(Some("another".to_owned()));
    let after = Some(Resume::After("another".to_owned()));
    play.stage.post(play.stage.subscribe(&["t"], after), &resumed);
    play.stage.publish("other");
    play.stage.settle();
    assert_eq!(beat_of(&mut play, &resumed), "heartbeat", "it came with that id");
}

#[test]
fn a_place_is_made_once_for_all_who_have_caught_up() {
    let mut play = Play::begin(None, MemoryLogSettings::default());
    let readers: Vec<_> = ["a", "b", "{x}/c"].map(|topic| play.stage.join(&[topic])).into();
    play.stage.publish("other");
    play.stage.settle();
    play.beat();
    let places: Vec<_> = readers.iter().map(|reader| reader.bytes().pop().unwrap()).collect();
    assert!(places.iter().all(|place| place.as_ptr() == places[0].as_ptr()), "{places:?}");
}

#[test]
fn a_quiet_topic_of_a_busy_log_is_resumed_without_a_gap() {
    let mut play = Play::begin(None, MemoryLogSettings { events_max: 10, ..no_limits().1 });
    let reader = play.stage.join(&["t"]);
    play.stage.settle();
    let mut client = Client::default();
    for _ in 0..5 {
        play.stage.publish_times("other", 8);
        play.stage.settle();
        play.beat();
    }
    blocks(&reader).iter().for_each(|block| client.read(block));
    assert_eq!(client.events, [""; 0]);
    play.publish(None);
    let again = play.stage.subscribe(&["t"], Some(Resume::After(client.last_event_id)));
    assert_eq!((again.cursor.0, again.gap), (40, None));
}

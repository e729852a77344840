//! Streams begin while events are published at full speed: each gets exactly what it asked for, none twice
//! and none missing. A test of counts and order, not of time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{JoinSet, yield_now};
use tokio::time::interval;

use crate::support::{EventStream, TestServer};

const TOPICS: usize = 1_000;
const READERS: usize = 1_000;
/// 5,000 events a second.
const BATCH: usize = 50;
const BATCHES: usize = 600;
/// Enough room for everything, so that only faults of ours can lose anything.
const ROOMY: [&str; 2] = ["--lag-events", "1000000"];
const LAST: &str = "the last one";

fn topic(number: usize) -> String {
    format!("g{}/t{}", number % 10, number)
}

/// What a reader asks for, and which topics that are.
#[derive(Clone, Debug)]
struct Asked {
    query: String,
    topics: Vec<String>,
    rule: Rule,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Newest(usize),
    /// What was published from this event on, by its place in the order.
    From(usize),
}

impl Asked {
    fn of(number: usize, since: &str, from: usize) -> Self {
        let exact = |count: usize| -> Vec<String> {
            (0..count).map(|step| topic((number * 7 + step * 131) % TOPICS)).collect()
        };
        let query_of = |topics: &[String]| -> String {
            topics.iter().map(|topic| format!("topic={topic}&")).collect()
        };
        let (query, topics, rule) = match number % 20 {
            0 => {
                let group = number / 20 % 10;
                let topics = (0..TOPICS).filter(|number| number % 10 == group).map(topic).collect();
                (format!("topic=g{group}/{{t}}&last=1"), topics, Rule::Newest(1))
            }
            1..=5 => (query_of(&exact(5)) + "last=2", exact(5), Rule::Newest(2)),
            6..=10 => (query_of(&exact(2)) + "since=" + since, exact(2), Rule::From(from)),
            11..=13 => (query_of(&exact(1)) + "lastEventID=earliest", exact(1), Rule::From(0)),
            _ => (query_of(&exact(1)) + "last=1", exact(1), Rule::Newest(1)),
        };
        Self { query, topics, rule }
    }
}

/// Every event in order: its id and its topic.
type Published = Vec<(String, String)>;

async fn publish(server: &TestServer, batches: std::ops::Range<usize>, published: &mut Published) {
    let mut ticks = interval(Duration::from_millis(10));
    for batch in batches {
        ticks.tick().await;
        let numbers = (0..BATCH).map(|at| (batch * BATCH + at) * 7_919 % TOPICS);
        let events: Vec<(String, String)> =
            numbers.map(|number| (topic(number), format!("{batch}"))).collect();
        let events: Vec<(&str, String)> =
            events.iter().map(|(topic, data)| (topic.as_str(), data.clone())).collect();
        let ids = server.publish_all(&events).await;
        let topics = events.iter().map(|(topic, _)| (*topic).to_owned());
        published.extend(ids.into_iter().zip(topics));
    }
}

/// The ids that a reader had, up to the last event of its last topic, and its first place with the count
/// of events before it.
async fn read(server: Arc<TestServer>, asked: Asked) -> (Vec<String>, Option<(usize, String)>) {
    let path = format!("/.well-known/mercure?{}", asked.query);
    let mut stream = EventStream::open(server.get(&path)).await;
    let (mut ids, mut ended) = (Vec::new(), 0);
    while ended < asked.topics.len() {
        let event = stream.next().await.expect("it goes on");
        assert_eq!(event.event, None, "{asked:?}: a gap");
        ended += usize::from(event.data == LAST);
        ids.push(event.id.unwrap());
    }
    (ids, stream.first_place)
}

/// Waits until the clock shows another one, and says which.
async fn next_millisecond() -> Timestamp {
    let began = Timestamp::now().as_millisecond();
    loop {
        let now = Timestamp::now();
        if now.as_millisecond() > began {
            return Timestamp::from_millisecond(now.as_millisecond()).unwrap();
        }
        yield_now().await;
    }
}

/// Checks what a reader had against all that was published.
struct Check<'a> {
    published: &'a Published,
    order: HashMap<&'a str, usize>,
}

impl Check<'_> {
    /// What it is to have if the head was before this event as it began.
    fn expected(&self, asked: &Asked, head: usize) -> Vec<usize> {
        let of = |topic: &String| -> Vec<usize> {
            let all = self.published.iter().enumerate();
            all.filter(|(_, event)| event.1 == *topic).map(|(at, _)| at).collect()
        };
        let mut expected = Vec::new();
        for events in asked.topics.iter().map(of) {
            let before = events.partition_point(|&at| at < head);
            let first = match asked.rule {
                Rule::Newest(count) => before.saturating_sub(count),
                Rule::From(from) => events.partition_point(|&at| at < from),
            };
            expected.extend(&events[first..]);
        }
        expected.sort_unstable();
        expected
    }

    fn check(&self, asked: &Asked, ids: &[String], place: Option<&(usize, String)>) {
        let had: Vec<usize> = ids.iter().map(|id| self.order[id.as_str()]).collect();
        let matches = |head: usize| self.expected(asked, head) == had;
        let fits = match (asked.rule, place) {
            (Rule::Newest(_), Some((before, id))) => {
                let head = self.order[id.as_str()] + 1;
                had.iter().filter(|&&at| at < head).count() == *before && matches(head)
            }
            // The head was one of its own events.
            (Rule::Newest(_), None) => had.iter().any(|&at| matches(at + 1)),
            (Rule::From(_), _) => matches(usize::MAX),
        };
        assert!(fits, "{asked:?}\nplace {place:?}\nhad {had:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_begin_in_a_flood_and_each_has_exactly_what_it_asked_for() {
    let server = Arc::new(TestServer::start_with(&ROOMY).await);
    let mut published = Published::new();
    publish(&server, 0..BATCHES / 4, &mut published).await;
    // A time between two events, of which the server knows milliseconds.
    let since = next_millisecond().await.to_string();
    next_millisecond().await;
    let from = published.len();

    let mut readers = JoinSet::new();
    let joining = async {
        let mut ticks = interval(Duration::from_millis(3));
        for number in 0..READERS {
            ticks.tick().await;
            let asked = Asked::of(number, &since, from);
            let server = Arc::clone(&server);
            readers.spawn(async move { (asked.clone(), read(server, asked).await) });
        }
    };
    let publishing = publish(&server, BATCHES / 4..BATCHES, &mut published);
    tokio::join!(joining, publishing);
    let ends: Vec<String> = (0..TOPICS).map(topic).collect();
    let ends: Vec<(&str, String)> = ends.iter().map(|topic| (&**topic, LAST.to_owned())).collect();
    let ids = server.publish_all(&ends).await;
    published.extend(ids.into_iter().zip(ends.iter().map(|(topic, _)| (*topic).to_owned())));

    let order = published.iter().enumerate().map(|(at, event)| (&*event.0, at)).collect();
    let check = Check { published: &published, order };
    while let Some(read) = readers.join_next().await {
        let (asked, (ids, place)) = read.unwrap();
        check.check(&asked, &ids, place.as_ref());
    }
    assert_eq!(server.figure("fanfare_partial_replay_bytes").await, 0.0, "nothing is left");
}

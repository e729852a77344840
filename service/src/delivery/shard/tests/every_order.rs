//! The seam between replay and live, in every order that can happen.
//!
//! A publisher, a connection and a shard share the log and the mailbox, and each touches them under
//! a lock, one step at a time. So the orders of their steps are all that can happen, and there are
//! few enough to try each: whatever comes first, a subscriber gets everything after its place in
//! the log, once and in order.

use super::*;

/// One step of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The publisher appends an event and wakes the shard.
    Publish,
    /// It ends the topic.
    End,
    /// The connection finds the subscriber's place in the log.
    Subscribe,
    /// The connection sends the subscriber on its way.
    Join,
    /// The shard makes a delivery.
    BatchDelivery,
    /// The reader takes nothing from now on.
    Stop,
    /// The reader takes everything again.
    Read,
}

use Step::{BatchDelivery, End as EndTopic, Join, Publish, Read, Stop, Subscribe};

/// All orders of the steps of some threads, each of which keeps its own.
pub(super) fn orders<S: Copy>(threads: &[&[S]]) -> Vec<Vec<S>> {
    if threads.iter().all(|steps| steps.is_empty()) {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for (index, steps) in threads.iter().enumerate() {
        let Some((&first, rest)) = steps.split_first() else { continue };
        let mut left = threads.to_vec();
        left[index] = rest;
        orders.extend(self::orders(&left).into_iter().map(|mut order| {
            order.insert(0, first);
            order
        }));
    }
    orders
}

/// Where the subscriber resumes.
#[derive(Clone, Copy, Debug)]
enum From {
    Now,
    Earliest,
    TheFirstEvent,
}

impl From {
    fn resume(self, stage: &Stage) -> Option<Resume> {
        match self {
            Self::Now => None,
            Self::Earliest => Some(Resume::Earliest),
            Self::TheFirstEvent => Some(Resume::After(stage.first_id())),
        }
    }

    /// What the subscriber is to get, if so many events had been published when it subscribed.
    fn expected(self, before: u64, all: u64) -> Vec<u64> {
        let after = match self {
            Self::Now => before,
            Self::Earliest => 0,
            Self::TheFirstEvent => 1,
        };
        (after + 1..=all).collect()
    }
}

impl Stage {
    fn first_id(&self) -> String {
        let range = ReadRange { after: Sequence(0), through: Sequence(1) };
        let page = self.log.read_now(range, EventFilter::Everything, PASS);
        page.events[0].id().to_owned()
    }
}

fn run(order: &[Step], from: From) {
    let mut stage = stage();
    // So that there is something to resume after.
    let mut published = stage.publish("t");
    let reader = Reader::with_room(usize::MAX);
    let mut subscription = None;
    let mut expected = Vec::new();
    for step in order {
        match step {
            Publish => published = stage.publish("t"),
            EndTopic => {
                published = stage.publish_draft(draft(&["t"], false).ending_topic());
            }
            Subscribe => {
                let all = 1 + count(order, Publish) + count(order, EndTopic);
                expected = from.expected(published, all);
                subscription = Some(stage.subscribe(&["t"], from.resume(&stage)));
            }
            Join => stage.post(subscription.take().unwrap(), &reader),
            BatchDelivery => {
                stage.shard.iterate();
            }
            Stop => reader.fill(),
            Read => stage.make_room(&reader, usize::MAX),
        }
    }
    stage.settle();
    let mut words = reader.segments().join(" ");
    if order.contains(&EndTopic) {
        // Who comes behind the end has nothing more to be told.
        let told = words.strip_suffix(" end[t]").map(str::to_owned);
        assert_eq!(told.is_some(), !expected.is_empty(), "{from:?} {order:?}");
        words = told.unwrap_or_default();
        assert_eq!(reader.end(), Some(End::Finished(Bytes::new())), "{from:?} {order:?}");
    }
    let sequences: Vec<u64> = words.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert_eq!(sequences, expected, "{from:?} {order:?}");
}

fn count(order: &[Step], step: Step) -> u64 {
    order.iter().filter(|&&other| other == step).count() as u64
}

fn run_all(threads: &[&[Step]]) {
    let orders = orders(threads);
    for from in [From::Now, From::Earliest, From::TheFirstEvent] {
        for order in &orders {
            run(order, from);
        }
    }
}

#[test]
fn whoever_comes_first_nothing_is_lost_or_repeated_between_replay_and_live() {
    run_all(&[
        &[Publish, Publish, Publish],
        &[Subscribe, Join],
        &[BatchDelivery, BatchDelivery, BatchDelivery],
    ]);
}

#[test]
fn nor_if_the_reader_stops_and_goes_on_at_any_moment() {
    run_all(&[
        &[Publish, Publish],
        &[Subscribe, Join],
        &[BatchDelivery, BatchDelivery],
        &[Stop, Read],
    ]);
}

#[test]
fn whoever_comes_first_everybody_has_all_up_to_the_end_of_the_topic_and_leaves() {
    run_all(&[
        &[Publish, Publish, EndTopic],
        &[Subscribe, Join],
        &[BatchDelivery, BatchDelivery, BatchDelivery],
    ]);
    run_all(&[
        &[Publish, EndTopic],
        &[Subscribe, Join],
        &[BatchDelivery, BatchDelivery],
        &[Stop, Read],
    ]);
}

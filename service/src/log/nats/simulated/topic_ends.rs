//! Topics that are ended at one node while others publish to them.

use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use super::super::super::AppendError;
use super::SimulatedStream;
use super::nodes::{SimulatedNode, settled};
use crate::event::{DraftFields, EncodedEvent, EventLimits};

const TOPICS: [&str; 3] = ["a", "b", "c"];

fn event(topic: &str, data: String, end: bool) -> EncodedEvent {
    let (topics, data) = (vec![topic.into()], data.into());
    let fields = DraftFields { topics, data, end, ..DraftFields::default() };
    EncodedEvent::encode(fields.check(&EventLimits::default()).unwrap())
}

/// What was published at a node, and what came of it.
struct Published {
    topic: &'static str,
    data: String,
    ends: bool,
    result: Result<u64, AppendError>,
}

async fn publish(
    node: &SimulatedNode,
    (topic, data, ends): (&'static str, String, bool),
) -> Published {
    let mut results = node.appends.append(vec![event(topic, data.clone(), ends)]).await;
    let result = results.pop().unwrap().map(|receipt| receipt.sequence.0);
    Published { topic, data, ends, result }
}

#[tokio::test(start_paused = true)]
async fn nodes_decide_alike_what_came_before_the_end_of_a_topic_and_what_too_late() {
    for seed in 0..40 {
        let stream = SimulatedStream::new(seed, if seed % 2 == 0 { 0 } else { 10 });
        let mut random = StdRng::seed_from_u64(seed);
        let mut nodes = Vec::new();
        for number in 0..3 {
            nodes.push(SimulatedNode::start(stream.of_node(number)).await);
        }
        let mut publishing = Vec::new();
        for number in 0..90_u64 {
            let topic = TOPICS[random.random_range(0..3)];
            let ends = number > 30 && random.random_range(0..8) == 0;
            let (node, wait) = (random.random_range(0..3), random.random_range(0..400));
            let node = &nodes[node];
            publishing.push(async move {
                sleep(Duration::from_millis(wait)).await;
                publish(node, (topic, format!("{topic} {number}"), ends)).await
            });
        }
        let published = join_all(publishing).await;
        stream.brokers().heal();
        settled(&nodes, &stream).await;
        let (_, shown) = nodes[0].shown();
        for node in &nodes[1..] {
            assert_eq!(node.shown().1, shown, "seed {seed}");
        }
        for topic in TOPICS {
            let of_topic = shown.iter().filter(|event| event.2.starts_with(topic));
            let data: Vec<&str> = of_topic.map(|event| event.2.as_str()).collect();
            let of = |data: &str| published.iter().find(|other| other.data == data).unwrap();
            let ends = data.iter().filter(|data| of(data).ends).count();
            assert!(ends <= 1, "seed {seed}: {data:?}");
            assert!(ends == 0 || of(data[data.len() - 1]).ends, "seed {seed}: {data:?}");
        }
        for Published { topic, data, result, .. } in &published {
            let found = shown.iter().find(|event| event.2 == *data).map(|event| event.0);
            match result {
                Ok(sequence) => assert_eq!(found, Some(*sequence), "seed {seed}: {data}"),
                Err(AppendError::TopicEnded { topic: ended }) => {
                    assert_eq!((found, ended.as_str()), (None, *topic), "seed {seed}: {data}");
                }
                Err(AppendError::Unavailable) => assert_eq!(found, None, "seed {seed}: {data}"),
                Err(error) => assert!(matches!(error, AppendError::Unknown { .. }), "{error}"),
            }
        }
    }
}

//! A node whose delivery is slow holds up what it reads, and nobody else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::super::super::{AppendError, FollowerProgress, LogHealth, Nearing};
use super::SimulatedStream;
use super::nodes::{Answer, SimulatedNode, settled};
use crate::event::Sequence;

/// Delivery that has come as far as it is told.
#[derive(Debug)]
struct SimulatedDelivery {
    seen: watch::Sender<u64>,
    window: u64,
}

impl FollowerProgress for SimulatedDelivery {
    fn until_near(&self, head: Sequence) -> Nearing<'_> {
        let (mut seen, window) = (self.seen.subscribe(), self.window);
        Box::pin(async move {
            let _ = seen.wait_for(|seen| head.0.saturating_sub(*seen) <= window).await;
        })
    }
}

fn confirmed(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Answer::Confirmed { .. })).count()
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_delivery_is_behind_reads_no_further_and_others_publish_as_before() {
    let stream = SimulatedStream::new(0, 0);
    let (slow, fast) = (
        SimulatedNode::start(stream.of_node(0)).await,
        SimulatedNode::start(stream.of_node(1)).await,
    );
    let delivery = Arc::new(SimulatedDelivery { seen: watch::Sender::new(0), window: 100 });
    slow.state.set_follower_progress(Arc::clone(&delivery) as Arc<dyn FollowerProgress>);
    for number in 0..300 {
        let events = (0..10).map(|at| (None, format!("{number} {at}"))).collect();
        assert_eq!(confirmed(&fast.publish(events).await), 10);
    }
    // Long after a consumer that nobody asks is removed.
    sleep(Duration::from_secs(120)).await;
    let head = slow.state.lock().known().head.0;
    assert!((100..=120).contains(&head), "{head}");
    assert_eq!(slow.state.lag(), 3_000 - head);
    assert!(slow.state.status().read_pauses > 0);
    // Nothing was dropped.
    delivery.seen.send_replace(u64::MAX);
    let nodes = [slow, fast];
    settled(&nodes, &stream).await;
    assert_eq!(nodes[0].shown(), nodes[1].shown());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lacks_more_than_half_of_what_is_retained_serves_and_takes_nothing() {
    let stream = SimulatedStream::new(0, 0);
    let (slow, fast) = (
        SimulatedNode::start_retaining(stream.of_node(0), 4_000).await,
        SimulatedNode::start(stream.of_node(1)).await,
    );
    let delivery = Arc::new(SimulatedDelivery { seen: watch::Sender::new(0), window: 100 });
    slow.state.set_follower_progress(Arc::clone(&delivery) as Arc<dyn FollowerProgress>);
    for number in 0..300 {
        let events = (0..10).map(|at| (None, format!("{number} {at}"))).collect();
        assert_eq!(confirmed(&fast.publish(events).await), 10);
    }
    // It looks every second how far the stream has come.
    sleep(Duration::from_secs(2)).await;
    assert!(matches!(slow.state.health(), LogHealth::Behind { events: 2_800.. }));
    let refused = slow.publish(vec![(None, "refused".to_owned())]).await;
    assert!(
        matches!(&refused[..], [Answer::Failed { error: AppendError::Unavailable, .. }]),
        "{refused:?}"
    );
    delivery.seen.send_replace(u64::MAX);
    let nodes = [slow, fast];
    settled(&nodes, &stream).await;
    assert_eq!(nodes[0].state.health(), LogHealth::Healthy);
    assert_eq!(confirmed(&nodes[0].publish(vec![(None, "taken".to_owned())]).await), 1);
}

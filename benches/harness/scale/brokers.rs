//! What the brokers of one stream have to do: each event is copied among them, and handed to every node.

use super::measured::{BROKER_HANDS, BROKER_TAKES, MESSAGE, STREAM_MAX};
use super::plan::Plan;

/// The most hubs that a plan is cut into.
const HUBS_MAX: u32 = 4_096;
/// How much of what is there a hub may need: elections, restarts and bursts need the rest.
pub(super) const SHARE_MAX: f64 = 0.7;

/// The brokers of one stream, with three copies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brokers {
    /// Of all of them to nodes, in bytes a second.
    pub(super) network_to_nodes: f64,
    /// Of the one with the most to send, which leads the stream, in bytes a second.
    pub(super) network_of_leader: f64,
    /// Of each, in cores.
    pub(super) cpu: f64,
    /// Events of the stream, of what one was measured to take.
    pub(super) stream_share: f64,
}

impl Brokers {
    pub(super) fn of(plan: &Plan) -> Self {
        let (rate, brokers) = (plan.events_per_second, plan.machines.brokers);
        let message = plan.bytes + MESSAGE.value;
        let to_nodes = plan.nodes * rate * message;
        let handed = plan.nodes * rate / brokers;
        Self {
            network_to_nodes: to_nodes,
            network_of_leader: to_nodes / brokers + (brokers - 1.0) * rate * message,
            cpu: rate * BROKER_TAKES.value + handed * BROKER_HANDS.value,
            stream_share: rate / STREAM_MAX.value,
        }
    }

    fn share(&self, plan: &Plan) -> f64 {
        let machines = plan.machines;
        let network = self.network_of_leader / machines.broker_network;
        self.stream_share.max(network).max(self.cpu / machines.broker_cores)
    }
}

/// In how many hubs with brokers of their own the plan has to be cut, so that no broker needs more than
/// that share; nothing if no number is enough.
pub(super) fn hubs(plan: &Plan) -> Option<u32> {
    (1..=HUBS_MAX).find(|&hubs| {
        let hub = plan.one_of(f64::from(hubs));
        // A hub has one node at least.
        let hub = Plan { nodes: hub.nodes.max(1.0), ..hub };
        Brokers::of(&hub).share(&hub) <= SHARE_MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_reads_the_whole_stream() {
        let plan = Plan::of("a", 1.0, 1_000.0);
        let one = Brokers::of(&plan);
        let message = plan.bytes + MESSAGE.value;
        assert!((one.network_to_nodes - 100.0 * 1_000.0 * message).abs() < 1.0);
        let two = Brokers::of(&Plan { nodes: 200.0, ..plan.clone() });
        assert!((two.network_to_nodes / one.network_to_nodes - 2.0).abs() < 1e-9);
        assert!(two.cpu > one.cpu && two.network_of_leader > one.network_of_leader);
    }

    #[test]
    fn more_events_need_no_fewer_hubs() {
        let rates = [1e3, 1e4, 1e5, 1e6];
        let hubs = rates.map(|rate| hubs(&Plan::of("a", 1e6, rate)));
        assert!(hubs[0] == Some(1) && hubs.is_sorted() && hubs[3] > Some(1), "{hubs:?}");
        assert_eq!(super::hubs(&Plan::of("a", 1e6, 1e12)), None);
    }
}

//! Which resource is used up first.

use super::brokers::Brokers;
use super::node::Node;
use super::plan::Plan;

/// A resource, and how much of it is needed: 1 is all that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) name: &'static str,
    pub(super) share: f64,
}

/// All resources, that which is used up first at the beginning.
pub(super) fn limits(plan: &Plan, node: &Node, brokers: &Brokers) -> Vec<Limit> {
    let machines = plan.machines;
    let deliver = node.cpu.deliveries + node.cpu.heartbeats;
    let network = node.network_out.max(node.network_in);
    let mut limits = vec![
        Limit { name: "CPU of nodes", share: node.cpu.total() / machines.node_cores },
        Limit { name: "delivery threads of nodes", share: deliver / machines.shards() },
        Limit { name: "memory of nodes", share: node.memory.total() / machines.node_memory },
        Limit { name: "network of nodes", share: network / machines.node_network },
        Limit { name: "CPU of brokers", share: brokers.cpu / machines.broker_cores },
        Limit {
            name: "network of brokers",
            share: brokers.network_of_leader / machines.broker_network,
        },
        Limit { name: "order of one stream", share: brokers.stream_share },
    ];
    limits.sort_by(|one, other| other.share.total_cmp(&one.share));
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(plan: &Plan) -> Limit {
        limits(plan, &Node::of(plan), &Brokers::of(plan))[0]
    }

    #[test]
    fn what_is_asked_for_decides_which_resource_is_first() {
        let mut small = Plan::of("idle", 1.0, 0.001);
        small.machines.node_memory = 1e9;
        assert_eq!(first(&small).name, "memory of nodes");
        let many_events = Plan { nodes: 1_000.0, ..Plan::of("personal", 10e6, 50_000.0) };
        assert!(first(&many_events).name.ends_with("of brokers"), "{:?}", first(&many_events));
        let to_all = Plan::of("news", 1.0, 5.0);
        assert_eq!(first(&to_all).name, "delivery threads of nodes");
    }
}

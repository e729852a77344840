//! What one node of a cluster has to do: all nodes are alike, since each reads the whole stream and has
//! the same share of the subscribers.

use super::audiences::Audiences;
use super::measured::{
    APPENDED, FRAME, HEARTBEAT, JOINED, LIMITS, MATCHED, MESSAGE, PACKET, PACKET_DATA, POSTED,
    PULLED, SEGMENT, SOCKET, UNSENT, write_seconds,
};
use super::plan::Plan;
use super::shard::{self, Arrivals, ShardCosts, ShardLoad, ShardRun};

/// For how many seconds events come in the model: long enough for so many, and no longer than so many take.
const SECONDS: f64 = 10.0;
const EVENTS_MIN: f64 = 2_000.0;
const EVENTS_MAX: f64 = 1e6;

/// CPU of a node, in cores.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeCpu {
    pub(super) deliveries: f64,
    /// Reading the stream, and adding its events to the log in memory.
    pub(super) stream: f64,
    /// Taking the node's share of what is published.
    pub(super) publishing: f64,
    pub(super) heartbeats: f64,
}

impl NodeCpu {
    pub(super) fn total(&self) -> f64 {
        self.deliveries + self.stream + self.publishing + self.heartbeats
    }
}

/// Memory of a node, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeMemory {
    /// Of the process, for its streams.
    pub(super) streams: f64,
    /// Of the process, at most, whatever it has.
    pub(super) limits: f64,
    /// Of the kernel, with something to send on every socket.
    pub(super) sockets: f64,
}

impl NodeMemory {
    pub(super) fn total(&self) -> f64 {
        self.streams + self.limits + self.sockets
    }
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) cpu: NodeCpu,
    pub(super) memory: NodeMemory,
    /// In bytes a second.
    pub(super) network_out: f64,
    pub(super) network_in: f64,
    /// One of its shards; the others are like it.
    pub(super) shard: ShardRun,
}

impl Node {
    pub(super) fn of(plan: &Plan) -> Self {
        let shard = shard::run(&shard_load(plan, Arrivals::Random));
        let shards = plan.machines.shards();
        let (subscribers, rate) = (plan.per_node(), plan.events_per_second);
        // A subscriber that gets something needs no heartbeat.
        let silent = (-deliveries_each(plan) * HEARTBEAT.value).exp() * subscribers;
        let cpu = NodeCpu {
            deliveries: shard.busy * shards,
            stream: rate * (PULLED.value + APPENDED.value),
            publishing: rate / plan.nodes * POSTED.value,
            heartbeats: silent / HEARTBEAT.value * write(plan),
        };
        let sockets = subscribers / plan.transport.streams_per_socket();
        let memory = NodeMemory {
            streams: subscribers * plan.transport.stream_bytes(),
            limits: LIMITS.value,
            sockets: sockets * (SOCKET.value + UNSENT.value),
        };
        let message = plan.bytes + MESSAGE.value;
        let (writes, events) = (shard.writes * shards, shard.deliveries * shards);
        Self {
            cpu,
            memory,
            network_out: wire_bytes(writes, events * (plan.bytes + FRAME.value))
                + rate / plan.nodes * message,
            network_in: rate * (1.0 + 1.0 / plan.nodes) * message,
            shard,
        }
    }

    /// Of all subscribers of the node.
    pub(super) fn deliveries(&self, plan: &Plan) -> f64 {
        self.shard.deliveries * plan.machines.shards()
    }

    /// How many events a write has.
    pub(super) fn events_a_write(&self) -> f64 {
        if self.shard.writes > 0.0 { self.shard.deliveries / self.shard.writes } else { 1.0 }
    }
}

/// What a write costs at a node, in seconds of CPU.
pub(super) fn write(plan: &Plan) -> f64 {
    let sockets = plan.per_node() / plan.transport.streams_per_socket();
    write_seconds(sockets) * plan.transport.write_factor()
}

/// What one of the shards of a node has to do.
pub(super) fn shard_load(plan: &Plan, arrivals: Arrivals) -> ShardLoad {
    let costs = ShardCosts {
        write: write(plan),
        joined: JOINED.value,
        matched: MATCHED.value,
        write_events_max: (SEGMENT.value / (plan.bytes + FRAME.value)).max(1.0),
    };
    let members = plan.per_node() / plan.machines.shards();
    ShardLoad {
        audiences: Audiences::of(members, plan.topics, plan.skew),
        events_per_second: plan.events_per_second,
        arrivals,
        costs,
        seconds: SECONDS
            .max(EVENTS_MIN / plan.events_per_second)
            .min(EVENTS_MAX / plan.events_per_second),
    }
}

/// Events a second that a subscriber gets, on average: each has one topic.
pub(super) fn deliveries_each(plan: &Plan) -> f64 {
    plan.events_per_second / plan.topics.max(1.0)
}

/// What so many writes with so many bytes in all are on the wire.
pub(super) fn wire_bytes(writes: f64, bytes: f64) -> f64 {
    let packets = writes.max(bytes / PACKET_DATA.value);
    bytes + packets * PACKET.value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_needs_more_of_everything_with_more_subscribers() {
        let of = |nodes| Node::of(&Plan { nodes, ..Plan::of("rooms", 100.0, 100.0) });
        let nodes = [400.0, 200.0, 100.0].map(of);
        for (what, need) in [
            ("CPU", (|node| node.cpu.total()) as fn(&Node) -> f64),
            ("memory", |node| node.memory.total()),
            ("network", |node| node.network_out),
        ] {
            let needs = nodes.each_ref().map(need);
            assert!(needs.is_sorted_by(|less, more| less < more), "{what}: {needs:?}");
        }
    }

    #[test]
    fn joined_events_need_fewer_packets() {
        let (lone, joined) = (wire_bytes(10.0, 2_000.0), wire_bytes(1.0, 2_000.0));
        assert!((lone - 2_660.0).abs() < 0.1, "{lone}");
        assert!(joined < lone && joined > 2_000.0, "{joined}");
    }
}

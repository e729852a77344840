//! Nodes die, and their clients come back to the others: how long until all have what they missed.
//!
//! Clients come at even distances within the time that they are given, and a node serves them one after
//! the other with the CPU that live deliveries leave. The real node does both at once; what matters here
//! is whether there is enough.

use super::measured::{FRAME, HANDSHAKE, JOINED, SEGMENT};
use super::node::{Node, deliveries_each, wire_bytes, write};
use super::plan::Plan;

/// How long it takes a client to see that its node is gone: a closed connection is seen at once, a
/// machine that is gone when a heartbeat is missing. Heartbeats come every 15 s.
const NOTICED_AFTER: f64 = 15.0;

/// What the nodes that are left have to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientsReturn {
    pub(super) clients: f64,
    /// At each node that is left, a second.
    pub(super) streams_a_second: f64,
    /// At all proxies or nodes together, a second, and the cores that they need for it.
    pub(super) handshakes_a_second: f64,
    pub(super) handshake_cores: f64,
    /// What each node sends of what was missed, in bytes.
    pub(super) replay_bytes: f64,
    /// CPU of a node that is left, for live deliveries alone, as a share of what it has.
    pub(super) live_share: f64,
    /// From the first client until the last has what it missed, in seconds; nothing if live deliveries
    /// leave no CPU for it.
    pub(super) recovered_after: Option<f64>,
}

impl ClientsReturn {
    pub(super) fn of(plan: &Plan) -> Self {
        let clients = plan.per_node() * plan.lost;
        let left = plan.after_loss();
        let node = Node::of(&left);
        let at_each = clients / left.nodes;
        let missed = deliveries_each(plan) * (NOTICED_AFTER + plan.return_seconds);
        let frames = missed * (plan.bytes + FRAME.value);
        let writes = (frames / SEGMENT.value).ceil().max(f64::from(u8::from(missed > 0.0)));
        let each = left.transport.begin_seconds() + writes * write(&left) + missed * JOINED.value;
        let cores = plan.machines.node_cores;
        let free = cores - node.cpu.total();
        let handshakes = clients / plan.return_seconds;
        Self {
            clients,
            streams_a_second: at_each / plan.return_seconds,
            handshakes_a_second: handshakes,
            handshake_cores: handshakes * HANDSHAKE.value,
            replay_bytes: at_each * wire_bytes(writes, frames),
            live_share: node.cpu.total() / cores,
            recovered_after: (free > 0.0)
                .then(|| served_after(at_each, plan.return_seconds, each / free)),
        }
    }
}

/// When the last of so many is done that come at even distances and are served one after the other.
pub(super) fn served_after(clients: f64, come_within: f64, seconds_each: f64) -> f64 {
    let (count, mut done) = (clients.ceil() as u64, 0.0_f64);
    for number in 0..count {
        let comes = come_within * number as f64 / clients;
        done = done.max(comes) + seconds_each;
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_faster_than_clients_come_is_done_with_the_last_one() {
        let fast = served_after(1_000.0, 10.0, 1e-3);
        assert!((9.98..10.01).contains(&fast), "{fast}");
        let slow = served_after(1_000.0, 10.0, 0.1);
        assert!((99.9..100.1).contains(&slow), "{slow}");
        assert!(served_after(0.0, 10.0, 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_more_nodes_die_the_longer_it_takes() {
        let plan = |lost| Plan { lost, ..Plan::of("rooms", 1_000.0, 1_000.0) };
        let returns = [1.0, 30.0, 60.0].map(|lost| ClientsReturn::of(&plan(lost)));
        for (less, more) in returns.iter().zip(&returns[1..]) {
            assert!(less.clients < more.clients && less.live_share < more.live_share);
            assert!(less.streams_a_second < more.streams_a_second);
            assert!(less.replay_bytes < more.replay_bytes);
        }
    }
}

//! A hub of many nodes: what each of them, the brokers and the network have to do.

use super::costs::{
    BROKER_BYTES, BUSY_MAX, CONNECT_TLS_US, CONNECT_US, NETWORK_BYTES_MAX, RETURN_SECONDS,
    SOCKET_BYTES, STREAM_EVENTS, SUBSCRIBER_BYTES, TAKE_US, WIRE_BYTES,
};
use super::node::{ShardLoad, SimulatedDelivery, simulate};

/// How large it is, and what it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct HubShape {
    pub(super) nodes: u64,
    /// Of all nodes together.
    pub(super) subscribers: u64,
    /// How many of them want an event, in the mean.
    pub(super) audience: u64,
    /// A second.
    pub(super) events: u64,
    /// Of an event's data.
    pub(super) bytes: u64,
    /// Delivery threads of a node.
    pub(super) shards: u64,
}

/// What comes first to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstLimit {
    Nothing,
    Stream,
    BrokerNetwork,
    NodeNetwork,
    Reading,
    Delivery,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct HubNeeds {
    /// Of a second, all nodes together.
    pub(super) deliveries: f64,
    pub(super) delivery: SimulatedDelivery,
    /// Bytes of a node's memory for its subscribers, with the kernel's.
    pub(super) node_memory: f64,
    /// Bytes a second that a node sends.
    pub(super) node_network: f64,
    /// Bytes a second that one of three brokers sends to nodes.
    pub(super) broker_network: f64,
    pub(super) first_limit: FirstLimit,
}

/// What it takes when a node is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeLoss {
    /// Clients that come to each of the others.
    pub(super) clients_each: f64,
    /// The part of one core of each that accepting them takes meanwhile.
    pub(super) cores: f64,
    pub(super) cores_with_tls: f64,
    /// Bytes that each of the others sends again.
    pub(super) replayed_each: f64,
}

const SEED: u64 = 1;

impl HubShape {
    pub(super) fn needs(&self) -> HubNeeds {
        let [nodes, subscribers, audience, events, bytes, shards] =
            [self.nodes, self.subscribers, self.audience, self.events, self.bytes, self.shards]
                .map(|number| number as f64);
        let load = ShardLoad {
            sockets: subscribers / nodes / shards,
            audience: audience / nodes / shards,
            events,
        };
        let deliveries = events * audience;
        let mut needs = HubNeeds {
            deliveries,
            delivery: simulate(load, SEED),
            node_memory: subscribers / nodes * (SUBSCRIBER_BYTES + SOCKET_BYTES),
            node_network: deliveries / nodes * (bytes + WIRE_BYTES),
            broker_network: nodes * events * (bytes + BROKER_BYTES) / 3.0,
            first_limit: FirstLimit::Nothing,
        };
        needs.first_limit = first_limit(events, &needs);
        needs
    }

    pub(super) fn loss(&self) -> NodeLoss {
        let others = (self.nodes as f64 - 1.0).max(1.0);
        let clients = self.subscribers as f64 / self.nodes as f64 / others;
        let each_second = clients / RETURN_SECONDS;
        let events_each = self.events as f64 * self.audience as f64 / self.subscribers as f64;
        let missed = events_each * RETURN_SECONDS;
        NodeLoss {
            clients_each: clients,
            cores: each_second * CONNECT_US / 1e6,
            cores_with_tls: each_second * CONNECT_TLS_US / 1e6,
            replayed_each: clients * missed * (self.bytes as f64 + WIRE_BYTES),
        }
    }
}

fn first_limit(events: f64, needs: &HubNeeds) -> FirstLimit {
    let limits = [
        (events / STREAM_EVENTS, FirstLimit::Stream),
        (needs.broker_network / NETWORK_BYTES_MAX, FirstLimit::BrokerNetwork),
        (needs.node_network / NETWORK_BYTES_MAX, FirstLimit::NodeNetwork),
        (events * TAKE_US / 1e6 / BUSY_MAX, FirstLimit::Reading),
        (if needs.delivery.falls_behind { f64::INFINITY } else { 0.0 }, FirstLimit::Delivery),
    ];
    let most = limits.into_iter().max_by(|one, other| one.0.total_cmp(&other.0));
    most.filter(|(part, _)| *part > 1.0).map_or(FirstLimit::Nothing, |(_, limit)| limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: HubShape = HubShape {
        nodes: 100,
        subscribers: 10_000_000,
        audience: 100,
        events: 10_000,
        bytes: 150,
        shards: 8,
    };

    #[test]
    fn it_names_what_comes_to_its_end_first() {
        let cases = [
            (SHAPE, FirstLimit::Nothing),
            (HubShape { events: 150_000, audience: 1, nodes: 10, ..SHAPE }, FirstLimit::Stream),
            (
                HubShape { nodes: 1_000, events: 50_000, audience: 1, ..SHAPE },
                FirstLimit::BrokerNetwork,
            ),
            (
                HubShape { bytes: 10_000, events: 1_000, audience: 100_000, ..SHAPE },
                FirstLimit::NodeNetwork,
            ),
            (
                HubShape { audience: 10_000_000, events: 10_000, bytes: 1, ..SHAPE },
                FirstLimit::Delivery,
            ),
        ];
        for (shape, expected) in cases {
            assert_eq!(shape.needs().first_limit, expected, "{shape:?} {:?}", shape.needs());
        }
    }

    #[test]
    fn more_nodes_have_less_to_do_each_and_lose_fewer_clients_at_once() {
        let more = HubShape { nodes: 200, ..SHAPE };
        assert!(more.needs().node_network < SHAPE.needs().node_network);
        assert!(more.needs().broker_network > SHAPE.needs().broker_network);
        assert!(more.loss().clients_each < SHAPE.loss().clients_each);
    }
}

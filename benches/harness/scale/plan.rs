//! What is asked of a cluster, and of which machines: the input of the model.

use super::measured::{
    BEGIN, BEGIN_HTTP2, BEGIN_HTTP2_TLS, BEGIN_TLS, FACTOR_HTTP2, FACTOR_HTTP2_TLS, FACTOR_TLS,
    STREAM, STREAM_HTTP2, STREAM_HTTP2_TLS, STREAM_TLS,
};

/// A gigabit in bytes.
const GIGABIT: f64 = 125e6;
const GIBIBYTE: f64 = 1_073_741_824.0;

/// How a stream comes to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Transport {
    /// HTTP/1.1 without TLS: a proxy has it, or nobody
    Plain,
    /// HTTP/1.1 over TLS
    Tls,
    /// HTTP/2 without TLS, 100 streams a connection, as from a proxy
    Http2,
    /// HTTP/2 over TLS, 100 streams a connection
    Http2Tls,
}

impl Transport {
    /// What a write costs, of what it costs over plain HTTP/1.1.
    pub(super) fn write_factor(self) -> f64 {
        match self {
            Self::Plain => 1.0,
            Self::Tls => FACTOR_TLS.value,
            Self::Http2 => FACTOR_HTTP2.value,
            Self::Http2Tls => FACTOR_HTTP2_TLS.value,
        }
    }

    /// CPU to begin a stream, in seconds.
    pub(super) fn begin_seconds(self) -> f64 {
        let begin = match self {
            Self::Plain => BEGIN,
            Self::Tls => BEGIN_TLS,
            Self::Http2 => BEGIN_HTTP2,
            Self::Http2Tls => BEGIN_HTTP2_TLS,
        };
        begin.value
    }

    /// What the process holds for a stream.
    pub(super) fn stream_bytes(self) -> f64 {
        let stream = match self {
            Self::Plain => STREAM,
            Self::Tls => STREAM_TLS,
            Self::Http2 => STREAM_HTTP2,
            Self::Http2Tls => STREAM_HTTP2_TLS,
        };
        stream.value
    }

    pub(super) fn streams_per_socket(self) -> f64 {
        match self {
            Self::Plain | Self::Tls => 1.0,
            Self::Http2 | Self::Http2Tls => 100.0,
        }
    }
}

/// The machines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machines {
    pub(super) node_cores: f64,
    /// In bytes.
    pub(super) node_memory: f64,
    /// In bytes a second, each way.
    pub(super) node_network: f64,
    pub(super) brokers: f64,
    pub(super) broker_cores: f64,
    pub(super) broker_network: f64,
}

impl Machines {
    /// Common ones of 2026: 8 cores, 16 GiB and 10 Gbit/s; brokers have 16 cores and 25 Gbit/s.
    pub(super) fn usual() -> Self {
        Self {
            node_cores: 8.0,
            node_memory: 16.0 * GIBIBYTE,
            node_network: 10.0 * GIGABIT,
            brokers: 3.0,
            broker_cores: 16.0,
            broker_network: 25.0 * GIGABIT,
        }
    }

    /// As the nodes choose them: one core is left to the HTTP layer.
    pub(super) fn shards(&self) -> f64 {
        (self.node_cores - 1.0).max(1.0)
    }
}

/// A cluster, and what it has to do.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) nodes: f64,
    /// Of all nodes together.
    pub(super) subscribers: f64,
    pub(super) topics: f64,
    /// Subscribers are spread over topics by Zipf's law with this exponent; 0 is evenly.
    pub(super) skew: f64,
    /// Of all topics together, each as often as any other.
    pub(super) events_per_second: f64,
    /// Of data in an event.
    pub(super) bytes: f64,
    pub(super) transport: Transport,
    /// How many nodes die at once.
    pub(super) lost: f64,
    /// Within how many seconds their clients come back.
    pub(super) return_seconds: f64,
    pub(super) machines: Machines,
}

impl Plan {
    pub(super) fn of(name: &str, topics: f64, events_per_second: f64) -> Self {
        Self {
            name: name.to_owned(),
            nodes: 100.0,
            subscribers: 10e6,
            topics,
            skew: 0.0,
            events_per_second,
            bytes: 150.0,
            transport: Transport::Plain,
            lost: 1.0,
            return_seconds: 10.0,
            machines: Machines::usual(),
        }
    }

    /// Those of the page: ten million subscribers at a hundred nodes.
    pub(super) fn of_page() -> Vec<Self> {
        vec![
            Self::of("news: one topic, 1 event a second", 1.0, 1.0),
            Self::of("ticker: one topic, 10 a second", 1.0, 10.0),
            Self::of("rooms: 10,000 topics, 1 a second in each", 10_000.0, 10_000.0),
            Self {
                skew: 1.0,
                ..Self::of("the same, subscribers by Zipf's law", 10_000.0, 10_000.0)
            },
            Self::of("busy rooms: 1,000 topics, 50 a second in each", 1_000.0, 50_000.0),
            Self::of("personal: a topic each, an event every 1,000 s", 10e6, 10_000.0),
            Self::of("personal: a topic each, an event every 100 s", 10e6, 100_000.0),
        ]
    }

    pub(super) fn per_node(&self) -> f64 {
        self.subscribers / self.nodes
    }

    /// The nodes that are left.
    pub(super) fn after_loss(&self) -> Self {
        Self { nodes: (self.nodes - self.lost).max(1.0), lost: 0.0, ..self.clone() }
    }

    /// One of so many hubs, each with its own stream, brokers and nodes.
    pub(super) fn one_of(&self, hubs: f64) -> Self {
        Self {
            nodes: self.nodes / hubs,
            subscribers: self.subscribers / hubs,
            topics: (self.topics / hubs).max(1.0),
            events_per_second: self.events_per_second / hubs,
            ..self.clone()
        }
    }
}

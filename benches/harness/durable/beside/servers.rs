//! The servers that keep their events on the disk, and what each has done with an event when it answers
//! its publisher.

use crate::compare::versions;
use crate::fanfare;
use crate::places::Places;

/// A server, with how it is told to keep its events.
#[derive(Clone, Copy, Debug)]
pub(super) struct DurableServer {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// Of an event whose publisher has its answer.
    pub(super) promise: &'static str,
    pub(super) product: Product,
}

/// The product, with its own word for when it syncs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Product {
    Fanfare { sync: &'static str },
    Mercure,
    NchanWithRedis { appendfsync: &'static str },
    Nats { sync_interval: &'static str },
}

/// All of them, in the order in which they are measured.
pub(super) const ALL: [DurableServer; 8] = [
    DurableServer {
        name: "fanfare-always",
        title: "Fanfare, `--sync always`",
        promise: "synced",
        product: Product::Fanfare { sync: "always" },
    },
    DurableServer {
        name: "fanfare-interval",
        title: "Fanfare, `--sync interval=100ms`",
        promise: "written; synced within 100 ms",
        product: Product::Fanfare { sync: "interval=100ms" },
    },
    DurableServer {
        name: "fanfare-never",
        title: "Fanfare, `--sync never`",
        promise: "written; synced when the system decides",
        product: Product::Fanfare { sync: "never" },
    },
    DurableServer {
        name: "mercure",
        title: "Mercure hub, Bolt",
        promise: "synced, a transaction each",
        product: Product::Mercure,
    },
    DurableServer {
        name: "nchan-always",
        title: "nchan, Redis with `appendfsync always`",
        promise: "synced by Redis",
        product: Product::NchanWithRedis { appendfsync: "always" },
    },
    DurableServer {
        name: "nchan-everysec",
        title: "nchan, Redis with `appendfsync everysec`",
        promise: "written by Redis; synced every second",
        product: Product::NchanWithRedis { appendfsync: "everysec" },
    },
    DurableServer {
        name: "nats-always",
        title: "NATS JetStream, `sync_interval: always`",
        promise: "synced, one by one",
        product: Product::Nats { sync_interval: "always" },
    },
    DurableServer {
        name: "nats-default",
        title: "NATS JetStream, `sync_interval: 2m` (its default)",
        promise: "written; synced every two minutes",
        product: Product::Nats { sync_interval: "2m" },
    },
];

impl Product {
    /// How events are published, for the table.
    pub(super) fn protocol(self) -> &'static str {
        match self {
            Self::Fanfare { .. } | Self::Mercure | Self::NchanWithRedis { .. } => "HTTP",
            Self::Nats { .. } => "NATS",
        }
    }

    pub(super) fn version(self, places: &Places) -> Option<String> {
        match self {
            Self::Fanfare { .. } => fanfare::version(places),
            Self::Mercure => versions::mercure(places),
            Self::NchanWithRedis { .. } => {
                let redis = versions::unpacked(places, "redis", "redis-server")?;
                Some(format!("{}, Redis {redis}", versions::nchan(places)?))
            }
            Self::Nats { .. } => {
                let of = |module| versions::go_module(places, "nats", module);
                let client = of("github.com/nats-io/nats.go")?;
                Some(format!("{}, nats.go {client}", of("github.com/nats-io/nats-server/v2")?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_a_name_of_its_own() {
        let mut names = ALL.map(|server| server.name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}

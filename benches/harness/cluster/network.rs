//! The network that brokers and nodes are on: loopback, or namespaces whose links can be cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::bail;

use super::namespaces::{Host, Link, Namespaces};
use crate::bench::Bench;

/// Where a network of its own begins to count ports: nobody else is there.
pub(super) const LISTEN: u16 = 4_222;
pub(super) const CLUSTER: u16 = 6_222;
const MONITOR: u16 = 8_222;

/// Which network is wanted.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub(super) enum NetworkChoice {
    /// Namespaces where they can be made, which takes root, and loopback elsewhere
    Auto,
    Namespaces,
    /// Without the faults that cut links
    Loopback,
}

/// A network, which goes with its value.
#[derive(Debug)]
pub(super) enum Network {
    Loopback,
    Namespaces(Namespaces),
}

/// Where a broker listens: for nodes, for the other brokers, and for questions about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrokerAddresses {
    pub(super) listen: SocketAddr,
    pub(super) cluster: SocketAddr,
    pub(super) monitor: SocketAddr,
}

/// Where a node listens: for clients, and for questions about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeAddresses {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
}

impl Network {
    /// Namespaces for so many brokers and as many nodes, each with links of its own.
    pub(super) fn of_namespaces(count: usize) -> anyhow::Result<Self> {
        let hosts = (0..count).flat_map(|index| [Host::Broker(index), Host::Node(index)]);
        Ok(Self::Namespaces(Namespaces::make(&hosts.collect::<Vec<_>>())?))
    }

    pub(super) fn broker(
        &self,
        bench: &mut Bench,
        index: usize,
    ) -> anyhow::Result<BrokerAddresses> {
        let host = Host::Broker(index);
        Ok(match self {
            Self::Loopback => {
                let (listen, cluster, monitor) = (free(bench)?, free(bench)?, free(bench)?);
                BrokerAddresses { listen, cluster, monitor }
            }
            Self::Namespaces(_) => BrokerAddresses {
                listen: host.address(Link::Log, LISTEN),
                cluster: host.address(Link::Route, CLUSTER),
                monitor: host.address(Link::Client, MONITOR),
            },
        })
    }

    pub(super) fn node(&self, bench: &mut Bench, index: usize) -> anyhow::Result<NodeAddresses> {
        let host = Host::Node(index);
        Ok(match self {
            Self::Loopback => NodeAddresses { listen: free(bench)?, admin: free(bench)? },
            Self::Namespaces(_) => NodeAddresses {
                listen: host.address(Link::Client, 8_080),
                admin: host.address(Link::Client, 9_090),
            },
        })
    }

    /// A program as it is started on its host.
    pub(super) fn command(&self, host: Host, program: &Path) -> Command {
        match self {
            Self::Loopback => Command::new(program),
            Self::Namespaces(namespaces) => namespaces.command(host, program),
        }
    }

    /// The namespaces, for whoever cuts links.
    pub(super) fn namespaces(&self) -> anyhow::Result<&Namespaces> {
        match self {
            Self::Loopback => bail!("loopback has no links to cut"),
            Self::Namespaces(namespaces) => Ok(namespaces),
        }
    }
}

fn free(bench: &mut Bench) -> anyhow::Result<SocketAddr> {
    Ok((Ipv4Addr::LOCALHOST, bench.free_port()?).into())
}

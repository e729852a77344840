//! Three brokers and three nodes that are one hub: started together, waited for, and ended with the
//! value.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::brokers::{self, StreamState};
use super::member::Member;
use super::namespaces::Host;
use super::network::{BrokerAddresses, Network, NodeAddresses};
use crate::bench::Bench;
use crate::fanfare;
use crate::http::Client;

/// Of brokers, and of nodes.
pub(super) const COUNT: usize = 3;
/// Brokers that must have everything besides their leader.
const FOLLOWERS: usize = COUNT - 1;

/// How long it may take until all are well again.
const WELL_MAX: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(50);

/// What nodes are started with besides their addresses. A drain of a few seconds is enough here.
const NODE_FLAGS: [&str; 7] =
    ["--nats-create", "--demos=false", "--open", "--log-level", "info", "--drain-window", "2s"];

/// The processes that are one hub.
#[derive(Debug)]
pub(super) struct Hub {
    // Nodes are ended first: brokers that are away would hold them up.
    pub(super) nodes: Vec<Member>,
    pub(super) brokers: Vec<Member>,
    /// Where each node serves clients.
    pub(super) urls: Vec<String>,
    broker_addresses: Vec<BrokerAddresses>,
    client: Client,
    // Removed when nobody is in it any more.
    pub(super) network: Network,
}

impl Hub {
    /// Starts all with an empty folder, and waits until all serve.
    pub(super) fn start(
        bench: &mut Bench,
        network: Network,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let broker_addresses = (0..COUNT).map(|index| network.broker(bench, index));
        let broker_addresses = broker_addresses.collect::<anyhow::Result<Vec<_>>>()?;
        let program = brokers::program(&bench.places)?;
        let brokers = brokers::prepare(&program, &network, &broker_addresses, folder)?;
        let nats = nats_urls(&broker_addresses);
        let program = bench.places.programs.join("fanfare");
        let (mut nodes, mut urls) = (Vec::new(), Vec::new());
        for index in 0..COUNT {
            let host = Host::Node(index);
            let NodeAddresses { listen, admin } = network.node(bench, index)?;
            let mut command = network.command(host, &program);
            command.args(fanfare::arguments(listen, admin));
            command.args(["--nats", &nats]).args(NODE_FLAGS);
            let ready_url = format!("http://{admin}/readyz");
            nodes.push(Member::new(host.name(), &command, ready_url, folder.to_owned()));
            urls.push(format!("http://{listen}"));
        }
        let client = Client::new();
        let mut hub = Self { nodes, brokers, urls, broker_addresses, client, network };
        for broker in &mut hub.brokers {
            broker.start()?;
        }
        // The first makes the stream.
        for index in 0..COUNT {
            hub.nodes[index].start()?;
            hub.wait_for(&hub.nodes[index])?;
        }
        hub.wait_until_well()?;
        Ok(hub)
    }

    pub(super) fn stream(&self) -> StreamState {
        StreamState::ask(&self.broker_addresses, &self.client)
    }

    /// The addresses of the brokers, as a flag has them.
    pub(super) fn brokers_flag(&self) -> String {
        nats_urls(&self.broker_addresses)
    }

    /// Waits until one serves.
    pub(super) fn wait_for(&self, member: &Member) -> anyhow::Result<()> {
        wait(&member.name, || member.is_ready(&self.client))
    }

    /// Waits until the stream is led and all brokers have everything, and all nodes follow it.
    pub(super) fn wait_until_well(&self) -> anyhow::Result<()> {
        for member in self.brokers.iter().chain(&self.nodes) {
            self.wait_for(member)?;
        }
        wait("the stream", || {
            let StreamState { leader, current } = self.stream();
            leader.is_some() && current == FOLLOWERS
        })
    }

    /// Events that publishers have given the first node since its start.
    pub(super) fn published(&self) -> f64 {
        let page = self.nodes[0].ready_url.replace("/readyz", "/metrics");
        self.client.get(&page).map_or(0.0, |page| published(&page))
    }
}

fn nats_urls(brokers: &[BrokerAddresses]) -> String {
    let urls = brokers.iter().map(|broker| format!("nats://{}", broker.listen));
    urls.collect::<Vec<_>>().join(",")
}

/// Waits until something is as it should be.
pub(super) fn wait(name: &str, is_well: impl Fn() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + WELL_MAX;
    while !is_well() {
        if Instant::now() > deadline {
            bail!("{name} is not well after {} s", WELL_MAX.as_secs());
        }
        sleep(POLL);
    }
    Ok(())
}

/// Events published at a node since its start.
fn published(page: &str) -> f64 {
    let of = |line: &str| {
        let rest = line.strip_prefix("fanfare_events_published_total")?;
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    };
    page.lines().filter_map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_the_sum_over_its_sources() {
        let page = "# TYPE fanfare_events_published_total counter\n\
                    fanfare_events_published_total{source=\"raw\"} 40\n\
                    fanfare_events_published_total{source=\"form\"} 2\n\
                    fanfare_events_delivered_total 900\n";
        assert!((published(page) - 42.0).abs() < 1e-9);
        assert!(published("").abs() < 1e-9);
    }
}

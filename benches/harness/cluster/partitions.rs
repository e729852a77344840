//! Networks that are parted under load: links between brokers and nodes are cut, stay so for a while, and
//! are put back. Each time it is looked at who reaches whom, so that a cut that cuts nothing is no success.

use std::thread::{scope, sleep};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::hub::{COUNT, Hub};
use super::namespaces::{Host, Link, Namespaces};
use super::network::{CLUSTER, LISTEN};

/// How long it lasts: longer than an election, and than a publisher is held (`--append-timeout`).
const APART: Duration = Duration::from_secs(20);

/// Who is parted from whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Partition {
    /// The leader of the stream from the other brokers; nodes reach all.
    LeaderFromBrokers,
    LeaderFromAll,
    /// A broker that does not lead.
    FollowerFromAll,
    /// A node from all brokers; its subscribers stay.
    NodeFromBrokers,
    /// A node hears all brokers, and none hears it.
    NodeUnheard,
    /// Every broker from every other one; nodes reach all.
    BrokersFromEachOther,
}

/// One thing that is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Cable(Host, Link),
    /// What the first sends to the second is lost.
    OneWay(Host, Host),
}

impl Partition {
    /// Cuts, waits, and puts back. `round` says which node or broker it happens to.
    pub(super) fn strike(self, hub: &Hub, round: usize) -> anyhow::Result<()> {
        let leader = hub.stream().leader.context("the stream has no leader")?;
        let (cuts, namespaces) = (self.cuts(leader, round), hub.network.namespaces()?);
        cuts.iter().try_for_each(|cut| cut.set(namespaces, true))?;
        see(namespaces, &cuts)?;
        sleep(APART);
        cuts.iter().try_for_each(|cut| cut.set(namespaces, false))
    }

    fn cuts(self, leader: usize, round: usize) -> Vec<Cut> {
        let follower = (leader + 1 + round % (COUNT - 1)) % COUNT;
        let node = Host::Node(round % COUNT);
        let alone =
            |broker| [Link::Route, Link::Log].map(|link| Cut::Cable(Host::Broker(broker), link));
        let brokers = (0..COUNT).map(Host::Broker);
        match self {
            Self::LeaderFromBrokers => vec![Cut::Cable(Host::Broker(leader), Link::Route)],
            Self::LeaderFromAll => alone(leader).to_vec(),
            Self::FollowerFromAll => alone(follower).to_vec(),
            Self::NodeFromBrokers => vec![Cut::Cable(node, Link::Log)],
            Self::NodeUnheard => brokers.map(|broker| Cut::OneWay(node, broker)).collect(),
            Self::BrokersFromEachOther => {
                brokers.map(|broker| Cut::Cable(broker, Link::Route)).collect()
            }
        }
    }
}

impl Cut {
    fn set(self, namespaces: &Namespaces, is_cut: bool) -> anyhow::Result<()> {
        match self {
            Self::Cable(host, link) => namespaces.set_link(host, link, !is_cut),
            Self::OneWay(from, to) => namespaces.set_unheard(from, to, is_cut),
        }
    }

    /// Whether one cannot reach another by a link because of it.
    fn parts(self, from: Host, to: Host, by: Link) -> bool {
        match self {
            Self::Cable(host, link) => link == by && (host == from || host == to),
            Self::OneWay(one, other) => by == Link::Log && (one, other) == (from, to),
        }
    }
}

/// Who connects to whom, and by which link.
fn ways() -> impl Iterator<Item = (Host, Host, Link)> {
    let brokers = || (0..COUNT).map(Host::Broker);
    let routes = brokers().flat_map(move |from| brokers().map(move |to| (from, to, Link::Route)));
    let nodes = (0..COUNT).map(Host::Node);
    let log = nodes.flat_map(move |from| brokers().map(move |to| (from, to, Link::Log)));
    routes.filter(|(from, to, _)| from != to).chain(log)
}

/// Fails unless exactly those are parted who are to be.
fn see(namespaces: &Namespaces, cuts: &[Cut]) -> anyhow::Result<()> {
    let wrong = scope(|scope| {
        let looks: Vec<_> = ways()
            .map(|(from, to, by)| {
                let address = to.address(by, if by == Link::Route { CLUSTER } else { LISTEN });
                let look = scope.spawn(move || namespaces.reaches(from, address));
                (from, to, cuts.iter().any(|cut| cut.parts(from, to, by)), look)
            })
            .collect();
        let see = |(from, to, is_parted, look): (Host, Host, bool, ScopedLook<'_>)| {
            let reaches = look.join().unwrap_or_else(|_| bail!("nobody could look"))?;
            let word = if reaches { "reaches" } else { "does not reach" };
            let wrong = format!("{} {word} {}", from.name(), to.name());
            Ok((reaches == is_parted).then_some(wrong))
        };
        looks.into_iter().map(see).collect::<anyhow::Result<Vec<_>>>()
    })?;
    match wrong.into_iter().flatten().collect::<Vec<_>>() {
        wrong if wrong.is_empty() => Ok(()),
        wrong => bail!("the network was not parted as it was to be: {}", wrong.join(", ")),
    }
}

type ScopedLook<'scope> = std::thread::ScopedJoinHandle<'scope, anyhow::Result<bool>>;

#[cfg(test)]
mod tests {
    use super::*;

    /// Who cannot reach whom.
    fn parted(partition: Partition, round: usize) -> Vec<String> {
        let cuts = partition.cuts(1, round);
        let parted =
            ways().filter(|&(from, to, by)| cuts.iter().any(|cut| cut.parts(from, to, by)));
        parted.map(|(from, to, _)| format!("{} {}", from.name(), to.name())).collect()
    }

    #[test]
    fn each_partition_parts_those_that_it_is_named_after_and_nobody_else() {
        let cases: [(Partition, &[&str]); 4] = [
            (
                Partition::LeaderFromBrokers,
                &[
                    "broker-0 broker-1",
                    "broker-1 broker-0",
                    "broker-1 broker-2",
                    "broker-2 broker-1",
                ],
            ),
            (
                Partition::NodeFromBrokers,
                &["node-2 broker-0", "node-2 broker-1", "node-2 broker-2"],
            ),
            (Partition::NodeUnheard, &["node-2 broker-0", "node-2 broker-1", "node-2 broker-2"]),
            (
                Partition::FollowerFromAll,
                &[
                    "broker-0 broker-2",
                    "broker-1 broker-2",
                    "broker-2 broker-0",
                    "broker-2 broker-1",
                    "node-0 broker-2",
                    "node-1 broker-2",
                    "node-2 broker-2",
                ],
            ),
        ];
        for (partition, expected) in cases {
            assert_eq!(parted(partition, 2), expected, "{partition:?}");
        }
        assert_eq!(parted(Partition::LeaderFromAll, 0).len(), 7);
        let apart = parted(Partition::BrokersFromEachOther, 0);
        assert!(apart.len() == 6 && apart.iter().all(|way| !way.contains("node")), "{apart:?}");
        assert_ne!(parted(Partition::FollowerFromAll, 0), parted(Partition::FollowerFromAll, 1));
    }
}

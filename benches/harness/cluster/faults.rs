//! What happens to brokers and nodes under load. Whoever was ended is started again at once or a little
//! later, with all that it had, and the fault is over when all are well.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;

use super::hub::{COUNT, Hub};
use super::member::Member;
use super::partitions::Partition;

/// How long one that was killed is away.
const AWAY: Duration = Duration::from_secs(2);
/// How long one stands still: long enough for the brokers to elect another leader.
const STILL: Duration = Duration::from_secs(6);

/// Whom something happens to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Victim {
    /// The broker that leads the stream.
    Leader,
    /// Another one.
    Follower,
    Node,
}

/// What happens to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Blow {
    /// It is ended at once, and is away for a while.
    Kill,
    /// It does nothing for a while, and then goes on.
    StandStill,
    /// It is asked to end, and started again when it has.
    Term,
}

/// What happens under load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Nothing,
    One(Victim, Blow),
    AllBrokersKilled,
    /// Every broker and every node is asked to end and started again, one after the other, each when
    /// the one before is well.
    RollingRestart,
    /// Some cannot reach some others for a while.
    Parted(Partition),
}

/// All of them, in the order of the table: the name for flags, the title, and the fault.
pub(super) const ALL: [(&str, &str, Fault); 18] = [
    ("nothing", "nothing", Fault::Nothing),
    ("leader-kill", "leader of the brokers: SIGKILL", Fault::One(Victim::Leader, Blow::Kill)),
    ("leader-stop", "leader: SIGSTOP for 6 s", Fault::One(Victim::Leader, Blow::StandStill)),
    ("leader-term", "leader: SIGTERM", Fault::One(Victim::Leader, Blow::Term)),
    ("follower-kill", "another broker: SIGKILL", Fault::One(Victim::Follower, Blow::Kill)),
    (
        "follower-stop",
        "another broker: SIGSTOP for 6 s",
        Fault::One(Victim::Follower, Blow::StandStill),
    ),
    ("follower-term", "another broker: SIGTERM", Fault::One(Victim::Follower, Blow::Term)),
    ("node-kill", "node: SIGKILL", Fault::One(Victim::Node, Blow::Kill)),
    ("node-stop", "node: SIGSTOP for 6 s", Fault::One(Victim::Node, Blow::StandStill)),
    ("node-term", "node: SIGTERM", Fault::One(Victim::Node, Blow::Term)),
    ("all-brokers", "all brokers: SIGKILL", Fault::AllBrokersKilled),
    ("rolling", "rolling restart of brokers and nodes", Fault::RollingRestart),
    (
        "leader-apart",
        "leader cut off from the other brokers for 20 s",
        Fault::Parted(Partition::LeaderFromBrokers),
    ),
    (
        "leader-alone",
        "leader cut off from everybody for 20 s",
        Fault::Parted(Partition::LeaderFromAll),
    ),
    (
        "follower-alone",
        "another broker cut off from everybody for 20 s",
        Fault::Parted(Partition::FollowerFromAll),
    ),
    (
        "node-apart",
        "node cut off from all brokers for 20 s",
        Fault::Parted(Partition::NodeFromBrokers),
    ),
    (
        "node-unheard",
        "node that hears the brokers and is not heard for 20 s",
        Fault::Parted(Partition::NodeUnheard),
    ),
    (
        "brokers-apart",
        "all brokers cut off from each other for 20 s",
        Fault::Parted(Partition::BrokersFromEachOther),
    ),
];

impl Fault {
    /// Whether it takes a network whose links can be cut.
    pub(super) fn cuts_links(self) -> bool {
        matches!(self, Self::Parted(_))
    }

    /// Does it, and waits until all are well again. `round` says which node it happens to.
    pub(super) fn strike(self, hub: &mut Hub, round: usize) -> anyhow::Result<()> {
        match self {
            Self::Nothing => {}
            Self::One(victim, blow) => blow.strike(victim.of(hub, round)?)?,
            Self::AllBrokersKilled => {
                hub.brokers.iter_mut().try_for_each(Member::kill)?;
                sleep(AWAY);
                hub.brokers.iter_mut().try_for_each(Member::start)?;
            }
            Self::RollingRestart => {
                for index in 0..COUNT {
                    Blow::Term.strike(&mut hub.brokers[index])?;
                    hub.wait_until_well()?;
                }
                for index in 0..COUNT {
                    Blow::Term.strike(&mut hub.nodes[index])?;
                    hub.wait_until_well()?;
                }
            }
            Self::Parted(partition) => partition.strike(hub, round)?,
        }
        hub.wait_until_well()
    }
}

impl Victim {
    fn of(self, hub: &mut Hub, round: usize) -> anyhow::Result<&mut Member> {
        let leader = || hub.stream().leader.context("the stream has no leader");
        Ok(match self {
            Self::Leader => {
                let leader = leader()?;
                &mut hub.brokers[leader]
            }
            Self::Follower => {
                let follower = (leader()? + 1 + round % (COUNT - 1)) % COUNT;
                &mut hub.brokers[follower]
            }
            Self::Node => &mut hub.nodes[round % COUNT],
        })
    }
}

impl Blow {
    fn strike(self, member: &mut Member) -> anyhow::Result<()> {
        match self {
            Self::Kill => {
                member.kill()?;
                sleep(AWAY);
                member.start()
            }
            Self::StandStill => {
                member.stand_still()?;
                sleep(STILL);
                member.go_on()
            }
            Self::Term => {
                member.end()?;
                member.start()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_a_name_of_its_own_and_whoever_may_fail_fails_in_every_way() {
        let mut names = ALL.map(|(name, _, _)| name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for victim in [Victim::Leader, Victim::Follower, Victim::Node] {
            for blow in [Blow::Kill, Blow::StandStill, Blow::Term] {
                let fault = Fault::One(victim, blow);
                assert!(ALL.iter().any(|(_, _, one)| *one == fault), "{fault:?}");
            }
        }
    }
}

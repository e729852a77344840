//! Network namespaces that a run makes for itself: one for each member of the hub, and one with the
//! bridges between them, in which this process and loadgen are meanwhile.
//!
//! A member has a link of its own to each bridge it needs, so that cutting one link parts it from some of
//! the others and leaves the rest as it is. Names begin with the id of the run's process: what a run left
//! that was killed is found by it, and removed.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::programs;
use crate::progress::say;

/// Where `ip netns` keeps namespaces by their names.
const NAMED: &str = "/run/netns";
const PREFIX: &str = "fanfare-";
/// The namespace with the bridges.
const MIDDLE: &str = "middle";
/// How long a connection may take that is tried in order to see whether a link is cut.
const REACH_MAX: Duration = Duration::from_secs(2);

/// What a link is for; there is a bridge for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    /// Between brokers.
    Route,
    /// From nodes to brokers.
    Log,
    /// From loadgen to nodes, and to whatever tells how a member is. It is never cut.
    Client,
}

/// Where a member of the hub is: a namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Host {
    Broker(usize),
    Node(usize),
}

impl Link {
    const ALL: [Self; 3] = [Self::Route, Self::Log, Self::Client];

    fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Log => "log",
            Self::Client => "client",
        }
    }

    /// Its addresses are of the range that is set aside for measuring (RFC 2544).
    fn address(self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self as u8, number)
    }
}

impl Host {
    pub(super) fn name(self) -> String {
        match self {
            Self::Broker(index) => format!("broker-{index}"),
            Self::Node(index) => format!("node-{index}"),
        }
    }

    fn links(self) -> &'static [Link] {
        match self {
            Self::Broker(_) => &Link::ALL,
            Self::Node(_) => &[Link::Log, Link::Client],
        }
    }

    pub(super) fn address(self, link: Link, port: u16) -> SocketAddr {
        // The bridge is number 1.
        let number = match self {
            Self::Broker(index) => 10 + index,
            Self::Node(index) => 20 + index,
        };
        let number = u8::try_from(number).unwrap_or(u8::MAX);
        (IpAddr::V4(link.address(number)), port).into()
    }

    /// The end of a link at its bridge. Such a name has 15 letters at most.
    fn port_at_bridge(self, link: Link) -> String {
        format!("{}-{}", self.name(), link.name())
    }
}

/// Namespaces that are there, with this thread in the middle one; removed with the value.
#[derive(Debug)]
pub(super) struct Namespaces {
    run: u32,
    /// Where this thread was before.
    home: File,
}

impl Namespaces {
    /// Makes them, and moves this thread into the middle one; processes that it starts are there, too.
    pub(super) fn make(hosts: &[Host]) -> anyhow::Result<Self> {
        if !geteuid().is_root() {
            bail!("only root makes network namespaces");
        }
        if programs::on_path("ip").is_none() {
            bail!("there is no `ip`; install iproute2");
        }
        remove_stale(Path::new(NAMED))?;
        let home = File::open("/proc/thread-self/ns/net").context("the network namespace")?;
        // From here on whatever was made is removed with it.
        let made = Self { run: std::process::id(), home };
        made.lay_bridges()?;
        hosts.iter().try_for_each(|&host| made.connect(host))?;
        enter(&made.name(MIDDLE))?;
        Ok(made)
    }

    /// A program that runs there.
    pub(super) fn command(&self, host: Host, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(&host.name())]).arg(program);
        command
    }

    /// Pulls the cable of a link, or puts it back.
    pub(super) fn set_link(&self, host: Host, link: Link, is_up: bool) -> anyhow::Result<()> {
        let to = if is_up { "up" } else { "down" };
        ip(&format!("-n {} link set {} {to}", self.name(MIDDLE), host.port_at_bridge(link)))
    }

    /// Has all that one sends to another be lost on the way, while it still hears the other: its frames are
    /// sent to an address that nobody has.
    pub(super) fn set_unheard(&self, from: Host, to: Host, is_unheard: bool) -> anyhow::Result<()> {
        let (name, peer) = (self.name(&from.name()), to.address(Link::Log, 0).ip());
        let log = Link::Log.name();
        if is_unheard {
            let nobody = "02:00:00:00:00:01";
            ip(&format!("-n {name} neigh replace {peer} lladdr {nobody} dev {log} nud permanent"))
        } else {
            ip(&format!("-n {name} neigh del {peer} dev {log}"))
        }
    }

    /// Whether one can connect to an address of another.
    pub(super) fn reaches(&self, from: Host, address: SocketAddr) -> anyhow::Result<bool> {
        let name = self.name(&from.name());
        // A namespace is that of a thread.
        let trying = thread::spawn(move || {
            enter(&name)?;
            Ok(TcpStream::connect_timeout(&address, REACH_MAX).is_ok())
        });
        trying.join().unwrap_or_else(|_| bail!("no connection could be tried"))
    }

    fn name(&self, of: &str) -> String {
        format!("{PREFIX}{}-{of}", self.run)
    }

    fn lay_bridges(&self) -> anyhow::Result<()> {
        let middle = self.name(MIDDLE);
        ip(&format!("netns add {middle}"))?;
        ip(&format!("-n {middle} link set lo up"))?;
        Link::ALL.iter().try_for_each(|&link| {
            let bridge = link.name();
            ip(&format!("-n {middle} link add {bridge} type bridge"))?;
            ip(&format!("-n {middle} addr add {}/24 dev {bridge}", link.address(1)))?;
            ip(&format!("-n {middle} link set {bridge} up"))
        })
    }

    fn connect(&self, host: Host) -> anyhow::Result<()> {
        let (middle, own) = (self.name(MIDDLE), self.name(&host.name()));
        ip(&format!("netns add {own}"))?;
        ip(&format!("-n {own} link set lo up"))?;
        host.links().iter().try_for_each(|&link| {
            let (end, port) = (link.name(), host.port_at_bridge(link));
            ip(&format!("-n {own} link add {end} type veth peer name {port} netns {middle}"))?;
            ip(&format!("-n {own} addr add {}/24 dev {end}", host.address(link, 0).ip()))?;
            ip(&format!("-n {own} link set {end} up"))?;
            ip(&format!("-n {middle} link set {port} master {end} up"))
        })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // Whoever started what is in them has ended it before.
        let left = move_into_link_name_space(self.home.as_fd(), Some(LinkNameSpaceType::Network))
            .context("leaving the network namespace")
            .and_then(|()| remove(Path::new(NAMED), |run| run == self.run));
        if let Err(error) = left {
            say(&format!("network namespaces are left, and removed at the next start: {error:#}"));
        }
    }
}

/// Moves this thread.
fn enter(name: &str) -> anyhow::Result<()> {
    let namespace = File::open(Path::new(NAMED).join(name))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .with_context(|| format!("entering the network namespace {name}"))
}

/// Removes what runs have left that have ended, with the processes that are still in it.
fn remove_stale(named: &Path) -> anyhow::Result<()> {
    remove(named, |run| !Path::new("/proc").join(run.to_string()).exists())
}

fn remove(named: &Path, is_over: impl Fn(u32) -> bool) -> anyhow::Result<()> {
    for name in ours(named)? {
        if !run_of(&name).is_some_and(&is_over) {
            continue;
        }
        let inside = output(&format!("netns pids {name}"))?;
        for pid in inside.lines().filter_map(|line| line.trim().parse().ok()) {
            say(&format!("ending process {pid}, which was left in the network namespace {name}"));
            // One that has ended by itself meanwhile is as good.
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
        }
        ip(&format!("netns del {name}"))?;
    }
    Ok(())
}

/// Names of namespaces that a run of this program may have made.
fn ours(named: &Path) -> anyhow::Result<Vec<String>> {
    // Nobody has made one since the machine started.
    if !named.exists() {
        return Ok(Vec::new());
    }
    let entries: Vec<PathBuf> =
        fs::read_dir(named)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    let names = entries.iter().filter_map(|path| path.file_name()?.to_str());
    Ok(names.filter(|name| run_of(name).is_some()).map(str::to_owned).collect())
}

/// The process of the run that made a namespace of this name.
fn run_of(name: &str) -> Option<u32> {
    let (run, member) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_member = ["broker-", "node-"].iter().any(|kind| member.starts_with(kind));
    if member != MIDDLE && !is_member { None } else { run.parse().ok() }
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    output(arguments).map(drop)
}

fn output(arguments: &str) -> anyhow::Result<String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().context("starting `ip`")?;
    if !output.status.success() {
        bail!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_has_a_name_that_the_kernel_takes_and_an_address_of_its_own() {
        let hosts: Vec<_> = (0..3).flat_map(|at| [Host::Broker(at), Host::Node(at)]).collect();
        let mut addresses = Vec::new();
        for host in hosts {
            for &link in host.links() {
                let port = host.port_at_bridge(link);
                assert!(port.len() <= 15, "{port}");
                addresses.push(host.address(link, 1));
            }
        }
        let all = addresses.len();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), all);
    }

    #[test]
    fn only_namespaces_with_the_number_of_a_run_are_taken_for_ours() {
        for (name, run) in [
            ("fanfare-17-middle", Some(17)),
            ("fanfare-17-broker-0", Some(17)),
            ("fanfare-17-node-2", Some(17)),
            ("fanfare-17-else", None),
            ("fanfare-x-middle", None),
            ("fanfare-middle", None),
            ("17-middle", None),
        ] {
            assert_eq!(run_of(name), run, "{name}");
        }
        let named = tempfile::tempdir().expect("a folder");
        for name in ["fanfare-17-middle", "somebody-elses"] {
            fs::write(named.path().join(name), "").expect("it is written");
        }
        assert_eq!(ours(named.path()).expect("it is there"), ["fanfare-17-middle"]);
        assert_eq!(ours(&named.path().join("nothing")).expect("no folder"), [""; 0]);
    }
}

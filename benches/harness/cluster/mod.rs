//! Three servers that share their log on three brokers, and what subscribers and publishers of all of them
//! notice when a part of it fails: whether anything that was confirmed is missing, comes twice or differs,
//! and for how long there is nothing.
//!
//! In reading order: `namespaces` makes a network with links that can be cut, and `network` is it or loopback;
//! `member` is a process that fails and comes back, `brokers` and `hub` start all of them, `partitions` cuts
//! links, `faults` says what fails, `load` and `figures` run loadgen and read what it found, `sameness`
//! compares the nodes, `rounds` goes through all of it, `table` and `page` show it. `latency` measures how
//! long an event takes from one node to another when nothing fails, beside Centrifugo.

mod brokers;
mod centrifugo;
mod faults;
mod figures;
mod hub;
mod latency;
mod load;
mod member;
mod namespaces;
mod network;
mod page;
mod partitions;
mod processors;
mod rounds;
mod sameness;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{anyhow, bail};

use crate::durable::warn_of_debug_build;
use crate::places::Places;
use crate::progress::say;

use network::{Network, NetworkChoice};
use rounds::RoundsPlan;

/// Servers with a shared log while brokers and servers fail under load
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// How often each part fails in each way [default: 5, or 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: Option<u32>,
    /// Only these faults, by their names
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// A tenth of the load and each fault once, in six minutes
    #[arg(long)]
    quick: bool,
    /// Measures how long an event takes from one server to another instead
    #[arg(long, conflicts_with = "only")]
    latency: bool,
    /// The network that brokers and servers are on
    #[arg(long, value_enum, default_value = "auto", conflicts_with = "latency")]
    network: NetworkChoice,
    /// Folder on the disk that the brokers write to
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Write the part of docs/cluster.md too
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    write: bool,
}

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    warn_of_debug_build();
    let folder = page::results(places);
    fs::create_dir_all(&folder)?;
    let hub = flags.folder.as_ref().unwrap_or(&folder).join("hub");
    let rounds = flags.rounds.unwrap_or(if flags.quick { 1 } else { 5 });
    if flags.latency {
        let (how, table) = latency::measure(places, (&folder, &hub), rounds, flags.quick)?;
        return page::leave(page::LATENCY, places, &hub, (&how, &table), flags.write);
    }
    let has_namespaces = namespaces(flags)?;
    let plan = RoundsPlan {
        rounds: rounds as usize,
        faults: chosen(&flags.only, has_namespaces)?,
        has_namespaces,
        size: if flags.quick { load::QUICK } else { load::FULL },
        folder,
        hub,
    };
    let found = rounds::run(places, &plan)?;
    let apart = if has_namespaces { ", in a network namespace each" } else { "" };
    let how =
        format!("each fault {rounds} times, three brokers and three nodes on one machine{apart}");
    page::leave(
        page::FAULTS,
        places,
        &plan.hub,
        (&how, &table::table(&plan, &found)),
        flags.write,
    )?;
    let wrong = found.all.iter().filter(|one| !one.mistakes.is_empty()).count();
    if wrong + found.unfinished.len() > 0 {
        bail!("{wrong} faults were not survived, and {} not finished", found.unfinished.len());
    }
    Ok(())
}

/// Whether the network is one of namespaces; what cannot be tried on loopback is said.
fn namespaces(flags: &Flags) -> anyhow::Result<bool> {
    // Tried and removed at once: what is missing is said before anything is started.
    let made = match flags.network {
        NetworkChoice::Loopback => Err(anyhow!("--network loopback")),
        NetworkChoice::Auto | NetworkChoice::Namespaces => Network::of_namespaces(hub::COUNT),
    };
    let Err(error) = made else { return Ok(true) };
    if flags.network == NetworkChoice::Namespaces {
        return Err(error.context("no network namespaces can be made; run it as root"));
    }
    if flags.write {
        return Err(error.context("--write is for all faults, and those that cut links cannot be"));
    }
    say(&format!("faults that cut links are left out: {error:#}"));
    Ok(false)
}

/// The places of the faults with these names, or of all that can happen.
fn chosen(names: &[String], has_namespaces: bool) -> anyhow::Result<Vec<usize>> {
    let known = faults::ALL.map(|(name, _, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("{unknown} is not known; choose of {}", known.join(", "));
    }
    let can_happen = |place: usize| has_namespaces || !faults::ALL[place].2.cuts_links();
    let is_chosen =
        |&place: &usize| names.is_empty() || names.iter().any(|name| name == known[place]);
    let chosen: Vec<_> = (0..known.len()).filter(is_chosen).collect();
    if let Some(&place) = chosen.iter().find(|&&place| !names.is_empty() && !can_happen(place)) {
        bail!(
            "{} needs network namespaces; run it as root, without --network loopback",
            known[place]
        );
    }
    Ok(chosen.into_iter().filter(|&place| can_happen(place)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_chosen_by_name_in_the_order_of_the_table() {
        let of = |names: &[&str], has_namespaces| {
            let names: Vec<_> = names.iter().map(|&name| name.into()).collect();
            chosen(&names, has_namespaces)
        };
        assert_eq!(of(&[], true).expect("all").len(), faults::ALL.len());
        let on_loopback = of(&[], false).expect("those without links");
        assert!(on_loopback.iter().all(|&place| !faults::ALL[place].2.cuts_links()));
        assert_eq!(of(&["leader-kill", "nothing"], false).expect("both"), [0, 1]);
        let error = of(&["leader"], true).expect_err("no such").to_string();
        assert!(error.contains("leader is not known") && error.contains("leader-kill"), "{error}");
        let error = of(&["leader-apart"], false).expect_err("no links").to_string();
        assert!(error.contains("leader-apart needs network namespaces"), "{error}");
    }
}

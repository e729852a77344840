//! Three servers that share their log on three brokers, and what subscribers and publishers of all of them
//! notice when a part of it fails: whether anything that was confirmed is missing, comes twice or differs,
//! and for how long there is nothing.
//!
//! In reading order: `member` is a process that fails and comes back, `brokers` and `hub` start all of
//! them, `faults` says what fails, `load` and `figures` run loadgen and read what it found, `sameness`
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
mod page;
mod processors;
mod rounds;
mod sameness;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::bail;

use crate::durable::warn_of_debug_build;
use crate::places::Places;

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
    /// A tenth of the load and each fault once, in two or three minutes
    #[arg(long)]
    quick: bool,
    /// Measures how long an event takes from one server to another instead
    #[arg(long, conflicts_with = "only")]
    latency: bool,
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
    let plan = RoundsPlan {
        rounds: rounds as usize,
        faults: chosen(&flags.only)?,
        size: if flags.quick { load::QUICK } else { load::FULL },
        folder,
        hub,
    };
    let found = rounds::run(places, &plan)?;
    let how = format!("each fault {rounds} times, three brokers and three nodes on one machine");
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

/// The places of the faults with these names, or of all.
fn chosen(names: &[String]) -> anyhow::Result<Vec<usize>> {
    let known = faults::ALL.map(|(name, _, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("{unknown} is not known; choose of {}", known.join(", "));
    }
    let is_chosen =
        |&place: &usize| names.is_empty() || names.iter().any(|name| name == known[place]);
    Ok((0..known.len()).filter(is_chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_chosen_by_name_in_the_order_of_the_table() {
        let of =
            |names: &[&str]| chosen(&names.iter().map(|&name| name.into()).collect::<Vec<_>>());
        assert_eq!(of(&[]).expect("all").len(), faults::ALL.len());
        assert_eq!(of(&["leader-kill", "nothing"]).expect("both"), [0, 1]);
        let error = of(&["leader"]).expect_err("no such").to_string();
        assert!(error.contains("leader is not known") && error.contains("leader-kill"), "{error}");
    }
}

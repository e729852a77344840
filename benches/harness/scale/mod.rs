//! What a hub of many nodes needs, past any machine that we have: by arithmetic from figures of one node, and
//! by a simulation of its delivery. Nothing is measured here.
//!
//! `costs` are the figures, each with its source; `node` simulates a shard; `hub` reckons with all nodes;
//! `page` makes tables.

mod costs;
mod hub;
mod node;
mod page;

use clap::Args;

use crate::places::Places;
use crate::progress::show;

/// Reckons what hubs of many nodes need, and simulates their delivery.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flags {
    /// Instead of the table of the page, one hub with so many nodes
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    nodes: Option<u64>,
    /// Subscribers of all nodes together
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    subscribers: u64,
    /// How many subscribers a topic has; all of them, when it is as many as there are
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    audience: u64,
    /// Events a second, all topics together
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    events: u64,
    /// Bytes of an event's data
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    bytes: u64,
    /// Delivery threads of a node
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=256))]
    shards: u64,
    /// Write the tables into docs/scale.md
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    let Some(nodes) = flags.nodes else { return page::run(flags.write, places) };
    let shape = hub::HubShape {
        nodes,
        subscribers: flags.subscribers,
        audience: flags.audience.min(flags.subscribers),
        events: flags.events,
        bytes: flags.bytes,
        shards: flags.shards,
    };
    Ok(show(&page::table(&[shape]))?)
}

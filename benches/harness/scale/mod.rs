//! What a cluster needs that is larger than any machine of ours, by a model: nothing is measured here.
//!
//! In reading order: `measured` has every figure that goes in, `plan` what is asked for; `audiences` and
//! `shard` run a delivery thread event by event, `node` and `brokers` reckon what machines need,
//! `return_of_clients` what follows when nodes die, `limits` what is used up first; `beside` holds the model
//! to what was measured, `page` shows it.

mod audiences;
mod beside;
mod brokers;
mod limits;
mod measured;
mod node;
mod page;
mod plan;
mod return_of_clients;
mod shard;

use anyhow::ensure;

use crate::places::Places;
use crate::progress::show;
use plan::{Plan, Transport};

/// What a cluster needs for so many subscribers and events, by a model of it
///
/// Without flags, the tables of docs/scale.md; with any, one cluster, in which the others have the values
/// of its first table.
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    #[arg(long, value_name = "N")]
    nodes: Option<u32>,
    /// Of all nodes together
    #[arg(long, value_name = "N")]
    subscribers: Option<u32>,
    /// Each subscriber has one of them
    #[arg(long, value_name = "N")]
    topics: Option<u32>,
    /// Exponent of Zipf's law, by which subscribers are spread over topics; 0 is evenly
    #[arg(long, value_name = "NUMBER")]
    skew: Option<f64>,
    /// Events a second, of all topics together
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    /// Bytes of data in an event
    #[arg(long, value_name = "N")]
    bytes: Option<u32>,
    /// How streams come to the nodes
    #[arg(long)]
    transport: Option<Transport>,
    /// How many nodes die at once
    #[arg(long, value_name = "N")]
    lost: Option<u32>,
    /// Within how many seconds their clients come back
    #[arg(long, value_name = "NUMBER")]
    return_seconds: Option<f64>,
    /// Cores of a node
    #[arg(long, value_name = "N")]
    cores: Option<u32>,
    /// Write the tables into docs/scale.md
    #[arg(long, exclusive = true)]
    write: bool,
}

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    if let Some(plan) = flags.plan()? {
        let plans = [plan];
        return Ok(show(&format!("{}\n\n{}\n", page::needs(&plans), page::returns(&plans)))?);
    }
    let part = page::generated();
    show(&part)?;
    if flags.write { page::write(places, &part) } else { Ok(()) }
}

impl Flags {
    /// The cluster that is asked for, if one is.
    fn plan(&self) -> anyhow::Result<Option<Plan>> {
        let numbers = [
            self.nodes.map(f64::from),
            self.subscribers.map(f64::from),
            self.topics.map(f64::from),
            self.skew,
            self.rate,
            self.bytes.map(f64::from),
            self.lost.map(f64::from),
            self.return_seconds,
            self.cores.map(f64::from),
        ];
        if numbers.iter().all(Option::is_none) && self.transport.is_none() {
            return Ok(None);
        }
        let mut plan = Plan::of("one cluster", 10_000.0, 10_000.0);
        let places = [
            &mut plan.nodes,
            &mut plan.subscribers,
            &mut plan.topics,
            &mut plan.skew,
            &mut plan.events_per_second,
            &mut plan.bytes,
            &mut plan.lost,
            &mut plan.return_seconds,
            &mut plan.machines.node_cores,
        ];
        for (place, number) in places.into_iter().zip(numbers) {
            *place = number.unwrap_or(*place);
        }
        plan.transport = self.transport.unwrap_or(plan.transport);
        plan.check()?;
        Ok(Some(plan))
    }
}

impl Plan {
    fn check(&self) -> anyhow::Result<()> {
        let numbers = [self.nodes, self.subscribers, self.topics, self.events_per_second];
        let is_positive = |number: &f64| *number > 0.0 && number.is_finite();
        ensure!(
            numbers.iter().all(is_positive) && is_positive(&self.return_seconds),
            "nodes, subscribers, topics, --rate and --return-seconds are more than 0; change what is not"
        );
        ensure!(self.machines.node_cores >= 1.0, "a node has a core at least; raise --cores");
        ensure!((0.0..=5.0).contains(&self.skew), "--skew is from 0 to 5");
        ensure!(self.lost < self.nodes, "a node has to be left; lower --lost");
        Ok(())
    }
}

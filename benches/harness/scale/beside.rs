//! The model beside what was measured on one machine: where the two are too far apart, the model is
//! wrong, and a test says so.

use super::measured::{BEGIN, POSTED};
use super::node::{shard_load, write};
use super::plan::{Machines, Plan, Transport};
use super::return_of_clients::served_after;
use super::shard::{self, Arrivals, ShardRun};

/// A figure that the model gives and that was measured too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) measured: f64,
    pub(super) modelled: f64,
    /// How many times less or more the model may say.
    pub(super) factor_max: f64,
}

impl Compared {
    fn new(
        what: &'static str,
        unit: &'static str,
        (measured, modelled): (f64, f64),
        factor_max: f64,
    ) -> Self {
        Self { what, unit, measured, modelled, factor_max }
    }

    /// How many times the model says what was measured.
    pub(super) fn ratio(&self) -> f64 {
        self.modelled / self.measured
    }

    #[cfg(test)]
    fn is_near(&self) -> bool {
        (1.0 / self.factor_max..=self.factor_max).contains(&self.ratio())
    }
}

/// One server on two cores: one shard.
fn one_server(subscribers: f64, topics: f64, events_per_second: f64) -> Plan {
    let machines = Machines { node_cores: 2.0, ..Machines::usual() };
    let plan = Plan::of("one server", topics, events_per_second);
    Plan { nodes: 1.0, subscribers, machines, ..plan }
}

fn run(plan: &Plan) -> ShardRun {
    shard::run(&shard_load(plan, Arrivals::Even))
}

/// All that there are.
pub(super) fn all() -> Vec<Compared> {
    let broadcast = run(&one_server(10_000.0, 1.0, 10.0));
    let posts = run(&one_server(1_000.0, 1.0, 2_000.0));
    let ndjson = run(&one_server(5_000.0, 1.0, 2_200.0));
    // As far as it is from being busy, so much faster could events come.
    let lone = run(&one_server(19_000.0, 19_000.0, 50_000.0));
    let cpu = |run: &ShardRun, posted: f64| (run.busy + posted * POSTED.value) / run.deliveries;
    let many = Plan { transport: Transport::Http2, ..one_server(1e6, 1.0, 1.0) };
    let back = one_server(10_000.0, 1.0, 10.0);
    let last_replay = served_after(10_000.0, 0.1, BEGIN.value + write(&back));
    vec![
        Compared::new("P1: CPU a delivery", "µs", (4.01, 1e6 * cpu(&broadcast, 10.0)), 1.25),
        Compared::new("P1: p50", "ms", (19.8, 1e3 * broadcast.latency(0.5)), 1.25),
        Compared::new("P1: p99", "ms", (47.5, 1e3 * broadcast.latency(0.99)), 1.5),
        Compared::new("P3: CPU a delivery", "µs", (0.51, 1e6 * cpu(&posts, 2_000.0)), 1.25),
        Compared::new("P3: p99", "ms", (14.2, 1e3 * posts.latency(0.99)), 4.0),
        Compared::new("P4: CPU a delivery", "µs", (0.09, 1e6 * cpu(&ndjson, 0.0)), 1.25),
        Compared::new("P9-ndjson: events a second", "", (108_291.0, 50_000.0 / lone.busy), 1.75),
        Compared::new("P12: last of 1,000,000", "s", (4.77, 1e6 * write(&many)), 1.5),
        Compared::new("P16: last replay after a restart", "s", (0.27, last_replay), 1.5),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_gives_what_was_measured_within_what_it_claims() {
        for compared in all() {
            assert!(compared.is_near(), "{compared:?}: {:.2}", compared.ratio());
        }
    }
}

//! A shard, event by event: when it has nothing to do it waits; then it takes everything that has come
//! meanwhile, and makes a write for each subscriber of each topic that is in it, with all events of that
//! topic. So what comes faster than it is sent is joined, as in the real one.
//!
//! Time is the model's own, and so are the arrivals: the same numbers give the same result.

use hdrhistogram::Histogram;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::audiences::Audiences;

/// The most events that a shard gathers for one pass.
const GATHERED_MAX: usize = 16_384;
/// At how many members of an audience, and of how many events of a batch, latency is looked at.
const LOOKS: f64 = 16.0;
/// Latencies are kept in microseconds, up to an hour.
const LATENCY_MAX: u64 = 3_600_000_000;

/// What things cost a shard, in seconds of CPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShardCosts {
    pub(super) write: f64,
    /// Each event in a write.
    pub(super) joined: f64,
    pub(super) matched: f64,
    /// How many events fit into one write.
    pub(super) write_events_max: f64,
}

/// When events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrivals {
    /// One after the other at the same distance, as one publisher sends them.
    Even,
    /// Of many publishers that know nothing of each other.
    Random,
}

/// What a shard has to do.
#[derive(Clone, Debug)]
pub(super) struct ShardLoad {
    pub(super) audiences: Audiences,
    pub(super) events_per_second: f64,
    pub(super) arrivals: Arrivals,
    pub(super) costs: ShardCosts,
    /// For how long events come.
    pub(super) seconds: f64,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct ShardRun {
    /// CPU a second; above 1 it is not done with what came when the time is over.
    pub(super) busy: f64,
    /// A second.
    pub(super) deliveries: f64,
    /// A second.
    pub(super) writes: f64,
    latencies: Histogram<u64>,
}

impl ShardRun {
    /// From when an event came until it was written, in seconds.
    pub(super) fn latency(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e6
    }
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: f64,
    topic: u64,
}

/// A shard that is run.
#[derive(Debug)]
struct Run<'a> {
    load: &'a ShardLoad,
    random: Xoshiro256PlusPlus,
    last: f64,
    busy: f64,
    deliveries: f64,
    writes: f64,
    latencies: Histogram<u64>,
}

/// Runs it.
pub(super) fn run(load: &ShardLoad) -> ShardRun {
    let latencies = Histogram::new_with_bounds(1, LATENCY_MAX, 3);
    let mut run = Run {
        load,
        random: Xoshiro256PlusPlus::seed_from_u64(1),
        last: 0.0,
        busy: 0.0,
        deliveries: 0.0,
        writes: 0.0,
        latencies: latencies.expect("these bounds are possible"),
    };
    let (mut now, mut gathered) = (0.0_f64, Vec::new());
    let mut next = run.arrival();
    while next.at < load.seconds {
        now = now.max(next.at);
        while next.at <= now && next.at < load.seconds && gathered.len() < GATHERED_MAX {
            gathered.push(next);
            next = run.arrival();
        }
        now = run.pass(&mut gathered, now);
    }
    let took = load.seconds;
    ShardRun {
        busy: run.busy / took,
        deliveries: run.deliveries / took,
        writes: run.writes / took,
        latencies: run.latencies,
    }
}

impl Run<'_> {
    fn arrival(&mut self) -> Arrival {
        let distance = match self.load.arrivals {
            Arrivals::Even => 1.0,
            // What lies between events that come at random is distributed exponentially.
            Arrivals::Random => -(1.0 - self.random.random::<f64>()).ln(),
        };
        self.last += distance / self.load.events_per_second;
        let topic = self.random.random_range(0..self.load.audiences.topics());
        Arrival { at: self.last, topic }
    }

    /// Hands out what was gathered; when it is done.
    fn pass(&mut self, gathered: &mut Vec<Arrival>, began: f64) -> f64 {
        let costs = self.load.costs;
        let mut now = began + gathered.len() as f64 * costs.matched;
        gathered.sort_by_key(|arrival| arrival.topic);
        for events in gathered.chunk_by(|one, other| one.topic == other.topic) {
            let members = self.load.audiences.members(events[0].topic);
            if members == 0.0 {
                continue;
            }
            let count = events.len() as f64;
            let writes = (count / costs.write_events_max).ceil();
            let each = writes * costs.write + count * costs.joined;
            self.note_latencies(events, members, (now, each));
            now += members * each;
            self.deliveries += members * count;
            self.writes += members * writes;
        }
        gathered.clear();
        self.busy += now - began;
        now
    }

    /// The members come one after the other; some of them stand for those around them.
    fn note_latencies(&mut self, events: &[Arrival], members: f64, (began, each): (f64, f64)) {
        let (places, step) = (members.min(LOOKS), events.len().div_ceil(LOOKS as usize));
        let weight = (members * step as f64 / places).round().max(1.0) as u64;
        for event in events.iter().step_by(step) {
            for place in 0..places as u64 {
                let reached = members * (place as f64 + 0.5) / places + 0.5;
                let latency = began + reached * each - event.at;
                let micros = ((latency * 1e6) as u64).clamp(1, LATENCY_MAX);
                self.latencies.saturating_record_n(micros, weight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(subscribers: f64, topics: f64, events_per_second: f64) -> ShardLoad {
        ShardLoad {
            audiences: Audiences::of(subscribers, topics, 0.0),
            events_per_second,
            arrivals: Arrivals::Random,
            costs: ShardCosts {
                write: 5e-6,
                joined: 0.05e-6,
                matched: 1e-6,
                write_events_max: 300.0,
            },
            seconds: 2.0,
        }
    }

    #[test]
    fn the_same_load_gives_the_same_result() {
        let [one, other] = [0, 1].map(|_| run(&load(5_000.0, 50.0, 700.0)));
        assert_eq!(one.latencies, other.latencies);
        assert!(one.busy.total_cmp(&other.busy).is_eq());
    }

    #[test]
    fn more_of_anything_is_more_work_and_never_faster() {
        let cases: [(&str, [ShardLoad; 3]); 2] = [
            ("subscribers", [2e3, 4e3, 8e3].map(|count| load(count, 10.0, 200.0))),
            ("events", [50.0, 100.0, 200.0].map(|rate| load(4e3, 10.0, rate))),
        ];
        for (what, loads) in cases {
            let runs = loads.map(|load| run(&load));
            assert!(runs.is_sorted_by(|less, more| less.busy < more.busy), "{what}: {runs:?}");
            let latencies = runs.each_ref().map(|run| run.latency(0.99));
            assert!(latencies.is_sorted(), "{what}: {latencies:?}");
        }
    }

    #[test]
    fn what_comes_faster_than_it_is_sent_shares_writes() {
        let (slow, fast) = (run(&load(1_000.0, 1.0, 10.0)), run(&load(1_000.0, 1.0, 5_000.0)));
        assert!(slow.deliveries / slow.writes < 1.2, "{slow:?}");
        assert!(fast.deliveries / fast.writes > 10.0, "{fast:?}");
        assert!(fast.busy < 1.05, "{fast:?}");
    }

    #[test]
    fn a_lone_event_is_written_to_one_member_after_the_other() {
        let mut lone = load(10_000.0, 1.0, 1.0);
        lone.arrivals = Arrivals::Even;
        let run = run(&lone);
        let whole = 10_000.0 * (lone.costs.write + lone.costs.joined);
        assert!((run.latency(0.5) / whole - 0.5).abs() < 0.05, "{}", run.latency(0.5));
        assert!((run.latency(1.0) / whole - 1.0).abs() < 0.05, "{}", run.latency(1.0));
    }
}

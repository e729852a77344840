//! A shard that sends what has come since its last pass, as `service/src/delivery/shard` does: the more is
//! waiting, the more events share a write. Events come at random, and all its figures come from a seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::costs::{FURTHER_US, LOOK_US, PASS_EVENTS_MAX, write_us};

/// A shard, and what comes to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShardLoad {
    /// Its subscribers.
    pub(super) sockets: f64,
    /// How many of them want an event, in the mean.
    pub(super) audience: f64,
    /// Events a second, of all topics.
    pub(super) events: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedDelivery {
    /// The part of the time in which the shard is busy.
    pub(super) busy: f64,
    /// CPU of a delivery, in microseconds.
    pub(super) delivery_us: f64,
    /// From the moment at which the event was there until it was written, in milliseconds.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// More comes than is sent.
    pub(super) falls_behind: bool,
}

/// How many events are simulated, and how long at least.
const EVENTS: f64 = 100_000.0;
const SECONDS_MIN: f64 = 3.0;
const SECONDS_MAX: f64 = 60.0;
/// Moments of a pass at which a delivery is looked at.
const MOMENTS: usize = 10;

pub(super) fn simulate(load: ShardLoad, seed: u64) -> SimulatedDelivery {
    let mut random = StdRng::seed_from_u64(seed);
    let seconds = (EVENTS / load.events).clamp(SECONDS_MIN, SECONDS_MAX);
    let mut arrivals = Arrivals { next_us: 0.0, every_us: 1e6 / load.events };
    arrivals.advance(&mut random);
    let (mut now_us, mut busy_us, mut deliveries) = (0.0_f64, 0.0, 0.0);
    let mut delays = Vec::new();
    while now_us < seconds * 1e6 {
        now_us = now_us.max(arrivals.next_us);
        let mut waiting = Vec::new();
        while arrivals.next_us <= now_us && waiting.len() < PASS_EVENTS_MAX {
            waiting.push(arrivals.next_us);
            arrivals.advance(&mut random);
        }
        let sent = waiting.len() as f64 * load.audience;
        let took_us = pass_us(load, waiting.len() as f64);
        for arrived_us in waiting {
            let moments = (0..MOMENTS).map(|at| (at as f64 + 0.5) / MOMENTS as f64 * took_us);
            delays.extend(moments.map(|moment| now_us + moment - arrived_us));
        }
        now_us += took_us;
        busy_us += took_us;
        deliveries += sent;
    }
    delays.sort_by(f64::total_cmp);
    let quantile = |part: f64| delays[((delays.len() - 1) as f64 * part) as usize] / 1e3;
    SimulatedDelivery {
        busy: busy_us / now_us,
        delivery_us: busy_us / deliveries,
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
        // What it takes when all that it may send at once is waiting.
        falls_behind: pass_us(load, PASS_EVENTS_MAX as f64) * load.events / 1e6
            > PASS_EVENTS_MAX as f64,
    }
}

/// How long a pass with so many events takes: a write for each subscriber that wants any of them, and what the
/// events beyond the first cost.
fn pass_us(load: ShardLoad, events: f64) -> f64 {
    let deliveries = events * load.audience;
    let writes = if load.audience >= load.sockets {
        load.sockets
    } else {
        // So many of the subscribers are hit when deliveries fall at random.
        load.sockets * (1.0 - (-deliveries / load.sockets).exp())
    };
    events * LOOK_US + writes * write_us(load.sockets) + (deliveries - writes) * FURTHER_US
}

/// Events that come at random, so many a second.
struct Arrivals {
    next_us: f64,
    every_us: f64,
}

impl Arrivals {
    fn advance(&mut self, random: &mut StdRng) {
        let part: f64 = random.random_range(f64::MIN_POSITIVE..1.0);
        self.next_us -= part.ln() * self.every_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broadcast(sockets: f64, events: f64) -> SimulatedDelivery {
        simulate(ShardLoad { sockets, audience: sockets, events }, 1)
    }

    /// What was measured on one shard, `docs/benchmarks.md`.
    #[test]
    fn it_says_what_was_measured_where_something_was() {
        let cases = [
            // P1: 10,000 x 10 a second.
            ("P1", broadcast(10_000.0, 10.0).delivery_us, 4.33, 0.15),
            ("P3", broadcast(1_000.0, 2_000.0).delivery_us, 0.48, 0.15),
            ("P4", broadcast(5_000.0, 2_200.0).delivery_us, 0.09, 0.15),
            ("P1 p50, in ms", broadcast(10_000.0, 10.0).p50_ms, 27.0, 0.30),
        ];
        for (name, simulated, measured, tolerance) in cases {
            let differs = (simulated / measured - 1.0).abs();
            assert!(differs < tolerance, "{name}: {simulated} simulated, {measured} measured");
        }
    }

    #[test]
    fn more_events_or_more_subscribers_are_never_less_work_and_too_many_fall_behind() {
        let mut busy = 0.0;
        for events in [1.0, 10.0, 100.0, 1_000.0] {
            let now = broadcast(1_000.0, events);
            assert!(now.busy > busy && !now.falls_behind, "{events}: {now:?}");
            busy = now.busy;
        }
        assert!(broadcast(10_000.0, 10.0).p99_ms > broadcast(1_000.0, 10.0).p99_ms);
        assert!(broadcast(10_000.0, 2_000.0).falls_behind);
        let few = simulate(ShardLoad { sockets: 10_000.0, audience: 1.0, events: 1_000.0 }, 1);
        assert!(few.busy < 0.05 && few.p99_ms < 1.0, "{few:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_figures() {
        let load = ShardLoad { sockets: 1_000.0, audience: 10.0, events: 500.0 };
        assert_eq!(simulate(load, 7).p99_ms.to_bits(), simulate(load, 7).p99_ms.to_bits());
    }
}

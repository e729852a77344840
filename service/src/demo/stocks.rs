//! Three prices that move at random: one event name a symbol.

use std::time::Duration;

use rand::{Rng, RngExt as _};
use serde::Serialize;

use super::source::{NextEvent, Source};
use super::system::rounded;
use crate::event::EventType;

const START: [(&str, f64); 3] = [("AAPL", 150.0), ("GOOGL", 2_800.0), ("MSFT", 300.0)];

/// The largest move at a time, up or down.
const MOVE_MAX: f64 = 0.50;

/// The prices. The source of chance is made anew for each step, because the generator of a thread
/// cannot move to another one.
#[derive(Debug)]
pub(super) struct Stocks<F> {
    prices: [(&'static str, f64); 3],
    chance: F,
}

#[derive(Debug, Serialize)]
struct PriceTick {
    symbol: &'static str,
    price: f64,
    change: f64,
}

impl<F: FnMut() -> R, R: Rng> Stocks<F> {
    pub(super) fn new(chance: F) -> Self {
        Self { prices: START, chance }
    }

    fn tick(&mut self) -> PriceTick {
        let mut chance = (self.chance)();
        let (symbol, price) = &mut self.prices[chance.random_range(0..START.len())];
        let (moved, change) = step(*price, chance.random_range(-MOVE_MAX..=MOVE_MAX));
        *price = moved;
        PriceTick { symbol, price: moved, change }
    }
}

impl<F: FnMut() -> R + Send + 'static, R: Rng> Source for Stocks<F> {
    fn begin(&mut self) -> Duration {
        Duration::ZERO
    }

    fn next(&mut self) -> NextEvent {
        let tick = self.tick();
        NextEvent {
            event_type: EventType::parse(tick.symbol).ok(),
            data: serde_json::to_string(&tick).unwrap_or_default(),
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis((self.chance)().random_range(500..=1_500))
    }
}

/// The price after a move, never below 0, and the move as it really was; both in cents.
fn step(price: f64, change: f64) -> (f64, f64) {
    let moved = rounded((price + change).max(0.0), 2);
    (moved, rounded(moved - price, 2))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn a_price_moves_in_cents_and_never_below_zero() {
        let cases = [
            (150.0, 0.314, 150.31, 0.31),
            (150.0, -0.5, 149.5, -0.5),
            (0.2, -0.5, 0.0, -0.2),
            (0.0, 0.004, 0.0, 0.0),
        ];
        for (price, change, moved, moved_by) in cases {
            assert_eq!(step(price, change), (moved, moved_by), "{price} {change}");
        }
    }

    #[test]
    fn every_symbol_moves_and_each_event_bears_its_name() {
        let mut seed = 0;
        let mut stocks = Stocks::new(move || {
            seed += 1;
            SmallRng::seed_from_u64(seed)
        });
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let next = stocks.next();
            let tick: serde_json::Value = serde_json::from_str(&next.data).unwrap();
            let symbol = tick["symbol"].as_str().unwrap().to_owned();
            assert_eq!(next.event_type, EventType::parse(&symbol).ok());
            assert!(tick["change"].as_f64().unwrap().abs() <= MOVE_MAX);
            names.insert(symbol);
            let pause = stocks.pause();
            assert!((500..=1_500).contains(&pause.as_millis()));
        }
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["AAPL", "GOOGL", "MSFT"]);
    }
}

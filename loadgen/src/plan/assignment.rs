//! Which topic and which class a subscriber has: pure functions of its number, so that every
//! worker, process and the end of the run agree without a list.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Zipf};
use serde::{Deserialize, Serialize};

use super::{FaultPlan, Plan, Topics};

/// How a subscriber reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Class {
    /// As fast as it can.
    Fast,
    /// So many bytes a second.
    Slow,
    /// Not at all, once it has the response.
    Stopped,
    /// Its packets are dropped, once it has the response: a half-open connection.
    Vanished,
}

impl Class {
    /// All, in the order of their tallies.
    pub(crate) const ALL: [Self; 4] = [Self::Fast, Self::Slow, Self::Stopped, Self::Vanished];

    /// Its name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Slow => "slow",
            Self::Stopped => "stopped",
            Self::Vanished => "vanished",
        }
    }
}

impl Plan {
    /// The topic of a subscriber.
    pub(crate) fn topic_of(&self, number: usize) -> u32 {
        let count = self.topics.count.max(1);
        let own = u32::try_from(number % count as usize).unwrap_or(0);
        match self.topics.zipf {
            Some(exponent) if !self.topics.own => {
                let mut random = SmallRng::seed_from_u64(self.seed ^ (number as u64) << 20);
                zipf(count, exponent, &mut random)
            }
            _ => own,
        }
    }

    /// The place in the list of targets where a subscriber begins: each has its turn, and the
    /// subscribers of one topic are at all of them.
    pub(crate) fn place_of(&self, number: usize) -> usize {
        let (targets, topics) = (self.targets.len().max(1), self.topics.count.max(1) as usize);
        let common = greatest_common_divisor(targets, topics);
        // Topics are dealt out by number, too: where the two have a factor in common, a topic would
        // meet some targets alone if the turns were not shifted after each round of both.
        let shift = if common == 1 { 0 } else { number / (targets / common * topics) };
        (number + shift) % targets
    }

    /// The class of a subscriber.
    pub(crate) fn class_of(&self, number: usize) -> Class {
        self.faults.class_at(spread(number))
    }
}

impl Topics {
    /// The topic of an event.
    pub(crate) fn of_event(&self, random: &mut SmallRng) -> u32 {
        match (self.count, self.event_zipf) {
            (0 | 1, _) => 0,
            (count, Some(exponent)) => zipf(count, exponent, random),
            (count, None) => random.random_range(0..count),
        }
    }
}

impl FaultPlan {
    fn class_at(&self, place: f64) -> Class {
        let slow = self.slow_share;
        let stopped = slow + self.stopped_share;
        let vanished = stopped + self.vanished_share;
        match place {
            place if place < slow => Class::Slow,
            place if place < stopped => Class::Stopped,
            place if place < vanished => Class::Vanished,
            _ => Class::Fast,
        }
    }
}

/// A number from 0 to 1 for each subscriber, so evenly spread that a share of any run of
/// subscribers is the share that was requested: multiples of the golden ratio.
pub(crate) fn spread(number: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "subscribers are far fewer than 2^52")]
    let place = (number as f64 + 0.5) * 0.618_033_988_749_894_9;
    place.fract()
}

fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

/// From 0, the most popular, to `count - 1`.
fn zipf(count: u32, exponent: f64, random: &mut SmallRng) -> u32 {
    let Ok(zipf) = Zipf::new(f64::from(count), exponent) else { return 0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 1 to the count"
    )]
    let rank = zipf.sample(random) as u32;
    rank.clamp(1, count) - 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::plan::Settings;

    #[test]
    fn targets_have_as_many_subscribers_each_and_some_of_every_topic() {
        for (targets, topics, connections) in
            [(3, 300, 6000), (2, 1, 10), (3, 1, 9), (4, 6, 240), (6, 4, 240), (3, 7, 210)]
        {
            let urls: Vec<_> =
                (1..=targets).map(|n| format!("'http://127.0.0.1:{n}/x-{{topic}}'")).collect();
            let text = format!("subscribe = [{}]\ntopics = {topics}", urls.join(", "));
            let settings = Settings::default().over_text(Path::new("scenario"), &text);
            let plan = settings.expect("a scenario").plan().expect("a plan");
            let all: Vec<_> =
                (0..connections).map(|n| (plan.topic_of(n), plan.place_of(n))).collect();
            for place in 0..targets {
                let here = all.iter().filter(|(_, found)| *found == place).count();
                assert_eq!(here, connections / targets, "{targets} {topics}");
            }
            let pairs: BTreeSet<_> = all.into_iter().collect();
            assert_eq!(pairs.len(), targets * topics, "{targets} {topics}");
        }
    }

    #[test]
    fn a_share_is_what_was_requested_in_any_run_of_subscribers() {
        for from in [0_usize, 17, 5000] {
            let slow = (from..from + 1000).filter(|number| spread(*number) < 0.01).count();
            assert!((9..=11).contains(&slow), "{slow} of 1000 from {from}");
        }
    }

    #[test]
    fn zipf_prefers_the_first_and_reaches_the_last() {
        let mut random = SmallRng::seed_from_u64(1);
        let mut counts = [0_u32; 10];
        (0..20_000).for_each(|_| counts[zipf(10, 1.0, &mut random) as usize] += 1);
        // The first is twice as popular as the second, ten times as the tenth.
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.8..2.2).contains(&ratio), "{counts:?}");
        let ratio = f64::from(counts[0]) / f64::from(counts[9]);
        assert!((8.5..11.5).contains(&ratio), "{counts:?}");
    }
}

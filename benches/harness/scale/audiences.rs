//! How many subscribers of a topic one shard has.
//!
//! The sizes of topics follow Zipf's law, and where a subscriber ends up does not depend on its topic. Of
//! a topic with less than one subscriber a shard there is one at some shards; which, follows from the
//! topic's number, so that runs are the same.

/// The sizes of all topics at one shard.
#[derive(Clone, Debug)]
pub(super) struct Audiences {
    topics: u64,
    skew: f64,
    /// Subscribers of the largest topic at this shard, on average.
    largest: f64,
}

impl Audiences {
    /// Of so many subscribers at this shard.
    pub(super) fn of(subscribers: f64, topics: f64, skew: f64) -> Self {
        let topics = topics.max(1.0) as u64;
        let sum = match skew {
            0.0 => topics as f64,
            skew => (1..=topics).map(|rank| (rank as f64).powf(-skew)).sum(),
        };
        Self { topics, skew, largest: subscribers / sum }
    }

    pub(super) fn topics(&self) -> u64 {
        self.topics
    }

    /// Subscribers of a topic, which is named by a number below that of topics.
    pub(super) fn members(&self, topic: u64) -> f64 {
        let expected = self.largest * ((topic + 1) as f64).powf(-self.skew);
        let whole = expected.floor();
        whole + f64::from(u8::from(share_of(topic) < expected - whole))
    }
}

/// A number from 0 to 1 that looks random: the finishing steps of SplitMix64.
fn share_of(number: u64) -> f64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_all_subscribers_together() {
        for (subscribers, topics, skew) in
            [(1_000.0, 1.0, 0.0), (20_000.0, 700.0, 0.0), (5_000.0, 300.0, 1.0), (500.0, 1e5, 0.0)]
        {
            let audiences = Audiences::of(subscribers, topics, skew);
            let sum: f64 = (0..audiences.topics()).map(|topic| audiences.members(topic)).sum();
            let off = (sum - subscribers).abs() / subscribers;
            assert!(off < 0.1, "{sum} of {subscribers} in {topics} topics, {skew}");
        }
    }

    #[test]
    fn a_skewed_topic_is_larger_the_earlier_it_stands() {
        let audiences = Audiences::of(1e6, 1_000.0, 1.0);
        let sizes = [0, 1, 10, 999].map(|topic| audiences.members(topic));
        assert!(sizes.is_sorted_by(|more, less| more > less), "{sizes:?}");
    }
}

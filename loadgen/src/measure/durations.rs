//! A histogram of durations: three digits, from a microsecond to twenty minutes. Longer ones count
//! as twenty minutes; the largest value of a run is far below.

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::result::Distribution;

const LOWEST: u64 = 1_000;
const HIGHEST: u64 = 20 * 60 * 1_000_000_000;
const DIGITS: u8 = 3;

/// Durations in nanoseconds. The memory, about 150 KiB, is taken with the first value: most
/// histograms of a run stay empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations(Option<Box<Histogram<u64>>>);

impl Durations {
    pub(crate) fn record(&mut self, nanos: u64) {
        self.record_many(nanos, 1);
    }

    pub(crate) fn record_many(&mut self, nanos: u64, count: u64) {
        self.make().saturating_record_n(nanos, count);
    }

    /// Takes the memory now, so that the first value does not pay for it.
    pub(crate) fn prepare(&mut self) {
        self.make();
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if let Some(other) = &other.0 {
            // Equal bounds on both sides: addition cannot fail.
            let _ = self.make().add(other.as_ref());
        }
    }

    pub(crate) fn histogram(&self) -> Histogram<u64> {
        self.0.as_deref().cloned().unwrap_or_else(empty)
    }

    pub(crate) fn distribution(&self) -> Option<Distribution> {
        Distribution::of(self.0.as_deref()?)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|histogram| histogram.is_empty())
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |histogram| histogram.len())
    }

    /// In nanoseconds; 0 when there is nothing.
    #[cfg(test)]
    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        self.0.as_ref().map_or(0, |histogram| histogram.value_at_quantile(quantile))
    }

    fn make(&mut self) -> &mut Histogram<u64> {
        self.0.get_or_insert_with(|| Box::new(empty()))
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS)
        .unwrap_or_else(|_| unreachable!("constants that the library accepts"))
}

impl Serialize for Durations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.distribution().map(|distribution| distribution.hdr).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Durations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let histogram = crate::result::decode_histogram(&text);
        let histogram = histogram.ok_or_else(|| de::Error::custom("a damaged histogram"))?;
        // What is read has no room beyond its values; later ones may be larger.
        let mut whole = empty();
        whole.add(&histogram).map_err(de::Error::custom)?;
        Ok(Self(Some(Box::new(whole))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_survive_the_way_to_another_process() {
        let mut durations = Durations::default();
        durations.record_many(5_000_000, 99);
        durations.record(200_000_000);
        let text = serde_json::to_string(&durations).expect("text");
        let mut back: Durations = serde_json::from_str(&text).expect("a histogram");
        back.merge(&durations);
        assert_eq!(back.count(), 200);
        assert!(back.quantile(0.5).abs_diff(5_000_000) < 10_000);
        assert!(back.quantile(0.999).abs_diff(200_000_000) < 400_000);
        let nothing: Durations = serde_json::from_str("null").expect("nothing");
        assert_eq!(nothing.count(), 0);
    }
}

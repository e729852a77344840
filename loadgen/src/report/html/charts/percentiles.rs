//! Latency by percentile, with the percentiles further apart the rarer they are: a tail that a mean
//! hides takes up as much room here as the rest.
//!
//! It shows the difference between intended and actual at a glance: the gap is what waiting hid.

use hdrhistogram::Histogram;

use crate::numbers;
use crate::result::{Distribution, milliseconds};

use super::{marks, scale_note};
use crate::report::html::chart::{Chart, ChartLine, Mark, Reading, Size};
use crate::report::html::plot::{self, Scale};

/// Latency by percentile, with the percentiles further apart the rarer they are.
pub(super) fn percentiles(
    intended: Option<&Distribution>,
    actual: Option<&Distribution>,
) -> Option<Chart> {
    let histogram = |d: Option<&Distribution>| d.and_then(Distribution::histogram);
    let both = [histogram(actual), histogram(intended)];
    let most = both.iter().flatten().map(Histogram::len).max().filter(|n| *n > 0)?;
    let nines = (most as f64).log10().clamp(1.0, 7.0);
    let x = Scale::Linear(0.0, nines);
    let at = |rarity: f64| 1.0 - 10_f64.powf(-rarity);
    let places: Vec<f64> = (0..=240).map(|step| nines * f64::from(step) / 240.0).collect();
    let value = |h: &Histogram<u64>, rarity: f64| {
        let quantile = if rarity >= nines { 1.0 } else { at(rarity) };
        milliseconds(h.value_at_quantile(quantile))
    };
    let all = both.iter().flatten().flat_map(|h| [0.0, nines].map(|rarity| value(h, rarity)));
    let y = Scale::of_durations(all.collect::<Vec<_>>().into_iter());
    let line = |h: &Option<Histogram<u64>>, name, look| ChartLine {
        name,
        look,
        path: plot::line(
            places.iter().map(|place| Some((x.share(*place), y.share(value(h.as_ref()?, *place))))),
        ),
    };
    let reading = |place: &f64| {
        let of = |h: &Option<Histogram<u64>>| {
            numbers::ms_or_absent(h.as_ref().map(|h| value(h, *place)))
        };
        Reading(x.share(*place), numbers::percent(at(*place)), both.iter().map(of).collect())
    };
    Some(Chart {
        title: "Latency by percentile",
        about: format!(
            "So long or shorter for this percentage of deliveries. Intended counts from when an \
             event was due, actual from when it was sent.{}",
            scale_note(y)
        ),
        x: percentile_marks(x, nines),
        y: marks(y, numbers::compact_ms),
        lines: vec![line(&both[0], "actual", "second dashed"), line(&both[1], "intended", "first")],
        areas: Vec::new(),
        readings: places.iter().map(reading).collect(),
        solid: false,
        size: Size::Half,
    })
}

/// The half, and ever more nines.
fn percentile_marks(x: Scale, nines: f64) -> Vec<Mark> {
    let half = 2_f64.log10();
    let marks = [
        (0.0, "0"),
        (half, "50"),
        (1.0, "90"),
        (2.0, "99"),
        (3.0, "99.9"),
        (4.0, "99.99"),
        (5.0, "99.999"),
        (6.0, "99.9999"),
        (7.0, "99.99999"),
    ];
    let within = marks.into_iter().filter(|(rarity, _)| *rarity <= nines);
    within.map(|(rarity, label)| Mark { at: x.share(rarity), label: label.to_owned() }).collect()
}

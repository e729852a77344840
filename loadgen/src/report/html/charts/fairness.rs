//! Whether all subscribers were served alike: how many had which mean latency.
//!
//! The axis begins near the fastest, since a hill is best seen close up.

use crate::numbers;
use crate::result::Distribution;

use super::marks;
use crate::report::html::chart::{Chart, ChartLine, Reading, Size};
use crate::report::html::plot::{self, Scale};

/// How many subscribers had which mean latency.
pub(super) fn fairness(distribution: &Distribution) -> Option<Chart> {
    const BARS: u32 = 40;
    let histogram = distribution.histogram().filter(|h| !h.is_empty())?;
    let nanos = |ms: f64| (ms * 1e6) as u64;
    let x = match Scale::of_durations([distribution.min_ms, distribution.max_ms].into_iter()) {
        Scale::Linear(..) => narrow(distribution),
        wide @ Scale::Log(..) => wide,
    };
    let edge = |bar: u32| at_share(x, f64::from(bar) / f64::from(BARS));
    let counts: Vec<u64> = (0..BARS)
        .map(|bar| {
            let from = if bar == 0 { 0 } else { nanos(edge(bar)) };
            let to = if bar + 1 == BARS { u64::MAX } else { nanos(edge(bar + 1)) };
            let within = histogram.iter_recorded().map(|value| (value.value_iterated_to(), value));
            within
                .filter(|(nanos, _)| (from..to).contains(nanos))
                .map(|(_, value)| value.count_at_value())
                .sum()
        })
        .collect();
    let y = Scale::from_zero(counts.iter().map(|n| *n as f64));
    let share = |bar: u32| f64::from(bar) / f64::from(BARS);
    let bars = (0..BARS).zip(&counts);
    Some(Chart {
        title: "Fairness: mean latency of each subscriber",
        about:
            "How many subscribers waited how long on average. Narrow is fair; a hill of its own \
                on the right is a group that is always late."
                .to_owned(),
        x: marks(x, numbers::compact_ms),
        y: marks(y, numbers::compact),
        lines: vec![ChartLine { name: "subscribers", look: "none", path: String::new() }],
        areas: bars
            .clone()
            .filter(|(_, n)| **n > 0)
            .map(|(bar, n)| {
                plot::bar(share(bar) + 0.002, share(bar + 1) - 0.002, y.share(*n as f64))
            })
            .collect(),
        readings: bars
            .map(|(bar, n)| {
                let place = format!("{} to {}", numbers::ms(edge(bar)), numbers::ms(edge(bar + 1)));
                Reading(share(bar) + 0.5 / f64::from(BARS), place, vec![numbers::count(*n)])
            })
            .collect(),
        solid: true,
        size: Size::Half,
    })
}

/// From the smallest to the largest, on round ends, since a hill is best seen close up.
fn narrow(distribution: &Distribution) -> Scale {
    let (least, most) = (distribution.min_ms, distribution.max_ms);
    let room = ((most - least) * 0.02).max(most * 0.01).max(1e-6);
    Scale::Linear((least - room).max(0.0), most + room)
}

fn at_share(scale: Scale, share: f64) -> f64 {
    match scale {
        Scale::Linear(from, to) => from + (to - from) * share,
        Scale::Log(from, to) => from * (to / from).powf(share),
    }
}

//! What changes from second to second: latency, rates, and interruptions.
//!
//! A run of many hours is drawn with one point for several seconds. Latency is then that of the
//! worst of them, since percentiles cannot be averaged; rates are means.

use crate::numbers;
use crate::result::Second;

use super::{clock, clock_marks, marks, scale_note};
use crate::report::html::chart::{Chart, ChartLine, Mark, Reading, Size};
use crate::report::html::plot::{self, Scale};

/// More points than a screen has columns show nothing more.
const MOST_POINTS: usize = 900;

/// A figure of a second.
type SecondFigure = fn(&Second) -> Option<f64>;

pub(super) fn latency(seconds: &[Second], together: usize) -> Option<Chart> {
    let values: [(&'static str, &'static str, SecondFigure); 4] = [
        ("max", "faint", |s| s.max_ms),
        ("p99", "third", |s| s.p99_ms),
        ("p90", "second", |s| s.p90_ms),
        ("p50", "first", |s| s.p50_ms),
    ];
    let all = seconds.iter().flat_map(|s| values.map(|(_, _, of)| of(s))).flatten();
    all.clone().next()?;
    let y = Scale::of_durations(all);
    let mut about = "Delivery from when an event was due, second by second.".to_owned();
    if together > 1 {
        about += &format!(" Each point is the worst of {together} seconds.");
    }
    Some(Chart {
        title: "Latency over time",
        about: about + scale_note(y),
        x: time_marks(seconds),
        y: marks(y, numbers::compact_ms),
        lines: values.map(|(name, look, of)| over_time(seconds, y, name, look, of)).into(),
        areas: Vec::new(),
        readings: readings(seconds, |s| {
            values.map(|(_, _, of)| numbers::ms_or_absent(of(s))).into()
        }),
        solid: false,
        size: Size::Wide,
    })
}

pub(super) fn rate(seconds: &[Second], title: &'static str, of: SecondFigure) -> Option<Chart> {
    let y = Scale::from_zero(seconds.iter().filter_map(of));
    if seconds.iter().all(|s| of(s).unwrap_or(0.0) == 0.0) {
        return None;
    }
    let x = time_scale(seconds);
    let top: Vec<_> =
        seconds.iter().map(|s| (x.share(s.second as f64), y.share(of(s).unwrap_or(0.0)))).collect();
    let ground: Vec<_> = top.iter().map(|(x, _)| (*x, 0.0)).collect();
    Some(Chart {
        title,
        about: String::new(),
        x: time_marks(seconds),
        y: marks(y, numbers::compact),
        lines: vec![over_time(seconds, y, "events", "first", of)],
        areas: vec![plot::band(&ground, &top)],
        readings: readings(seconds, |s| vec![numbers::plain(of(s).unwrap_or(0.0))]),
        solid: false,
        size: Size::Low,
    })
}

pub(super) fn interruptions(seconds: &[Second]) -> Option<Chart> {
    let values: [(&'static str, &'static str, SecondFigure); 2] = [
        ("reconnects", "first", |s| Some(s.reconnects as f64)),
        ("errors", "third", |s| Some(s.errors as f64)),
    ];
    let all = seconds.iter().flat_map(|s| values.map(|(_, _, of)| of(s))).flatten();
    if all.clone().all(|n| n == 0.0) {
        return None;
    }
    let y = Scale::from_zero(all);
    Some(Chart {
        title: "Reconnects and errors per second",
        about: String::new(),
        x: time_marks(seconds),
        y: marks(y, numbers::compact),
        lines: values.map(|(name, look, of)| over_time(seconds, y, name, look, of)).into(),
        areas: Vec::new(),
        readings: readings(seconds, |s| {
            vec![numbers::count(s.reconnects), numbers::count(s.errors)]
        }),
        solid: false,
        size: Size::Low,
    })
}

fn over_time(
    seconds: &[Second],
    y: Scale,
    name: &'static str,
    look: &'static str,
    of: SecondFigure,
) -> ChartLine {
    let x = time_scale(seconds);
    let point = |s: &Second| Some((x.share(s.second as f64), y.share(of(s)?)));
    ChartLine { name, look, path: plot::line(seconds.iter().map(point)) }
}

fn readings(seconds: &[Second], of: impl Fn(&Second) -> Vec<String>) -> Vec<Reading> {
    let x = time_scale(seconds);
    let longest = seconds.last().map_or(0.0, |s| s.second as f64);
    let reading = |s: &Second| {
        let at = s.second as f64;
        Reading(x.share(at), clock(at, longest), of(s))
    };
    seconds.iter().map(reading).collect()
}

fn time_scale(seconds: &[Second]) -> Scale {
    Scale::Linear(0.0, seconds.last().map_or(1.0, |s| s.second as f64))
}

fn time_marks(seconds: &[Second]) -> Vec<Mark> {
    clock_marks(time_scale(seconds), seconds.last().map_or(1.0, |s| s.second as f64))
}

/// At most so many points, each the worst of as many seconds as the second figure says.
pub(super) fn thinned(seconds: &[Second]) -> (Vec<Second>, usize) {
    let together = seconds.len().div_ceil(MOST_POINTS).max(1);
    (seconds.chunks(together).filter_map(worst).collect(), together)
}

fn worst(seconds: &[Second]) -> Option<Second> {
    let most = |of: SecondFigure| seconds.iter().filter_map(of).reduce(f64::max);
    let mean = |of: fn(&Second) -> u64| seconds.iter().map(of).sum::<u64>() / seconds.len() as u64;
    Some(Second {
        second: seconds.first()?.second,
        published: mean(|s| s.published),
        received: mean(|s| s.received),
        bytes: mean(|s| s.bytes),
        errors: seconds.iter().map(|s| s.errors).max()?,
        reconnects: seconds.iter().map(|s| s.reconnects).max()?,
        p50_ms: most(|s| s.p50_ms),
        p90_ms: most(|s| s.p90_ms),
        p99_ms: most(|s| s.p99_ms),
        max_ms: most(|s| s.max_ms),
    })
}

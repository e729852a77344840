//! The charts of a run: which values each shows, on which axes, and what is said about it.
//!
//! A chart without values is left out. The labels of axes, which all share, are here.

mod completion;
mod fairness;
mod percentiles;
mod seconds;

use crate::numbers;
use crate::result::Run;

use super::chart::{Chart, Mark};
use super::plot::{self, Scale};

/// All charts that there are values for.
pub(super) fn of(run: &Run) -> Vec<Chart> {
    let (seconds, together) = seconds::thinned(&run.seconds);
    let delivery = &run.delivery;
    let charts = [
        seconds::latency(&seconds, together),
        percentiles::percentiles(delivery.intended.as_ref(), delivery.actual.as_ref()),
        delivery.completion.as_ref().and_then(completion::completion),
        seconds::rate(&seconds, "Deliveries per second", |s| Some(s.received as f64)),
        run.publishing.as_ref().and_then(|_| {
            seconds::rate(&seconds, "Published per second", |s| Some(s.published as f64))
        }),
        seconds::interruptions(&seconds),
        delivery.fairness.as_ref().and_then(fairness::fairness),
    ];
    charts.into_iter().flatten().collect()
}

fn clock_marks(scale: Scale, longest: f64) -> Vec<Mark> {
    let mark = |at: f64| Mark { at: scale.share(at), label: clock(at, longest) };
    plot::time_ticks(longest).into_iter().map(mark).collect()
}

fn marks(scale: Scale, label: fn(f64) -> String) -> Vec<Mark> {
    let mark = |at: f64| Mark { at: scale.share(at), label: label(at) };
    scale.ticks().into_iter().map(mark).collect()
}

/// A moment: in seconds of a short run, in minutes and seconds of a longer one.
fn clock(at: f64, longest: f64) -> String {
    if longest <= 120.0 {
        return format!("{} s", numbers::compact((at * 10.0).round() / 10.0));
    }
    let whole = at as u64;
    match whole / 3600 {
        0 => format!("{}:{:02}", whole / 60, whole % 60),
        hours => format!("{hours}:{:02}:{:02}", whole / 60 % 60, whole % 60),
    }
}

fn scale_note(scale: Scale) -> &'static str {
    if matches!(scale, Scale::Log(..)) { " Logarithmic scale." } else { "" }
}

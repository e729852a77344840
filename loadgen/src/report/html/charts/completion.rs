//! How long it took until all subscribers had an event, over the events that were followed.
//!
//! The last subscriber decides how fair a fan-out is; the band shows how far it is behind the
//! first. Events that did not reach all subscribers say so under the pointer.

use crate::numbers;
use crate::result::{Completion, EventCompletion};

use super::{clock, clock_marks, marks, scale_note};
use crate::report::html::chart::{Chart, ChartLine, Reading, Size};
use crate::report::html::plot::{self, Scale};

/// A figure of an event.
type EventFigure = fn(&EventCompletion) -> f64;

pub(super) fn completion(completion: &Completion) -> Option<Chart> {
    let each = &completion.each;
    let last = each.last()?;
    let values: [(&'static str, &'static str, EventFigure); 3] = [
        ("last subscriber", "third", |e| e.last_ms),
        ("median", "first", |e| e.median_ms),
        ("first", "second", |e| e.first_ms),
    ];
    let x = Scale::Linear(0.0, last.at_seconds);
    let y = Scale::of_durations(each.iter().flat_map(|e| values.map(|(_, _, of)| of(e))));
    let points = |of: EventFigure| -> Vec<(f64, f64)> {
        each.iter().map(|e| (x.share(e.at_seconds), y.share(of(e)))).collect()
    };
    let reading = |e: &EventCompletion| {
        let mut place = clock(e.at_seconds, last.at_seconds);
        if e.reached < e.expected {
            place += &format!(", {} missing", numbers::count(e.expected - e.reached));
        }
        let of = values.map(|(_, _, of)| numbers::ms(of(e)));
        Reading(x.share(e.at_seconds), place, of.into())
    };
    Some(Chart {
        title: "Time until an event had reached its subscribers",
        about: format!(
            "From when an event was due until it reached its first, median and last subscriber. {} \
             were followed; {} reached all subscribers.{}",
            numbers::quantity(completion.events, "event"),
            numbers::count(completion.complete),
            scale_note(y),
        ),
        x: clock_marks(x, last.at_seconds),
        y: marks(y, numbers::compact_ms),
        lines: values
            .map(|(name, look, of)| ChartLine {
                name,
                look,
                path: plot::line(points(of).into_iter().map(Some)),
            })
            .into(),
        areas: vec![plot::band(&points(|e| e.first_ms), &points(|e| e.last_ms))],
        readings: each.iter().map(reading).collect(),
        solid: false,
        size: Size::Half,
    })
}

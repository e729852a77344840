//! One run on the page: the verdict, the figures that matter, the charts, then all of it in tables.
//!
//! A reader who stops after the first screen has read what matters most.

use maud::{Markup, html};

use crate::numbers;
use crate::report::wording;
use crate::result::{Outcome, Run};

use super::{charts, cost, delivery, findings, settings};

pub(super) fn section(run: &Run) -> Markup {
    html! {
        article {
            (banner(run))
            (key_figures(run))
            (drawings(run))
            (delivery::section(run))
            (findings::correctness(run))
            (findings::faults(run))
            (findings::slos(run))
            (cost::section(run))
            (settings::section(run))
        }
    }
}

fn banner(run: &Run) -> Markup {
    let verdict = &run.verdict;
    let look = match verdict.outcome {
        Outcome::Pass => "banner fine",
        Outcome::SloMissed => "banner missed",
        Outcome::Invalid => "banner invalid",
        Outcome::Wrong | Outcome::Unreachable => "banner wrong",
    };
    html! {
        section class=(look) {
            p.sign aria-hidden="true" { (wording::sign(verdict.outcome)) }
            div {
                p.outcome {
                    strong { (wording::outcome(verdict.outcome)) }
                    span { "exit code " (verdict.exit_code) }
                }
                h2 { (verdict.headline) }
                @if !verdict.reasons.is_empty() {
                    ul { @for reason in &verdict.reasons { li { (reason) } } }
                }
                @for note in &verdict.notes { p.note { (note) } }
            }
        }
    }
}

/// A figure of the row: its name, itself, and what to know of it.
struct FigureCell(&'static str, String, String);

fn key_figures(run: &Run) -> Markup {
    let place = if run.environment.loopback { "loopback" } else { "" };
    let intended = run.delivery.intended.as_ref();
    let latency = |quantile| numbers::ms_or_absent(intended.map(|d| d.at(quantile)));
    let reach = run.delivery.reach.map(numbers::percent);
    let expected = run.delivery.expected.map(|n| format!("of {}", numbers::count(n)));
    let subscribers = &run.subscribers;
    let mut row = vec![
        FigureCell(
            "Deliveries/s",
            wording::rate(run).unwrap_or_else(|| numbers::ABSENT.to_owned()),
            place.to_owned(),
        ),
        FigureCell("p50", latency(0.5), "from when it was due".to_owned()),
        FigureCell("p99", latency(0.99), "from when it was due".to_owned()),
        FigureCell(
            "Delivery ratio",
            reach.unwrap_or_else(|| numbers::ABSENT.to_owned()),
            expected.unwrap_or_default(),
        ),
        FigureCell(
            "Subscribers",
            numbers::count(subscribers.connected),
            format!("of {}", numbers::count(subscribers.requested)),
        ),
    ];
    let process = run.server.as_ref().and_then(|server| server.process.as_ref());
    if let Some(us) = process.and_then(|process| process.cpu_us_per_delivery) {
        let us = format!("{} µs", numbers::number(us));
        row.push(FigureCell("Server CPU", us, "per delivery".to_owned()));
    }
    html! {
        dl.key-figures {
            @for FigureCell(name, value, remark) in &row {
                div {
                    dt { (name) }
                    dd { (value) @if !remark.is_empty() { small { (remark) } } }
                }
            }
        }
    }
}

fn drawings(run: &Run) -> Markup {
    let charts = charts::of(run);
    html! {
        @if !charts.is_empty() {
            section {
                h3 { "Charts" }
                div.charts { @for chart in &charts { (chart.draw()) } }
            }
        }
    }
}

//! When it arrived: delivery, connecting and publishing, as tables.
//!
//! The same columns stand in every table, so that the eye can compare across sections.
//! Facts that are no percentiles stand below them.

use maud::{Markup, html};

use crate::numbers;
use crate::report::wording;
use crate::result::{Completion, PublishingResult, Run};

use super::table::{self, TableRow};

pub(super) fn section(run: &Run) -> Markup {
    html! {
        (delivered(run))
        (connecting(run))
        @if let Some(publishing) = &run.publishing { (published(publishing)) }
    }
}

fn delivered(run: &Run) -> Markup {
    let delivery = &run.delivery;
    let mut rows: Vec<TableRow> = Vec::new();
    rows.extend(delivery.intended.as_ref().map(|d| table::percentile_row("Intended", d)));
    if wording::undelivered_matters(delivery) {
        let reached = &delivery.intended_counting_undelivered;
        rows.push(table::reached_row("Intended, counting undelivered as infinite", reached));
    }
    rows.extend(delivery.actual.as_ref().map(|d| table::percentile_row("Actual", d)));
    rows.extend(
        delivery.fairness.as_ref().map(|d| table::percentile_row("Mean of a subscriber", d)),
    );
    let none = Completion::default();
    let completion = delivery.completion.as_ref().unwrap_or(&none);
    html! {
        section {
            h3 { "Delivery" }
            (table::percentile_rows("How long events took to arrive", &rows))
            @if let Some(sentence) = wording::difference(run) { p.remark { (sentence) } }
            (table::percentiles("Until an event had reached its subscribers", &[
                ("First subscriber", completion.first.as_ref()),
                ("Half of them", completion.median.as_ref()),
                ("99 % of them", completion.most.as_ref()),
                ("Last subscriber", completion.last.as_ref()),
            ]))
            (table::facts(&amounts(run)))
        }
    }
}

fn amounts(run: &Run) -> Vec<(&'static str, String)> {
    let delivery = &run.delivery;
    let mut rows = vec![
        ("Deliveries", wording::share_of(delivery.received, delivery.expected)),
        ("Bytes of bodies", numbers::size(delivery.bytes)),
    ];
    if !delivery.clock.is_empty() {
        rows.push(("Clock", delivery.clock.clone()));
    }
    if let Some(error) = delivery.clock_error_ms {
        rows.push(("Clocks may differ by", numbers::ms(error)));
    }
    if delivery.negative > 0 {
        rows.push((
            "Arrived before they were due",
            format!(
                "{}, the earliest by {}: the clock is wrong by at least so much",
                numbers::count(delivery.negative),
                numbers::ms_or_absent(delivery.most_negative_ms.map(f64::abs)),
            ),
        ));
    }
    rows
}

fn connecting(run: &Run) -> Markup {
    let (connecting, subscribers) = (&run.connecting, &run.subscribers);
    let mut rows = vec![
        ("Connected", wording::share_of(subscribers.connected, Some(subscribers.requested))),
        ("Ramp", numbers::seconds(run.phases.ramp_seconds)),
        ("Topics", numbers::count(subscribers.topics)),
        ("Parsed and verified", numbers::count(subscribers.verified)),
    ];
    if !subscribers.failures.is_empty() {
        rows.push(("Failed attempts", wording::kinds(&subscribers.failures)));
    }
    if let Some(bytes) = subscribers.own_bytes_each {
        rows.push(("Generator's memory for each", numbers::bytes(bytes)));
    }
    html! {
        section {
            h3 { "Connecting" }
            (table::percentiles("From the start of an attempt", &[
                ("TCP established", connecting.tcp.as_ref()),
                ("TLS established", connecting.tls.as_ref()),
                ("Response headers", connecting.head.as_ref()),
                ("First byte of the stream", connecting.first_byte.as_ref()),
                ("First event", connecting.first_event.as_ref()),
            ]))
            (table::facts(&rows))
        }
    }
}

fn published(publishing: &PublishingResult) -> Markup {
    let requested = publishing.requested_rate.map_or_else(
        || "as fast as the server responds (closed loop)".to_owned(),
        |rate| {
            format!(
                "{} of {} a second",
                numbers::number(publishing.reached_rate),
                numbers::number(rate)
            )
        },
    );
    let mut rows = vec![
        ("Style", format!("{}, {}", publishing.style, schedule(publishing))),
        ("Rate", requested),
        ("Sent", wording::share_of(publishing.sent, Some(publishing.slots))),
        ("Accepted", wording::share_of(publishing.acknowledged, Some(publishing.sent))),
        ("Sent more than 1 ms late", numbers::count(publishing.late)),
        ("Never sent, because earlier calls took too long", numbers::count(publishing.missed)),
    ];
    if !publishing.refusals.is_empty() {
        rows.push(("Refused", wording::kinds(&publishing.refusals)));
    }
    html! {
        section {
            h3 { "Publishing" }
            (table::percentiles("Publish calls", &[
                ("Acknowledgement", publishing.acknowledgement.as_ref()),
                ("Send delay", publishing.own_lateness.as_ref()),
                ("Waiting for the server", publishing.blocked_lateness.as_ref()),
            ]))
            (table::facts(&rows))
        }
    }
}

fn schedule(publishing: &PublishingResult) -> &'static str {
    if publishing.open_loop {
        "on a fixed schedule (open loop)"
    } else {
        "each call after the response to the one before (closed loop)"
    }
}

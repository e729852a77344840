//! The two tables of percentiles: delivery, and everything else that was timed.
//!
//! Five percentiles fit beside a name in 100 columns. Why intended and actual differ is said right
//! below them, where the question comes up.

use crate::numbers;
use crate::report::terminal::Sheet;
use crate::report::wording;
use crate::result::{Distribution, Run};

const SHOWN: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

/// A row of a table.
type SheetRow = Vec<String>;

/// Delivery, and why its two latencies differ when they do.
pub(super) fn delivery(sheet: &mut Sheet, run: &Run) {
    let delivery = &run.delivery;
    let mut rows: Vec<SheetRow> = Vec::new();
    rows.extend(row("intended", delivery.intended.as_ref()));
    rows.extend(row("actual", delivery.actual.as_ref()));
    if wording::undelivered_matters(delivery) {
        rows.push(counting_undelivered(run));
    }
    if let Some(completion) = &delivery.completion {
        rows.extend(row("first subscriber", completion.first.as_ref()));
        rows.extend(row("median subscriber", completion.median.as_ref()));
        rows.extend(row("last subscriber", completion.last.as_ref()));
    }
    let place = if run.environment.loopback { "Delivery, loopback" } else { "Delivery" };
    table(sheet, place, rows);
    if let Some(sentence) = wording::difference(run) {
        sheet.paragraph("  ", &sentence);
    }
    clocks(sheet, run);
    sheet.space();
}

/// Publish calls and connections.
pub(super) fn calls(sheet: &mut Sheet, run: &Run) {
    let connecting = &run.connecting;
    let acknowledgement = run.publishing.as_ref().and_then(|p| p.acknowledgement.as_ref());
    let rows = [
        row("acknowledgement", acknowledgement),
        row("connect: TCP", connecting.tcp.as_ref()),
        row("connect: TLS", connecting.tls.as_ref()),
        row("connect: headers", connecting.head.as_ref()),
        row("first byte", connecting.first_byte.as_ref()),
        row("first event", connecting.first_event.as_ref()),
    ];
    let place = if run.environment.loopback { "Calls, loopback" } else { "Calls" };
    table(sheet, place, rows.into_iter().flatten().collect());
    sheet.space();
}

fn table(sheet: &mut Sheet, title: &str, mut rows: Vec<SheetRow>) {
    if !rows.is_empty() {
        let heads = SHOWN.iter().map(|quantile| wording::quantile(*quantile));
        rows.insert(0, named(title, heads));
        sheet.table(&rows);
    }
}

fn row(name: &str, distribution: Option<&Distribution>) -> Option<SheetRow> {
    let distribution = distribution?;
    let cells = SHOWN.iter().map(|quantile| wording::percentile(distribution, *quantile));
    Some(named(&format!("  {name}"), cells))
}

fn counting_undelivered(run: &Run) -> SheetRow {
    let reached = &run.delivery.intended_counting_undelivered;
    named("  counting undelivered", SHOWN.iter().map(|q| wording::reached(reached, *q)))
}

/// Wide enough for the longest name, so that the figures of both tables are below each other.
fn named(name: &str, cells: impl Iterator<Item = String>) -> SheetRow {
    std::iter::once(format!("{name:<22}")).chain(cells.map(|cell| format!("{cell:>10}"))).collect()
}

fn clocks(sheet: &mut Sheet, run: &Run) {
    let delivery = &run.delivery;
    if delivery.negative > 0 {
        let least = delivery
            .most_negative_ms
            .map_or_else(String::new, |least| format!(", by up to {}", numbers::ms(least.abs())));
        sheet.paragraph(
            "  ",
            &format!(
                "{} arrived before they were due{least}: the clock is wrong by at least so much.",
                numbers::quantity(delivery.negative, "event"),
            ),
        );
    }
    if let Some(error) = delivery.clock_error_ms {
        sheet.paragraph("  ", &format!("Clocks may differ by {}.", numbers::ms(error)));
    }
}

//! What was published, whether what arrived was right, and what was done to the streams.
//!
//! Faults are kept apart from what was announced or was no fault: only the first make a run
//! wrong.

use crate::numbers;
use crate::report::terminal::Sheet;
use crate::report::wording;
use crate::result::{Distribution, Run};

pub(super) fn publishing(sheet: &mut Sheet, run: &Run) {
    let Some(publishing) = &run.publishing else { return };
    let mut sent = format!(
        "{} sent, {} accepted",
        wording::share_of(publishing.sent, (publishing.slots > 0).then_some(publishing.slots)),
        numbers::count(publishing.acknowledged),
    );
    if publishing.acknowledged > 0 {
        sent += &format!(", {} a second", numbers::number(publishing.reached_rate));
    }
    let mut parts = vec![sent];
    if !publishing.refusals.is_empty() {
        parts.push(format!("refused: {}", wording::kinds(&publishing.refusals)));
    }
    if publishing.late > 0 {
        parts.push(format!("{} sent more than 1 ms late", numbers::count(publishing.late)));
    }
    if publishing.missed > 0 {
        let missed = numbers::count(publishing.missed);
        parts.push(format!(
            "{missed} never sent, because the publish calls before them took too long"
        ));
    }
    let lateness = |name: &str, distribution: Option<&Distribution>| {
        distribution.map(|d| format!("{name} p99 {}", numbers::ms(d.at(0.99))))
    };
    if let Some(pause) = publishing.longest_pause_ms {
        parts.push(format!("longest pause {}", numbers::ms(pause)));
    }
    parts.extend(lateness("send delay", publishing.own_lateness.as_ref()));
    parts.extend(lateness("waiting for the server", publishing.blocked_lateness.as_ref()));
    sheet.entry("Published", &parts.join("; "));
}

pub(super) fn correctness(sheet: &mut Sheet, run: &Run) {
    let counts = wording::correctness(run);
    let named = |fault: bool| {
        let found = counts.iter().filter(|c| c.fault == fault && c.count > 0);
        found.map(|c| format!("{} {}", numbers::count(c.count), c.name)).collect::<Vec<_>>()
    };
    let (faults, known) = (named(true), named(false));
    let faults = if faults.is_empty() { wording::faultless(run) } else { faults.join(", ") };
    sheet.entry("Correctness", &faults);
    for example in &run.correctness.examples {
        let subscriber = numbers::count(example.subscriber);
        sheet.paragraph(
            "              - ",
            &format!("{}, subscriber {subscriber}: {}", example.kind, example.what),
        );
    }
    sheet.entry("Also seen", &known.join(", "));
}

pub(super) fn faults(sheet: &mut Sheet, run: &Run) {
    let faults = &run.faults;
    let mut parts = Vec::new();
    let mut part = |n: u64, words: &str| {
        if n > 0 {
            parts.push(format!("{} {words}", numbers::count(n)));
        }
    };
    part(faults.cut_fin, "disconnected in order (FIN)");
    part(faults.cut_rst, "disconnected by reset (RST)");
    part(faults.cut_in_storm, "of these in reconnect storms");
    part(faults.closed_by_server, "closed by the server");
    part(faults.ended, "closed because their topics had ended");
    part(faults.reconnects, "reconnected");
    part(faults.lengthened, "reconnect delays lengthened");
    part(faults.resumed, "resumed after their last event");
    part(faults.away, "did not reconnect");
    if !faults.errors.is_empty() {
        parts.push(format!("failed: {}", wording::kinds(&faults.errors)));
    }
    if let Some(outage) = &faults.outage {
        parts.push(format!(
            "away for {} (p50), {} (max)",
            numbers::ms(outage.at(0.5)),
            numbers::ms(outage.max_ms)
        ));
    }
    if let Some((catch_up, recovery)) = faults.catch_up.as_ref().zip(faults.recovery_ms) {
        parts.push(format!(
            "caught up in {} (p50), {} (max), all within {} of the first reconnection",
            numbers::ms(catch_up.at(0.5)),
            numbers::ms(catch_up.max_ms),
            numbers::ms(recovery)
        ));
    }
    sheet.entry("Streams", &parts.join(", "));
    for (name, class) in &faults.classes {
        let sentence = wording::class(name, class, &run.subscribers.protocol);
        sheet.entry(&format!("  {name}"), &sentence);
    }
}

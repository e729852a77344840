//! The summary for a terminal: the verdict first and in words, then what it rests on.
//!
//! Lines that have nothing to say are left out: a run without faults is a short text.

mod costs;
mod found;
mod latency;

use crate::result::Run;

use super::terminal::Sheet;
use super::wording;
use crate::numbers;

/// One run in plain text, at most 100 columns wide.
pub(crate) fn summary(run: &Run) -> String {
    let mut sheet = Sheet::default();
    verdict(&mut sheet, run);
    load_and_deliveries(&mut sheet, run);
    latency::delivery(&mut sheet, run);
    latency::calls(&mut sheet, run);
    found::publishing(&mut sheet, run);
    found::correctness(&mut sheet, run);
    found::faults(&mut sheet, run);
    costs::costs(&mut sheet, run);
    goals_and_notes(&mut sheet, run);
    sheet.finish()
}

fn verdict(sheet: &mut Sheet, run: &Run) {
    let verdict = &run.verdict;
    let name = wording::outcome(verdict.outcome);
    sheet.paragraph("", &format!("{name} (exit code {}). {}", verdict.exit_code, verdict.headline));
    for reason in &verdict.reasons {
        sheet.paragraph("  - ", reason);
    }
    sheet.space();
}

fn load_and_deliveries(sheet: &mut Sheet, run: &Run) {
    let place = if run.environment.loopback {
        ", over loopback: no network between, and the server and loadgen share the processors"
    } else {
        ""
    };
    sheet.entry("Run", &format!("{}, {}{place}", run.name, run.started_at));
    sheet.entry("Load", &load(run));
    sheet.entry("Connected", &connected(run));
    sheet.entry("Delivered", &delivered(run));
    sheet.space();
}

fn load(run: &Run) -> String {
    let subscribers = &run.subscribers;
    let mut text = format!(
        "{} of {}",
        numbers::quantity(subscribers.requested, "subscriber"),
        numbers::quantity(subscribers.topics, "topic"),
    );
    if !subscribers.protocol.is_empty() {
        text += &format!(", {}", subscribers.protocol);
    }
    if let Some(publishing) = &run.publishing {
        let rate = publishing.requested_rate.map_or_else(
            || "as fast as the server responds (closed loop)".to_owned(),
            |rate| format!("at {} a second", numbers::number(rate)),
        );
        text += &format!("; {} {rate}", numbers::quantity(publishing.slots, "event"));
    }
    // Without a connected subscriber the run was over at once.
    if subscribers.connected > 0 || subscribers.requested == 0 {
        text += &format!("; {}", numbers::seconds(run.phases.measured_seconds));
    }
    text
}

fn connected(run: &Run) -> String {
    let subscribers = &run.subscribers;
    let mut text = format!(
        "{} in {}",
        wording::share_of(subscribers.connected, Some(subscribers.requested)),
        numbers::seconds(run.phases.ramp_seconds),
    );
    if subscribers.verified < subscribers.connected {
        text += &format!("; {} verified, the rest counted", numbers::count(subscribers.verified));
    }
    if !subscribers.failures.is_empty() {
        text += &format!("; failed: {}", wording::kinds(&subscribers.failures));
    }
    text
}

fn delivered(run: &Run) -> String {
    let delivery = &run.delivery;
    if run.subscribers.connected == 0 && delivery.received == 0 {
        // Without a subscriber there is nothing to count.
        return String::new();
    }
    let mut text = numbers::count(delivery.received);
    if let Some(expected) = delivery.expected {
        text += &format!(" of {}", numbers::count(expected));
    }
    text += " deliveries";
    if let Some(reach) = delivery.reach {
        text += &format!(", a delivery ratio of {}", numbers::percent(reach));
    }
    if let Some(rate) = wording::rate(run) {
        text += &format!("; {rate} a second");
    }
    if delivery.bytes > 0 {
        text += &format!("; {}", numbers::size(delivery.bytes));
    }
    if let Some(silence) = run.faults.longest_silence_ms {
        text += &format!("; longest silence {}", numbers::ms(silence));
    }
    if delivery.comments > 0 {
        text += &format!("; {}", numbers::quantity(delivery.comments, "comment"));
    }
    text
}

fn goals_and_notes(sheet: &mut Sheet, run: &Run) {
    sheet.space();
    for (at, slo) in run.slos.iter().enumerate() {
        let label = if at == 0 { "SLOs" } else { "" };
        let sign = if slo.met { "✓" } else { "✗" };
        let measured = slo.measured.as_deref().unwrap_or("could not be measured");
        sheet.entry(label, &format!("{sign} {}: {measured}", slo.expression));
    }
    for (at, note) in run.verdict.notes.iter().enumerate() {
        sheet.entry(if at == 0 { "Notes" } else { "" }, note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{sample, terminal::COLUMNS};

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let text = summary(&sample::run());
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn the_verdict_comes_first_and_in_words() {
        let run = sample::run();
        let text = summary(&run);
        assert!(text.starts_with("FAIL: wrong deliveries (exit code 3). "), "{text}");
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for reason in &run.verdict.reasons {
            assert!(joined.contains(reason), "{reason}");
        }
    }

    #[test]
    fn the_difference_between_intended_and_actual_is_explained() {
        assert!(summary(&sample::run()).contains("coordinated"));
    }

    #[test]
    fn what_never_arrived_makes_the_highest_percentile_infinite() {
        let text = summary(&sample::run());
        let line = text.lines().find(|line| line.contains("counting undelivered"));
        assert!(line.is_some_and(|line| line.ends_with('∞')), "{text}");
    }

    #[test]
    fn an_announced_loss_is_kept_apart_from_a_silent_one() {
        let text = summary(&sample::run());
        let line = |label: &str| text.lines().find(|line| line.starts_with(label)).expect("there");
        assert!(line("Correctness").contains("silent gaps"));
        assert!(!line("Correctness").contains("announced"));
        assert!(line("Also seen").contains("announced"));
    }

    #[test]
    fn a_run_in_which_nothing_happened_is_a_short_text() {
        let text = summary(&sample::empty());
        assert!(text.lines().count() < 12, "{text}");
        assert!(!text.contains("Streams"), "{text}");
    }
}

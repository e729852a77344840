//! What was survived, as a table in Markdown: a row for each fault, over all rounds.

use super::faults;
use super::load::LoadSize;
use super::rounds::{RoundsPlan, Survivals, Survived};
use crate::format::{NOTHING, count, number, ranged};
use crate::markdown::{header, row};
use crate::summary::Spread;

const HEADINGS: [&str; 9] = [
    "what fails",
    "times",
    "missing",
    "twice",
    "out of order, damaged",
    "nodes that differ",
    "nothing confirmed for",
    "longest silence of a subscriber",
    "all well after",
];

/// The table, and below it what was wrong.
pub(super) fn table(plan: &RoundsPlan, found: &Survivals) -> String {
    let mut lines = header(&HEADINGS.map(str::to_owned));
    lines.extend(plan.faults.iter().map(|&fault| line(fault, found)));
    let mistakes: Vec<_> = mistakes(found);
    let mut parts = vec![lines.join("\n"), totals(plan.size, found), mistakes.join("\n")];
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn line(fault: usize, found: &Survivals) -> String {
    let (_, title, _) = faults::ALL[fault];
    let all: Vec<_> = found.all.iter().filter(|one| one.fault == fault).collect();
    let sum = |pick: fn(&Survived) -> u64| {
        if all.is_empty() {
            return NOTHING.to_owned();
        }
        count(all.iter().map(|one| pick(one)).sum::<u64>() as f64)
    };
    let seconds = |pick: fn(&Survived) -> Option<f64>| {
        ranged(Spread::of(all.iter().filter_map(|one| pick(one))), "s", number)
    };
    row(&[
        title.to_owned(),
        all.len().to_string(),
        sum(|one| one.load.missing),
        sum(|one| one.load.twice),
        sum(|one| one.load.out_of_order + one.load.damaged),
        sum(|one| u64::from(one.same == 0)),
        seconds(|one| one.load.pause_ms.map(|ms| ms / 1e3)),
        seconds(|one| one.load.silence_ms.map(|ms| ms / 1e3)),
        seconds(|one| (one.well_seconds > 0.0).then_some(one.well_seconds)),
    ])
}

fn totals(size: LoadSize, found: &Survivals) -> String {
    let sum = |pick: fn(&Survived) -> u64| count(found.all.iter().map(pick).sum::<u64>() as f64);
    let mut text = format!(
        "{} subscribers of {} topics, {} events a second from {} publishers. {} events were sent and {} \
         confirmed; {} deliveries were verified; subscribers lost their streams {} times; {} times an \
         event was compared between all nodes.",
        count(f64::from(size.subscribers)),
        count(f64::from(size.topics)),
        count(f64::from(size.rate)),
        count(f64::from(size.publishers)),
        sum(|one| one.load.sent),
        sum(|one| one.load.confirmed),
        sum(|one| one.load.verified),
        sum(|one| one.load.reconnects),
        sum(|one| one.same as u64),
    );
    let undisturbed = found.all.iter().filter(|one| one.fault == 0);
    let rates = Spread::of(undisturbed.clone().map(|one| one.load.deliveries_per_second));
    if rates.is_some() {
        let generator = Spread::of(undisturbed.clone().map(|one| one.load.generator * 100.0));
        text += &format!(
            " Without a fault there were {} deliveries a second, and loadgen's reader used {} of a core.",
            ranged(rates, "", count),
            ranged(generator, "%", count)
        );
    }
    let mut said: Vec<String> = undisturbed
        .filter(|one| one.load.outcome != "fine")
        .flat_map(|one| one.load.reasons.clone())
        .collect();
    said.sort_unstable();
    said.dedup();
    if !said.is_empty() {
        text += &format!(" Of those runs loadgen said: {}.", said.join("; "));
    }
    text
}

fn mistakes(found: &Survivals) -> Vec<String> {
    let wrong = found.all.iter().flat_map(|one| {
        let name = faults::ALL[one.fault].0;
        one.mistakes.iter().map(move |mistake| format!("- {name}: {mistake}"))
    });
    let unfinished = found.unfinished.iter().map(|line| format!("- could not be finished: {line}"));
    wrong.chain(unfinished).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::figures::LoadResult;
    use super::super::load::FULL;
    use super::*;

    fn survived(fault: usize, pause_ms: f64, missing: u64) -> Survived {
        let load = LoadResult {
            sent: 1_000,
            confirmed: 990,
            verified: 19_800,
            missing,
            pause_ms: Some(pause_ms),
            silence_ms: Some(2_000.0),
            deliveries_per_second: 40_000.0,
            generator: 0.25,
            outcome: if fault == 0 { "invalid" } else { "fine" }.to_owned(),
            reasons: vec!["timers ran late".to_owned()],
            ..LoadResult::default()
        };
        let mistakes = load.mistakes();
        Survived { fault, load, well_seconds: fault as f64, same: 100, mistakes }
    }

    #[test]
    fn a_row_has_all_rounds_of_a_fault_and_nothing_that_was_wrong_is_left_out() {
        let plan = RoundsPlan {
            rounds: 2,
            faults: vec![0, 1, 2],
            size: FULL,
            folder: PathBuf::new(),
            hub: PathBuf::new(),
            has_namespaces: false,
        };
        let all = vec![survived(0, 100.0, 0), survived(1, 4_000.0, 0), survived(1, 6_000.0, 3)];
        let found = Survivals { all, unfinished: vec!["1/2 leader-stop: no leader".to_owned()] };
        let text = table(&plan, &found);
        for line in [
            "| nothing | 1 | 0 | 0 | 0 | 0 | 0.10 s | 2.00 s | – |",
            "| leader of the brokers: SIGKILL | 2 | 3 | 0 | 0 | 0 | 5.00 s (4.00–6.00) | 2.00 s | 1.00 s |",
            "| leader: SIGSTOP for 6 s | 0 | – | – | – | – | – | – | – |",
            "6,000 subscribers of 300 topics, 2,000 events a second from 96 publishers. 3,000 events were \
             sent and 2,970 confirmed; 59,400 deliveries were verified",
            "Without a fault there were 40,000 deliveries a second, and loadgen's reader used 25 % of a \
             core. Of those runs loadgen said: timers ran late.",
            "- leader-kill: 3 deliveries of confirmed events are missing",
            "- could not be finished: 1/2 leader-stop: no leader\n",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }
}

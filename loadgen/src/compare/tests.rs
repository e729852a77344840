//! Tests of a comparison as a whole: from files to the text, the page and the JSON. The files are
//! made from one full run, of which times and cost are multiplied, so that the expected ratio is
//! known and every other figure must stay as it was.

use super::*;
use crate::result::{SCHEMA, Second};
use crate::slo::sample;

/// Runs that took turns with those of the other side; times and cost are multiplied.
fn file(runs: u8, first_minute: u8, times: f64) -> ResultFile {
    let run = |at: u8| {
        let mut run = sample::run();
        let noise = 1.0 + 0.01 * f64::from(at % 3);
        run.started_at = format!("2026-01-01T00:{:02}:00Z", first_minute + 2 * at);
        let reached = &mut run.delivery.intended_counting_undelivered;
        reached.iter_mut().for_each(|r| r.ms = r.ms.map(|ms| ms * times * noise));
        if let Some(process) = run.server.as_mut().and_then(|server| server.process.as_mut()) {
            process.cpu_us_per_delivery = Some(3.5 * times * noise);
        }
        run.delivery.reach = Some(0.999_98 + 0.000_01 * f64::from(at % 2));
        run
    };
    ResultFile { schema: SCHEMA.to_owned(), runs: (0..runs).map(run).collect() }
}

fn compared(a: &ResultFile, b: &ResultFile) -> Comparison {
    let (a, b) = (Input { label: "a.json", file: a }, Input { label: "b.json", file: b });
    compare(&a, &b, false).expect("comparable")
}

fn with_seconds(mut file: ResultFile, times: f64) -> ResultFile {
    let second = |second: u64| Second {
        second,
        received: 1000,
        p50_ms: Some(times),
        p99_ms: Some(times * 2.0),
        ..Second::default()
    };
    file.runs[0].seconds = (0..60).map(second).collect();
    file
}

fn verdict(comparison: &Comparison, figure: &str) -> Judgement {
    comparison.rows.iter().find(|row| row.figure == figure).expect("compared").verdict
}

#[test]
fn a_slower_server_is_worse_and_a_faster_one_better() {
    let (plain, slow) = (file(7, 0, 1.0), file(7, 1, 1.5));
    let found = compared(&plain, &slow);
    assert!(found.is_worse());
    assert_eq!(verdict(&found, "delivery.p99"), Judgement::Worse);
    assert_eq!(verdict(&found, "ack.p99"), Judgement::NoDetectableChange);
    assert_eq!(found.warnings, Vec::<String>::new());

    let back = compared(&slow, &plain);
    assert!(!back.is_worse());
    assert_eq!(verdict(&back, "delivery.p99"), Judgement::Better);
}

#[test]
fn the_sentence_names_the_difference_and_the_noise() {
    let sentence = |a: u8, b: u8, times| compared(&file(a, 0, 1.0), &file(b, 1, times)).summary;
    let others = "delivery p50 (-12 %), delivery p90 (-12 %), delivery p99.9 (-12 %), \
                  delivery max (-12 %), server CPU/delivery (-12 %)";
    assert_eq!(
        sentence(7, 7, 0.88),
        format!("B delivers p99 12 % sooner; the noise of A against A is 1.6 %; better: {others}.")
    );
    assert_eq!(
        sentence(7, 7, 1.0),
        "No detectable change of delivery p99: B differs by 0 %; the noise of A against A is 1.6 %."
    );
    assert!(
        sentence(2, 3, 1.5)
            .ends_with("with two runs, chance alone looks like a change one time in four.")
    );
    assert!(
        sentence(3, 4, 1.5)
            .ends_with("with so few runs, chance alone looks like a change one time in twenty.")
    );
    assert!(sentence(7, 7, 2.5).starts_with("delivery p99 is 2.5 times as high with B; "));
    assert!(
        sentence(7, 7, f64::INFINITY)
            .starts_with("B never delivers p99, because events do not arrive, and A does; ")
    );
    assert!(
        sentence(7, 1, 1.5).starts_with("Nothing can be said about delivery p99; too few runs")
    );
}

#[test]
fn one_run_each_compares_seconds_and_claims_nothing_else() {
    let (a, b) = (with_seconds(file(1, 0, 1.0), 1.0), with_seconds(file(1, 1, 9.0), 1.5));
    let found = compared(&a, &b);
    assert_eq!(found.evidence, Evidence::WithinOneRun);
    assert_eq!(
        found.summary,
        "p99 of each second is 50 % higher with B; the noise of A against A is 0 %; \
         worse: p50 of each second (+50 %); \
         within one run each: says nothing about run-to-run noise."
    );
    for row in &found.rows {
        assert!(row.figure.starts_with("seconds.") || row.verdict == Judgement::TooFewRuns);
    }
}

#[test]
fn one_run_each_without_seconds_claims_nothing() {
    let found = compared(&file(1, 0, 1.0), &file(1, 1, 9.0));
    assert_eq!(found.evidence, Evidence::TooLittle);
    assert!(found.rows.iter().all(|row| row.verdict == Judgement::TooFewRuns));
}

#[test]
fn the_text_is_at_most_110_columns_wide() {
    let (mut a, mut b) = (file(7, 0, 1.0), file(7, 1, 1234.5));
    let long = "x".repeat(300);
    a.runs[0].environment.kernel.clone_from(&long);
    b.runs.iter_mut().for_each(|run| run.delivery.per_second = 1.2345e9);
    b.runs[0].delivery.intended_counting_undelivered.iter_mut().for_each(|r| r.ms = None);
    let input = |label, file| Input { label, file };
    let found = compare(&input(&long, &a), &input("b.json", &b), false).expect("comparable");
    for line in found.text().lines() {
        assert!(line.chars().count() <= table::WIDTH, "{}: {line}", line.chars().count());
    }
}

#[test]
fn the_text_shows_both_sides_and_the_verdict() {
    let text = compared(&file(7, 0, 1.0), &file(7, 1, 1.5)).text();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    let words = |start: &str| line(start).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("A: "), "A: a.json, 7 runs");
    assert_eq!(
        words("delivery p99, ms"),
        "delivery p99, ms 20.0 19.8–20.2 30.0 29.7–30.3 1.500 1.471–1.530 1.6 % worse"
    );
    assert_eq!(
        words("delivery ratio, %"),
        "delivery ratio, % 99.998 99.998–99.999 99.998 99.998–99.999 1.000 1.000–1.000 0 % none detected"
    );
}

#[test]
fn the_page_holds_a_row_for_each_figure_and_the_warnings() {
    let found = compared(&file(3, 0, 1.0), &file(3, 1, 1.5));
    let page = found.markdown();
    let rows = page.lines().filter(|line| line.starts_with('|')).count();
    assert_eq!(rows, found.rows.len() + 2);
    assert!(page.contains("- A: `a.json`, 3 runs\n"), "{page}");
    assert!(page.contains("| no detectable change |"), "{page}");
    assert!(page.contains("\n- 3 runs of A and 3 runs of B: take at least 5 of each\n"), "{page}");
}

#[test]
fn the_json_names_figures_as_goals_do() {
    let found = compared(&file(5, 0, 1.0), &file(5, 1, 1.5));
    let json = serde_json::to_value(&found).expect("plain data");
    assert_eq!(json["evidence"], "runs");
    let row = json["rows"].as_array().and_then(|rows| rows.get(2)).expect("a row");
    assert_eq!(row["figure"], "delivery.p99");
    assert_eq!(row["unit"], "ms");
    assert_eq!(row["better"], "lower");
    assert_eq!(row["verdict"], "worse");
    assert_eq!(row["a"]["values"], 5);
}

#[test]
fn a_file_against_itself_never_differs() {
    for runs in [2, 5, 11] {
        let same = file(runs, 0, 1.0);
        let found = compared(&same, &same);
        assert!(
            found
                .rows
                .iter()
                .all(|row| !matches!(row.verdict, Judgement::Better | Judgement::Worse)),
            "{}",
            found.text()
        );
    }
}

//! What is made of results: files for people and for programs, and one file from several runs.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Fanfare, loadgen, scratch};

#[test]
fn a_result_becomes_a_page_a_summary_and_a_table() {
    let server = Fanfare::start();
    let folder = scratch();
    let file = |name: &str| folder.path().join(name);
    let flags = format!("-c 10 -r 50 --json {}", file("x.json").display());
    let made = loadgen(&server.load("load", &flags));
    let ran = loadgen(&format!(
        "report {} --html {} --markdown {} --csv {}",
        file("x.json").display(),
        file("x.html").display(),
        file("x.md").display(),
        file("x.csv").display()
    ));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, made.stdout, "the same words, from the file");
    let result = read(&file("x.json"));
    let run = &result["runs"][0];
    let text = |name: &str| fs::read_to_string(file(name)).expect(name);

    let page = text("x.html");
    let headline = run["verdict"]["headline"].as_str().expect("a sentence");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(headline), "{page}");
    assert_eq!(references(&page), Vec::<String>::new());

    let summary = text("x.md");
    assert!(summary.starts_with("### "), "{summary}");
    let verdict = format!("{headline} (exit code {})", made.code);
    assert!(summary.contains(&verdict), "{summary}");

    let table = text("x.csv");
    let seconds = run["seconds"].as_array().expect("a list");
    assert!(!seconds.is_empty());
    assert_eq!(table.lines().count(), 1 + seconds.len(), "{table}");
    for (line, second) in table.lines().skip(1).zip(seconds) {
        let begin = ["second", "published", "received"].map(|name| second[name].to_string());
        assert!(line.starts_with(&begin.join(",")), "{line}");
    }
}

#[test]
fn the_same_files_can_be_requested_when_the_run_is_made() {
    let server = Fanfare::start();
    let folder = scratch();
    let file = |name: &str| folder.path().join(name);
    let [page, summary, table] = ["x.html", "x.md", "x.csv"].map(file);
    let flags = format!(
        "-c 5 -r 20 --html {} --markdown {} --csv {}",
        page.display(),
        summary.display(),
        table.display()
    );
    loadgen(&server.load("load", &flags)).assert_all_arrived(5);
    for path in [page, summary, table] {
        assert!(fs::metadata(&path).expect("written").len() > 50, "{}", path.display());
    }
}

#[test]
fn runs_are_added_to_a_file_or_replace_it() {
    let server = Fanfare::start();
    let folder = scratch();
    let path = folder.path().join("x.json");
    let made = |further: &str| {
        let flags = format!("-c 2 -r 10 --json {} {further}", path.display());
        let ran = loadgen(&server.load("load", &flags));
        assert!(matches!(ran.code, 0 | 4), "{}", ran.stderr);
        let runs = read(&path)["runs"].as_array().expect("a list").clone();
        let ids: Vec<_> = runs.iter().map(|run| run["run_id"].to_string()).collect();
        ids
    };
    let first = made("");
    let both = made("--append --repeat 2");
    assert_eq!((first.len(), both.len()), (1, 3));
    assert_eq!(first[0], both[0], "what was there comes first");
    let replaced = made("");
    assert_eq!(replaced.len(), 1);
    assert!(!both.contains(&replaced[0]));
}

#[test]
fn a_file_that_is_no_result_is_refused() {
    let folder = scratch();
    let path = folder.path().join("x.json");
    for (text, part) in
        [("{}", "is not a result file"), (r#"{"schema":"other/9","runs":[]}"#, "other/9")]
    {
        fs::write(&path, text).expect("written");
        let ran = loadgen(&format!("report {}", path.display()));
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains(part) && ran.stderr.contains("x.json"), "{}", ran.stderr);
    }
}

#[test]
fn scenarios_and_slo_metrics_are_listed() {
    let scenarios = loadgen("scenarios");
    assert_eq!(scenarios.code, 0);
    for name in ["quickstart", "broadcast-10k", "resume", "soak"] {
        let line = scenarios.stdout.lines().find(|line| line.starts_with(name));
        assert!(line.is_some_and(|line| line.len() > 40), "{}", scenarios.stdout);
    }
    let slos = loadgen("slos");
    assert_eq!(slos.code, 0);
    for name in ["delivery_ratio", "gaps", "duplicates", "away"] {
        let found = slos.stdout.lines().any(|line| line.split_whitespace().next() == Some(name));
        assert!(found, "no {name} in {}", slos.stdout);
    }
}

/// Whatever a browser would load from somewhere else.
fn references(page: &str) -> Vec<String> {
    let marks = ["src=", "href=", "url(", "@import", "fetch(", "srcset=", "action="];
    let beginnings = marks.into_iter().flat_map(|mark| page.match_indices(mark));
    let values =
        beginnings.map(|(at, mark)| page[at + mark.len()..].chars().take(60).collect::<String>());
    // A fragment of the page itself is no reference.
    values.filter(|value| !value.trim_start_matches(['"', '\'']).starts_with('#')).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

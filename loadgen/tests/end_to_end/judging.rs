//! Judgements over several runs: two results compared, and the edge of what a server bears.
//!
//! A run is valid when the generator's own lateness is small beside the latency that it measured.
//! So there is a long way between: then a busy machine seldom makes a run invalid. If it does, such
//! a run is left out of comparisons and ends a search, as it must, and is made again a few times.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Fanfare, Proxy, Ran, loadgen, scratch};

/// From the server to its subscribers.
const WAY: Duration = Duration::from_millis(500);

/// How often runs are made again.
const TRIES: usize = 5;

#[test]
fn two_results_of_one_scenario_are_compared() {
    let server = Fanfare::start();
    let folder = scratch();
    let file = |name: &str| folder.path().join(name);
    let [a, b, other] = ["a.json", "b.json", "other.json"].map(file);
    make(&server, "-c 5 -r 50 --repeat 2", &a);
    make(&server, "-c 5 -r 50 --repeat 2", &b);
    make(&server, "-c 5 -r 25", &other);

    let (table, json) = (file("compared.md"), file("compared.json"));
    let ran = loadgen(&format!(
        "compare {} {} --markdown {} --json {}",
        a.display(),
        b.display(),
        table.display(),
        json.display()
    ));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let compared = read(&json);
    let sentence = compared["summary"].as_str().expect("a sentence");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&ran.stdout).contains(&words(sentence)), "{}", ran.stdout);
    assert!(ran.stdout.contains("delivery p99"), "{}", ran.stdout);
    let used = compared["a"]["runs"].as_u64().expect("a count");
    assert!((1..=2).contains(&used), "{compared}");
    assert_eq!(used + compared["a"]["left_out"].as_u64().expect("a count"), 2);
    assert!(fs::read_to_string(&table).expect("written").contains("| "));

    let ran = loadgen(&format!("compare {} {}", a.display(), other.display()));
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("different scenarios"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let ran = loadgen(&format!("compare {} {} --force", a.display(), other.display()));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_range_that_holds_ends_with_saying_so() {
    let server = Fanfare::start();
    let (ran, levels) = search(&server, "--from 5 --to 20");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert_eq!(last, "connections 20 held, the end of the range: the limit is higher");
    let held = ran.stdout.lines().filter(|line| line.ends_with("held")).count();
    assert_eq!(held, 3, "{}", ran.stdout);
    assert_eq!(levels, [5, 10, 20]);
}

#[test]
fn a_level_that_breaks_a_goal_is_named() {
    let server = Fanfare::start_with(&["--connections", "14"]);
    let (ran, levels) = search(&server, "--from 6 --to 24 --attempts 1 --tail 1s");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    // A fourteenth stream leaves no room for the connection that publishes.
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("connections 13 held; 14 did not: "), "{}", ran.stdout);
    assert!(last.contains("20 events were not accepted: status 429 (20)"), "{}", ran.stdout);
    assert_eq!(levels[..3], [6, 12, 24], "{levels:?}");
}

/// Makes a result in which at least one run says something about the server.
fn make(server: &Fanfare, flags: &str, path: &Path) {
    let way = Proxy::far_from(server.address, WAY);
    let flags = format!("{flags} --address {} --json {}", way.address, path.display());
    for _ in 0..TRIES {
        let ran = loadgen(&server.load("load", &flags));
        assert!(matches!(ran.code, 0 | 4), "{}{}", ran.stdout, ran.stderr);
        let runs = read(path)["runs"].as_array().expect("a list").clone();
        if runs.iter().any(|run| run["verdict"]["outcome"] != "invalid") {
            return;
        }
    }
    panic!("the machine is too busy for any run to be valid");
}

/// Searches for a number of connections until no level was broken by the generator. Says how many
/// were asked for at each level.
fn search(server: &Fanfare, flags: &str) -> (Ran, Vec<u64>) {
    let (folder, url) = (scratch(), server.url("/events/load"));
    let way = Proxy::far_from(server.address, WAY);
    let json = folder.path().join("levels.json");
    for _ in 0..TRIES {
        let ran = loadgen(&format!(
            "capacity --raise connections --subscribe {url} --publish {url} --address {} -r 20 \
             -d 1s --warmup 0s -q --json {} {flags}",
            way.address,
            json.display()
        ));
        let runs = read(&json)["runs"].as_array().expect("a list").clone();
        if runs.iter().all(|run| run["verdict"]["outcome"] != "invalid") {
            let request_count =
                |run: &Value| run["subscribers"]["asked"].as_u64().expect("a count");
            return (ran, runs.iter().map(request_count).collect());
        }
    }
    panic!("the machine is too busy for every level to be valid");
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

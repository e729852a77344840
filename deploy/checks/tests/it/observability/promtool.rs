//! What Prometheus itself says of its configuration, the rules, their tests, and the metrics pages.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::exported::{Exported, by_loadgen, by_server};
use crate::support::repository;

/// More series than this of one process would be too many: each is kept for every instance.
const MOST_SERIES: usize = 400;

/// Runs promtool in the folder of its files; returns what it said when it is content.
pub(super) fn promtool(arguments: &[&str], folder: &Path, input: &str) -> Result<String, String> {
    let mut promtool = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts; it is in the Debian package prometheus");
    let mut stdin = promtool.stdin.take().expect("it was asked for");
    stdin.write_all(input.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("an end");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn the_configuration_is_valid() {
    let folder = repository("deploy/prometheus");
    promtool(&["check", "config", "prometheus.yml"], &folder, "").unwrap();
}

#[test]
fn the_rules_are_valid() {
    let folder = repository("deploy/prometheus/rules");
    let said =
        promtool(&["check", "rules", "--lint", "all", "recording.yml", "alerts.yml"], &folder, "");
    let said = said.unwrap();
    assert!(!said.contains("duplicate"), "{said}");
}

#[test]
fn the_tests_of_the_rules_pass() {
    let folder = repository("deploy/prometheus/tests");
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(files.len() >= 5, "{files:?}");
    let mut arguments = vec!["test", "rules"];
    arguments.extend(files.iter().map(String::as_str));
    promtool(&arguments, &folder, "").unwrap_or_else(|said| panic!("{said}"));
}

#[test]
fn the_metrics_pages_follow_the_conventions_and_stay_small() {
    for Exported { page, .. } in [by_server(), by_loadgen()] {
        let said = promtool(&["check", "metrics"], Path::new("/"), page);
        let said = said.unwrap_or_else(|said| panic!("{said}"));
        assert!(said.trim().is_empty(), "{said}");
        let series = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
        assert!(series <= MOST_SERIES, "{series} series");
    }
}

//! The suite's program, and what it said.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// The exit code, standard output and standard error of a run.
pub(crate) fn conformance(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_conformance")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What came of each requirement, whole.
pub(crate) fn results(arguments: &[&str]) -> (i32, BTreeMap<String, Value>) {
    let arguments = [arguments, &["--format", "json"]].concat();
    let (code, said, errors) = conformance(&arguments);
    let mut said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{errors}"));
    let results = said["results"].as_array_mut().unwrap().drain(..);
    (code, results.map(|one| (one["id"].as_str().unwrap().to_owned(), one)).collect())
}

#[test]
fn the_list_names_each_requirement_once_and_needs_no_hub() {
    let (code, said, _) = conformance(&["--list"]);
    assert_eq!(code, 0);
    let mut ids: Vec<_> = said
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    for number in 1..=88 {
        assert!(ids.contains(&format!("1.0/R{number}").as_str()), "{number}");
    }
    let listed = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), listed);
}

#[test]
fn wrong_usage_is_2_and_says_what_to_do() {
    let cases: [(&[&str], &str); 4] = [
        (&[], "--hub"),
        (&["--hub", "nothing"], "--hub"),
        (&["--hub", "http://127.0.0.1:1/", "--only", "R999"], "--list"),
        (&["--hub", "http://127.0.0.1:1/", "--jwt-secret-file", "/nowhere"], "/nowhere"),
    ];
    for (arguments, hint) in cases {
        let (code, _, errors) = conformance(arguments);
        assert_eq!((code, errors.contains(hint)), (2, true), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_hub_that_is_not_there_fails() {
    let (code, results) = results(&["--hub", "http://127.0.0.1:1/", "--only", "1.0/R1"]);
    assert_eq!((code, &results["1.0/R1"]["result"]), (1, &"fail".into()));
}

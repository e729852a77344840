//! The schema of result files: the committed one is what the program prints, and what a real run
//! writes fits it.

use serde_json::Value;

use crate::support::{Fanfare, loadgen};

const COMMITTED: &str = include_str!("../../schema/result-v1.json");

#[test]
fn the_committed_schema_is_the_programs_own() {
    let ran = loadgen("schema");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout == COMMITTED,
        "loadgen/schema/result-v1.json is out of date; renew it with\n    \
         cargo run -p fanfare-loadgen -- schema > loadgen/schema/result-v1.json\nand look at the \
         difference: within a version, fields may only be added"
    );
}

#[test]
fn results_of_real_runs_fit_the_schema() {
    let schema: Value = serde_json::from_str(COMMITTED).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let server = Fanfare::start();
    let full = format!(
        "-c 20 -r 50 --cut-every 300ms --retry 20ms --slow-share 0.1 --slo delivery_ratio==1 \
         --server-pid {} --server-metrics http://{}/metrics",
        server.pid(),
        server.admin
    );
    for flags in [full.as_str(), "-c 4 -r 5 --verify sample=2", "-c 4 -r 5 --http 2"] {
        let ran = loadgen(&server.load("load", flags));
        let result = ran.result.unwrap_or_else(|| panic!("no result: {}", ran.stderr));
        let errors: Vec<_> = validator.iter_errors(&result).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        // A schema that takes everything would say nothing.
        let mut broken = result;
        broken["runs"][0]["delivery"]["received"] = "many".into();
        assert!(!validator.is_valid(&broken));
    }
}

//! The committed JSON is what the sources say.

use std::process::Command;

use crate::support::repository;

#[test]
fn the_dashboards_are_what_their_sources_say() {
    let check = Command::new(repository("grafana/build")).arg("--check").output();
    let check = check.expect("grafana/build starts; it needs python3");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

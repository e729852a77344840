//! The programs themselves, as a service manager sees them.

use std::process::Command;

use crate::support::process::Fanfare;
use crate::support::{program, text};

#[test]
fn a_server_that_is_told_to_end_ends_in_order() {
    let server = Fanfare::start(&["--drain-window", "0s"]);
    server.process.terminate();
    assert!(server.process.wait().success());
}

#[test]
fn both_programs_say_the_version_of_the_workspace() {
    let manifest = text("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap();
    for program in [program::fanfare(), program::loadgen()] {
        let said = Command::new(program).arg("--version").output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.trim().ends_with(version.trim_matches('"')), "{said}");
    }
}

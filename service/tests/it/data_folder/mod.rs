//! A server that keeps its events in a folder: what survives what.

mod crash;
mod restart;

use std::path::Path;

use crate::support::Program;

/// Starts the program with a data folder.
fn start(folder: &Path, flags: &[&str]) -> Program {
    let folder = folder.to_str().expect("a path of text");
    Program::start(&[&["--data-dir", folder, "--demos=false", "--drain-window=0s"], flags].concat())
}

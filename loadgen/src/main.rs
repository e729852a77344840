//! The program: everything is in the library, so that benches and tests can reach the parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    fanfare_loadgen::main()
}

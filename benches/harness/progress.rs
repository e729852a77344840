//! What is said to the person who waits, beside the results.

use std::io::Write as _;

/// A line on standard error. That the terminal was closed is no reason to stop measuring.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "harness: {line}");
}

/// A line of the results, on standard output.
pub(crate) fn show(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

//! How long a server took to open the log of its data folder, as it says in its own log at `info`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

/// What the line of the server's log says.
const OPENED: &str = "opened the event log";

/// Of a server that serves, by the file that it logs to.
pub(crate) fn time(log: &Path) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(log).with_context(|| format!("no {}", log.display()))?;
    parse(&text).with_context(|| format!("{} does not say: {OPENED}", log.display()))
}

fn parse(log: &str) -> Option<Duration> {
    let line = log.lines().find(|line| line.contains(OPENED))?;
    let seconds = line.split_once("seconds=")?.1.split_whitespace().next()?;
    Duration::try_from_secs_f64(seconds.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_in_the_line_that_says_that_it_was_opened() {
        let log = "2026-01-02T03:04:05Z  INFO limits files=20000 seconds=9\n\
                   2026-01-02T03:04:05Z  INFO opened the event log folder=\"/d\" events=5 head=5 seconds=0.25\n\
                   listening on http://127.0.0.1:1\n";
        assert_eq!(parse(log), Some(Duration::from_millis(250)));
        assert_eq!(parse("2026-01-02T03:04:05Z  INFO ready\n"), None);
        assert_eq!(parse("INFO opened the event log seconds=soon\n"), None);
    }
}

//! The seconds of a run as CSV (RFC 4180), for spreadsheets and plotting programs.
//!
//! The names of the columns end in their units. A field is empty in a second in which nothing
//! arrived: no latency is not a latency of zero.

use crate::result::{Run, Second};

const HEADER: [&str; 10] = [
    "second_s",
    "published_events",
    "received_events",
    "received_bytes",
    "errors_count",
    "reconnects_count",
    "p50_ms",
    "p90_ms",
    "p99_ms",
    "max_ms",
];

/// One line a second, after a line of names.
pub(crate) fn csv(run: &Run) -> String {
    let header = HEADER.join(",");
    let publishes = run.publishing.is_some();
    let lines = run.seconds.iter().map(|second| line(second, publishes));
    let lines = std::iter::once(header).chain(lines);
    lines.fold(String::new(), |text, line| text + &line + "\r\n")
}

fn line(second: &Second, publishes: bool) -> String {
    let counts = [
        second.second,
        second.published,
        second.received,
        second.bytes,
        second.errors,
        second.reconnects,
    ];
    let times = [second.p50_ms, second.p90_ms, second.p99_ms, second.max_ms];
    let times = times.map(|ms| ms.map_or_else(String::new, |ms| format!("{ms:.6}")));
    let mut fields: Vec<String> = counts.iter().map(u64::to_string).chain(times).collect();
    if !publishes {
        // What others publish is not known here.
        fields[1].clear();
    }
    fields.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn there_is_a_line_for_each_second_and_each_has_every_field() {
        let run = sample::run();
        let text = csv(&run);
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 1 + run.seconds.len());
        for line in lines {
            assert_eq!(line.split(',').count(), HEADER.len(), "{line}");
        }
    }

    #[test]
    fn a_second_in_which_nothing_arrived_has_no_latency() {
        let mut run = sample::run();
        run.seconds = vec![Second { second: 7, published: 3, ..Second::default() }];
        assert!(csv(&run).ends_with("\r\n7,3,0,0,0,0,,,,\r\n"));
        run.publishing = None;
        assert!(csv(&run).ends_with("\r\n7,,0,0,0,0,,,,\r\n"));
    }
}

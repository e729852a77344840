//! The text format of Prometheus, 0.0.4: families with help and type, then their samples.
//!
//! Written here and not by a library, because the figures are counted elsewhere and added up
//! already: the exporters that there are want to do the counting, with a lock or an atomic for each
//! event.

use std::fmt::{Display, Write as _};

use crate::measure::{BOUNDS, Buckets};

const NANOS: f64 = 1e9;

/// What a family is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// A page that is being written. Writing into memory cannot fail, so no result is looked at.
#[derive(Debug, Default)]
pub(super) struct MetricsText(String);

impl MetricsText {
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// A family of one series without labels.
    pub(super) fn single(&mut self, kind: Kind, name: &str, help: &str, value: impl Display) {
        self.family(kind, name, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// Begins a family, whose samples follow.
    pub(super) fn family(&mut self, kind: Kind, name: &str, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.head(kind, name, help);
    }

    /// A sample of the family that was begun.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "{name}{{");
        for (place, (label, text)) in labels.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let _ = write!(self.0, "{comma}{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.0, "}} {value}");
    }

    /// A histogram of seconds.
    pub(super) fn seconds(&mut self, name: &str, help: &str, buckets: &Buckets) {
        self.head("histogram", name, help);
        let mut count = 0;
        for (bound, more) in BOUNDS.iter().zip(&buckets.counts) {
            count += more;
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{}\"}} {count}", *bound as f64 / NANOS);
        }
        let all: u64 = buckets.counts.iter().sum();
        let sum = buckets.sum as f64 / NANOS;
        let _ = writeln!(
            self.0,
            "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}\n{name}_count {all}"
        );
    }

    fn head(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}

/// A label's value as it may stand between quotation marks.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_help_and_its_type_before_its_samples() {
        let mut text = MetricsText::default();
        text.single(Kind::Counter, "n_total", "How many.", 7);
        text.family(Kind::Gauge, "phase", "Which one.");
        text.sample("phase", &[("phase", "tail"), ("of", "two")], 1);
        let wanted = "# HELP n_total How many.\n# TYPE n_total counter\nn_total 7\n\
             # HELP phase Which one.\n# TYPE phase gauge\nphase{phase=\"tail\",of=\"two\"} 1\n";
        assert_eq!(text.finish(), wanted);
    }

    #[test]
    fn whatever_a_person_called_it_is_one_value_of_one_label() {
        for (name, wanted) in [
            ("plain", "n{name=\"plain\"} 1\n"),
            ("a \"b\" \\ c", "n{name=\"a \\\"b\\\" \\\\ c\"} 1\n"),
            ("two\nlines", "n{name=\"two\\nlines\"} 1\n"),
            ("dünn", "n{name=\"dünn\"} 1\n"),
        ] {
            let mut text = MetricsText::default();
            text.sample("n", &[("name", name)], 1);
            assert_eq!(text.finish(), wanted);
        }
    }

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds_and_has_the_bounds_of_the_server() {
        let mut buckets = Buckets::default();
        for nanos in [50_000, 60_000, 3_000_000_000, 60_000_000_000] {
            buckets.record(nanos);
        }
        let mut text = MetricsText::default();
        text.seconds("t_seconds", "How long.", &buckets);
        let text = text.finish();
        let bounds: Vec<_> =
            text.split("le=\"").skip(1).filter_map(|s| s.split('"').next()).collect();
        let wanted = [
            "0.00005", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025",
            "0.05", "0.1", "0.25", "0.5", "1", "2.5", "10", "+Inf",
        ];
        assert_eq!(bounds, wanted);
        for line in [
            "# TYPE t_seconds histogram",
            "t_seconds_bucket{le=\"0.00005\"} 1",
            "t_seconds_bucket{le=\"0.0001\"} 2",
            "t_seconds_bucket{le=\"2.5\"} 2",
            "t_seconds_bucket{le=\"10\"} 3",
            "t_seconds_bucket{le=\"+Inf\"} 4",
            "t_seconds_sum 63.00011",
            "t_seconds_count 4",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }
}

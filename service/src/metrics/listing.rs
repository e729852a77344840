//! The list of metrics as text: for people at a terminal, and as a table for a document.

use std::fmt::Write as _;

use super::Described;

/// Name and type, the labels with their values, and the help, in paragraphs.
#[must_use]
pub fn text(metrics: &[Described]) -> String {
    let mut text = String::new();
    for metric in metrics {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{} ({})", metric.name, metric.kind);
        for (label, values) in &metric.labels {
            let _ = writeln!(text, "    {}", label_line(label, values));
        }
        let _ = writeln!(text, "    {}\n", metric.help);
    }
    text
}

/// A table in Markdown, a metric a line.
#[must_use]
pub fn markdown(metrics: &[Described]) -> String {
    let mut table = "| name | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for metric in metrics {
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|(label, values)| label_line(&format!("`{label}`"), values))
            .collect();
        let Described { name, kind, help, .. } = metric;
        let _ = writeln!(table, "| `{name}` | {kind} | {} | {help} |", labels.join("; "));
    }
    table
}

fn label_line(label: &str, values: &[String]) -> String {
    if values.is_empty() { label.to_owned() } else { format!("{label}: {}", values.join(", ")) }
}

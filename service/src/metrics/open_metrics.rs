//! The page of metrics as OpenMetrics 1.0.
//!
//! The exporter knows the text format of Prometheus alone, so its page is read again, line by line.
//! OpenMetrics names a counter without its `_total`, knows units and a type for what a process is, has
//! no empty lines, writes whole bounds of buckets with a point, and says where it ends, so that a page
//! which was cut off is noticed.

use std::fmt::Write as _;

/// The units that our names end with.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// A page in the text format, version 0.0.4, as OpenMetrics.
pub(super) fn open_metrics(page: &str) -> String {
    let mut text = String::with_capacity(page.len() + page.len() / 8);
    // Before its type, which decides the name of its family.
    let mut pending_help = None;
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some((_, help)) = described(line, "# HELP ") {
            pending_help = Some(help);
        } else if let Some((name, kind)) = described(line, "# TYPE ") {
            let (name, kind) = (family_name(name, kind), family_kind(name, kind));
            // Writing into a string cannot fail.
            let _ = writeln!(text, "# TYPE {name} {kind}");
            if let Some(unit) = unit_of(name) {
                let _ = writeln!(text, "# UNIT {name} {unit}");
            }
            if let Some(help) = pending_help.take() {
                let _ = writeln!(text, "# HELP {name} {}", help.replace('"', "\\\""));
            }
        } else {
            sample(&mut text, line);
        }
    }
    text.push_str("# EOF\n");
    text
}

fn described<'a>(line: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(start)?.split_once(' ')
}

fn family_name<'a>(name: &'a str, kind: &str) -> &'a str {
    let suffix = match kind {
        "counter" => "_total",
        "gauge" => "_info",
        _ => return name,
    };
    name.strip_suffix(suffix).unwrap_or(name)
}

/// A gauge that is always 1 and has what it says in its labels has a type of its own.
fn family_kind<'a>(name: &str, kind: &'a str) -> &'a str {
    match kind {
        "gauge" if name.ends_with("_info") => "info",
        "untyped" => "unknown",
        other => other,
    }
}

fn unit_of(name: &str) -> Option<&'static str> {
    let (_, last) = name.rsplit_once('_')?;
    UNITS.into_iter().find(|unit| *unit == last)
}

fn sample(text: &mut String, line: &str) {
    match line.split_once("le=\"").and_then(|(before, rest)| Some((before, rest.split_once('"')?)))
    {
        Some((before, (bound, rest))) if bound.bytes().all(|byte| byte.is_ascii_digit()) => {
            let _ = writeln!(text, "{before}le=\"{bound}.0\"{rest}");
        }
        _ => {
            let _ = writeln!(text, "{line}");
        }
    }
}

/// Whether a client asks for OpenMetrics rather than for the text format, by the lines of its `Accept`.
#[must_use]
pub fn prefers_open_metrics<'a>(accept: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut open_metrics, mut text) = (0.0_f32, 0.0_f32);
    for range in accept.into_iter().flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameter = |name: &str| {
            parts.clone().find_map(|part| {
                let (key, value) = part.split_once('=')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
            })
        };
        let weight: f32 = parameter("q").and_then(|q| q.parse().ok()).unwrap_or(1.0);
        match (essence.as_str(), parameter("version")) {
            ("application/openmetrics-text", None | Some("1.0.0")) => {
                open_metrics = weight.max(open_metrics);
            }
            ("text/plain", None | Some("0.0.4")) => text = weight.max(text),
            _ => {}
        }
    }
    open_metrics > text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_is_meant() {
        let page = "# HELP a_seconds_total How long, \"all\" of it.\n# TYPE a_seconds_total counter\n\
                    a_seconds_total{b=\"c\"} 1.5\n\n# TYPE d gauge\nd 2\n\n\
                    # HELP e_info What it is.\n# TYPE e_info gauge\ne_info{version=\"1\"} 1\n\
                    # HELP f_bytes How much.\n# TYPE f_bytes histogram\nf_bytes_bucket{le=\"0.5\"} 1\n\
                    f_bytes_bucket{le=\"10\"} 2\nf_bytes_bucket{le=\"+Inf\"} 2\nf_bytes_sum 3\n\
                    f_bytes_count 2\n# TYPE g_bytes_limit gauge\ng_bytes_limit +Inf\n";
        let expected = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
                        # HELP a_seconds How long, \\\"all\\\" of it.\na_seconds_total{b=\"c\"} 1.5\n\
                        # TYPE d gauge\nd 2\n# TYPE e info\n# HELP e What it is.\n\
                        e_info{version=\"1\"} 1\n# TYPE f_bytes histogram\n# UNIT f_bytes bytes\n\
                        # HELP f_bytes How much.\nf_bytes_bucket{le=\"0.5\"} 1\n\
                        f_bytes_bucket{le=\"10.0\"} 2\nf_bytes_bucket{le=\"+Inf\"} 2\nf_bytes_sum 3\n\
                        f_bytes_count 2\n# TYPE g_bytes_limit gauge\ng_bytes_limit +Inf\n# EOF\n";
        assert_eq!(open_metrics(page), expected);
        assert_eq!(open_metrics(""), "# EOF\n");
    }

    #[test]
    fn open_metrics_is_for_whoever_asks_for_it_more_than_for_text() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                            version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                            application/openmetrics-text;version=0.0.1;q=0.4,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let text_first =
            "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5";
        let cases: [(&[&str], bool); 16] = [
            (&[prometheus_2], true),
            (&[prometheus_3], true),
            (&[text_first], false),
            (&["application/openmetrics-text"], true),
            (&["application/openmetrics-text; version=1.0.0"], true),
            (&["Application/OpenMetrics-Text; Version=\"1.0.0\""], true),
            (&["text/plain", "application/openmetrics-text"], false),
            (&["text/plain;q=0.1", "application/openmetrics-text;q=0.2"], true),
            (&["application/openmetrics-text; version=0.0.1"], false),
            (&["application/openmetrics-text; version=2.0.0"], false),
            (&["application/openmetrics-text; q=0"], false),
            (&["application/openmetrics-text; q=loud"], true),
            (&["*/*"], false),
            (&["text/html,application/xhtml+xml"], false),
            (&[""], false),
            (&[], false),
        ];
        for (lines, expected) in cases {
            assert_eq!(prefers_open_metrics(lines.iter().copied()), expected, "{lines:?}");
        }
    }
}

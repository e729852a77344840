//! Bar charts as SVG, small enough to read as text: one bar a server, the least on top, the value
//! beside it. Colours follow what the reader's system prefers, light or dark.

use std::fmt::Write as _;

#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// The value for people.
    pub(crate) label: String,
    pub(crate) is_ours: bool,
}

const WIDTH: f64 = 720.0;
const NAMES: f64 = 190.0;
const LABELS: f64 = 110.0;
const ROW: f64 = 28.0;
const TOP: f64 = 58.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}\
    .about{fill:#59636e}.paper{fill:#fff}.bar{fill:#8c959f}.ours{fill:#0969da}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.about{fill:#9198a1}.paper{fill:#0d1117}\
    .bar{fill:#656c76}.ours{fill:#4493f8}}";

/// The chart.
pub(crate) fn bars(title: &str, about: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let height = TOP + ROW * bars.len() as f64 + 8.0;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"8\" y=\"22\">{}</text>\n<text class=\"about\" x=\"8\" y=\"42\">{}</text>\n",
        escape(title),
        escape(title),
        escape(about)
    );
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        let share = if most > 0.0 { bar.value.max(0.0) / most } else { 0.0 };
        // A bar that is there can be seen.
        let length = (share * (WIDTH - NAMES - LABELS)).max(1.0);
        let class = if bar.is_ours { "ours" } else { "bar" };
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{class}\" x=\"{NAMES}\" y=\"{y}\" width=\"{length:.1}\" height=\"20\" rx=\"2\"/>\n\
             <text class=\"value\" x=\"{:.1}\" y=\"{}\">{}</text>\n",
            NAMES - 8.0,
            y + 15.0,
            escape(&bar.name),
            NAMES + length + 6.0,
            y + 15.0,
            escape(&bar.label)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_the_others_are_in_proportion() {
        let bar = |name: &str, value, is_ours| Bar {
            name: name.to_owned(),
            value,
            label: format!("{value} µs"),
            is_ours,
        };
        let svg =
            bars("CPU <a>", "less is better", &[bar("a & b", 5.0, true), bar("c", 10.0, false)]);
        let width = WIDTH - NAMES - LABELS;
        assert!(
            svg.contains(&format!("class=\"bar\" x=\"190\" y=\"86\" width=\"{width:.1}\"")),
            "{svg}"
        );
        assert!(
            svg.contains(&format!(
                "class=\"ours\" x=\"190\" y=\"58\" width=\"{:.1}\"",
                width / 2.0
            ))
        );
        assert!(
            svg.contains("a &amp; b") && svg.contains("CPU &lt;a&gt;") && svg.contains("10 µs")
        );
    }

    #[test]
    fn no_bars_make_a_chart_all_the_same() {
        assert!(bars("t", "a", &[]).ends_with("</svg>\n"));
    }
}

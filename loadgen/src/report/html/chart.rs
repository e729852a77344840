//! A chart: axes, lines and a legend around the paths of `plot`, as one SVG.
//!
//! Only the paths are stretched to the width of the page; letters keep their size on every screen.
//! Lines differ in their dashes as well as in colour. The values under the pointer are written into
//! the element, ready to show, so that the script formats nothing.

use maud::{Markup, html};

use super::plot::SIDE;

/// From how many letters on every other label of the bottom is left out on a narrow screen.
const CROWDED: usize = 32;

/// What is drawn and what is said of it.
#[derive(Debug)]
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: &'static str,
    /// One or two sentences for a reader who has not seen such a chart before.
    pub(super) about: String,
    /// Along the bottom.
    pub(super) x: Vec<Mark>,
    /// Along the left side.
    pub(super) y: Vec<Mark>,
    /// From the back to the front.
    pub(super) lines: Vec<ChartLine>,
    /// Areas behind the lines.
    pub(super) areas: Vec<String>,
    /// Whether the areas are the message, as bars are, and not a tint below lines.
    pub(super) solid: bool,
    /// What to show under the pointer, from left to right.
    pub(super) readings: Vec<Reading>,
    /// How much room it needs.
    pub(super) size: Size,
}

/// How much room a chart needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// The whole width of the page.
    Wide,
    /// Half of it.
    Half,
    /// Half of it, and low.
    Low,
}

/// A label of an axis and where it stands.
#[derive(Debug)]
pub(super) struct Mark {
    /// From 0 at the beginning to 1 at the end.
    pub(super) at: f64,
    /// What is written there.
    pub(super) label: String,
}

/// A line and what it is called.
#[derive(Debug)]
pub(super) struct ChartLine {
    /// What the legend calls it.
    pub(super) name: &'static str,
    /// The class that gives it its colour and dashes.
    pub(super) look: &'static str,
    /// In the units of `plot`.
    pub(super) path: String,
}

/// The values at one place.
#[derive(Debug, serde::Serialize)]
pub(super) struct Reading(
    /// From 0 at the left to 1 at the right.
    pub(super) f64,
    /// The place in words.
    pub(super) String,
    /// A value for each line, in their order.
    pub(super) Vec<String>,
);

impl Chart {
    /// As markup.
    pub(super) fn draw(&self) -> Markup {
        let frame = match self.size {
            Size::Wide => "chart wide",
            Size::Half => "chart",
            Size::Low => "chart low",
        };
        html! {
            figure class=(frame) {
                figcaption {
                    h4 { (self.title) }
                    @if !self.about.is_empty() { p { (self.about) } }
                }
                @if self.lines.len() > 1 { (self.legend()) }
                div.plot data-readings=(self.readings_text()) data-names=(self.names()) {
                    svg role="img" aria-label=(format!("{}. {}", self.title, self.about)) {
                        (self.grid())
                        svg viewBox=(format!("0 0 {SIDE} {SIDE}")) preserveAspectRatio="none"
                            width="100%" height="100%" overflow="visible" {
                            @for area in &self.areas { path.area.solid[self.solid] d=(area) {} }
                            @for line in &self.lines {
                                path class=(format!("line {}", line.look)) d=(line.path) {}
                            }
                        }
                    }
                }
            }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for line in self.lines.iter().rev().filter(|line| !line.path.is_empty()) {
                    li {
                        svg.key aria-hidden="true" width="24" height="8" {
                            line class=(format!("line {}", line.look))
                                x1="1" x2="23" y1="4" y2="4" {}
                        }
                        (line.name)
                    }
                }
            }
        }
    }

    fn grid(&self) -> Markup {
        let letters: usize = self.x.iter().map(|mark| mark.label.chars().count()).sum();
        let crowded = letters > CROWDED;
        html! {
            g.rules {
                @for mark in &self.y {
                    line x1="0" x2="100%" y1=(height(mark.at)) y2=(height(mark.at)) {}
                }
            }
            g.marks {
                @for mark in &self.y {
                    text.y x="-10" y=(height(mark.at)) dy=".35em" { (mark.label) }
                }
                @for (at, mark) in self.x.iter().enumerate() {
                    line x1=(width(mark.at)) x2=(width(mark.at)) y1="100%" y2="100%" {}
                    text.x.spare[crowded && at % 2 == 1] x=(width(mark.at)) y="100%" dy="1.75em" {
                        (mark.label)
                    }
                }
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.lines.iter().map(|line| line.name).collect();
        serde_json::to_string(&names).unwrap_or_default()
    }

    fn readings_text(&self) -> String {
        serde_json::to_string(&self.readings).unwrap_or_default()
    }
}

fn width(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

fn height(share: f64) -> String {
    format!("{:.2}%", (1.0 - share) * 100.0)
}

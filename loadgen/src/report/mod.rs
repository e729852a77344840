//! Reports: the same result for different readers.
//!
//! A report only reads a result; nothing is measured or judged here, so the same file always gives
//! the same report. Four kinds: plain text for the terminal, Markdown for a pull request, CSV for a
//! spreadsheet, and one HTML file that opens anywhere and needs no network. `crate::numbers`
//! decides how numbers are written and `wording` what the words mean, so that no two reports differ
//! in either.

mod csv;
mod html;
mod markdown;
mod runs;
#[cfg(test)]
mod sample;
mod summary;
mod terminal;
mod wording;

pub(crate) use csv::csv;
pub(crate) use html::html;
pub(crate) use markdown::markdown;
pub(crate) use summary::summary;

//! What metrics, logs, scrapes and traces cost: the server as an operator runs it, against the same
//! server without any of them.
//!
//! Several kinds of server take turns under the same load, round after round, so that what else the
//! machine does falls on all of them alike. What happens once for each request, such as counting
//! its response, is in all of them. In reading order: `kinds` says what is compared, `plan` what
//! was requested, `measure` runs it, with what observes the server in `observers`; `table` shows
//! it.

mod kinds;
mod measure;
mod observers;
mod plan;
mod table;

use crate::overhead::plan::Plan;
use crate::places::Places;
use crate::progress::show;

/// What metrics, logs and traces cost, against a server without them
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// Rounds as a number, loads (P1, P3) and kinds of server (blind, counted, watched, traced)
    /// [default: 8 rounds of all]
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    let plan = Plan::parse(&flags.words)?;
    for measured in measure::measure(places, &plan)? {
        show(&format!("\n{}", table::generated(&measured)))?;
    }
    Ok(())
}

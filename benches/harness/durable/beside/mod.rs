//! Publishing to a server that keeps its events on the disk, Fanfare beside other products: publishers
//! that each wait for the answer before they publish the next event, as many events as they get through.
//!
//! The servers take turns, round after round, each with an empty folder on the same disk. In reading
//! order: `servers` says which take part and what each promises when it answers, `running` starts one,
//! `publishing` has it published to, `measure` goes through all, `table` shows what was found. `disk`
//! makes sure that there is one.

mod disk;
mod measure;
mod publishing;
mod running;
mod servers;
mod table;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::compare::chosen;
use crate::places::Places;
use crate::progress::{say, show};
use measure::Plan;
use servers::DurableServer;

/// Which servers take part.
#[derive(Debug, clap::Args)]
pub(super) struct BesideFlags {
    /// Measure Fanfare as a server beside Mercure, nchan with Redis, and NATS JetStream instead
    #[arg(long, conflicts_with = "open")]
    pub(super) competitors: bool,
    /// Only these servers
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "competitors")]
    only: Vec<String>,
}

/// Measures them, and shows the table.
pub(super) fn run(flags: &super::Flags, places: &Places, folder: &Path) -> anyhow::Result<()> {
    let only = &flags.beside.only;
    let servers = chosen(&servers::ALL, only, |server: &DurableServer| server.name)?;
    let plan = Plan {
        folder: folder.join("servers"),
        rounds: flags.rounds,
        seconds: flags.seconds,
        publishers: flags.publishers.clone(),
    };
    let measured = measure::measure(places, &servers, &plan)?;
    let table = table::generated(&measured);
    let results = places.results().join("durable");
    fs::create_dir_all(&results)?;
    let file = results.join("competitors.md");
    fs::write(&file, &table).with_context(|| format!("cannot write {}", file.display()))?;
    show(&format!("\n{table}"))?;
    say(&format!("written: {}", file.display()));
    if flags.write {
        let path = places.page();
        let page = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
        fs::write(&path, table::MARKS.replace(&page, &table)?)?;
        say(&format!("written: {}", path.display()));
    }
    Ok(())
}

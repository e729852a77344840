//! Another loadgen replays what is retained on the disk, while the first one holds its streams.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;

use crate::bench::Bench;
use crate::http::Client;
use crate::loadgen;
use crate::server::Server;
use crate::targets::own::Replays;
use crate::targets::response_times::{Ports, gauge};
use crate::targets::target::ReplayLoad;

/// How long events flow before: the warm-up of the first one is over then.
const UNDER_LOAD: Duration = Duration::from_secs(4);
/// Pages of events that the server read from the disk.
const PAGES_READ: &str = "fanfare_storage_pages_read_total";

/// Runs it to its end.
pub(super) fn run(
    bench: &Bench,
    load: &ReplayLoad,
    server: &Server,
    ports: Ports,
    file: &Path,
) -> anyhow::Result<Replays> {
    sleep(UNDER_LOAD);
    let before = pages_read(ports)?;
    let result =
        bench.load(&loadgen::arguments(&load.arguments, ports.listen), server.pid, file)?;
    Ok(Replays {
        expected: load.events as f64,
        received: result.received,
        is_right: result.lost == 0 && result.duplicates == 0,
        pages_read: pages_read(ports)?.saturating_sub(before),
    })
}

/// Runs one to its end that has nothing to replay: what streams cost that only come.
pub(super) fn run_newcomers(
    bench: &Bench,
    arguments: &str,
    server: &Server,
    ports: Ports,
    file: &Path,
) -> anyhow::Result<()> {
    sleep(UNDER_LOAD);
    bench.load(&loadgen::arguments(arguments, ports.listen), server.pid, file).map(drop)
}

fn pages_read(ports: Ports) -> anyhow::Result<u64> {
    let page = Client::new().get(&format!("http://127.0.0.1:{}/metrics", ports.admin))?;
    gauge(&page, PAGES_READ).with_context(|| format!("the metrics have no {PAGES_READ}"))
}

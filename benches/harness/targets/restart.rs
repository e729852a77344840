//! The server is killed while loadgen holds its streams, and started again on the same port and folder.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::opening;
use crate::server::Server;
use crate::targets::own::RestartTimes;
use crate::targets::serve::Fanfare;

/// How long events flow before the end: loadgen begins to publish within a second after all have
/// subscribed.
const UNDER_LOAD: Duration = Duration::from_secs(4);

/// Kills the server and starts the next one.
pub(super) fn kill_and_start(
    server: Server,
    fanfare: &Fanfare,
) -> anyhow::Result<(Server, RestartTimes)> {
    sleep(UNDER_LOAD);
    server.kill()?;
    let began = Instant::now();
    let server = fanfare.start()?;
    let times = RestartTimes {
        ready_seconds: began.elapsed().as_secs_f64(),
        open_seconds: opening::time(&fanfare.log())?.as_secs_f64(),
    };
    Ok((server, times))
}

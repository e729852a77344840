//! The event log that the settings ask for, and the hub over it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::interval;

use super::build_error::BuildError;
use crate::clock::Clock;
use crate::config::Config;
use crate::hub::Hub;
use crate::log::{FileLog, Log, MemoryLog, NatsLog};
use crate::memory::MemoryBudget;
use crate::metrics::Metrics;

/// How many events publishers may be ahead of the slowest shard: more than a pass gathers, and a
/// fraction of what the log holds.
const PUBLISH_WINDOW_MAX: u64 = 32 << 10;
/// How often an idle log is looked at for events that are too old.
const LOG_EXPIRY: Duration = Duration::from_secs(1);

pub(super) fn open_log(config: &Config) -> Result<Arc<dyn Log>, BuildError> {
    let clock = Clock::system();
    if let Some(settings) = &config.nats {
        return Ok(Arc::new(NatsLog::open(settings.clone(), clock)?));
    }
    let Some(data) = &config.data else {
        let log = MemoryLog::new(config.log, clock);
        return Ok(Arc::new(log.with_rules(config.kept.clone())));
    };
    let settings = data.log_settings(&config.log);
    if data.repair {
        FileLog::repair(&data.path, &clock)?;
    }
    Ok(Arc::new(FileLog::open_with_rules(&data.path, settings, config.kept.clone(), clock)?))
}

pub(super) fn hub_over(log: &Arc<dyn Log>, config: &Config, metrics: &Metrics) -> Hub {
    let window_max = (config.log.events_max as u64 / 4).clamp(1, PUBLISH_WINDOW_MAX);
    Hub::new(Arc::clone(log), metrics.clone())
        .with_publish_window(window_max)
        .with_partial_replays(MemoryBudget::new(config.partial_replay_bytes_max))
}

pub(super) async fn expire(log: &dyn Log) {
    let mut ticks = interval(LOG_EXPIRY);
    loop {
        ticks.tick().await;
        log.expire();
    }
}

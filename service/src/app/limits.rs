//! The limits as metrics show them.

use crate::config::Config;
use crate::file_limit::{FileLimit, TooFewFiles};
use crate::http::{ClientLimitSettings, PublishRate};
use crate::metrics::{Limits, LimitsOfClients};
use crate::topic::TopicResolver;

/// As many as the settings say, or as the files of the process allow.
///
/// # Errors
/// When these are too few for the server itself, however many connections the settings say.
pub(super) fn connections_max(config: &Config) -> Result<usize, TooFewFiles> {
    let files = if config.owns_process { FileLimit::raise() } else { FileLimit::of_this_process() };
    let connections_max = files.connections_max(config.connections_max, config.file_needs())?;
    let memory = config.memory.limit.map(|limit| limit.bytes);
    tracing::info!(files = files.files_max, connections = connections_max, memory, "limits");
    let settings = &config.memory.settings;
    if let Some(limit) = config.memory.limit.filter(|_| !settings.is_empty()) {
        tracing::info!(settings, "what was not set is fitted to the {}", limit.set_by);
    }
    Ok(connections_max)
}

pub(super) fn limits(config: &Config, connections: usize) -> Limits {
    let has_rules = !config.kept.rules.is_empty();
    Limits {
        memory: config.memory.limit.map(|limit| limit.bytes),
        connections,
        lag_events: config.delivery.lag.events_max,
        lag_bytes: config.delivery.lag.bytes_max,
        log_events: config.log.events_max,
        // With a data folder that bounds the disk, which the log tells itself.
        log_bytes: config.data.as_ref().map_or(config.log.bytes_max, |data| data.memory_max),
        log_age: config.log.age_max,
        kept_topics: if has_rules { config.kept.limits.topics_max } else { 0 },
        kept_bytes: if has_rules { config.kept.limits.bytes_max } else { 0 },
        output_buffers: config.delivery.output_buffers_max,
        body_memory: config.http.bodies_bytes_max,
        selector_bytes: config.http.selectors_bytes_max,
        grant_bytes: config.http.grants_bytes_max,
        partial_replay_bytes: config.partial_replay_bytes_max,
        topic_url_bytes: TopicResolver::BYTES_MAX,
        clients: limits_of_clients(&config.http.client_limits),
        subscription_bytes: config.subscriptions_bytes_max.unwrap_or(0),
        tickets: config.tickets_max,
        drain_window: config.drain_window,
    }
}

fn limits_of_clients(settings: &ClientLimitSettings) -> LimitsOfClients {
    LimitsOfClients {
        streams_per_address: settings.streams_per_address_max,
        streams_per_token: settings.streams_per_token_max,
        subscriptions_per_token: settings.subscriptions_per_token_max,
        publish_rate: settings.publish_rate.map(|rate| rate.interval.as_secs_f64().recip()),
        publishing_clients: PublishRate::CLIENTS_MAX,
    }
}

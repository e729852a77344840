//! How the server is, as one document: what it has taken of each of its limits, its threads, its log.
//!
//! It has the figures of the metrics that somebody needs who looks at one server, each by a name that
//! stays; docs/admin.md says what each means. Nothing in it names a client or a topic.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Admin;
use super::moment::{moment, moment_of_ms};
use crate::event::Sequence;
use crate::log::{Bounds, ClusterStatus, DiskStatus};
use crate::metrics::{
    ConnectionReport, Limits, ProcessReport, PublishReport, ShardReport, Snapshot, StreamReport,
    revision,
};

/// Why no new streams should be sent to this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotReady {
    ShardEnded,
    ShardStuck,
    /// With what the log says of itself.
    Log(String),
    Draining,
    Starting,
}

impl NotReady {
    fn name(&self) -> &'static str {
        match self {
            Self::ShardEnded => "shard_ended",
            Self::ShardStuck => "shard_stuck",
            Self::Log(_) => "log",
            Self::Draining => "draining",
            Self::Starting => "starting",
        }
    }

    /// What it is and what to do.
    pub(super) fn detail(&self) -> &str {
        match self {
            Self::ShardEnded => {
                "a shard has ended without being told to; see the log, and restart the server"
            }
            Self::ShardStuck => {
                "a shard has been busy with one iteration for more than a second; see fanfare_shard_iteration_seconds_max"
            }
            Self::Log(problem) => problem,
            Self::Draining => "draining",
            Self::Starting => "starting",
        }
    }
}

impl Admin {
    /// `None` while the server is ready.
    pub(super) fn not_ready(&self) -> Option<NotReady> {
        if !self.metrics.all_shards_run() {
            return Some(NotReady::ShardEnded);
        }
        if !self.metrics.all_shards_get_on() {
            return Some(NotReady::ShardStuck);
        }
        if let Some(problem) = self.hub.log().health().problem() {
            return Some(NotReady::Log(problem));
        }
        match (self.lifecycle.is_draining(), self.lifecycle.is_ready()) {
            (true, _) => Some(NotReady::Draining),
            (false, false) => Some(NotReady::Starting),
            (false, true) => None,
        }
    }

    /// The whole document.
    pub(super) fn status(&self) -> Value {
        let (metrics, log) = (&self.metrics, self.hub.log());
        let (snapshot, limits) = (self.snapshot(), metrics.limits_in_force());
        let (bounds, process) = (log.bounds(), ProcessReport::read());
        let (now, streams) = (Timestamp::now(), metrics.stream_report());
        let connections = metrics.connection_report();
        let not_ready = self.not_ready();
        let uptime = metrics.uptime();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "revision": revision(),
            "time": moment(now),
            "started": moment_of_ms(metrics.began_ms()),
            "uptime_seconds": uptime.as_secs_f64(),
            "ready": not_ready.is_none(),
            "not_ready": not_ready.map(|why| json!({"reason": why.name(), "detail": why.detail()})),
            "drain": {
                "draining": self.lifecycle.is_draining(),
                "started": metrics.drain_began_ms().map(moment_of_ms),
                "window_seconds": limits.drain_window.as_secs_f64(),
            },
            "streams": of_streams(&streams),
            "connections": of_connections(&connections),
            "limits": of_limits(&limits, &Taken { snapshot: &snapshot, bounds: &bounds, process: &process, streams: &streams, connections: &connections, now }),
            "shards": of_shards(&metrics.shard_report(), &self.delivery.seen_by_each(), bounds.head),
            "log": self.status_of_log(&bounds),
            "published": of_publishers(&metrics.publish_report(), snapshot.publishers_waiting),
            "delivered": {
                "events_total": streams.events_delivered,
                "bytes_total": streams.bytes_delivered,
                "replayed_total": streams.events_replayed,
            },
            "process": {
                "pid": std::process::id(),
                "cpu_seconds_total": process.cpu_seconds,
                "resident_bytes": process.resident_bytes,
                "threads": process.threads,
            },
        })
    }

    fn status_of_log(&self, bounds: &Bounds) -> Value {
        let log = self.hub.log();
        let (disk, cluster) = (log.disk(), log.cluster());
        let kind = match (&cluster, &disk) {
            (Some(_), _) => "cluster",
            (None, Some(_)) => "disk",
            (None, None) => "memory",
        };
        let problem = log.health().trouble();
        let place = |sequence, at_ms| {
            let id = log.id_at(sequence).map(|id| id.to_string());
            json!({"id": id, "time": moment_of_ms(at_ms)})
        };
        let (oldest, newest) = match bounds.oldest_ms {
            Some(ms) => (place(bounds.oldest, ms), place(bounds.head, bounds.head_ms)),
            None => (Value::Null, Value::Null),
        };
        json!({
            "kind": kind,
            "healthy": problem.is_none(),
            "problem": problem,
            "events": bounds.events,
            "bytes": bounds.bytes,
            "oldest": oldest,
            "newest": newest,
            "disk": disk.as_ref().map(of_disk),
            "cluster": cluster.as_ref().map(of_cluster),
        })
    }
}

fn of_streams(streams: &StreamReport) -> Value {
    json!({
        "open": streams.open,
        "blocked": streams.blocked,
        "lag_events_max": streams.lag_events_max,
        "lag_bytes_max": streams.lag_bytes_max,
        "opened_total": streams.opened,
        "closed_total": streams.closed,
        "resumed_total": streams.resumed,
        "gap_notices_total": streams.gap_notices,
        "events_dropped_total": streams.events_dropped,
    })
}

fn of_connections(connections: &ConnectionReport) -> Value {
    json!({
        "open": connections.open(),
        "http1": connections.http1,
        "http2": connections.http2,
        "new": connections.new,
        "opened_total": connections.opened,
        "rejected_total": connections.rejected,
    })
}

/// What is taken of the limits.
struct Taken<'a> {
    snapshot: &'a Snapshot,
    bounds: &'a Bounds,
    process: &'a ProcessReport,
    streams: &'a StreamReport,
    connections: &'a ConnectionReport,
    now: Timestamp,
}

fn of_limits(limits: &Limits, taken: &Taken<'_>) -> Value {
    let Taken { snapshot, bounds, process, streams, connections, now } = taken;
    let limit =
        |used: Value, limit: Value, unit| json!({"used": used, "limit": limit, "unit": unit});
    let bytes = |used: usize, max: usize| limit(used.into(), count(max as u64), "bytes");
    let set = |max: Option<usize>, unit| limit(Value::Null, max.into(), unit);
    let oldest = bounds.oldest_ms.and_then(|ms| i64::try_from(ms).ok());
    let age = oldest.map(|ms| (now.as_millisecond() - ms).max(0) as f64 / 1_000.0);
    let age_max = limits.log_age;
    let age_max = (age_max != std::time::Duration::MAX).then_some(age_max.as_secs_f64());
    let clients = snapshot.clients.publishing_addresses.max(snapshot.clients.publishing_tokens);
    let mut all = Map::new();
    let mut add = |name: &str, entry: Value| all.insert(name.to_owned(), entry);
    let most = count(limits.connections as u64);
    add("connections", limit(connections.open().into(), most, "connections"));
    add("files", limit(process.open_files.into(), process.files_max.into(), "files"));
    add("output_buffers", bytes(snapshot.output_buffer_bytes, limits.output_buffers));
    add("body_memory", bytes(snapshot.body_memory_bytes, limits.body_memory));
    add("retained_events", limit(bounds.events.into(), count(limits.log_events as u64), "events"));
    add("retained_bytes", bytes(bounds.bytes, limits.log_bytes));
    add("retained_age", limit(age.unwrap_or(0.0).into(), age_max.into(), "seconds"));
    if limits.kept_topics > 0 {
        let topics = (bounds.kept.topics, limits.kept_topics);
        add("kept_topics", limit(topics.0.into(), count(topics.1 as u64), "topics"));
        add("kept_bytes", bytes(bounds.kept.bytes, limits.kept_bytes));
    }
    if snapshot.disk.bytes_limit > 0 {
        let disk = &snapshot.disk;
        add("disk", limit(disk.bytes.into(), count(disk.bytes_limit), "bytes"));
    }
    add("lag_events", limit(streams.lag_events_max.into(), count(limits.lag_events), "events"));
    add("lag_bytes", limit(streams.lag_bytes_max.into(), count(limits.lag_bytes), "bytes"));
    add("selectors", bytes(snapshot.selector_bytes, limits.selector_bytes));
    add("grants", bytes(snapshot.grant_bytes, limits.grant_bytes));
    let partial_replays = bytes(snapshot.partial_replay_bytes, limits.partial_replay_bytes);
    add("partial_replays", partial_replays);
    add("topic_urls", bytes(snapshot.topic_url_bytes, limits.topic_url_bytes));
    if limits.subscription_bytes > 0 {
        add("active_subscriptions", bytes(snapshot.subscriptions.bytes, limits.subscription_bytes));
    }
    let tickets = snapshot.tickets.open + snapshot.tickets.ended;
    add("tickets", limit(tickets.into(), limits.tickets.into(), "tickets"));
    let clients_max = limits.clients.publishing_clients;
    add("publish_rate_clients", limit(clients.into(), clients_max.into(), "clients"));
    add("streams_per_address", set(limits.clients.streams_per_address, "streams"));
    add("streams_per_token", set(limits.clients.streams_per_token, "streams"));
    add("subscriptions_per_token", set(limits.clients.subscriptions_per_token, "selectors"));
    let rate = limits.clients.publish_rate;
    add("publish_rate", limit(Value::Null, rate.into(), "events_per_second"));
    Value::Object(all)
}

/// The largest number stands for no limit.
fn count(limit: u64) -> Value {
    if limit == u64::MAX { Value::Null } else { limit.into() }
}

fn of_shards(shards: &[ShardReport], seen: &[Sequence], head: Sequence) -> Value {
    let shards = shards.iter().zip(seen).enumerate();
    let shards = shards.map(|(number, (shard, seen))| {
        json!({
            "shard": number,
            "running": shard.is_running,
            "streams": shard.streams,
            "blocked": shard.blocked,
            "events_behind": head.0.saturating_sub(seen.0),
            "lag_events_max": shard.lag_events_max,
            "lag_bytes_max": shard.lag_bytes_max,
            "iteration_seconds": shard.iteration.as_secs_f64(),
            "iteration_seconds_max": shard.iteration_max.as_secs_f64(),
            "iteration_cpu_seconds_max": shard.iteration_cpu_max.as_secs_f64(),
            "busy_seconds_total": shard.busy.as_secs_f64(),
            "events_delivered_total": shard.events_delivered,
            "bytes_delivered_total": shard.bytes_delivered,
        })
    });
    shards.collect()
}

fn of_publishers(published: &PublishReport, waiting: usize) -> Value {
    let by_source = published.by_source.iter();
    let by_source = by_source.map(|&(source, count)| (source.to_owned(), count.into()));
    json!({
        "events_total": published.events,
        "bytes_total": published.bytes,
        "by_source": Value::Object(by_source.collect()),
        "repeated_total": published.repeated,
        "rejected_total": published.rejected,
        "waiting": waiting,
    })
}

fn of_disk(disk: &DiskStatus) -> Value {
    json!({
        "bytes": disk.bytes,
        "bytes_limit": disk.bytes_limit,
        "free_bytes": disk.free_bytes,
        "segments": disk.segments,
        "memory_events": disk.memory_events,
        "written_bytes_total": disk.written_bytes,
        "pages_read_total": disk.pages_read,
        "unreadable_total": disk.unreadable,
        "torn_tails_total": disk.torn_tails,
        "missing_events": disk.missing_events,
        "write_ongoing_seconds": disk.write_ongoing.as_secs_f64(),
        "waiting_bytes": disk.waiting_bytes,
        "waiting_bytes_limit": disk.waiting_bytes_limit,
        "lookups_waiting": disk.lookups_waiting,
        "lookups_waiting_limit": disk.lookups_waiting_limit,
    })
}

pub(super) fn of_cluster(cluster: &ClusterStatus) -> Value {
    json!({
        "connected": cluster.is_connected,
        "heard": moment_of_ms(cluster.heard_ms),
        "lag_events": cluster.lag_events,
        "in_flight_events": cluster.in_flight_events,
        "in_flight_events_limit": cluster.in_flight_events_limit,
        "in_flight_bytes": cluster.in_flight_bytes,
        "in_flight_bytes_limit": cluster.in_flight_bytes_limit,
        "reconnects_total": cluster.reconnects,
        "elections_total": cluster.elections,
        "epochs_total": cluster.epochs,
        "holes_total": cluster.holes,
        "foreign_total": cluster.foreign,
        "sent_again_total": cluster.sent_again,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_is_no_limit() {
        assert_eq!(count(u64::MAX), Value::Null);
        assert_eq!(count(10_000), 10_000);
    }

    #[test]
    fn a_shard_is_as_far_behind_as_the_head_is_ahead() {
        let shards = [ShardReport::default(); 2];
        let listed = of_shards(&shards, &[Sequence(7), Sequence(10)], Sequence(10));
        let behind: Vec<_> =
            listed.as_array().unwrap().iter().map(|it| &it["events_behind"]).collect();
        assert_eq!(behind, [3, 0]);
    }
}

//! Every number that is exported: names, help and labels, and the verbs by which they change.
//!
//! Only this folder holds metric names, and labels are never topics, ids or addresses: each label's
//! values are an enum, so that every series exists from the start as 0. What happens for each
//! delivery is counted by each shard in plain atomics of its own ([`ShardStats`]), and summed when
//! the metrics are requested; the rest goes through `metrics` handles that are looked up once. What
//! belongs to other modules, such as the log, is read at that moment too ([`Snapshot`]).

mod catalogue;
mod clients;
mod cluster;
mod connections;
mod delivering;
mod histogram;
mod iteration;
mod jwks;
mod kept;
mod labels;
mod limits;
pub mod listing;
mod open_metrics;
mod process;
mod publishing;
mod reloads;
mod reports;
mod series;
mod shard;
mod slow_readers;
mod state;
mod storage;
mod streams;
mod subscriptions;
mod tickets;
mod tls;
mod tokens;

pub use catalogue::{Described, catalogue};
pub use clients::{ClientCounts, LimitsOfClients};
pub use connections::{ConnectionReport, OpenConnection};
pub use jwks::FailingFetch;
pub use labels::{
    AcceptError, CertificateReloadResult, ConnectionEnd, EndReason, HandshakeFailure, JwksFetch,
    Protocol, PublishRejection, PublishSource, Refusal, Resumed, Skip, StatusClass, StorageState,
    SubscribeRejection,
};
pub use limits::Limits;
pub use open_metrics::prefers_open_metrics;
pub use process::{ProcessReport, RuntimeStats};
pub use publishing::PublishReport;
pub use reports::{ShardReport, StreamReport};
pub use shard::ShardStats;
pub use state::{Snapshot, revision};
pub use subscriptions::SubscriptionStats;
pub use tickets::{TicketCounts, TicketFault};
pub use tls::{CountedHandshake, TlsWriteBuffer};

pub(crate) use shard::LagSample;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use clients::Clients;
use cluster::Cluster;
use connections::Connections;
use delivering::Delivering;
use jwks::Jwks;
use limits::LimitGauges;
use publishing::Publishing;
use reloads::Reloads;
use slow_readers::SlowReaders;
use state::ServerState;
use storage::Storage;
use streams::StreamMetrics;
use subscriptions::SubscriptionGauges;
use tickets::TicketSeries;
use tls::Tls;
use tokens::Tokens;

/// A handle to all stats; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Vec<Arc<ShardStats>>,
    exporter: PrometheusHandle,
    streams: StreamMetrics,
    clients: Clients,
    connections: Connections,
    publishing: Publishing,
    tls: Tls,
    tokens: Tokens,
    jwks: Jwks,
    subscriptions: SubscriptionGauges,
    tickets: TicketSeries,
    delivering: Delivering,
    slow_readers: SlowReaders,
    limits: LimitGauges,
    state: ServerState,
    storage: Storage,
    cluster: Cluster,
    reloads: Reloads,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("shards", &self.inner.shards.len()).finish_non_exhaustive()
    }
}

/// An iteration that takes longer has gone wrong: the bound is 5 ms, and the rest is for a machine
/// that does not let the thread run.
const STUCK: Duration = Duration::from_secs(1);

/// Whether the shards count. Without, the server shows nothing of what it delivers: a build of that
/// kind is only there to be measured against, so that what counting costs is known.
pub(crate) const COUNTING: bool = !cfg!(feature = "uncounted");

fn add(counter: &AtomicU64, count: u64) {
    if !COUNTING {
        return;
    }
    // The only writer, so a load and a store are enough.
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

impl Metrics {
    /// All stats at 0, for so many shards. Nothing is global, so several servers can live in one
    /// process, as in the tests.
    #[must_use]
    pub fn new(shards: usize) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let exporter = recorder.handle();
        let shards = (0..shards.max(1)).map(|_| Arc::default()).collect();
        // Series are registered with the recorder in force.
        let inner = metrics::with_local_recorder(&recorder, || Inner {
            shards,
            exporter,
            streams: StreamMetrics::register(),
            clients: Clients::register(),
            connections: Connections::register(),
            publishing: Publishing::register(),
            tls: Tls::register(),
            tokens: Tokens::register(),
            jwks: Jwks::register(),
            subscriptions: SubscriptionGauges::register(),
            tickets: TicketSeries::register(),
            delivering: Delivering::register(),
            slow_readers: SlowReaders::register(),
            limits: LimitGauges::register(),
            state: ServerState::register(),
            storage: Storage::register(),
            cluster: Cluster::register(),
            reloads: Reloads::register(),
        });
        Self { inner: Arc::new(inner) }
    }

    /// What each shard counts.
    #[must_use]
    pub fn shards(&self) -> &[Arc<ShardStats>] {
        &self.inner.shards
    }

    /// Events handed to sinks since the start, by all shards.
    #[must_use]
    pub fn delivered_total(&self) -> u64 {
        self.sum(|shard| &shard.delivered)
    }

    /// Whether every shard is there. One that ends without being stopped takes its streams with it.
    #[must_use]
    pub fn all_shards_run(&self) -> bool {
        self.sum(|shard| &shard.failed) == 0
    }

    /// Whether every shard gets on. One whose iteration does not end serves no subscriber.
    #[must_use]
    pub fn all_shards_get_on(&self) -> bool {
        self.inner.shards.iter().all(|shard| shard.iterations.in_progress() < STUCK)
    }

    /// Everything as Prometheus text, version 0.0.4.
    #[must_use]
    pub fn render(&self, snapshot: &Snapshot) -> String {
        let inner = &self.inner;
        inner.streams.set(self);
        inner.clients.set(snapshot);
        inner.connections.set();
        inner.publishing.set(snapshot);
        inner.delivering.set(self);
        inner.slow_readers.set(self, snapshot);
        inner.subscriptions.set(&snapshot.subscriptions);
        inner.tickets.set(snapshot.tickets);
        inner.state.set(snapshot);
        inner.storage.set(snapshot);
        inner.cluster.set(snapshot);
        let mut text = inner.exporter.render();
        inner.connections.write(&mut text);
        inner.publishing.write(&mut text);
        delivering::write(self, &mut text);
        storage::write(snapshot, &mut text);
        cluster::write(snapshot, &mut text);
        process::write_runtime(&mut text, &snapshot.runtime);
        process::write_process(&mut text);
        text
    }

    /// Everything as OpenMetrics, version 1.0.0.
    #[must_use]
    pub fn render_open_metrics(&self, snapshot: &Snapshot) -> String {
        open_metrics::open_metrics(&self.render(snapshot))
    }

    fn max(&self, figure: impl Fn(&ShardStats) -> &AtomicU64) -> u64 {
        let stats = self.inner.shards.iter().map(|shard| figure(shard).load(Ordering::Relaxed));
        stats.max().unwrap_or(0)
    }

    fn sum(&self, figure: impl Fn(&ShardStats) -> &AtomicU64) -> u64 {
        self.inner.shards.iter().map(|shard| figure(shard).load(Ordering::Relaxed)).sum()
    }
}

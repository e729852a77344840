//! A look inside the running server: metrics, probes, its status, its streams, its topics, its log level and a page
//! that shows them, on a listener, a thread and a runtime of their own, so that they respond while
//! everything else is busy. `route` has what there is, `access` for whom, `connections` which
//! connections are served, and for how long.

mod access;
mod connections;
mod log_level;
mod moment;
#[cfg(test)]
mod openapi_tests;
mod parameter;
mod problem;
mod response;
mod route;
mod status;
mod streams;
mod topic_place;
mod topic_query;
mod topics;

pub use access::{AdminAccess, AdminRules};

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::delivery::Delivery;
use crate::http::{ClientLimits, Pages, Tickets};
use crate::hub::Hub;
use crate::hub::active_subscriptions::ActiveSubscriptions;
use crate::lifecycle::Lifecycle;
use crate::memory::MemoryBudget;
use crate::metrics::{Metrics, Snapshot, SubscriptionStats};
use crate::topic::SelectorCompiler;

/// What the admin listener reports.
#[derive(Clone, Debug)]
pub struct Admin {
    pub metrics: Metrics,
    /// Who may do what.
    pub access: AdminAccess,
    /// The page.
    pub pages: Arc<Pages>,
    /// The shards, whose streams are shown.
    pub delivery: Delivery,
    /// One at a time looks at the streams or the topics.
    pub listing: Arc<Mutex<()>>,
    /// The hub whose log is measured.
    pub hub: Hub,
    /// Whether the server is ready.
    pub lifecycle: Lifecycle,
    /// The memory that bodies hold.
    pub body_memory: MemoryBudget,
    /// What keeps compiled selectors.
    pub selectors: SelectorCompiler,
    /// What keeps the compiled grants of tokens.
    pub grants: SelectorCompiler,
    /// What each client takes.
    pub client_limits: ClientLimits,
    /// The tickets that have opened a stream.
    pub tickets: Tickets,
    /// The open subscriptions, unless nobody is told of them.
    pub active_subscriptions: Option<ActiveSubscriptions>,
    /// The tokio runtime of the HTTP layer, of which there are stats.
    pub http_runtime: runtime::Handle,
}

impl Admin {
    /// Serves until everything else has ended: a drain can be watched to its last moment, and an end
    /// that hangs is seen.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub fn start(
        self,
        listener: TcpListener,
        ended: CancellationToken,
    ) -> io::Result<JoinHandle<()>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            let serving = connections::serve(listener, &self);
            if let Some(Err(error)) = runtime.block_on(ended.run_until_cancelled(serving)) {
                tracing::error!(%error, "the admin listener ended");
            }
        };
        thread::Builder::new().name("admin".to_owned()).spawn(serve)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            log: Some(self.hub.log().bounds()),
            log_health: self.hub.log().health(),
            disk: self.hub.log().disk().unwrap_or_default(),
            cluster: self.hub.log().cluster().unwrap_or_default(),
            output_buffer_bytes: self.hub.log().buffers().beyond_the_log(),
            publishers_waiting: self.hub.publishers_waiting(),
            body_memory_bytes: self.body_memory.held(),
            selector_bytes: self.selectors.bytes(),
            grant_bytes: self.grants.bytes(),
            partial_replay_bytes: self.hub.partial_replay_bytes(),
            topic_url_bytes: self.selectors.topic_url_bytes(),
            clients: self.client_limits.counts(),
            tickets: self.tickets.counts(),
            subscriptions: self.subscriptions(),
            ready: self.not_ready().is_none(),
            runtime: self.http_runtime.metrics().into(),
        }
    }

    fn subscriptions(&self) -> SubscriptionStats {
        let counts = self.active_subscriptions.as_ref().map(ActiveSubscriptions::counts);
        let counts = counts.unwrap_or_default();
        SubscriptionStats {
            active: counts.subscriptions,
            bytes: counts.bytes,
            changes_waiting: counts.changes_waiting,
        }
    }
}

//! The whole server: build, run, drain.
//!
//! Everything that can fail is built before the first port opens, and every port is bound before
//! anything is served. The end has four steps: say "not ready" and stop accepting; close the
//! streams over the window; wait for what is still being answered; cut what is left.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::time::{Instant, interval, timeout_at};

use crate::admin::Admin;
use crate::auth::Authority;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::{Delivery, DeliveryThreads};
use crate::demo::{self, Demos};
use crate::file_limit::FileLimit;
use crate::http::{self, BodyMemory, Context, Front, HttpSettings, Pages};
use crate::hub::Hub;
use crate::lifecycle::Lifecycle;
use crate::log::MemoryLog;
use crate::metrics::{Limits, Metrics};

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4_096;
/// How many events publishers may be ahead of the slowest shard: more than a pass gathers, and a
/// fraction of what the log holds.
const AHEAD_MAX: u64 = 32 << 10;
/// How often an idle log is looked at for events that are too old.
const LOG_EXPIRY: Duration = Duration::from_secs(1);
/// What a drain may take longer than its window.
const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// A server that is built, with its ports open.
#[derive(Debug)]
pub struct App {
    addresses: Vec<SocketAddr>,
    admin_address: SocketAddr,
    drain_window: Duration,
    lifecycle: Lifecycle,
    metrics: Metrics,
    delivery: Delivery,
    threads: DeliveryThreads,
    log: Arc<MemoryLog>,
    front: Front,
    listeners: Vec<TcpListener>,
    hub: Hub,
}

/// Why the server could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A port cannot be had.
    #[error("cannot listen on {address}: {source}; {advice}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
        /// What to do.
        advice: String,
    },
    /// The system does not take an option of the sockets.
    #[error(
        "cannot set the options of a socket: {0}; check --send-buffer, --unsent-max and --peer-timeout"
    )]
    Options(io::Error),
    /// The system gives no more threads or files.
    #[error("cannot start the delivery threads: {0}; raise the limits of the process")]
    Delivery(io::Error),
    /// The same, for the admin thread.
    #[error("cannot start the admin listener: {0}; raise the limits of the process")]
    Admin(io::Error),
}

impl App {
    /// Builds everything and opens the ports; nothing is served yet.
    ///
    /// # Errors
    /// Says what could not be had and what to do.
    pub fn build(config: Config) -> Result<Self, BuildError> {
        let files = FileLimit::raise();
        let connections_max = config.connections_max.unwrap_or(files.connections_max());
        tracing::info!(files = files.files_max, connections = connections_max, "limits");
        let lifecycle = Lifecycle::default();
        let metrics = Metrics::new(config.delivery.shards);
        metrics.limits(&limits(&config, connections_max));
        let log = Arc::new(MemoryLog::new(config.log, Clock::system()));
        let ahead_max = (config.log.events_max as u64 / 4).clamp(1, AHEAD_MAX);
        let hub = Hub::new(Arc::clone(&log) as Arc<_>, metrics.clone()).paced(ahead_max);
        let pages = Pages::new(config.demos);
        let (delivery, threads) =
            Delivery::start(&hub, &config.delivery, &metrics).map_err(BuildError::Delivery)?;

        let listeners: Vec<TcpListener> = config
            .listen
            .iter()
            .map(|&address| listen(address, "--listen"))
            .collect::<Result<_, _>>()?;
        for listener in &listeners {
            http::set_options(listener, &config.http).map_err(BuildError::Options)?;
        }
        let admin_listener = listen(config.admin_listen, "--admin-listen")?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>();
        let addresses = addresses.map_err(BuildError::Admin)?;
        let admin_address = admin_listener.local_addr().map_err(BuildError::Admin)?;
        if config.open_to_network {
            tracing::warn!(
                "everybody who reaches the listeners may publish and subscribe (--open)"
            );
        }

        let body_memory = BodyMemory::new(config.http.bodies_bytes_max);
        let admin = Admin {
            metrics: metrics.clone(),
            hub: hub.clone(),
            lifecycle: lifecycle.clone(),
            body_memory: body_memory.clone(),
            front: Handle::current(),
        };
        admin_listener.into_std().and_then(|std| admin.start(std)).map_err(BuildError::Admin)?;
        demo::start_server_figures(&hub, &metrics, &delivery, &lifecycle);
        let demos = config.demos.then(|| Demos::start(&hub, &lifecycle));
        let front = Front::new(Context {
            hub: hub.clone(),
            delivery: delivery.clone(),
            authority: Authority::Open,
            hosts: config.hosts,
            origins: config.origins,
            event_limits: config.event_limits,
            settings: HttpSettings { connections_max, ..config.http },
            body_memory,
            pages,
            demos,
            metrics: metrics.clone(),
            lifecycle: lifecycle.clone(),
        });
        Ok(Self {
            addresses,
            admin_address,
            drain_window: config.drain_window,
            lifecycle,
            metrics,
            delivery,
            threads,
            log,
            front,
            listeners,
            hub,
        })
    }

    /// The addresses of the public listeners, as they were bound.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of the admin listener.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The hub, for publishers of this process: they may use the names that are the server's own.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves until `shutdown` is done, and drains; ends at once when `second` is done as well.
    pub async fn run(
        mut self,
        shutdown: impl Future<Output = ()>,
        second: impl Future<Output = ()>,
    ) {
        for listener in std::mem::take(&mut self.listeners) {
            self.front.listen(listener);
        }
        self.lifecycle.set_serving();
        tracing::info!("ready");
        tokio::select! {
            () = shutdown => {}
            () = expire(&self.log) => {}
        }
        tokio::select! {
            () = self.drain() => {}
            () = second => tracing::info!("told twice; ending at once"),
        }
        self.lifecycle.cut();
        self.delivery.stop();
        self.threads.join();
        tracing::info!("ended");
    }

    async fn drain(&self) {
        let streams = self.delivery.subscribers();
        let window = self.drain_window;
        tracing::info!(streams, window = %humantime::format_duration(window), "draining");
        let deadline = Instant::now() + window + DRAIN_GRACE;
        self.metrics.draining();
        self.lifecycle.drain();
        self.delivery.drain(window);
        let tasks = self.lifecycle.tasks();
        tasks.close();
        if timeout_at(deadline, tasks.wait()).await.is_err() {
            let (left, streams) = (tasks.len(), self.delivery.subscribers());
            tracing::warn!(left, streams, "cutting what did not end in time");
        }
    }
}

fn limits(config: &Config, connections: usize) -> Limits {
    Limits {
        connections,
        lag_events: config.delivery.lag.events_max,
        lag_bytes: config.delivery.lag.bytes_max,
        log_events: config.log.events_max,
        log_bytes: config.log.bytes_max,
        log_age: config.log.age_max,
        body_memory: config.http.bodies_bytes_max,
        drain_window: config.drain_window,
    }
}

async fn expire(log: &MemoryLog) {
    let mut ticks = interval(LOG_EXPIRY);
    loop {
        ticks.tick().await;
        log.expire();
    }
}

fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener, BuildError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restart must not wait for the old connections' last packets.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| {
        let advice = match source.kind() {
            io::ErrorKind::AddrInUse => {
                format!("something else listens there; end it, or choose another port with {flag}")
            }
            io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 need a privilege; choose another with {flag}")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("this machine does not have that address; choose another with {flag}")
            }
            _ => format!("choose another address with {flag}"),
        };
        BuildError::Listen { address, source, advice }
    })
}

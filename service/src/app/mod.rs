//! The whole server: build, run, drain.
//!
//! Everything that can fail is built before the first port opens, and every port is bound before
//! anything is served. The end has four steps: say "not ready"; close the streams over the window,
//! and send clients that come meanwhile a time to come back; close the ports, and wait for what is
//! still being served; force-close what is left.

mod build_error;
mod ending;
mod event_log;
mod limits;
mod selectors;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, AdminAccess};
use crate::config::Config;
use crate::delivery::{Delivery, DeliveryThreads};
use crate::demo::{self, Demos, OwnListener};
use crate::file_limit::TooFewFiles;
use crate::greeting::{BoundAddresses, reachable};
use crate::http::{
    ClientLimits, Context, HttpServer, LocalPages, Pages, PublicListener, SelectorReader, Tickets,
    TlsFront,
};
use crate::hub::Hub;
use crate::hub::active_subscriptions::ActiveSubscriptions;
use crate::jwks::KeyFetching;
use crate::lifecycle::{Lifecycle, Shutdown};
use crate::listeners::{ListenError, PublicListeners, addresses_of, listen_on};
use crate::log::Log;
use crate::memory::MemoryBudget;
use crate::metrics::Metrics;
use crate::reload::Reloader;
use crate::supervisor;
use crate::tls::CertificateReload;
use ending::{EndOnDrop, flush, join, join_admin};
use event_log::{expire, hub_over, open_log};
use limits::{connections_max, limits};
use selectors::compilers;

pub use build_error::BuildError;

/// What a drain may take longer than its window.
const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// A server that is built, with its ports open.
#[derive(Debug)]
pub struct App {
    addresses: Vec<SocketAddr>,
    unix_sockets: Vec<PathBuf>,
    admin_addresses: Vec<SocketAddr>,
    drain_window: Duration,
    lifecycle: Lifecycle,
    metrics: Metrics,
    delivery: Delivery,
    threads: DeliveryThreads,
    admin_threads: Vec<JoinHandle<()>>,
    log: Arc<dyn Log>,
    http_server: HttpServer,
    listeners: Vec<PublicListener>,
    hub: Hub,
    certificates: Option<CertificateReload>,
    admin_access: AdminAccess,
    /// What a reload exchanges.
    fetching: Arc<Mutex<KeyFetching>>,
    /// Whether a supervisor is told of the beginning and the end.
    owns_process: bool,
    end: EndOnDrop,
}

/// How a server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, after a drain.
    Drained,
    /// At once, because it was asked to end once more while it drained. What it had may still be
    /// running.
    Forced,
}

impl App {
    /// Builds everything and opens the ports; nothing is served yet.
    ///
    /// # Errors
    /// Says what could not be had and what to do.
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let lifecycle = Lifecycle::default();
        let (connections_max, metrics) = metrics_with_limits(config)?;
        let log = open_log(config)?;
        let hub = hub_over(&log, config, &metrics);
        let (delivery, threads, end) = start_delivery(config, &hub, &metrics, &lifecycle)?;

        let public = PublicListeners::open(config)?;
        let (admin_listeners, admin_addresses) = listen_for_admin(config)?;
        warn_if_open(config);
        let body_memory = MemoryBudget::new(config.http.bodies_bytes_max);
        let (selectors, grants) = compilers(config, &public.addresses);
        let client_limits = ClientLimits::new(&config.http.client_limits);
        let tickets = Tickets::new(config.tickets_max)?;
        let active_subscriptions = announce_subscriptions(config, &hub, &lifecycle);
        let (pages, admin_access) = open_topics(config, &public.addresses, &admin_addresses);
        let admin = Admin {
            metrics: metrics.clone(),
            access: admin_access.clone(),
            pages: Arc::new(Pages::of_admin()),
            delivery: delivery.clone(),
            listing: Arc::default(),
            hub: hub.clone(),
            lifecycle: lifecycle.clone(),
            body_memory: body_memory.clone(),
            selectors: selectors.clone(),
            grants: grants.clone(),
            client_limits: client_limits.clone(),
            tickets: tickets.clone(),
            active_subscriptions: active_subscriptions.clone(),
            http_runtime: Handle::current(),
        };
        let admin_threads = start_admin(&admin, admin_listeners, end.everything_else())?;
        let certificates = watch_certificate(config, &metrics, end.everything_else());
        let demos = start_demos(config, &public.addresses, &hub, (&delivery, &metrics, &lifecycle));
        let fetching = KeyFetching::start(&config.authority, &metrics);
        let http_server = HttpServer::new(Context {
            hub: hub.clone(),
            delivery: delivery.clone(),
            rules: config.request_rules(connections_max),
            tls: config.certificates.clone().map(TlsFront::new).map(Arc::new),
            body_memory,
            client_limits,
            tickets,
            selectors: SelectorReader::of_subscribers(selectors),
            grants: SelectorReader::of_tokens(grants),
            active_subscriptions,
            pages: Arc::new(pages),
            demos,
            metrics: metrics.clone(),
            lifecycle: lifecycle.clone(),
        });
        Ok(Self {
            addresses: public.addresses,
            unix_sockets: public.unix_sockets,
            admin_addresses,
            drain_window: config.drain_window,
            lifecycle,
            metrics,
            delivery,
            threads,
            admin_threads,
            log,
            http_server,
            listeners: public.listeners,
            hub,
            certificates,
            admin_access,
            fetching: Arc::new(Mutex::new(fetching)),
            owns_process: config.owns_process,
            end,
        })
    }

    /// What applies other settings while the server runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader {
            http_server: self.http_server.clone(),
            certificates: self.certificates.clone(),
            fetching: Arc::clone(&self.fetching),
            metrics: self.metrics.clone(),
            admin_access: self.admin_access.clone(),
        }
    }

    /// The addresses of the public listeners, as they were bound.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The paths of the public unix sockets.
    #[must_use]
    pub fn unix_sockets(&self) -> &[PathBuf] {
        &self.unix_sockets
    }

    /// The addresses of the admin listener, as they were bound.
    #[must_use]
    pub fn admin_addresses(&self) -> &[SocketAddr] {
        &self.admin_addresses
    }

    /// All of them.
    #[must_use]
    pub fn bound(&self) -> BoundAddresses<'_> {
        BoundAddresses {
            tcp: &self.addresses,
            unix: &self.unix_sockets,
            is_tls: self.certificates.is_some(),
            admin: &self.admin_addresses,
        }
    }

    /// What reloads the certificate, if there is one.
    #[must_use]
    pub fn certificates(&self) -> Option<&CertificateReload> {
        self.certificates.as_ref()
    }

    /// The hub, for publishers of this process: they may use the names that are the server's own.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves, from this call on; the future goes on until `shutdown` is done, and drains. It ends at once when
    /// `second` is done as well.
    pub fn run(
        mut self,
        shutdown: impl Future<Output = Shutdown>,
        second: impl Future<Output = ()>,
    ) -> impl Future<Output = End> {
        self.serve();
        self.serve_until(shutdown, second)
    }

    fn serve(&mut self) {
        for listener in std::mem::take(&mut self.listeners) {
            self.http_server.listen(listener);
        }
        self.lifecycle.set_serving();
        if self.owns_process {
            supervisor::tell_ready();
        }
        let bound = self.bound();
        let (listening, admin) = (bound.public().join(", "), bound.admin().join(", "));
        tracing::info!(listening, admin, "ready");
    }

    async fn serve_until(
        self,
        shutdown: impl Future<Output = Shutdown>,
        second: impl Future<Output = ()>,
    ) -> End {
        let shutdown = tokio::select! {
            shutdown = shutdown => shutdown,
            () = expire(&*self.log) => Shutdown::Requested,
        };
        let end = tokio::select! {
            () = self.drain(shutdown) => End::Drained,
            () = second => End::Forced,
        };
        self.lifecycle.close();
        self.lifecycle.force_close();
        self.delivery.stop();
        match end {
            End::Drained => {
                flush(&*self.log).await;
                join(self.threads).await;
                drop(self.end);
                join_admin(self.admin_threads).await;
            }
            End::Forced => tracing::info!("told twice; ending at once"),
        }
        tracing::info!("ended");
        end
    }

    /// Ctrl-C while no client is connected ends without a window: it does not wait for clients that
    /// might come.
    fn drain_window(&self, shutdown: Shutdown) -> Duration {
        let is_alone = self.http_server.connections() == 0;
        if is_alone && shutdown == Shutdown::Interrupted {
            Duration::ZERO
        } else {
            self.drain_window
        }
    }

    async fn drain(&self, shutdown: Shutdown) {
        let streams = self.delivery.subscribers();
        let window = self.drain_window(shutdown);
        let closing = Instant::now() + window;
        if self.owns_process {
            supervisor::tell_stopping();
        }
        self.metrics.draining();
        self.lifecycle.drain();
        tracing::info!(streams, window = %humantime::format_duration(window), "draining");
        self.delivery.drain(window);
        // To the end, even if all streams have ended: their clients come back, and some of them
        // wait for very long after a connection was refused.
        sleep_until(closing).await;
        self.lifecycle.close();
        let tasks = self.lifecycle.tasks();
        tasks.close();
        if timeout_at(closing + DRAIN_GRACE, tasks.wait()).await.is_err() {
            let (left, streams) = (tasks.len(), self.delivery.subscribers());
            tracing::warn!(left, streams, "cutting what did not end in time");
        }
    }
}

fn warn_if_open(config: &Config) {
    if config.open_to_network {
        tracing::warn!("everybody who reaches the listeners may publish and subscribe (--open)");
    }
}

fn metrics_with_limits(config: &Config) -> Result<(usize, Metrics), TooFewFiles> {
    let connections_max = connections_max(config)?;
    let metrics = Metrics::new(config.delivery.shards);
    metrics.limits(&limits(config, connections_max));
    Ok((connections_max, metrics))
}

fn start_delivery(
    config: &Config,
    hub: &Hub,
    metrics: &Metrics,
    lifecycle: &Lifecycle,
) -> Result<(Delivery, DeliveryThreads, EndOnDrop), BuildError> {
    let started = Delivery::start(hub, &config.delivery, metrics);
    let (delivery, threads) = started.map_err(BuildError::Delivery)?;
    let end = EndOnDrop::new(lifecycle, &delivery);
    Ok((delivery, threads, end))
}

fn start_admin(
    admin: &Admin,
    listeners: Vec<TcpListener>,
    ended: &CancellationToken,
) -> Result<Vec<JoinHandle<()>>, BuildError> {
    let start = |listener: TcpListener| admin.clone().start(listener.into_std()?, ended.clone());
    listeners.into_iter().map(start).collect::<io::Result<_>>().map_err(BuildError::Admin)
}

/// Exchanges the certificate whenever its files change, and whenever it is asked to.
fn watch_certificate(
    config: &Config,
    metrics: &Metrics,
    ended: &CancellationToken,
) -> Option<CertificateReload> {
    let store = config.certificates.as_ref()?;
    let reload = CertificateReload::new(Arc::clone(store), metrics.clone());
    tokio::spawn(ended.clone().run_until_cancelled_owned(reload.clone().watch()));
    Some(reload)
}

fn listen_for_admin(config: &Config) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), ListenError> {
    let listeners = listen_on(&config.admin_listen, "--admin-listen", &config.http)?;
    let addresses = addresses_of(&listeners)?;
    Ok((listeners, addresses))
}

/// The admin listener lets the console read topics, and the console is told where that is.
fn open_topics(
    config: &Config,
    public: &[SocketAddr],
    admin: &[SocketAddr],
) -> (Pages, AdminAccess) {
    let local = LocalPages::new(public, config.certificates.is_some());
    let access = AdminAccess::new(config.admin_rules(), local.clone());
    let asked = access.open_to_the_console(admin);
    (Pages::new(config.demos).with_topics_in_the_console(asked, &local), access)
}

fn start_demos(
    config: &Config,
    addresses: &[SocketAddr],
    hub: &Hub,
    (delivery, metrics, lifecycle): (&Delivery, &Metrics, &Lifecycle),
) -> Option<Demos> {
    // Those of many servers would be one topic.
    if config.nats.is_none() {
        demo::start_server_stats(hub, metrics, delivery, lifecycle);
    }
    // Its own readers speak no TLS.
    let plain = addresses.first().filter(|_| config.certificates.is_none());
    let own_listener = plain.map(|&address| OwnListener { address: reachable(address) });
    config.demos.then(|| Demos::start(hub, own_listener, lifecycle))
}

/// To the end of the drain's window: until then streams end, and others are told.
fn announce_subscriptions(
    config: &Config,
    hub: &Hub,
    lifecycle: &Lifecycle,
) -> Option<ActiveSubscriptions> {
    let active = ActiveSubscriptions::new(hub.clone(), config.subscriptions_bytes_max?);
    let (announcing, ended) = (active.clone(), lifecycle.clone());
    lifecycle.tasks().spawn(async move { announcing.announce(ended.closing()).await });
    Some(active)
}

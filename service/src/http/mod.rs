//! The HTTP layer: accepts, parses, limits, authorises, routes, and responds.
//!
//! hyper does HTTP; this does what Fanfare adds to it. A request for a stream is resolved to a
//! subscription and handed to a shard, with its socket if it is plain HTTP/1, or else through a
//! body that hyper polls. Only this folder and `admin` name hyper's types, and only `problem`
//! turns an error into a status.

mod accept;
mod active_subscriptions;
mod admission;
mod authorise;
mod beginning;
mod body;
mod body_memory;
mod client;
mod client_limits;
pub(crate) mod closing;
mod connection;
mod credentials;
mod cross_origin;
mod current;
mod demo_run;
mod documents;
mod exchange;
pub(crate) mod fuzzing;
mod gunzip;
mod handover;
mod head;
mod host;
mod http1;
mod http2;
mod http2_streams;
mod incoming;
mod listener;
mod local_pages;
mod metadata;
mod ndjson;
mod origin;
pub(crate) mod own_page;
mod pages;
mod parameters;
mod payloads;
mod problem;
mod publish;
mod refused_token;
mod request_body;
mod response;
mod resume;
mod route;
mod secured_stream;
mod selector_parameters;
mod selectors;
mod served_hosts;
mod subscribe;
mod ticket_issue;
mod tickets;
mod tls;
mod tls_slots;
mod trace;
mod transport;
mod unix_transport;
mod wanted_stream;
mod web_page;
mod whole_body;

pub use accept::{HttpServer, set_options};
pub use client::{TrustedProxies, TrustedProxy, TrustedProxyError};
pub use client_limits::{ClientLimitSettings, ClientLimits, PublishRate};
pub use credentials::TokenPlaces;
pub use cross_origin::OriginPolicy;
pub use current::RequestRules;
pub use listener::PublicListener;
pub use local_pages::LocalPages;
pub use origin::{Origin, OriginError};
pub use pages::Pages;
pub use selectors::SelectorReader;
pub use served_hosts::{HostName, HostNameError, ServedHosts};
pub use tickets::Tickets;
pub use tls::TlsFront;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::Delivery;
use crate::demo::Demos;
use crate::hub::Hub;
use crate::hub::active_subscriptions::ActiveSubscriptions;
use crate::lifecycle::Lifecycle;
use crate::memory::MemoryBudget;
use crate::metrics::Metrics;

/// The limits and times of the HTTP layer.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The largest request head in bytes.
    pub headers_bytes_max: usize,
    /// How long a head may take, and how long a connection may idle between requests; on HTTP/2,
    /// without streams.
    pub headers_timeout: Duration,
    /// The largest request body, and the longest line of NDJSON, in bytes.
    pub body_bytes_max: usize,
    /// What the bodies of all requests may take in memory at a time, in bytes.
    pub bodies_bytes_max: usize,
    /// What the compiled selectors of all streams may take in memory, in bytes.
    pub selectors_bytes_max: usize,
    /// What the compiled grants of tokens may take in memory, in bytes.
    pub grants_bytes_max: usize,
    /// How long a body may take; for NDJSON, how long a line may take, and a pause between lines.
    pub body_timeout: Duration,
    /// How many connections in all.
    pub connections_max: usize,
    /// How many connections an address may have.
    pub connections_per_address_max: Option<usize>,
    /// What one client may take.
    pub client_limits: ClientLimitSettings,
    /// How many HTTP/2 streams a connection may have.
    pub http2_streams_max: u32,
    /// `SO_SNDBUF` of each connection in bytes; the kernel doubles it.
    pub send_buffer_bytes: usize,
    /// `TCP_NOTSENT_LOWAT`: how much the kernel takes beyond what is on its way.
    pub unsent_bytes_max: u32,
    /// `TCP_USER_TIMEOUT`: how long sent bytes may go unacknowledged.
    pub peer_timeout: Duration,
    /// While draining or overloaded, requests for streams get 200 and a `retry:` instead of an
    /// error, after which browsers would give up for ever.
    pub retry_on_reject: bool,
    /// A response says why a token was refused.
    pub explain_tokens: bool,
    /// The range of `Retry-After`, and of the `retry:` of a rejected stream, in milliseconds.
    pub retry_ms: RangeInclusive<u32>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            headers_bytes_max: 16 << 10,
            headers_timeout: Duration::from_secs(10),
            body_bytes_max: 4 << 20,
            bodies_bytes_max: 256 << 20,
            selectors_bytes_max: 64 << 20,
            grants_bytes_max: 32 << 20,
            body_timeout: Duration::from_secs(30),
            // The program knows the limit of open files, and sets this from it.
            connections_max: usize::MAX,
            connections_per_address_max: None,
            client_limits: ClientLimitSettings::default(),
            http2_streams_max: 250,
            send_buffer_bytes: 64 << 10,
            unsent_bytes_max: 16 << 10,
            peer_timeout: Duration::from_secs(60),
            retry_on_reject: true,
            explain_tokens: false,
            retry_ms: 1_000..=5_000,
        }
    }
}

/// Everything that serving a request can need.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where events are published and subscribed.
    pub hub: Hub,
    /// Where streams are served.
    pub delivery: Delivery,
    /// What a reload may change.
    pub rules: RequestRules,
    /// What TCP connections are secured with, if they are.
    pub tls: Option<Arc<TlsFront>>,
    /// The memory that bodies hold.
    pub body_memory: MemoryBudget,
    /// What each client may take, and takes now.
    pub client_limits: ClientLimits,
    /// The tickets that stand for tokens in URLs.
    pub tickets: Tickets,
    /// What reads the selectors of subscribers, and keeps what was compiled.
    pub selectors: SelectorReader,
    /// The same for the grants of tokens, apart, so that subscribers cannot delay them.
    pub grants: SelectorReader,
    /// The open subscriptions, unless nobody is told of them.
    pub active_subscriptions: Option<ActiveSubscriptions>,
    /// The embedded pages.
    pub pages: Arc<Pages>,
    /// The demonstrations, unless they are off.
    pub demos: Option<Demos>,
    pub metrics: Metrics,
    /// Whether the server is draining.
    pub lifecycle: Lifecycle,
}

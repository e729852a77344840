//! The limits of each client: how many clients are counted, and what each of them may take.

use metrics::Gauge;

use super::Snapshot;
use super::series::{described_gauge, gauges};

/// What clients are counted by.
const KINDS: [&str; 2] = ["address", "token"];

/// How many clients are counted against limits of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCounts {
    /// Addresses behind proxies whose requests are being served.
    pub addresses_with_requests: usize,
    /// Addresses with open streams.
    pub addresses_with_streams: usize,
    /// Tokens with open streams.
    pub tokens_with_streams: usize,
    /// Addresses whose rate of publishing is remembered.
    pub publishing_addresses: usize,
    /// Tokens whose rate of publishing is remembered.
    pub publishing_tokens: usize,
    /// Publishers that wait because they publish too fast.
    pub waiting_publishers: usize,
}

/// What each client may take; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct LimitsOfClients {
    /// How many streams of an address.
    pub streams_per_address: Option<usize>,
    /// How many streams of a token.
    pub streams_per_token: Option<usize>,
    /// How many selectors of all streams of a token.
    pub subscriptions_per_token: Option<usize>,
    /// How many events a second.
    pub publish_rate: Option<f64>,
    /// How many clients of a kind are remembered with their rate.
    pub publishing_clients: usize,
}

pub(super) struct Clients {
    with_requests: Gauge,
    with_streams: [Gauge; KINDS.len()],
    publishing: [Gauge; KINDS.len()],
    waiting: Gauge,
    streams_limit: [Gauge; KINDS.len()],
    subscriptions_limit: Gauge,
    publish_rate_limit: Gauge,
    publishing_limit: Gauge,
}

impl Clients {
    pub(super) fn register() -> Self {
        let of_kind = |named| gauges(named, "client", KINDS);
        Self {
            with_requests: described_gauge(
                "fanfare_proxied_clients",
                "Addresses behind trusted proxies whose requests and streams are counted now, where --connections-per-address limits them.",
            ),
            with_streams: of_kind((
                "fanfare_stream_clients",
                "Addresses and tokens whose open streams are counted now, where a limit of each is set.",
            )),
            publishing: of_kind((
                "fanfare_publish_rate_clients",
                "Addresses and tokens whose rate of publishing is remembered now, where it is limited.",
            )),
            waiting: described_gauge(
                "fanfare_publishers_over_rate",
                "Publishers of many events in a request that wait because they publish faster than one client may.",
            ),
            streams_limit: of_kind((
                "fanfare_client_streams_limit",
                "The most streams that an address, and a token, may have open.",
            )),
            subscriptions_limit: described_gauge(
                "fanfare_token_subscriptions_limit",
                "The most selectors that the open streams of a token may have together.",
            ),
            publish_rate_limit: described_gauge(
                "fanfare_publish_rate_limit",
                "The most events a second that an address, and a token, may publish.",
            ),
            publishing_limit: described_gauge(
                "fanfare_publish_rate_clients_limit",
                "The most addresses, and the most tokens, whose rate of publishing is remembered; beyond that, those seen once are forgotten first.",
            ),
        }
    }

    pub(super) fn set(&self, snapshot: &Snapshot) {
        let ClientCounts {
            addresses_with_requests,
            addresses_with_streams,
            tokens_with_streams,
            publishing_addresses,
            publishing_tokens,
            waiting_publishers,
        } = snapshot.clients;
        self.with_requests.set(addresses_with_requests as f64);
        set_each(&self.with_streams, addresses_with_streams as f64, tokens_with_streams as f64);
        set_each(&self.publishing, publishing_addresses as f64, publishing_tokens as f64);
        self.waiting.set(waiting_publishers as f64);
    }

    pub(super) fn limits(&self, limits: &LimitsOfClients) {
        let or_infinity = |limit: Option<usize>| limit.map_or(f64::INFINITY, |limit| limit as f64);
        let (address, token) = (limits.streams_per_address, limits.streams_per_token);
        set_each(&self.streams_limit, or_infinity(address), or_infinity(token));
        self.subscriptions_limit.set(or_infinity(limits.subscriptions_per_token));
        self.publish_rate_limit.set(limits.publish_rate.unwrap_or(f64::INFINITY));
        self.publishing_limit.set(limits.publishing_clients as f64);
    }
}

fn set_each(gauges: &[Gauge; KINDS.len()], address: f64, token: f64) {
    for (gauge, value) in gauges.iter().zip([address, token]) {
        gauge.set(value);
    }
}

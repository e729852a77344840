//! What one client may take: how many streams an address or a token may have open, and how fast it
//! may publish. All of it is off by default, and costs nothing then.
//!
//! A client is counted twice, by its address and by its token, and each count is held to its own
//! limit: somebody with many tokens has one address, and somebody with many addresses one token.

mod open_counts;
mod publish_rates;
mod token_holder;

pub(super) use open_counts::CountPermit;
pub use publish_rates::PublishRate;
pub(super) use token_holder::TokenHolder;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::HeaderMap;
use thiserror::Error;

use super::client::{ClientAddress, RequestClient, TrustedProxies};
use super::tickets::TicketPermit;
use crate::metrics::ClientCounts;
use open_counts::{OpenCounts, Share};
use publish_rates::PublishRates;
use token_holder::TokenHolders;

/// What one client may take; `None` is no limit.
#[derive(Clone, Debug, Default)]
pub struct ClientLimitSettings {
    /// Who is believed about whose clients they call for.
    pub proxies: TrustedProxies,
    /// How many requests of an address may be served at a time where they come through a proxy: there
    /// is no connection of its own to count.
    pub requests_per_address_max: Option<usize>,
    /// How many streams an address may have open.
    pub streams_per_address_max: Option<usize>,
    /// How many streams a token may have open.
    pub streams_per_token_max: Option<usize>,
    /// How many selectors the streams of a token may have together.
    pub subscriptions_per_token_max: Option<usize>,
    /// How fast an address, and a token, may publish.
    pub publish_rate: Option<PublishRate>,
}

/// A limit of one client that a request would exceed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum ClientLimitError {
    /// Too many requests at a time.
    #[error("your address has as many requests as one may have at a time")]
    RequestsOfAddress,
    /// Too many streams.
    #[error("your address has as many streams as one may have; close one of them")]
    StreamsOfAddress,
    /// Too many streams.
    #[error("your token has as many streams as one may have; close one of them")]
    StreamsOfToken,
    /// Too many selectors.
    #[error(
        "the streams of your token would have more selectors than those of one may have together; name fewer, or close one of them"
    )]
    SubscriptionsOfToken,
}

/// The limits of each client, and what each takes now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    inner: Arc<ClientUsage>,
}

/// What each client takes, for each limit that is set.
#[derive(Debug)]
struct ClientUsage {
    proxies: TrustedProxies,
    requests: Arc<OpenCounts<ClientAddress>>,
    streams_of_address: Option<Arc<OpenCounts<ClientAddress>>>,
    streams_of_token: Option<Arc<OpenCounts<TokenHolder>>>,
    rates: Option<(PublishRates<ClientAddress>, PublishRates<TokenHolder>)>,
    holders: TokenHolders,
    /// How many publishers wait until they may go on.
    waiting: AtomicUsize,
}

/// What a stream counts as for as long as it is open.
#[derive(Debug, Default)]
pub(super) struct StreamPermits {
    request: Option<CountPermit<ClientAddress>>,
    address: Option<CountPermit<ClientAddress>>,
    token: Option<CountPermit<TokenHolder>>,
    ticket: Option<TicketPermit>,
}

impl StreamPermits {
    /// Whether it counts at all.
    pub(super) fn is_empty(&self) -> bool {
        let Self { request, address, token, ticket } = self;
        request.is_none() && address.is_none() && token.is_none() && ticket.is_none()
    }

    /// Those of a token, and of the ticket that stood for it.
    pub(super) fn of_token(
        token: Option<CountPermit<TokenHolder>>,
        ticket: Option<TicketPermit>,
    ) -> Self {
        Self { token, ticket, ..Self::default() }
    }

    /// All of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            request: self.request.or(other.request),
            address: self.address.or(other.address),
            token: self.token.or(other.token),
            ticket: self.ticket.or(other.ticket),
        }
    }
}

impl ClientLimits {
    /// With these settings.
    #[must_use]
    pub fn new(settings: &ClientLimitSettings) -> Self {
        let per_address = |max: Option<usize>| max.map(|max| Arc::new(OpenCounts::new(max, None)));
        let streams = settings.streams_per_token_max;
        let subscriptions = settings.subscriptions_per_token_max;
        let of_token = (streams.is_some() || subscriptions.is_some())
            .then(|| Arc::new(OpenCounts::new(streams.unwrap_or(usize::MAX), subscriptions)));
        let rates =
            settings.publish_rate.map(|rate| (PublishRates::new(rate), PublishRates::new(rate)));
        Self {
            inner: Arc::new(ClientUsage {
                proxies: settings.proxies.clone(),
                requests: Arc::new(OpenCounts::new(
                    settings.requests_per_address_max.unwrap_or(usize::MAX),
                    None,
                )),
                streams_of_address: per_address(settings.streams_per_address_max),
                streams_of_token: of_token,
                rates,
                holders: TokenHolders::default(),
                waiting: AtomicUsize::new(0),
            }),
        }
    }

    /// Another limit of the requests of an address behind a proxy, from now on.
    pub(super) fn limit_requests(&self, max: Option<usize>) {
        self.inner.requests.limit(max.unwrap_or(usize::MAX));
    }

    /// The client of a request on a connection of this peer.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> RequestClient {
        self.inner.proxies.client(peer, headers)
    }

    /// The address that a connection counts for when it is accepted. That of a proxy carries many
    /// clients, which are counted by their requests; a peer on a unix socket has none.
    pub(super) fn counted_at_accept(&self, peer: Option<IpAddr>) -> Option<ClientAddress> {
        peer.filter(|_| !self.inner.proxies.trusts(peer)).map(Into::into)
    }

    /// Counts a request, if it comes through a proxy, until its response is there; one whose response is
    /// made as it goes on, and a stream, until that ends.
    pub(super) fn begin(&self, client: &RequestClient) -> Result<StreamPermits, ClientLimitError> {
        let counts = &self.inner.requests;
        let counted = client.behind_proxy && counts.is_limited();
        let request = counted.then(|| counts.enter(client.address, 0)).transpose();
        let request = request.map_err(|_| ClientLimitError::RequestsOfAddress)?;
        Ok(StreamPermits { request, ..StreamPermits::default() })
    }

    /// Counts the stream that a request asks for.
    pub(super) fn open_stream(
        &self,
        client: &RequestClient,
        permits: StreamPermits,
    ) -> Result<StreamPermits, ClientLimitError> {
        let counts = self.inner.streams_of_address.as_ref();
        let address = counts.map(|counts| counts.enter(client.address, 0)).transpose();
        let address = address.map_err(|_| ClientLimitError::StreamsOfAddress)?;
        Ok(StreamPermits { address, ..permits })
    }

    /// Counts a stream, with so many selectors, for its token.
    pub(super) fn open_stream_of(
        &self,
        holder: Option<TokenHolder>,
        subscriptions: usize,
    ) -> Result<Option<CountPermit<TokenHolder>>, ClientLimitError> {
        let Some((counts, holder)) = self.inner.streams_of_token.as_ref().zip(holder) else {
            return Ok(None);
        };
        let permit = counts.enter(holder, subscriptions).map_err(|share| match share {
            Share::Streams => ClientLimitError::StreamsOfToken,
            Share::Subscriptions => ClientLimitError::SubscriptionsOfToken,
        })?;
        Ok(Some(permit))
    }

    /// Who holds a token, where that makes a difference.
    pub(super) fn holder(&self, identity: Option<&str>, token: &str) -> Option<TokenHolder> {
        let is_asked = self.inner.streams_of_token.is_some() || self.inner.rates.is_some();
        is_asked.then(|| self.inner.holders.of(identity, token))
    }

    /// How many of so many events a publisher may publish now, one at least; or how long until it may
    /// publish one.
    pub(super) fn publish(
        &self,
        address: ClientAddress,
        holder: Option<TokenHolder>,
        wanted: usize,
    ) -> Result<usize, Duration> {
        let Some((of_addresses, of_tokens)) = &self.inner.rates else { return Ok(wanted) };
        let now = tokio::time::Instant::now();
        let allowed = of_addresses.take(address, wanted, now)?;
        let Some(holder) = holder else { return Ok(allowed) };
        let both = of_tokens.take(holder, allowed, now);
        let refused = allowed - both.as_ref().copied().unwrap_or(0);
        of_addresses.give_back(address, refused);
        both
    }

    /// Counts a publisher as waiting until this is dropped.
    pub(super) fn waiting(&self) -> WaitingPublisher<'_> {
        self.inner.waiting.fetch_add(1, Ordering::Relaxed);
        WaitingPublisher(&self.inner.waiting)
    }

    /// How many clients are counted.
    #[must_use]
    pub fn counts(&self) -> ClientCounts {
        let inner = &self.inner;
        let clients = |counts: &Option<Arc<OpenCounts<ClientAddress>>>| {
            counts.as_ref().map_or(0, |counts| counts.clients())
        };
        let rates = inner.rates.as_ref();
        ClientCounts {
            addresses_with_requests: inner.requests.clients(),
            addresses_with_streams: clients(&inner.streams_of_address),
            tokens_with_streams: inner
                .streams_of_token
                .as_ref()
                .map_or(0, |counts| counts.clients()),
            publishing_addresses: rates.map_or(0, |(of_addresses, _)| of_addresses.clients()),
            publishing_tokens: rates.map_or(0, |(_, of_tokens)| of_tokens.clients()),
            waiting_publishers: inner.waiting.load(Ordering::Relaxed),
        }
    }
}

/// A publisher that waits.
#[derive(Debug)]
pub(super) struct WaitingPublisher<'a>(&'a AtomicUsize);

impl Drop for WaitingPublisher<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

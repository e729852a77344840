//! The context of requests, which a reload replaces.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Context, HttpSettings, OriginPolicy, ServedHosts, TokenPlaces};
use crate::auth::Authority;
use crate::auth::ticket::TicketKey;
use crate::event::EventLimits;

/// What a reload changes for requests. Streams that are open go on by the rules with which they
/// began.
#[derive(Clone, Debug)]
pub struct RequestRules {
    /// What each request may do.
    pub authority: Authority,
    /// Where tokens are looked for.
    pub token_places: TokenPlaces,
    /// What tickets are sealed with: the first one seals, and all open.
    pub ticket_keys: Vec<TicketKey>,
    /// By which names we are called.
    pub hosts: ServedHosts,
    /// Which pages may call this server.
    pub origins: OriginPolicy,
    /// The limits of one event.
    pub event_limits: EventLimits,
    /// The limits of a request.
    pub settings: HttpSettings,
}

/// The newest context. A request takes it once, so that one request has the same rules to its end;
/// a connection that stays open has those of its next request.
#[derive(Debug)]
pub(super) struct CurrentContext(ArcSwap<Context>);

impl CurrentContext {
    pub(super) fn new(context: Context) -> Self {
        Self(ArcSwap::from_pointee(context))
    }

    pub(super) fn get(&self) -> Arc<Context> {
        self.0.load_full()
    }

    pub(super) fn apply(&self, rules: RequestRules) {
        self.0.store(Arc::new(Context { rules, ..Context::clone(&self.get()) }));
    }
}

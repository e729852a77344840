//! Which connections are served: the limits of their number, in all and of one address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::HttpSettings;
use super::client::ClientAddress;
use crate::file_limit::REFUSED_CONNECTIONS;
use crate::metrics::{ConnectionEnd, OpenConnection, Protocol, Refusal};

/// Counts connections against the limits.
#[derive(Debug)]
pub(super) struct Admission {
    state: Mutex<Admitted>,
}

#[derive(Debug, Default)]
struct Admitted {
    max: usize,
    per_address_max: Option<usize>,
    serving: usize,
    refusing: usize,
    /// Of connections that came while addresses were limited.
    by_address: HashMap<ClientAddress, usize>,
}

/// Goes where the socket of a connection goes. Until it is dropped, the connection counts against
/// the limits and as open, and a drain waits for it.
#[derive(Debug)]
pub(super) struct ConnectionGuard {
    _permit: Permit,
    open: Option<OpenConnection>,
    _task: TaskTrackerToken,
}

impl ConnectionGuard {
    pub(super) fn new(
        permit: Permit,
        open: Option<OpenConnection>,
        task: TaskTrackerToken,
    ) -> Self {
        Self { _permit: permit, open, _task: task }
    }

    /// Its connection has said what it speaks.
    pub(super) fn speaks(&mut self, protocol: Protocol) {
        if let Some(open) = &mut self.open {
            open.speaks(protocol);
        }
    }

    /// Says why its connection is going to be closed, unless that has been said.
    pub(super) fn ends(&mut self, end: ConnectionEnd) {
        if let Some(open) = &mut self.open {
            open.ends(end);
        }
    }
}

/// One of the connections that the limits allow.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    kind: PermitKind,
}

/// What a permit counts for.
#[derive(Clone, Copy, Debug)]
enum PermitKind {
    /// A connection that is served, of this address if that is limited.
    Serving(Option<ClientAddress>),
    /// One that is only refused.
    Refusing,
}

impl Admission {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let this = Self { state: Mutex::default() };
        this.limit(settings);
        this
    }

    /// Other limits from now on. Connections that are open stay, also when they are more than that.
    pub(super) fn limit(&self, settings: &HttpSettings) {
        let mut state = self.state();
        state.max = settings.connections_max;
        state.per_address_max = settings.connections_per_address_max;
    }

    /// How many connections are admitted now.
    pub(super) fn serving(&self) -> usize {
        self.state().serving
    }

    fn state(&self) -> MutexGuard<'_, Admitted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A permit to serve a connection that counts for this address, if the limits allow one more.
    /// That of a proxy counts for none.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: Option<ClientAddress>,
    ) -> Result<Permit, Refusal> {
        let mut state = self.state();
        if state.serving >= state.max {
            return Err(Refusal::Limit);
        }
        let limited = state.per_address_max.zip(address);
        if let Some((max, address)) = limited {
            let count = state.by_address.entry(address).or_default();
            if *count >= max {
                return Err(Refusal::AddressLimit);
            }
            *count += 1;
        }
        state.serving += 1;
        let kind = PermitKind::Serving(limited.map(|(_, address)| address));
        Ok(Permit { admission: Arc::clone(self), kind })
    }

    /// A permit to send a client a refusal; there are few at a time.
    pub(super) fn admit_for_refusal(self: &Arc<Self>) -> Option<Permit> {
        let mut state = self.state();
        if state.refusing >= REFUSED_CONNECTIONS {
            return None;
        }
        state.refusing += 1;
        Some(Permit { admission: Arc::clone(self), kind: PermitKind::Refusing })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        let PermitKind::Serving(address) = self.kind else {
            state.refusing -= 1;
            return;
        };
        state.serving -= 1;
        let Some(address) = address else { return };
        if let Some(count) = state.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                state.by_address.remove(&address);
            }
        }
    }
}

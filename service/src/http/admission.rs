//! Which connections are served: the limits of their number, in all and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::HttpSettings;
use crate::metrics::{ConnectionEnd, OpenConnection, Protocol, Refusal};

/// How many connections may be sent a refusal at the same time.
const REFUSALS_MAX: usize = 64;

/// Counts connections against the limits.
#[derive(Debug)]
pub(super) struct Admission {
    max: usize,
    per_address_max: Option<usize>,
    state: Mutex<Admitted>,
}

#[derive(Debug, Default)]
struct Admitted {
    serving: usize,
    refusing: usize,
    /// Kept only when addresses are limited.
    by_address: HashMap<IpAddr, usize>,
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
    purpose: PermitPurpose,
}

/// What a permit is for.
#[derive(Clone, Copy, Debug)]
enum PermitPurpose {
    /// To serve a connection from this address; one of a unix socket has none.
    Serve(Option<IpAddr>),
    Refuse,
}

impl Admission {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        Self {
            max: settings.connections_max,
            per_address_max: settings.connections_per_address_max,
            state: Mutex::default(),
        }
    }

    /// How many connections are admitted now.
    pub(super) fn serving(&self) -> usize {
        self.state().serving
    }

    fn state(&self) -> MutexGuard<'_, Admitted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A permit to serve a connection from this address, if it has one, and if the limits allow one more.
    pub(super) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Permit, Refusal> {
        let mut state = self.state();
        if state.serving >= self.max {
            return Err(Refusal::Limit);
        }
        if let (Some(max), Some(address)) = (self.per_address_max, address) {
            let count = state.by_address.entry(address).or_default();
            if *count >= max {
                return Err(Refusal::AddressLimit);
            }
            *count += 1;
        }
        state.serving += 1;
        Ok(Permit { admission: Arc::clone(self), purpose: PermitPurpose::Serve(address) })
    }

    /// A permit to send a client a refusal; there are few at a time.
    pub(super) fn admit_for_refusal(self: &Arc<Self>) -> Option<Permit> {
        let mut state = self.state();
        if state.refusing >= REFUSALS_MAX {
            return None;
        }
        state.refusing += 1;
        Some(Permit { admission: Arc::clone(self), purpose: PermitPurpose::Refuse })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        let PermitPurpose::Serve(address) = self.purpose else {
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

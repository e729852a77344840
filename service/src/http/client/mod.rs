//! Which client a request comes from, as far as limits and the check of origins go: the peer of its
//! connection, or, where that is a proxy that is trusted, the client that the proxy names.
//!
//! A header that names a client is believed from trusted proxies alone, and of what they pass on,
//! only as far as trusted proxies have written it: read from the right, the first address that is
//! not one of theirs is the client's, and everything to the left of it may be the client's invention.

mod address;
mod forwarded;
mod proxies;

pub(super) use address::ClientAddress;
pub use proxies::{TrustedProxies, TrustedProxy, TrustedProxyError};

use std::net::IpAddr;

use hyper::HeaderMap;

use forwarded::{Hop, Hops};

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestClient {
    /// What limits count it by.
    pub(super) address: ClientAddress,
    /// The scheme by which it called a proxy that is trusted and says so: `http` or `https`.
    pub(super) scheme: Option<&'static str>,
    /// Its connection is that of a proxy, which carries other clients too.
    pub(super) behind_proxy: bool,
}

impl TrustedProxies {
    /// The client of a request on a connection of this peer, which is `None` on a socket of this
    /// machine without an address.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> RequestClient {
        let itself =
            RequestClient { address: peer.into(), scheme: None, behind_proxy: self.trusts(peer) };
        if !itself.behind_proxy {
            return itself;
        }
        let standard = Hops::of_forwarded(headers).map(|hops| self.nearest_stranger(hops));
        let common = Hops::of_common_headers(headers).map(|hops| self.nearest_stranger(hops));
        let found = match (standard, common) {
            // A proxy writes one of the two kinds and passes the other on as its client wrote it. So
            // where both are there, they count only if they name the same client.
            (Some(Some(one)), Some(Some(other))) if one.address == other.address => {
                Some(Hop { scheme: one.scheme.or(other.scheme), ..one })
            }
            (Some(found), None) | (None, Some(found)) => found,
            _ => None,
        };
        let Some(Hop { address: Some(address), scheme }) = found else { return itself };
        RequestClient { address: Some(address).into(), scheme, behind_proxy: true }
    }

    /// The last hop that is not a trusted proxy itself; the first of all where each of them is.
    fn nearest_stranger(&self, hops: Hops) -> Option<Hop> {
        let mut nearest = None;
        for hop in hops.last_first()? {
            // A hop without an address is malformed here, or hides on purpose.
            let address = hop.address?;
            nearest = Some(hop);
            if !self.trusts(Some(address)) {
                break;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests;

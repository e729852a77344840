//! The proxies whose word about their clients is taken.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use thiserror::Error;

/// One proxy that is trusted, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Those with an address of this network.
    Network(IpNet),
    /// Those on this machine that connect by a socket without an address.
    Unix,
}

/// Why a text names no proxies.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("write an address, a network or `unix`, such as 10.0.0.0/8")]
pub struct TrustedProxyError;

impl FromStr for TrustedProxy {
    type Err = TrustedProxyError;

    fn from_str(text: &str) -> Result<Self, TrustedProxyError> {
        if text.eq_ignore_ascii_case("unix") {
            return Ok(Self::Unix);
        }
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network =
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| TrustedProxyError)?;
        Ok(Self::Network(canonical(network)))
    }
}

/// Peers are compared as IPv4 where they are, so their networks are kept like that too.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(inner) = network else { return network };
    let mapped = inner.addr().to_ipv4_mapped().zip(inner.prefix_len().checked_sub(96));
    let mapped = mapped.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    mapped.map_or(network, IpNet::V4)
}

/// The proxies whose word about their clients is taken; without any, no header is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    unix: bool,
}

impl FromIterator<TrustedProxy> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = TrustedProxy>>(all: I) -> Self {
        let mut proxies = Self::default();
        for proxy in all {
            match proxy {
                TrustedProxy::Network(network) => proxies.networks.push(network),
                TrustedProxy::Unix => proxies.unix = true,
            }
        }
        proxies
    }
}

impl TrustedProxies {
    /// Whether a peer is one of them. `None` is one without an address.
    #[must_use]
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        let Some(address) = peer else { return self.unix };
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_written_with_or_without_its_length_and_in_any_form() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "11.1.1.1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
        ];
        for (network, peer, expected) in cases {
            let proxies = TrustedProxies::from_iter([network.parse().unwrap()]);
            assert_eq!(proxies.trusts(Some(peer.parse().unwrap())), expected, "{network} {peer}");
            assert!(!proxies.trusts(None), "{network}");
        }
    }

    #[test]
    fn peers_without_an_address_are_trusted_by_their_own_word() {
        for text in ["unix", "UNIX"] {
            let proxies = TrustedProxies::from_iter([text.parse().unwrap()]);
            assert!(proxies.trusts(None));
            assert!(!proxies.trusts(Some([127, 0, 0, 1].into())));
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_to_write() {
        for text in ["", "proxy.example", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80", "[::1]", "*"] {
            let error = text.parse::<TrustedProxy>().unwrap_err().to_string();
            assert!(error.contains("such as 10.0.0.0/8"), "{text}: {error}");
        }
    }
}

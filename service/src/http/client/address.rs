//! What limits count a client by.

use std::net::{IpAddr, Ipv6Addr};

/// How much of an IPv6 address is the customer's network. One customer has at least so much to
/// choose addresses from, and would otherwise be as many clients as it likes.
const NETWORK_BITS: u32 = 64;

/// What limits count a client by: its IPv4 address, or the network of its IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::http) struct ClientAddress(Option<IpAddr>);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        // An IPv4 address in the form of IPv6 is the same client on another listener.
        Self(Some(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let host_bits = u128::BITS - NETWORK_BITS;
                Ipv6Addr::from_bits(address.to_bits() >> host_bits << host_bits).into()
            }
        }))
    }
}

/// Peers without an address, which are programs of this machine, count as one.
impl From<Option<IpAddr>> for ClientAddress {
    fn from(peer: Option<IpAddr>) -> Self {
        peer.map_or(Self(None), Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_customer_count_as_one() {
        let cases = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::1", "::2", true),
            ("::1", "127.0.0.1", false),
        ];
        for (one, other, same) in cases {
            let [a, b] =
                [one, other].map(|text| ClientAddress::from(text.parse::<IpAddr>().unwrap()));
            assert_eq!(a == b, same, "{one} {other}");
        }
        let local = ClientAddress::from(None::<IpAddr>);
        assert_ne!(local, ClientAddress::from(IpAddr::from([127, 0, 0, 1])));
    }
}

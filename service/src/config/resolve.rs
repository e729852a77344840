//! From addresses as they are written to those that sockets are opened on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;

use super::ConfigError;
use super::values::{Address, Host};
use crate::sockets::InheritedSockets;

/// What is asked of the machine and its network; tests have one of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    /// All addresses of a name.
    pub(super) look_up: fn(&str, u16) -> io::Result<Vec<SocketAddr>>,
    /// Whether a socket can be opened on an address.
    pub(super) has: fn(IpAddr) -> bool,
    /// The sockets that a supervisor has opened.
    pub(super) inherited: fn() -> io::Result<Option<Arc<InheritedSockets>>>,
}

impl Network {
    pub(super) const THIS_MACHINE: Self = Self {
        look_up: |name, port| Ok((name, port).to_socket_addrs()?.collect()),
        // A socket for datagrams that sends none is in no program's way.
        has: |address| UdpSocket::bind((address, 0)).is_ok(),
        inherited: InheritedSockets::of_this_process,
    };

    /// What to listen on, each beside what was given for it, and none twice.
    pub(super) fn listeners(
        &self,
        flag: &'static str,
        given: &[Address],
    ) -> Result<Vec<(String, SocketAddr)>, ConfigError> {
        let mut all: Vec<(String, SocketAddr)> = Vec::new();
        for address in given {
            for found in self.listen_on(flag, address)? {
                // The system chooses another port for each 0.
                if found.port() == 0 || all.iter().all(|(_, known)| *known != found) {
                    all.push((address.to_string(), found));
                }
            }
        }
        if all.is_empty() { Err(ConfigError::NoAddress { flag }) } else { Ok(all) }
    }

    fn listen_on(
        &self,
        flag: &'static str,
        address: &Address,
    ) -> Result<Vec<SocketAddr>, ConfigError> {
        match &address.host {
            Host::Address(address) => Ok(vec![*address]),
            Host::Any(port) => Ok(vec![SocketAddr::new(self.any(), *port)]),
            Host::Unix(_) => Err(no_unix(flag)),
            Host::Name(name, port) => {
                let mut found = self.addresses(flag, address, name, *port)?;
                // Containers know `localhost` by an IPv6 address too, and often have no IPv6.
                found.retain(|address| (self.has)(address.ip()));
                if found.is_empty() {
                    let reason = format!("no address of {name} belongs to this machine");
                    return Err(ConfigError::UnknownHost {
                        flag,
                        given: address.to_string(),
                        reason,
                    });
                }
                Ok(found)
            }
        }
    }

    /// A socket on `[::]` takes IPv4 as well.
    fn any(&self) -> IpAddr {
        let all: IpAddr = Ipv6Addr::UNSPECIFIED.into();
        if (self.has)(all) { all } else { Ipv4Addr::UNSPECIFIED.into() }
    }

    /// Where to connect to for a listener that was given like this.
    pub(super) fn reachable(
        &self,
        flag: &'static str,
        address: &Address,
    ) -> Result<Vec<SocketAddr>, ConfigError> {
        let loopback = |port| {
            let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            addresses.map(|address| SocketAddr::new(address, port)).to_vec()
        };
        match &address.host {
            Host::Address(address) => Ok(vec![crate::greeting::reachable(*address)]),
            Host::Any(port) => Ok(loopback(*port)),
            Host::Unix(_) => Err(no_unix(flag)),
            Host::Name(name, port) => self.addresses(flag, address, name, *port),
        }
    }

    fn addresses(
        &self,
        flag: &'static str,
        address: &Address,
        name: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, ConfigError> {
        let unknown =
            |reason: String| ConfigError::UnknownHost { flag, given: address.to_string(), reason };
        let found = (self.look_up)(name, port)
            .map_err(|error| unknown(format!("{name} cannot be looked up ({error})")))?;
        if found.is_empty() {
            return Err(unknown(format!("{name} has no address")));
        }
        Ok(found)
    }
}

fn no_unix(flag: &'static str) -> ConfigError {
    let problem =
        "takes an address and a port, such as 127.0.0.1:9090; a unix socket is for --listen alone";
    ConfigError::OutOfRange { flag, problem }
}

/// Whether only this machine reaches an address, an IPv4 address in the form of IPv6 too.
pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as `/etc/hosts` has them; an IPv6 address is there, and IPv6 is not.
    const WITHOUT_IPV6: Network = Network {
        look_up: |name, port| match name {
            "localhost" => {
                Ok(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()])
            }
            "elsewhere" => Ok(vec![(Ipv4Addr::new(203, 0, 113, 1), port).into()]),
            "empty" => Ok(vec![]),
            _ => Err(io::Error::other("no such name")),
        },
        has: |address| address.is_ipv4() && address != Ipv4Addr::new(203, 0, 113, 1),
        inherited: || Ok(None),
    };
    const WITH_IPV6: Network = Network { has: |_| true, ..WITHOUT_IPV6 };

    fn listeners(network: Network, given: &[&str]) -> Result<Vec<String>, String> {
        let given: Vec<Address> = given.iter().map(|text| text.parse().unwrap()).collect();
        let found = network.listeners("--listen", &given).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|(_, address)| address.to_string()).collect())
    }

    #[test]
    fn a_name_is_listened_on_at_all_its_addresses_that_the_machine_has_and_none_twice() {
        let cases: [(Network, &[&str], &[&str]); 7] = [
            (WITH_IPV6, &["localhost:1"], &["[::1]:1", "127.0.0.1:1"]),
            (WITHOUT_IPV6, &["localhost:1"], &["127.0.0.1:1"]),
            (WITH_IPV6, &["127.0.0.1:1", "localhost:1"], &["127.0.0.1:1", "[::1]:1"]),
            (WITH_IPV6, &["127.0.0.1:0", "127.0.0.1:0"], &["127.0.0.1:0", "127.0.0.1:0"]),
            (WITH_IPV6, &[":1"], &["[::]:1"]),
            (WITHOUT_IPV6, &[":1"], &["0.0.0.0:1"]),
            // What is given as an address is not put in doubt here; opening it says what is wrong.
            (WITHOUT_IPV6, &["[::1]:1"], &["[::1]:1"]),
        ];
        for (network, given, expected) in cases {
            assert_eq!(listeners(network, given).unwrap(), expected, "{given:?}");
        }
    }

    #[test]
    fn a_name_that_does_not_lead_to_this_machine_is_refused_with_the_flag() {
        let cases: [(&[&str], &str); 4] = [
            (&["nowhere:1"], "--listen nowhere:1: nowhere cannot be looked up (no such name)"),
            (&["empty:1"], "empty has no address"),
            (&["elsewhere:1"], "no address of elsewhere belongs to this machine"),
            (&[], "--listen names no address"),
        ];
        for (given, expected) in cases {
            let message = listeners(WITHOUT_IPV6, given).unwrap_err();
            assert!(message.contains(expected), "{given:?}: {message}");
            assert!(message.contains("such as 127.0.0.1:8080"), "{message}");
        }
    }

    #[test]
    fn a_loopback_address_is_one_in_the_form_of_ipv6_too() {
        let cases = [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("[::ffff:10.0.0.1]:1", false),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
        ];
        for (address, expected) in cases {
            assert_eq!(is_loopback(address.parse().unwrap()), expected, "{address}");
        }
    }
}

//! Ports of loopback, one after the other and none twice, so that connections of the server before
//! that still wait for their end are in no server's way.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// How many ports are tried. With the default they end below those that clients are given.
const PORTS: u16 = 12_000;

/// Hands out ports.
#[derive(Debug)]
pub(crate) struct Ports(std::ops::Range<u16>);

impl Ports {
    pub(crate) fn from(first: u16) -> Self {
        Self(first..first.saturating_add(PORTS))
    }

    pub(crate) fn free(&mut self) -> anyhow::Result<u16> {
        let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        self.0.find(is_free).context("no free port is left; end other servers, or say --port")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let mut ports = Ports::from(20_000);
        let first = ports.free().expect("a port");
        assert!(ports.free().expect("another") > first);
    }

    #[test]
    fn the_last_port_is_the_end() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("its address").port();
        assert!(Ports(port..port + 1).free().is_err());
    }
}

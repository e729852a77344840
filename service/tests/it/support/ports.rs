//! Ports for servers that are started at an address that is known before, or come back to theirs.
//!
//! A port that the system once gave for port 0 may be given to somebody else as soon as it is free: to another
//! test's listener, or to any connection that is opened meanwhile. Those here are below what the system gives.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// The default of Linux gives ports from 32,768 on (`net.ipv4.ip_local_port_range`); the harness takes its own
/// from 20,000 on.
const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;

/// An address of loopback at which nothing listens, and which nobody else is given.
pub(crate) fn own_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, own_port()).into()
}

/// A port that is free on all addresses.
pub(crate) fn own_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Programs of tests that run beside each other begin at different places.
    let begin = process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + ((begin + u32::from(step)) % u32::from(COUNT)) as u16;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("every port from {FIRST} to {} is taken", FIRST + COUNT - 1);
}

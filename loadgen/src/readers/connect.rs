//! Opening connections that do not block, from given addresses, with the buffers of their class;
//! and the names of what goes wrong.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::plan::{Class, Plan, Target};

/// Receive buffer of slow and stopped readers, in bytes: with the kernel's default of megabytes
/// they would take minutes until the server felt them. The kernel doubles it.
const SMALL_BUFFER: usize = 4096;

/// Where a subscriber connects to, and from where.
pub(super) fn route(target: &Target, number: usize) -> (SocketAddr, Option<IpAddr>) {
    let addresses = &target.endpoint.addresses;
    let address = addresses[number % addresses.len()];
    let source = (!target.sources.is_empty()).then(|| {
        // By turns over targets first, so that each pair of addresses gets its share of ports.
        target.sources[(number / addresses.len()) % target.sources.len()]
    });
    (address, source)
}

/// Begins a connection; it is there when the socket is writable without an error.
pub(super) fn begin(
    plan: &Plan,
    target: &Target,
    number: usize,
    class: Class,
) -> io::Result<Socket> {
    let (address, source) = route(target, number);
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    let small = matches!(class, Class::Slow | Class::Stopped).then_some(SMALL_BUFFER);
    if let Some(size) = small.or(plan.faults.receive_buffer) {
        // Before connecting: the window that is offered follows from it.
        socket.set_recv_buffer_size(size)?;
    }
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source {
        // Without this the kernel picks a port at the bind, before it knows the target, and one
        // port serves one connection of the source instead of one for each target.
        setsockopt(&socket, IpBindAddressNoPort, &true)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => Ok(socket),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {
            Ok(socket)
        }
        Err(error) => Err(error),
    }
}

/// Drops every packet that comes from now on, silently: the peer sees a machine that has vanished.
pub(super) fn vanish(socket: &SockRef<'_>) -> io::Result<()> {
    /// `BPF_RET | BPF_K` with 0: keep no byte of the packet.
    const DROP: socket2::SockFilter = socket2::SockFilter::new(0x06, 0, 0, 0);
    socket.attach_filter(&[DROP])
}

/// What an error is called in results.
pub(super) fn kind_of(error: &io::Error) -> String {
    use nix::errno::Errno;
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE) => "too many open files".to_owned(),
        Some(Errno::EADDRNOTAVAIL) => "no local port or address left".to_owned(),
        _ => error.kind().to_string(),
    }
}

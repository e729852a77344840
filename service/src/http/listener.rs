//! What connections are accepted from: a TCP port or a unix socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::sockets::SocketFile;

/// A public listener.
#[derive(Debug)]
pub enum PublicListener {
    Tcp(TcpListener),
    /// With its file, which is removed before the listener is closed if it is ours: behind that another server
    /// may have taken the path.
    Unix(Option<SocketFile>, UnixListener),
}

/// A connection that was accepted.
#[derive(Debug)]
pub(super) enum AcceptedSocket {
    Tcp(TcpStream, SocketAddr),
    /// Whoever is there comes from this machine and has no address.
    Unix(UnixStream),
}

impl PublicListener {
    pub(super) async fn accept(&self) -> io::Result<AcceptedSocket> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, peer)| AcceptedSocket::Tcp(stream, peer))
            }
            Self::Unix(_, listener) => {
                listener.accept().await.map(|(stream, _)| AcceptedSocket::Unix(stream))
            }
        }
    }
}

impl fmt::Display for AcceptedSocket {
    /// Who is at the other end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_, peer) => peer.fmt(f),
            Self::Unix(_) => f.write_str("unix"),
        }
    }
}

impl AcceptedSocket {
    /// The address at its other end, if there is one.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, peer) => Some(*peer),
            Self::Unix(_) => None,
        }
    }
}

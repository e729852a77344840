//! Opening the listeners: TCP ports, unix sockets, and those that a supervisor has opened.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use socket2::SockRef;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use crate::config::Config;
use crate::http::{self, HttpSettings, PublicListener};
use crate::sockets::{InheritedSockets, listen_on_unix};

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4_096;

/// Why a listener cannot be opened.
#[derive(Debug, Error)]
pub enum ListenError {
    /// A port cannot be had.
    #[error("cannot listen on {address}: {source}; {advice}")]
    Address {
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
        /// What to do.
        advice: String,
    },
    /// A unix socket cannot be had.
    #[error("cannot listen on unix:{path}: {source}; {advice}")]
    Unix {
        path: String,
        /// What the system said.
        source: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// What a supervisor has opened cannot be used.
    #[error("cannot serve a socket that was handed over: {0}; raise the limits of the process")]
    Inherited(io::Error),
    /// The system does not take an option of the sockets.
    #[error(
        "cannot set the options of a socket: {0}; check --send-buffer, --unsent-max and --peer-timeout"
    )]
    Options(io::Error),
}

/// The public listeners, open, and where they are.
#[derive(Debug)]
pub(crate) struct PublicListeners {
    pub(crate) listeners: Vec<PublicListener>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) unix_sockets: Vec<PathBuf>,
}

impl PublicListeners {
    pub(crate) fn open(config: &Config) -> Result<Self, ListenError> {
        if let Some(inherited) = &config.inherited {
            return Self::take(inherited, &config.http);
        }
        let tcp = listen_on(&config.listen, "--listen", &config.http)?;
        let addresses = addresses_of(&tcp)?;
        let mut listeners: Vec<_> = tcp.into_iter().map(PublicListener::Tcp).collect();
        for path in &config.listen_unix {
            listeners.push(unix(path)?);
        }
        Ok(Self { listeners, addresses, unix_sockets: config.listen_unix.clone() })
    }

    /// They stay where the supervisor has opened them, the files of unix sockets too.
    fn take(inherited: &InheritedSockets, settings: &HttpSettings) -> Result<Self, ListenError> {
        let tcp = inherited.tcp().map_err(ListenError::Inherited)?;
        let tcp = tcp.into_iter().map(TcpListener::from_std).collect::<io::Result<Vec<_>>>();
        let tcp = tcp.map_err(ListenError::Inherited)?;
        for listener in &tcp {
            http::set_options(listener, settings).map_err(ListenError::Options)?;
        }
        let addresses = addresses_of(&tcp)?;
        let mut listeners: Vec<_> = tcp.into_iter().map(PublicListener::Tcp).collect();
        let mut unix_sockets = Vec::new();
        for std in inherited.unix().map_err(ListenError::Inherited)? {
            let address = std.local_addr().map_err(ListenError::Inherited)?;
            unix_sockets.extend(address.as_pathname().map(Path::to_owned));
            let listener = UnixListener::from_std(std).map_err(ListenError::Inherited)?;
            listeners.push(PublicListener::Unix(None, listener));
        }
        let sockets = listeners.len();
        tracing::info!(
            sockets,
            "serving the sockets that were handed over (LISTEN_FDS), in the place of --listen"
        );
        Ok(Self { listeners, addresses, unix_sockets })
    }
}

fn unix(path: &Path) -> Result<PublicListener, ListenError> {
    let open = || {
        let (listener, file) = listen_on_unix(path, BACKLOG)?;
        Ok(PublicListener::Unix(Some(file), UnixListener::from_std(listener)?))
    };
    open().map_err(|source: io::Error| ListenError::Unix {
        path: path.display().to_string(),
        advice: match source.kind() {
            io::ErrorKind::AddrInUse => {
                "another server listens there; end it, or choose another path"
            }
            io::ErrorKind::AlreadyExists => "choose another path",
            io::ErrorKind::NotFound => "make its folder first",
            _ => "choose a path in a folder that this user may write to",
        },
        source,
    })
}

/// Where they were bound.
pub(crate) fn addresses_of(listeners: &[TcpListener]) -> Result<Vec<SocketAddr>, ListenError> {
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>();
    addresses.map_err(ListenError::Options)
}

/// Opens TCP ports.
pub(crate) fn listen_on(
    addresses: &[SocketAddr],
    flag: &str,
    settings: &HttpSettings,
) -> Result<Vec<TcpListener>, ListenError> {
    let ipv4_is_taken = |port| addresses.contains(&(Ipv4Addr::UNSPECIFIED, port).into());
    let listen = |&address: &SocketAddr| {
        // `[::]` stands for IPv4 as well, whatever the machine's default, unless a listener of our
        // own has that.
        let only_v6 = address.ip() == Ipv6Addr::UNSPECIFIED;
        let listener = listen(address, only_v6.then(|| ipv4_is_taken(address.port())), flag)?;
        http::set_options(&listener, settings).map_err(ListenError::Options)?;
        Ok(listener)
    };
    addresses.iter().map(listen).collect()
}

fn listen(
    address: SocketAddr,
    only_v6: Option<bool>,
    flag: &str,
) -> Result<TcpListener, ListenError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(only_v6) = only_v6 {
            SockRef::from(&socket).set_only_v6(only_v6)?;
        }
        // A restart must not wait for the old connections' last packets.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| {
        let advice = match source.kind() {
            io::ErrorKind::AddrInUse => {
                format!("something else listens there; end it, or choose another port with {flag}")
            }
            io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 need a privilege; choose another with {flag}")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("this machine does not have that address; choose another with {flag}")
            }
            _ => format!("choose another address with {flag}"),
        };
        ListenError::Address { address, source, advice }
    })
}

//! Sockets that a supervisor opened and handed over (socket activation of systemd, `LISTEN_FDS`).
//!
//! They outlive the server: clients that connect while it restarts wait, and are served afterwards.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use std::sync::{Arc, OnceLock};

use listenfd::ListenFd;
use socket2::SockRef;

/// The sockets that this process was started with.
#[derive(Debug, Default)]
pub struct InheritedSockets {
    tcp: Vec<TcpListener>,
    unix: Vec<UnixListener>,
}

impl InheritedSockets {
    /// Those that this process has; `None` if there are none. They are taken once, because their
    /// numbers may be those of other files later.
    ///
    /// # Errors
    /// When one of them is something else than a listening TCP or unix socket.
    pub fn of_this_process() -> io::Result<Option<Arc<Self>>> {
        static TAKEN: OnceLock<Option<Arc<InheritedSockets>>> = OnceLock::new();
        match TAKEN.get() {
            Some(taken) => Ok(taken.clone()),
            None => {
                let taken = Self::take()?.map(Arc::new);
                Ok(TAKEN.get_or_init(|| taken).clone())
            }
        }
    }

    fn take() -> io::Result<Option<Self>> {
        let mut given = ListenFd::from_env();
        if given.len() == 0 {
            return Ok(None);
        }
        let mut sockets = Self::default();
        for index in 0..given.len() {
            if let Ok(Some(listener)) = given.take_tcp_listener(index) {
                require_listening(&SockRef::from(&listener))?;
                listener.set_nonblocking(true)?;
                sockets.tcp.push(listener);
            } else if let Some(listener) = given.take_unix_listener(index)? {
                require_listening(&SockRef::from(&listener))?;
                listener.set_nonblocking(true)?;
                sockets.unix.push(listener);
            }
        }
        Ok(Some(sockets))
    }

    /// The addresses of those of TCP.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.tcp.iter().map(TcpListener::local_addr).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tcp.len() + self.unix.len()
    }

    /// Whether there is a unix socket among them.
    #[must_use]
    pub fn has_unix(&self) -> bool {
        !self.unix.is_empty()
    }

    /// Handles to those of TCP.
    ///
    /// # Errors
    /// When no more files may be open.
    pub fn tcp(&self) -> io::Result<Vec<TcpListener>> {
        self.tcp.iter().map(TcpListener::try_clone).collect()
    }

    /// Handles to the unix sockets.
    ///
    /// # Errors
    /// When no more files may be open.
    pub fn unix(&self) -> io::Result<Vec<UnixListener>> {
        self.unix.iter().map(UnixListener::try_clone).collect()
    }
}

/// With `Accept=yes` systemd accepts each connection itself, and starts a service for it that is handed
/// the connection. It would be taken for a listener from which nobody ever comes.
fn require_listening(socket: &SockRef<'_>) -> io::Result<()> {
    if socket.is_listener()? {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "one of them is a connection that was accepted already, or does not listen; one server serves all connections, so set Accept=no in the socket unit, and name the service without an @",
    ))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_that_listens_is_told_from_a_connection() {
        let folder = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let unix = UnixListener::bind(folder.path().join("socket")).unwrap();
        require_listening(&SockRef::from(&tcp)).unwrap();
        require_listening(&SockRef::from(&unix)).unwrap();
        let _client = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let (accepted, _) = tcp.accept().unwrap();
        let (pair, _other) = UnixStream::pair().unwrap();
        for connection in [SockRef::from(&accepted), SockRef::from(&pair)] {
            let error = require_listening(&connection).unwrap_err().to_string();
            assert!(error.contains("Accept=no"), "{error}");
        }
    }
}

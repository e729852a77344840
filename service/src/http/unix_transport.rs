//! A unix socket as the transport of a connection, with the bounds that the kernel knows for TCP alone.
//!
//! A TCP connection inherits its send buffer from the listener, and the kernel ends it when its client
//! takes nothing for too long (`TCP_USER_TIMEOUT`). A unix socket has neither: its buffer is set here,
//! and a write that waits for so long fails as it would on TCP.

use std::io;
use std::net::TcpStream as StdTcpStream;
use std::pin::Pin;

use rustix::net::{RecvFlags, recv};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio_io_timeout::TimeoutWriter;

use super::HttpSettings;
use super::transport::{PlainTransport, Transport};

/// A unix socket whose client has a time in which it has to take something of what is written.
pub(super) type UnixTransport = Pin<Box<TimeoutWriter<UnixStream>>>;

/// Bounds what the kernel holds for a unix socket, and how long its client may take nothing.
pub(super) fn bounded(stream: UnixStream, settings: &HttpSettings) -> UnixTransport {
    if let Err(error) = SockRef::from(&stream).set_send_buffer_size(settings.send_buffer_bytes) {
        // Then it has the buffer that the system gives to all.
        tracing::debug!(%error, "cannot set the send buffer of a unix socket");
    }
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout((!settings.peer_timeout.is_zero()).then_some(settings.peer_timeout));
    Box::pin(stream)
}

impl Transport for UnixTransport {
    const CAN_LEAVE: bool = false;

    fn into_socket(self) -> io::Result<StdTcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl PlainTransport for UnixTransport {
    async fn peek(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let socket = self.get_ref();
        let mut peek = || Ok(recv(socket, &mut *bytes, RecvFlags::PEEK)?.1);
        socket.async_io(Interest::READABLE, &mut peek).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(7);

    fn settings(peer_timeout: Duration) -> HttpSettings {
        HttpSettings { peer_timeout, send_buffer_bytes: 40 << 10, ..HttpSettings::default() }
    }

    #[tokio::test]
    async fn a_unix_socket_has_the_send_buffer_of_the_settings() {
        let (_client, server) = UnixStream::pair().unwrap();
        let server = bounded(server, &settings(LIMIT));
        // The kernel doubles it.
        assert_eq!(SockRef::from(server.get_ref()).send_buffer_size().unwrap(), 80 << 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_for_so_long_is_given_up_unlike_a_slow_one() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let mut server = bounded(server, &settings(LIMIT));
        let written = tokio::spawn(async move {
            let result = loop {
                if let Err(error) = server.write_all(&[0; 16 << 10]).await {
                    break error.kind();
                }
            };
            (result, Instant::now())
        });
        let mut last_read = Instant::now();
        for _ in 0..10 {
            sleep(LIMIT * 9 / 10).await;
            client.read_exact(&mut vec![0; 64 << 10]).await.unwrap();
            last_read = Instant::now();
        }
        assert!(!written.is_finished());
        let (result, ended) = timeout(2 * LIMIT, written).await.expect("an end").unwrap();
        assert_eq!((result, ended - last_read), (io::ErrorKind::TimedOut, LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_it_is_waited_for() {
        let (_client, server) = UnixStream::pair().unwrap();
        let mut server = bounded(server, &settings(Duration::ZERO));
        let writing = server.write_all(&[0; 1 << 20]);
        assert!(timeout(Duration::from_secs(86_400), writing).await.is_err());
    }
}

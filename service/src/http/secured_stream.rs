//! TLS on a TCP connection after its handshake, and how much it holds for a client that takes nothing.
//!
//! The library encrypts what it is given at once and holds what the kernel does not take, up to a limit.
//! How much that is it does not tell. So what goes in and what the kernel has taken are counted here.

use std::io::{self, IoSlice};
use std::net::TcpStream as StdTcpStream;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::transport::Transport;
use crate::metrics::{Protocol, TlsWriteBuffer};

/// The most plain text in a record.
const RECORD_MAX: usize = 16 << 10;
/// What a record of TLS 1.3 has beside its plain text; those of 1.2 have up to seven more.
const RECORD_OVERHEAD: usize = 22;

/// A secured connection.
#[derive(Debug)]
pub(super) struct SecuredStream<S = TcpStream> {
    tls: TlsStream<CountedSocket<S>>,
    /// How many bytes were encrypted since nothing waited to be taken.
    encrypted: u64,
    /// How many the kernel had taken then.
    written_before: u64,
    buffer: TlsWriteBuffer,
    has_broken_rules: bool,
}

/// A socket that counts what the kernel takes.
#[derive(Debug)]
pub(super) struct CountedSocket<S = TcpStream> {
    socket: S,
    written: u64,
}

impl<S> CountedSocket<S> {
    pub(super) fn new(socket: S) -> Self {
        Self { socket, written: 0 }
    }

    fn note(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = written {
            self.written += count as u64;
        }
        written
    }
}

impl<S> SecuredStream<S> {
    pub(super) fn new(tls: TlsStream<CountedSocket<S>>, buffer: TlsWriteBuffer) -> Self {
        let written_before = tls.get_ref().0.written;
        Self { tls, encrypted: 0, written_before, buffer, has_broken_rules: false }
    }

    /// What the handshake has agreed on.
    pub(super) fn protocol(&self) -> Protocol {
        match self.tls.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        }
    }

    fn note(&mut self, accepted: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = accepted {
            let records = count.div_ceil(RECORD_MAX);
            self.encrypted += (count + records * RECORD_OVERHEAD) as u64;
        }
        self.note_held();
        accepted
    }

    fn note_held(&mut self) {
        let (socket, session) = self.tls.get_ref();
        if session.wants_write() {
            let taken = socket.written - self.written_before;
            self.buffer.holds(self.encrypted.saturating_sub(taken));
        } else {
            // What is not counted, such as an alert, does not add up over time.
            (self.encrypted, self.written_before) = (0, socket.written);
            self.buffer.holds(0);
        }
    }
}

/// The library of TLS wraps what a client did wrong in an error of the system. An alert is how a client
/// says that it goes.
pub(super) fn breaks_tls(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.is_some_and(|error| !matches!(error, rustls::Error::AlertReceived(_)))
}

impl Transport for SecuredStream {
    const CAN_LEAVE: bool = false;

    const IS_TLS: bool = true;

    fn has_broken_tls(&self) -> bool {
        self.has_broken_rules
    }

    fn into_socket(self) -> io::Result<StdTcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for SecuredStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.tls).poll_read(task, buffer);
        if let Poll::Ready(Err(error)) = &read {
            this.has_broken_rules |= breaks_tls(error);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for SecuredStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let accepted = Pin::new(&mut this.tls).poll_write(task, bytes);
        this.note(accepted)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.tls).poll_flush(task);
        this.note_held();
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = Pin::new(&mut this.tls).poll_shutdown(task);
        this.note_held();
        closed
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let accepted = Pin::new(&mut this.tls).poll_write_vectored(task, slices);
        this.note(accepted)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(task, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write(task, bytes);
        this.note(written)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(task)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write_vectored(task, slices);
        this.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::unconstrained;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::metrics::{Metrics, Snapshot};

    /// What the network takes while the client reads nothing.
    const NETWORK: usize = 4 << 10;

    fn held(metrics: &Metrics) -> f64 {
        let page = metrics.render(&Snapshot::default());
        let name = "fanfare_tls_write_buffer_bytes ";
        let line = page.lines().find_map(|line| line.strip_prefix(name)).expect("the gauge");
        line.parse().unwrap()
    }

    /// A secured connection over a network that is no more than a pipe, and the client's end of that.
    async fn secured(
        metrics: &Metrics,
        version: &'static SupportedProtocolVersion,
    ) -> (SecuredStream<DuplexStream>, DuplexStream) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let server = server.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let server = server.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider);
        let client = client.with_protocol_versions(&[version]).unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let (theirs, ours) = duplex(NETWORK);
        let connector = TlsConnector::from(Arc::new(client));
        let (accepted, connected) = tokio::join!(
            TlsAcceptor::from(Arc::new(server)).accept(CountedSocket::new(ours)),
            connector.connect(ServerName::try_from("localhost").unwrap(), theirs),
        );
        let stream = SecuredStream::new(accepted.unwrap(), metrics.tls_write_buffer());
        (stream, connected.unwrap().into_inner().0)
    }

    /// Writes until no more is taken. The runtime is not to say so for the network.
    fn fill(stream: &mut SecuredStream<DuplexStream>, bytes: usize) {
        while unconstrained(stream.write(&vec![0; bytes])).now_or_never().is_some() {}
    }

    #[tokio::test]
    async fn what_waits_for_a_client_that_reads_nothing_is_known_within_a_tenth() {
        use rustls::version::{TLS12, TLS13};
        let cases = [(&TLS13, 300), (&TLS13, 20_000), (&TLS12, 300), (&TLS12, 9_000)];
        for (version, write) in cases {
            let metrics = Metrics::new(1);
            let (mut stream, mut client) = secured(&metrics, version).await;
            for round in 0..3 {
                fill(&mut stream, write);
                let said = held(&metrics);
                let mut read = Vec::new();
                let mut flushed = false;
                while !flushed {
                    flushed = unconstrained(stream.flush()).now_or_never().is_some();
                    while unconstrained(client.read_buf(&mut read)).now_or_never().is_some() {}
                }
                let waited = (read.len() - NETWORK) as f64;
                let error = (said - waited).abs() / waited;
                assert!(waited > 8_000.0 && error < 0.1, "{version:?} {write}: {said} {waited}");
                assert_eq!(held(&metrics), 0.0, "round {round}");
            }
            fill(&mut stream, write);
            assert!(held(&metrics) > 0.0);
            drop(stream);
            assert_eq!(held(&metrics), 0.0, "nothing is held for a connection that has ended");
        }
    }
}

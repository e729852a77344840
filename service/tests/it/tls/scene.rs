//! A server with a certificate, and clients that check it.
//!
//! One issuer signs all certificates of a scene, so that a client that trusts it takes each of them,
//! and none that anybody else made.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Chunks, PATIENCE, TestServer};

pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// A folder with an issuer's certificate, and with one that it has signed, and its key.
pub(super) struct Certificates {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    /// With a certificate for this machine that is valid for a day.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the issuer of a test");
        let key = KeyPair::generate().unwrap();
        put(&folder.path().join("issuer.pem"), &params.self_signed(&key).unwrap().pem());
        let certificates = Self { folder, issuer: Issuer::new(params, key) };
        certificates.renew();
        certificates
    }

    /// Puts another certificate, with another key, in the place of the one before.
    pub(super) fn renew(&self) {
        self.renew_until(SystemTime::now() + DAY);
    }

    pub(super) fn renew_until(&self, expires: SystemTime) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = (SystemTime::now() - 10 * DAY).into();
        params.not_after = expires.into();
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        put(&self.path("cert.pem"), &signed.pem());
        put(&self.path("key.pem"), &key.serialize_pem());
    }

    pub(super) fn spoil_key(&self) {
        put(&self.path("key.pem"), &KeyPair::generate().unwrap().serialize_pem());
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What clients trust.
    pub(super) fn issuer(&self) -> String {
        self.path("issuer.pem").display().to_string()
    }

    /// The flags of a server that serves it.
    pub(super) fn flags(&self) -> [String; 4] {
        let path = |name| self.path(name).display().to_string();
        ["--tls-cert".to_owned(), path("cert.pem"), "--tls-key".to_owned(), path("key.pem")]
    }

    /// A client that trusts the issuer and offers these protocols.
    pub(super) fn connector(&self, protocols: &[&str]) -> TlsConnector {
        self.connector_of(rustls::ALL_VERSIONS, protocols)
    }

    /// The same, of these versions of TLS.
    pub(super) fn connector_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("issuer.pem")).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// A server with a certificate of its own.
pub(crate) struct SecureServer {
    pub(crate) server: TestServer,
    pub(super) certificates: Certificates,
}

impl SecureServer {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let certificates = Certificates::new();
        let tls = certificates.flags();
        let all: Vec<&str> = tls.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        Self { server: TestServer::start_with(&all).await, certificates }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.address.port())
    }

    /// A connection that speaks HTTP/1.1.
    pub(super) async fn connect(&self) -> SecureWire {
        let connector = self.certificates.connector(&["http/1.1"]);
        SecureWire::over(connect(&connector, self.server.address, None).await)
    }

    /// A stream on a connection of its own, of which nothing has been read but its beginning.
    pub(super) async fn subscribe(&self, topic: &str) -> SecureWire {
        let mut wire = self.connect().await;
        wire.ask(&format!("/events/{topic}")).await;
        wire.until("id: ").await;
        wire
    }

    /// Publishes, and gives the id.
    pub(crate) async fn publish(&self, topic: &str, data: &str) -> String {
        self.publish_on(&mut self.connect().await, topic, data).await
    }

    /// The same, on a connection that is open.
    pub(super) async fn publish_on(
        &self,
        wire: &mut SecureWire,
        topic: &str,
        data: &str,
    ) -> String {
        let length = data.len();
        wire.say(&format!(
            "POST /events/{topic} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{data}"
        ))
        .await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let field = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        wire.take(field.expect("a length").parse().unwrap()).await
    }
}

/// Shakes hands, with a small window for what the server sends if one is given.
pub(super) async fn connect(
    connector: &TlsConnector,
    address: SocketAddr,
    window: Option<u32>,
) -> TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(bytes) = window {
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    let socket = socket.connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let shaken = timeout(PATIENCE, connector.connect(name, socket)).await;
    shaken.expect("a handshake in time").expect("a certificate that is trusted")
}

/// A connection on which a test speaks HTTP/1.1 by hand.
pub(super) struct SecureWire<S = TlsStream<TcpStream>> {
    pub(super) stream: S,
    unread: Vec<u8>,
    /// Set once the head of an answer in chunks has been read.
    chunks: Option<Chunks>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> SecureWire<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new(), chunks: None }
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Asks for a stream, and reads the head of the answer.
    pub(super) async fn ask(&mut self, path: &str) {
        self.say(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let mut chunks = Chunks::default();
        self.unread = chunks.take(&self.unread).unwrap();
        self.chunks = Some(chunks);
    }

    pub(super) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads up to a text, which there must be.
    pub(super) async fn until(&mut self, text: &str) -> String {
        loop {
            let found = self.unread.windows(text.len()).position(|some| some == text.as_bytes());
            if let Some(at) = found {
                return self.take(at + text.len()).await;
            }
            assert!(self.read().await, "an end before {text:?}: {:?}", self.so_far());
        }
    }

    /// Reads the rest of an answer in chunks, to its end.
    pub(super) async fn reads_to_the_end(&mut self) {
        while self.read().await {}
        assert!(self.chunks.as_ref().is_some_and(Chunks::ended), "{:?}", self.so_far());
    }

    /// Everything up to the end; false beside it if that was not in order.
    pub(super) async fn rest(mut self) -> (String, bool) {
        while self.read().await {}
        let whole = self.chunks.as_ref().is_none_or(Chunks::ended);
        (self.so_far(), whole)
    }

    async fn take(&mut self, count: usize) -> String {
        while self.unread.len() < count {
            assert!(self.read().await, "an end too early: {:?}", self.so_far());
        }
        String::from_utf8(self.unread.drain(..count).collect()).unwrap()
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    /// False at the end, whatever it was.
    async fn read(&mut self) -> bool {
        if self.chunks.as_ref().is_some_and(Chunks::ended) {
            return false;
        }
        let mut bytes = Vec::with_capacity(16 << 10);
        let read = timeout(PATIENCE, self.stream.read_buf(&mut bytes)).await;
        let count = read.expect("bytes in time").unwrap_or(0);
        match &mut self.chunks {
            Some(chunks) => self.unread.extend(chunks.take(&bytes).unwrap()),
            None => self.unread.extend_from_slice(&bytes),
        }
        count > 0
    }
}

/// A stream on a connection of HTTP/2 of its own.
pub(super) struct SecureHttp2Stream {
    body: h2::RecvStream,
    text: String,
}

impl SecureHttp2Stream {
    pub(super) async fn open(scene: &SecureServer, topic: &str, window: Option<u32>) -> Self {
        let connector = scene.certificates.connector(&["h2"]);
        let stream = connect(&connector, scene.server.address, window).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::get(scene.url(&format!("/events/{topic}"))).body(()).unwrap();
        let (response, _) = requests.send_request(request, true).unwrap();
        let response = timeout(PATIENCE, response).await.expect("in time").unwrap();
        assert_eq!(response.status(), 200);
        let mut stream = Self { body: response.into_body(), text: String::new() };
        stream.until("id: ").await;
        stream
    }

    /// Reads up to a text, which there must be.
    pub(super) async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.text.find(text) {
                return self.text.drain(..at + text.len()).collect();
            }
            let data = self.data().await;
            let data = data.unwrap_or_else(|| panic!("an end before {text:?}: {:?}", self.text));
            self.text += std::str::from_utf8(&data).unwrap();
        }
    }

    /// Everything up to the end, however that came.
    pub(super) async fn rest(mut self) -> String {
        while let Some(data) = self.data().await {
            self.text += std::str::from_utf8(&data).unwrap();
        }
        self.text
    }

    async fn data(&mut self) -> Option<Bytes> {
        let data = timeout(PATIENCE, self.body.data()).await.expect("data in time")?.ok()?;
        let _ = self.body.flow_control().release_capacity(data.len());
        Some(data)
    }
}

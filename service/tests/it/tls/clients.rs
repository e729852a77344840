//! Clients over TLS on which a test sees every byte: HTTP/1.1 by hand, and streams of HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::scene::SecureServer;
use crate::support::{Chunks, PATIENCE};

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

    /// Publishes, and gives the id.
    pub(super) async fn publish(&mut self, topic: &str, data: &str) -> String {
        let length = data.len();
        self.say(&format!(
            "POST /events/{topic} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{data}"
        ))
        .await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let field = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        self.take(field.expect("a length").parse().unwrap()).await
    }

    /// Begins a stream, and reads up to its place.
    pub(super) async fn subscribe(&mut self, topic: &str) {
        self.ask(&format!("/events/{topic}")).await;
        self.until("id: ").await;
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

/// A connection of HTTP/2.
pub(super) struct SecureHttp2(h2::client::SendRequest<Bytes>);

impl SecureHttp2 {
    pub(super) async fn over(stream: TlsStream<TcpStream>) -> Self {
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        // All streams of a connection share its window.
        let builder =
            h2::client::Builder::new().initial_connection_window_size(4 << 20).handshake(stream);
        let (requests, connection) = builder.await.unwrap();
        tokio::spawn(connection);
        Self(requests)
    }

    /// Begins a stream, and reads up to its place.
    pub(super) async fn subscribe(&mut self, topic: &str) -> SecureHttp2Stream {
        let url = format!("https://localhost/events/{topic}");
        let request = hyper::Request::get(url).body(()).unwrap();
        let (response, _) = self.0.send_request(request, true).unwrap();
        let response = timeout(PATIENCE, response).await.expect("in time").unwrap();
        assert_eq!(response.status(), 200);
        let mut stream = SecureHttp2Stream { body: response.into_body(), text: String::new() };
        stream.until("id: ").await;
        stream
    }

    /// Publishes, and returns when that was accepted.
    pub(super) async fn publish(&mut self, topic: &str, data: &str) {
        let url = format!("https://localhost/events/{topic}");
        let request = hyper::Request::post(url).body(()).unwrap();
        let (response, mut body) = self.0.send_request(request, false).unwrap();
        body.send_data(Bytes::copy_from_slice(data.as_bytes()), true).unwrap();
        let response = timeout(PATIENCE, response).await.expect("in time").unwrap();
        assert_eq!(response.status(), 200);
    }
}

/// A stream of HTTP/2.
pub(super) struct SecureHttp2Stream {
    body: h2::RecvStream,
    text: String,
}

impl SecureHttp2Stream {
    /// On a connection of its own.
    pub(super) async fn open(scene: &SecureServer, topic: &str, window: Option<u32>) -> Self {
        let connector = scene.certificates.connector(&["h2"]);
        let stream = connect(&connector, scene.server.address, window).await;
        SecureHttp2::over(stream).await.subscribe(topic).await
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

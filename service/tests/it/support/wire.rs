//! A client that is nothing but a socket: it sends exactly the bytes that a test says, at the moment
//! that it says, and reads what comes back to the byte.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use super::{Chunks, PATIENCE, TestServer};

/// A connection to the server.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpStream,
    unread: Vec<u8>,
}

/// The head of an answer, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) version: String,
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
}

/// An answer with a body of a known length.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) head: Head,
    pub(crate) body: String,
}

/// An open stream, without a parser between the test and its bytes.
#[derive(Debug)]
pub(crate) struct RawStream {
    pub(crate) head: Head,
    socket: TcpStream,
    /// `None` where the end of the body is that of the connection.
    chunks: Option<Chunks>,
    body: Vec<u8>,
    closed: bool,
}

/// What was left of a stream, up to its end.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) text: String,
    /// It ended in order, and not in the middle of a chunk or by a reset.
    pub(crate) whole: bool,
}

impl Wire {
    pub(crate) async fn open(server: &TestServer) -> Self {
        Self::open_at(server.address).await
    }

    pub(crate) async fn open_at(address: impl ToSocketAddrs) -> Self {
        Self::of(TcpStream::connect(address).await.unwrap())
    }

    /// With a small window, so that the kernel does not read on the test's behalf.
    pub(crate) async fn open_with_window(server: &TestServer, bytes: u32) -> Self {
        Self::open_at_with_window(server.address, bytes).await
    }

    pub(crate) async fn open_at_with_window(address: SocketAddr, bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        Self::of(socket.connect(address).await.unwrap())
    }

    pub(crate) fn of(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        Self { socket, unread: Vec::new() }
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    /// To a server that may be gone.
    pub(crate) async fn try_say(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.socket.write_all(bytes.as_ref()).await
    }

    /// The head of an answer, up to its empty line.
    pub(crate) async fn head(&mut self) -> Head {
        let head = self.try_head().await;
        head.unwrap_or_else(|| {
            panic!("closed in the head: {:?}", String::from_utf8_lossy(&self.unread))
        })
    }

    /// The head of an answer; `None` when the connection ends before.
    pub(crate) async fn try_head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let text = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
                return Some(Head::parse(&text));
            }
            if read(&mut self.socket, &mut self.unread).await.is_ok_and(|count| count > 0) {
                continue;
            }
            return None;
        }
    }

    /// An answer with a Content-Length.
    pub(crate) async fn response(&mut self) -> RawResponse {
        let head = self.head().await;
        let length = head.field("content-length").expect("a length").parse().unwrap();
        while self.unread.len() < length {
            let count = read(&mut self.socket, &mut self.unread).await.expect("a body");
            assert!(count > 0, "closed in the body of {head:?}");
        }
        let body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        RawResponse { head, body }
    }

    /// An answer in chunks, which are not taken apart.
    pub(crate) async fn chunked_response(&mut self) -> RawResponse {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        let head = self.head().await;
        while !self.unread.ends_with(END) {
            let count = read(&mut self.socket, &mut self.unread).await.expect("a body");
            assert!(count > 0, "closed in the body of {head:?}");
        }
        let body = String::from_utf8(std::mem::take(&mut self.unread)).unwrap();
        RawResponse { head, body }
    }

    /// Reads the head of an answer that must be a stream.
    pub(crate) async fn stream(mut self) -> RawStream {
        let head = self.head().await;
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.field("content-type"), Some("text/event-stream"), "{head:?}");
        let chunks = head.field("transfer-encoding").map(|coding| {
            assert_eq!(coding, "chunked");
            Chunks::default()
        });
        let mut stream =
            RawStream { head, socket: self.socket, chunks, body: Vec::new(), closed: false };
        stream.take(&self.unread);
        stream
    }

    /// Asserts that the server closes, in order and without another word.
    pub(crate) async fn assert_closed(mut self) {
        let count = read(&mut self.socket, &mut self.unread).await.expect("an end in order");
        assert_eq!((count, self.unread.len()), (0, 0), "{}", String::from_utf8_lossy(&self.unread));
    }

    /// Closes this side and goes.
    pub(crate) async fn close_this_side(mut self) {
        self.socket.shutdown().await.unwrap();
    }

    /// Goes without closing in order: whatever is still on its way meets a reset.
    pub(crate) fn reset(self) {
        reset_when_dropped(&self.socket);
    }
}

impl Head {
    fn parse(text: &str) -> Self {
        let mut lines = text.trim_end().split("\r\n");
        let status_line = lines.next().unwrap();
        let mut words = status_line.splitn(3, ' ');
        let (version, status) = (words.next().unwrap(), words.next().expect(status_line));
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), value.to_owned())
        });
        Self {
            version: version.to_owned(),
            status: status.parse().unwrap(),
            fields: fields.collect(),
        }
    }

    /// The value of a field that stands at most once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert_eq!(values.next(), None, "{name} stands twice: {self:?}");
        value
    }
}

impl RawResponse {
    /// The body of an error.
    pub(crate) fn problem(&self) -> Value {
        assert_eq!(self.head.field("content-type"), Some("application/problem+json"));
        serde_json::from_str(&self.body).unwrap()
    }
}

impl RawStream {
    /// Opens it on a connection of its own.
    pub(crate) async fn open(server: &TestServer, path: &str) -> Self {
        let mut wire = Wire::open(server).await;
        wire.say(stream_request(path)).await;
        wire.stream().await
    }

    /// Whether the body is in chunks.
    pub(crate) fn is_chunked(&self) -> bool {
        self.chunks.is_some()
    }

    /// Reads so many bytes at most, once; false at the end.
    pub(crate) async fn read(&mut self, bytes_max: usize) -> bool {
        let mut bytes = Vec::with_capacity(bytes_max);
        let count = read(&mut self.socket, &mut bytes).await.unwrap_or(0);
        self.closed |= count == 0;
        self.take(&bytes);
        count > 0
    }

    /// How many bytes of the body have come that nobody has asked for.
    pub(crate) fn received(&self) -> usize {
        self.body.len()
    }

    fn take(&mut self, bytes: &[u8]) {
        match &mut self.chunks {
            Some(chunks) => self.body.extend(chunks.take(bytes).unwrap_or_else(|e| panic!("{e}"))),
            None => self.body.extend_from_slice(bytes),
        }
    }

    /// The next bytes, which must be exactly these.
    pub(crate) async fn expect(&mut self, text: &str) {
        while self.body.len() < text.len() && self.read(64 << 10).await {}
        let count = self.body.len().min(text.len());
        let came: Vec<u8> = self.body.drain(..count).collect();
        assert_eq!(String::from_utf8_lossy(&came), text);
    }

    /// Reads what a stream without a gap begins with, and gives its place.
    pub(crate) async fn place(&mut self) -> String {
        place_in(&self.frame().await.expect("a place"))
    }

    /// The next frame, with its empty line; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.body, b"\n\n") {
                return Some(String::from_utf8(self.body.drain(..end + 2).collect()).unwrap());
            }
            if !self.read(64 << 10).await {
                return None;
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(mut self) -> Rest {
        while !self.closed {
            self.read(64 << 10).await;
        }
        let whole = self.chunks.as_ref().is_none_or(Chunks::ended);
        Rest { text: String::from_utf8(self.body).expect("text"), whole }
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Closes this side, and goes on reading.
    pub(crate) async fn close_this_side(&mut self) {
        self.socket.shutdown().await.unwrap();
    }

    pub(crate) fn reset(self) {
        reset_when_dropped(&self.socket);
    }
}

/// The place that a stream begins with: a comment, and then a block with an id alone.
pub(crate) fn place_in(beginning: &str) -> String {
    let id = beginning.strip_prefix(":\nid: ").and_then(|rest| rest.strip_suffix("\n\n"));
    let id = id.filter(|id| !id.contains('\n'));
    id.unwrap_or_else(|| panic!("no place: {beginning:?}")).to_owned()
}

/// The shortest request for a stream.
pub(crate) fn stream_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

fn reset_when_dropped(socket: &TcpStream) {
    SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
}

async fn read(socket: &mut TcpStream, into: &mut Vec<u8>) -> std::io::Result<usize> {
    timeout(PATIENCE, socket.read_buf(into)).await.expect("bytes in time")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

//! A client of HTTP/2 that reads and resets its streams exactly when a test says so.
//!
//! It speaks by prior knowledge, and gives back window only for what a test has read.

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use hyper::Request;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::wire::place_in;
use super::{PATIENCE, TestServer};

/// A connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    requests: SendRequest<Bytes>,
    url: String,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// A request whose answer has not been waited for.
#[derive(Debug)]
pub(crate) struct RequestMade {
    response: ResponseFuture,
    request: SendStream<Bytes>,
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Http2Stream {
    body: RecvStream,
    request: SendStream<Bytes>,
    /// Whole lines, but for those that only fill up a piece.
    text: Vec<u8>,
    line: Vec<u8>,
}

impl Http2 {
    /// With the windows that the standard begins with.
    pub(crate) async fn open(server: &TestServer) -> Self {
        Self::open_at(&server.address.to_string()).await
    }

    pub(crate) async fn open_at(address: &str) -> Self {
        Self::open_with(address, &Builder::new()).await
    }

    /// With a small window for each stream, and room for many of those.
    pub(crate) async fn open_with_window(server: &TestServer, bytes: u32) -> Self {
        let mut builder = Builder::new();
        builder.initial_window_size(bytes).initial_connection_window_size(1 << 20);
        Self::open_with(&server.address.to_string(), &builder).await
    }

    /// With a budget for small frames that have not been read.
    pub(crate) async fn open_with_budget(server: &TestServer, bytes: usize) -> Self {
        let address = server.address.to_string();
        Self::open_with(&address, Builder::new().data_frame_budget(bytes)).await
    }

    async fn open_with(address: &str, builder: &Builder) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (requests, connection) = builder.handshake(socket).await.unwrap();
        let connection = tokio::spawn(connection);
        Self { requests, url: format!("http://{address}"), connection }
    }

    pub(crate) async fn ask(&self, path: &str) -> RequestMade {
        self.ask_for(Request::get(format!("{}{path}", self.url)).body(()).unwrap()).await
    }

    pub(crate) async fn ask_with(&self, path: &str, fields: &[(&str, &str)]) -> RequestMade {
        let mut request = Request::get(format!("{}{path}", self.url));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.ask_for(request.body(()).unwrap()).await
    }

    /// The status and body of the answer to a request with these fields.
    pub(crate) async fn get(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let requests = self.ask_with(path, fields).await;
        let response =
            timeout(PATIENCE, requests.response).await.expect("in time").expect("an answer");
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut text = Vec::new();
        while let Some(data) = timeout(PATIENCE, body.data()).await.expect("in time") {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            text.extend_from_slice(&data);
        }
        (status, String::from_utf8(text).unwrap())
    }

    /// Waits until the server has closed the connection, in order.
    pub(crate) async fn ended(self) {
        let ended = timeout(PATIENCE, self.connection).await.expect("an end in time");
        ended.unwrap().expect("an end in order");
    }

    async fn ask_for(&self, request: Request<()>) -> RequestMade {
        let requests = timeout(PATIENCE, self.requests.clone().ready()).await;
        let mut requests = requests.expect("a place in time").expect("an open connection");
        let (response, request) = requests.send_request(request, true).unwrap();
        RequestMade { response, request }
    }

    pub(crate) async fn stream(&self, path: &str) -> Http2Stream {
        self.ask(path).await.stream().await
    }

    /// Closes it under all of its streams.
    pub(crate) fn cut(self) {
        self.connection.abort();
    }
}

impl RequestMade {
    pub(crate) fn reset(mut self) {
        self.request.send_reset(Reason::CANCEL);
    }

    pub(crate) async fn stream(self) -> Http2Stream {
        let response = timeout(PATIENCE, self.response).await.expect("in time").expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        for hop in ["connection", "transfer-encoding", "content-length"] {
            assert!(!response.headers().contains_key(hop), "{hop}");
        }
        Http2Stream {
            body: response.into_body(),
            request: self.request,
            text: Vec::new(),
            line: Vec::new(),
        }
    }
}

impl Http2Stream {
    /// Reads once; false at the end.
    async fn read(&mut self) -> Result<bool, h2::Error> {
        let data = timeout(PATIENCE, self.body.data()).await.expect("bytes in time");
        let Some(data) = data.transpose()? else { return Ok(false) };
        self.body.flow_control().release_capacity(data.len()).unwrap();
        self.line.extend_from_slice(&data);
        while let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            if !is_filling(&line) {
                self.text.extend_from_slice(&line);
            }
        }
        Ok(true)
    }

    /// The next bytes, which must be exactly these.
    pub(crate) async fn expect(&mut self, text: &str) {
        while self.text.len() < text.len() && self.read().await.unwrap() {}
        let count = self.text.len().min(text.len());
        let came: Vec<u8> = self.text.drain(..count).collect();
        assert_eq!(String::from_utf8_lossy(&came), text);
    }

    /// Reads what a stream without a gap begins with, and gives its place.
    pub(crate) async fn place(&mut self) -> String {
        place_in(&self.frame().await.unwrap().expect("a place"))
    }

    /// Reads what a stream begins with that was resumed after this id.
    pub(crate) async fn place_of(&mut self, id: &str) {
        assert_eq!(self.place().await, id);
    }

    /// The next frame, with its empty line; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Result<Option<String>, h2::Error> {
        loop {
            let end = self.text.windows(2).position(|window| window == b"\n\n");
            if let Some(end) = end {
                return Ok(Some(String::from_utf8(self.text.drain(..end + 2).collect()).unwrap()));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    pub(crate) fn reset(mut self) {
        self.request.send_reset(Reason::CANCEL);
    }
}

/// A comment of spaces, which makes a small piece large enough.
fn is_filling(line: &[u8]) -> bool {
    line.starts_with(b": ") && line[1..line.len() - 1].iter().all(|&byte| byte == b' ')
}

//! A server that sends what a test has written, a response for each request, and keeps what it was
//! asked: for what no server does at a test's word, such as odd statuses and waits.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// No request of these tests is larger.
const REQUEST_BYTES_MAX: usize = 64 << 10;

/// What one request is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// These bytes, and the end of the connection.
    Whole(String),
    /// These bytes, and then silence for as long as the client stays.
    Silent(String),
    /// The end of the connection.
    Nothing,
}

impl Answer {
    /// A stream that ends behind this.
    pub(super) fn stream(body: &str) -> Self {
        Self::Whole(format!("{STREAM}{body}"))
    }

    /// A stream that falls silent behind this.
    pub(super) fn silent_stream(body: &str) -> Self {
        Self::Silent(format!("{STREAM}{body}"))
    }

    /// Another response: its status, further lines of its head, each with its end, and its body.
    pub(super) fn status(status: u16, head: &str, body: &str) -> Self {
        Self::Whole(format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n{head}\r\n{body}"))
    }
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n";

/// The running server; it ends with the runtime of its test.
pub(super) struct Scripted {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers the first request with the first, and so on; more requests get nothing. Connections
    /// without a request do not count: Node opens one ahead where it was told to forget a response.
    pub(super) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers) = (Arc::clone(&requests), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&answers), Arc::clone(&kept)));
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked, in order.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().iter().cloned().map(Request).collect()
    }
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct Request(String);

impl Request {
    /// What stands between method and version.
    pub(super) fn target(&self) -> &str {
        self.0.split(' ').nth(1).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap();
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value);
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    pub(super) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").unwrap().1
    }
}

async fn serve(mut client: TcpStream, answers: Arc<Vec<Answer>>, kept: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read(&mut client).await else { return };
    let number = {
        let mut kept = kept.lock().unwrap();
        kept.push(request);
        kept.len() - 1
    };
    let (text, stays) = match answers.get(number).cloned().unwrap_or(Answer::Nothing) {
        Answer::Whole(text) => (text, false),
        Answer::Silent(text) => (text, true),
        Answer::Nothing => return,
    };
    let _ = client.write_all(text.as_bytes()).await;
    if stays {
        let _ = client.read(&mut [0]).await;
    }
    let _ = client.shutdown().await;
}

/// Head and body; the clients tell the length of each body.
async fn read(client: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while bytes.len() < REQUEST_BYTES_MAX {
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let request = Request(String::from_utf8_lossy(&bytes).into_owned());
        if request.0.contains("\r\n\r\n") {
            let length = request.header("content-length").map_or(0, |value| value.parse().unwrap());
            if request.body().len() >= length {
                return Some(request.0);
            }
        }
    }
    None
}

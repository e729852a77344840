//! A server of event streams that records requests. It answers every connection with the head
//! of a stream and holds it open, and is there for tests that must see the other end of a
//! connection.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A connection, with what was requested.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) from: SocketAddr,
    pub(crate) head: Vec<String>,
}

/// The server; it lives as long as the test's process.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    callers: Arc<Mutex<Vec<Caller>>>,
}

impl Stub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let callers = Arc::new(Mutex::new(Vec::new()));
        let book = callers.clone();
        thread::spawn(move || {
            while let Ok((stream, from)) = listener.accept() {
                let book = book.clone();
                thread::spawn(move || hold(&stream, from, &book));
            }
        });
        Self { address, callers }
    }

    /// Every connection that was answered, in that order.
    pub(crate) fn callers(&self) -> Vec<Caller> {
        self.callers.lock().expect("no thread panics with it").clone()
    }
}

fn hold(mut stream: &TcpStream, from: SocketAddr, book: &Mutex<Vec<Caller>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    book.lock().expect("no thread panics with it").push(Caller { from, head });
    let response = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: hello\n\n";
    if stream.write_all(response).is_ok() {
        // Until the other side has had enough.
        lines.for_each(drop);
    }
}

//! A server of event streams that makes mistakes on purpose, written by hand on blocking sockets: a
//! thread for each connection, which reads requests until it becomes a stream.
//!
//! `GET /t/NAME` is a stream of a topic, `POST /t/NAME` publishes on it; `/form`, `/lines`, `/json`
//! and `/wrapped` are other ways to publish. Every stream begins with the id that it goes on from,
//! so that whoever is cut off before the first event can resume as well.

mod book;
mod hub;
mod intake;
mod mischief;
mod pen;
mod request;
mod stream;

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use self::book::{Ask, Book};
use self::hub::Hub;
use self::request::Head;

pub(crate) use hub::Event;
pub(crate) use mischief::{
    Act, Answers, Cut, Door, Ending, Frame, Full, Mischief, Pieces, Place, Refusal, Wire,
};

/// Between two pieces of what never ends: far below any timeout for a single read.
const DRIP: Duration = Duration::from_millis(20);

/// The server; it lives as long as the test's process.
pub(crate) struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all connections share.
struct Shared {
    mischief: Mischief,
    hub: Hub,
    book: Book,
}

impl Stub {
    pub(crate) fn start(mischief: Mischief) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { mischief, hub: Hub::default(), book: Book::default() });
        let common = shared.clone();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let shared = common.clone();
                thread::spawn(move || shared.serve(&socket));
            }
        });
        Self { address, shared }
    }

    /// One that does this at these events.
    pub(crate) fn at(acts: &[(u64, Act)]) -> Self {
        Self::start(Mischief::at(acts))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A line that subscribes to a topic and publishes to it, for a second and without a warm-up
    /// unless the further flags say otherwise.
    pub(crate) fn load(&self, topic: &str, further: &str) -> String {
        let url = self.url(&format!("/t/{topic}"));
        let time = |flag: &str, usual: &str| {
            if further.contains(flag) { String::new() } else { format!("{flag} {usual}") }
        };
        let (length, warmup, tail) =
            (time("-d ", "1s"), time("--warmup ", "0s"), time("--tail ", "1s"));
        format!("run --subscribe {url} --publish {url} {length} {warmup} {tail} {further}")
    }

    /// What it has seen and done.
    pub(crate) fn book(&self) -> &Book {
        &self.shared.book
    }
}

impl Shared {
    /// Answers requests until the connection ends or is a stream.
    fn serve(&self, socket: &TcpStream) {
        // Small pieces must not wait for each other.
        socket.set_nodelay(true).expect("an open socket");
        let mut from = BufReader::new(socket);
        while let Ok(Some(head)) = Head::read(&mut from) {
            if head.method == "GET" {
                return self.subscribe(&head, socket);
            }
            if intake::take(&head, &mut from, socket, self).is_err() {
                return;
            }
        }
    }

    fn subscribe(&self, head: &Head, socket: &TcpStream) {
        let last_id = head.header("last-event-id").map(str::to_owned);
        let id = last_id.as_ref().and_then(|id| id.parse().ok());
        let authorization = head.header("authorization").map(str::to_owned);
        let ask = Ask { last_id, authorization, at: Instant::now() };
        let number = self.book.asked(ask);
        if let Door::ShutFor(first, refusal) = self.mischief.door
            && number <= first
        {
            return refuse(refusal, socket);
        }
        if let Some(size) = self.mischief.send_buffer {
            SockRef::from(socket).set_send_buffer_size(size).expect("a size");
        }
        let topic = head.path.trim_start_matches("/t/");
        let begin = self.hub.subscribe(topic, id);
        stream::run(socket, &self.mischief, &begin, &self.book);
    }
}

/// Says something again and again, as long as somebody listens.
fn drip(mut socket: &TcpStream, begin: &str, again: &str) -> io::Result<()> {
    socket.write_all(begin.as_bytes())?;
    loop {
        socket.write_all(again.as_bytes())?;
        thread::sleep(DRIP);
    }
}

/// Turns somebody away; whether that is read is not for the server to know.
fn refuse(refusal: Refusal, mut socket: &TcpStream) {
    let _ = match refusal {
        Refusal::Hangup => Ok(()),
        Refusal::Babble => socket.write_all(b"hello, who is there?\r\n\r\n"),
        Refusal::Says(text) => socket.write_all(text.as_bytes()),
        Refusal::Holds(text) => socket.write_all(text.as_bytes()).map(|()| {
            // Until the other side ends it.
            let _ = socket.read(&mut [0]);
        }),
        Refusal::Drips(begin, again) => drip(socket, begin, again),
        Refusal::Json => socket.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        ),
        Refusal::Status(status) => {
            let length = if status == 204 { "" } else { "content-length: 0\r\n" };
            socket.write_all(format!("HTTP/1.1 {status} No\r\n{length}\r\n").as_bytes())
        }
    };
}

//! A server of event streams that makes mistakes on purpose, written by hand on blocking sockets: a
//! thread for each connection, which reads requests until it becomes a stream.
//!
//! `GET /t/NAME` is a stream of a topic, `POST /t/NAME` publishes on it; `/form`, `/lines`, `/json`
//! and `/wrapped` are other ways to publish. Every stream begins with the id that it goes on from,
//! so that a subscriber that is disconnected before the first event can resume as well.

mod event_store;
mod faults;
mod hub;
mod publish_handler;
mod request;
mod sse_writer;
mod stream;

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use self::event_store::{EventStore, StreamRequest};
use self::hub::Hub;
use self::request::Head;

pub(crate) use faults::{
    Admission, Cut, Ending, EventFault, Faults, Format, Frame, Pieces, Place, PublishResponses,
    Rejection, WhenSlow,
};
pub(crate) use hub::Event;

/// Between two pieces of what never ends: far below any timeout for a single read.
const DRIP: Duration = Duration::from_millis(20);

/// The server; it lives as long as the test's process.
pub(crate) struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all connections share.
struct Shared {
    faults: Faults,
    hub: Arc<Hub>,
    store: EventStore,
}

impl Stub {
    pub(crate) fn start(faults: Faults) -> Self {
        Self::of(Arc::default(), faults)
    }

    /// Another server with the same topics, and with faults of its own.
    pub(crate) fn beside(&self, faults: Faults) -> Self {
        Self::of(self.shared.hub.clone(), faults)
    }

    fn of(hub: Arc<Hub>, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { faults, hub, store: EventStore::default() });
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
    pub(crate) fn at(event_faults: &[(u64, EventFault)]) -> Self {
        Self::start(Faults::at(event_faults))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A line that subscribes to a topic and publishes to it, for a second and without a warm-up
    /// unless the further flags say otherwise. It ends as soon as everything has come.
    pub(crate) fn load(&self, topic: &str, further: &str) -> String {
        let url = self.url(&format!("/t/{topic}"));
        let further = for_a_second(further);
        let time = |flag: &str, usual: &str| {
            if further.contains(flag) { String::new() } else { format!("{flag} {usual}") }
        };
        // Steps are as long as they say.
        let length = if further.contains(" steps:") { String::new() } else { time("-d ", "1s") };
        let (warmup, tail) = (time("--warmup ", "0s"), time("--tail ", "5s"));
        format!("run --subscribe {url} --publish {url} {length} {warmup} {tail} {further}")
    }

    /// What it has seen and done.
    pub(crate) fn store(&self) -> &EventStore {
        &self.shared.store
    }
}

impl Shared {
    /// PublishResponses requests until the connection ends or is a stream.
    fn serve(&self, socket: &TcpStream) {
        // Small pieces must not wait for each other.
        socket.set_nodelay(true).expect("an open socket");
        let mut from = BufReader::new(socket);
        while let Ok(Some(head)) = Head::read(&mut from) {
            if head.method == "GET" {
                return self.subscribe(&head, socket);
            }
            if publish_handler::take(&head, &mut from, socket, self).is_err() {
                return;
            }
        }
    }

    fn subscribe(&self, head: &Head, socket: &TcpStream) {
        let last_id = head.header("last-event-id").map(str::to_owned);
        let id = last_id.as_ref().and_then(|id| id.parse().ok());
        let authorization = head.header("authorization").map(str::to_owned);
        let request = StreamRequest { last_id, authorization, at: Instant::now() };
        let number = self.store.requested(request);
        if let Admission::RejectFirst(first, refusal) = self.faults.admission
            && number <= first
        {
            return refuse(refusal, socket);
        }
        if let Some(size) = self.faults.send_buffer {
            SockRef::from(socket).set_send_buffer_size(size).expect("a size");
        }
        let topic = head.path.trim_start_matches("/t/");
        let begin = self.hub.subscribe(topic, id);
        stream::run(socket, &self.faults, &begin, &self.store);
    }
}

/// The flags with a second of their rate as a step that nothing follows for a while, unless they
/// say themselves when to publish. What is overdue at the end of a schedule is sent for a second
/// more and then never, and a busy machine can hold a publisher up for longer than that. Nobody
/// waits for the rest: publishing ends with the last event.
fn for_a_second(flags: &str) -> String {
    let says_when = flags.contains("-d ") || flags.contains("--schedule ");
    match flags.split_once("-r ") {
        Some((before, after)) if !says_when => {
            let (rate, behind) = after.split_once(' ').unwrap_or((after, ""));
            format!("{before}--schedule steps:{rate}/1s,0/3s {behind}")
        }
        _ => flags.to_owned(),
    }
}

/// Sends something again and again, until the other side is gone.
fn drip(mut socket: &TcpStream, begin: &str, again: &str) -> io::Result<()> {
    socket.write_all(begin.as_bytes())?;
    loop {
        socket.write_all(again.as_bytes())?;
        thread::sleep(DRIP);
    }
}

/// Rejects a subscriber; whether that is read is not for the server to know.
fn refuse(refusal: Rejection, mut socket: &TcpStream) {
    let _ = match refusal {
        Rejection::Close => Ok(()),
        Rejection::NotHttp => socket.write_all(b"hello, who is there?\r\n\r\n"),
        Rejection::Sends(text) => socket.write_all(text.as_bytes()),
        Rejection::Holds(text) => socket.write_all(text.as_bytes()).map(|()| {
            // Until the other side ends it.
            let _ = socket.read(&mut [0]);
        }),
        Rejection::Drips(begin, again) => drip(socket, begin, again),
        Rejection::Json => socket.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        ),
        Rejection::Status(status) => {
            let length = if status == 204 { "" } else { "content-length: 0\r\n" };
            socket.write_all(format!("HTTP/1.1 {status} No\r\n{length}\r\n").as_bytes())
        }
    };
}

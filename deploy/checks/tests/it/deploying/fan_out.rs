//! A publisher to several servers whose logs are not shared: each event goes to all of them, in one
//! order, under one id. So an id that a client has seen on one server is known to the others.
//!
//! It stands between loadgen and the servers, because loadgen publishes to one address: loadgen's
//! request is answered when a server has accepted the event.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use ureq::Agent;

use crate::support::client::client;

/// A handle to it; it serves until the test program ends.
#[derive(Clone, Debug)]
pub(super) struct FanOut {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    client: Agent,
    fed: Vec<Fed>,
    published: u64,
}

/// A server, and how many events it has accepted.
#[derive(Debug)]
struct Fed {
    address: SocketAddr,
    events: u64,
}

impl FanOut {
    /// Publishes to these servers from now on.
    pub(super) fn start(servers: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let fed = servers.iter().map(|&address| Fed { address, events: 0 }).collect();
        let state = Arc::new(Mutex::new(State { client: client(), fed, published: 0 }));
        let fan_out = Self { address, state };
        let serving = fan_out.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let fan_out = serving.clone();
                thread::spawn(move || fan_out.serve(&stream));
            }
        });
        fan_out
    }

    /// Publishes to a server that has just started, too.
    pub(super) fn feed(&self, address: SocketAddr) {
        self.state().fed.push(Fed { address, events: 0 });
    }

    /// How many events in a row a server has accepted; nothing when it is not fed (any more).
    pub(super) fn fed(&self, address: SocketAddr) -> Option<u64> {
        self.state().fed.iter().find(|fed| fed.address == address).map(|fed| fed.events)
    }

    /// How many events were accepted by any server.
    pub(super) fn published(&self) -> u64 {
        self.state().published
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics under it")
    }

    /// Answers the requests of one connection, one after the other.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = request(&mut reader) {
            let status = if self.publish(&path, &body) { "200 OK" } else { "503 Unavailable" };
            let response = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            let mut stream = stream;
            if stream.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    }

    /// One event at a time, so that all servers have the same order. A server that does not accept
    /// one is fed no more: its log has a hole, and only an empty one may take its place.
    fn publish(&self, path: &str, body: &[u8]) -> bool {
        let state = &mut *self.state();
        let id = format!("event-{}", state.published);
        state.fed.retain_mut(|fed| {
            let url = format!("http://{}{path}?id={id}", fed.address);
            let response = state.client.post(url).send(body);
            fed.events += 1;
            response.is_ok_and(|response| response.status().is_success())
        });
        let accepted = !state.fed.is_empty();
        state.published += u64::from(accepted);
        accepted
    }
}

/// Reads a request with a `Content-Length`; nothing at the end of the connection.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, body))
}

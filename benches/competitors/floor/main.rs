//! The floor: what the kernel needs at one event a write. One thread takes a publisher's requests,
//! responds to each, and then calls `send` with the ready frame on one socket after the other.
//!
//! It is no server. There is no state for a subscriber, no topic, no id, no heartbeat, and a reader
//! that does not read stops all others. Another thread accepts. Nothing that does one `send` for
//! each event and subscriber can cost less; joining events can. The port is the only argument.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::Context as _;
use socket2::{Domain, Socket, Type};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:\n\n";
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
/// The longest body of a request to publish.
const BODY_MAX: usize = 1 << 20;

fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).context("say which port to listen on")?;
    let port: u16 = port.parse().with_context(|| format!("{port} is no port"))?;
    let listener =
        listen(port).with_context(|| format!("cannot listen on port {port}; choose another"))?;
    let (subscribers, joining) = mpsc::channel();
    let (publishers, waiting) = mpsc::channel();
    thread::spawn(move || send(&waiting, &joining));
    for connection in listener.incoming() {
        // A client that leaves at once, or requests something else, is its own business.
        let _ = connection.and_then(|stream| welcome(stream, &subscribers, &publishers));
    }
    Ok(())
}

/// As `TcpListener::bind` does it, but for the queue of connections, which is as long as those of
/// the servers.
fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(4_096)?;
    Ok(socket.into())
}

/// A connection whose first request was read up to its body.
struct Publisher {
    connection: BufReader<TcpStream>,
    body_bytes: usize,
}

fn welcome(
    stream: TcpStream,
    subscribers: &Sender<TcpStream>,
    publishers: &Sender<Publisher>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    let head = read_head(&mut connection)?;
    if head.is_publish {
        let _ = publishers.send(Publisher { connection, body_bytes: head.body_bytes });
        return Ok(());
    }
    let mut stream = connection.into_inner();
    stream.write_all(HEAD)?;
    let _ = subscribers.send(stream);
    Ok(())
}

/// Serves one publisher until it leaves, then the next.
fn send(publishers: &Receiver<Publisher>, joining: &Receiver<TcpStream>) {
    let mut subscribers = Vec::new();
    for mut publisher in publishers {
        while let Ok(data) = publisher.take() {
            let frame = [b"data: ", data.as_slice(), b"\n\n"].concat();
            subscribers.extend(joining.try_iter());
            subscribers.retain_mut(|stream: &mut TcpStream| stream.write_all(&frame).is_ok());
            let Ok(head) = read_head(&mut publisher.connection) else { break };
            publisher.body_bytes = head.body_bytes;
        }
    }
}

impl Publisher {
    /// Reads a body and responds that it was accepted.
    fn take(&mut self) -> std::io::Result<Vec<u8>> {
        let mut data = vec![0; self.body_bytes];
        self.connection.read_exact(&mut data)?;
        self.connection.get_mut().write_all(ACCEPTED)?;
        Ok(data)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Head {
    is_publish: bool,
    body_bytes: usize,
}

/// As much of a request's head as is needed here.
fn read_head(connection: &mut impl BufRead) -> std::io::Result<Head> {
    let (mut head, mut line) = (Head::default(), String::new());
    connection.read_line(&mut line)?;
    head.is_publish = line.starts_with("POST ");
    while line.trim_end() != "" {
        line.clear();
        connection.read_line(&mut line)?;
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            head.body_bytes = value.trim().parse().unwrap_or(0);
        }
    }
    if head.body_bytes > BODY_MAX || line.is_empty() {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_whether_it_publishes_and_how_much() {
        let read = |text: &str| read_head(&mut text.as_bytes());
        let publish = "POST /events/a HTTP/1.1\r\nContent-Length: 12\r\n\r\nbody";
        assert_eq!(read(publish).expect("whole"), Head { is_publish: true, body_bytes: 12 });
        let subscribe = "GET /events/a HTTP/1.1\r\nhost: a\r\n\r\n";
        assert_eq!(read(subscribe).expect("whole"), Head::default());
        for broken in
            ["", "POST / HTTP/1.1\r\nhost", "POST / HTTP/1.1\r\ncontent-length: 9999999\r\n\r\n"]
        {
            assert!(read(broken).is_err(), "{broken:?}");
        }
    }
}

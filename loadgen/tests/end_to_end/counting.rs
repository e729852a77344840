//! The same run counted a second, independent way: bytes by a proxy that knows nothing of events,
//! events by the server's own counters, and events by a reader that looks for lines and no more.
//!
//! Two ways of counting may be two per cent apart: a heartbeat or the last chunk of a stream may be
//! on its way when one of them stops.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use crate::support::{Fanfare, PATIENCE, Proxy, Ran, loadgen};

/// How far two counts of the same may be apart.
const AGREES: f64 = 0.02;

#[test]
fn bytes_are_those_that_a_proxy_counts() {
    let server = Fanfare::start();
    let proxy = Proxy::before(server.address);
    // Publishing goes past the proxy, so that only streams are counted.
    let through = format!("--address {} -c 20 -r 200", proxy.address);
    let ran = loadgen(&server.load("load", &through));
    ran.assert_all_arrived(20);
    agrees("bytes of streams", ran.count("/delivery/bytes"), proxy.bytes());
    let by_second: u64 = seconds(&ran, "bytes");
    assert!(by_second <= ran.count("/delivery/bytes"), "what comes before the start is in none");
    agrees("bytes by second", by_second, proxy.bytes());
}

#[test]
fn bytes_of_streams_that_are_not_parsed_are_counted_all_the_same() {
    let server = Fanfare::start();
    let proxy = Proxy::before(server.address);
    let through = format!("--address {} -c 20 -r 200 --verify sample=4", proxy.address);
    let ran = loadgen(&server.load("load", &through));
    ran.assert_nothing_wrong();
    // About one in four, spread by number.
    assert_eq!(ran.count("/subscribers/verified"), 6);
    agrees("bytes of streams", ran.count("/delivery/bytes"), proxy.bytes());
    let delivered = server.figure("fanfare_events_delivered_total");
    agrees("estimated events", ran.count("/delivery/received"), delivered);
}

#[test]
fn events_are_those_that_the_server_counts() {
    let server = Fanfare::start();
    // What was there before must not be taken for the run's own.
    loadgen(&server.load("before", "-c 3 -r 10")).assert_all_arrived(3);
    let names = ["fanfare_events_published_total", "fanfare_events_delivered_total"];
    let [published, delivered] = names.map(|name| server.figure(name));
    let ran = loadgen(&server.load("load", "-c 25 -r 200"));
    ran.assert_all_arrived(25);
    let [published, delivered] =
        [(0, published), (1, delivered)].map(|(at, before)| server.figure(names[at]) - before);
    agrees("published", ran.count("/publishing/acknowledged"), published);
    agrees("delivered", ran.count("/delivery/received"), delivered);
    assert_eq!(seconds(&ran, "received"), ran.count("/delivery/received"));
    assert_eq!(seconds(&ran, "published"), ran.count("/publishing/sent"));
}

#[test]
fn each_subscriber_gets_what_a_reader_by_hand_gets() {
    let server = Fanfare::start();
    let stream = subscribe(server.address, "/events/load");
    let reader = thread::spawn(move || count_until_end(stream));
    let ran = loadgen(&server.load("load", "-c 20 -r 200"));
    ran.assert_all_arrived(20);
    publish(server.address, "/events/load", "the end");
    let lines = reader.join().expect("the reader reads on");
    agrees("events by hand", ran.count("/delivery/received"), 20 * lines);
}

/// Two counts are the same but for [`AGREES`].
#[track_caller]
#[expect(clippy::print_stderr, reason = "shown with --nocapture, for a reader of the figures")]
fn agrees(what: &str, measured: u64, otherwise: u64) {
    let apart = measured as f64 / otherwise as f64 - 1.0;
    eprintln!("{what}: {measured} measured, {otherwise} otherwise, {:+.3} %", apart * 100.0);
    assert!(apart.abs() <= AGREES, "{what}: {measured} measured, but {otherwise} otherwise");
}

fn seconds(ran: &Ran, field: &str) -> u64 {
    let seconds = ran.at("/seconds").as_array().expect("a list");
    seconds.iter().map(|second| second[field].as_u64().expect("a count")).sum()
}

/// A stream whose head has been read.
fn subscribe(address: SocketAddr, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n")
        .expect("a request");
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(stream.read_line(&mut line).expect("a head") > 0, "it ended within its head");
    }
    stream
}

/// Lines of data before the one that ends the test.
fn count_until_end(stream: BufReader<TcpStream>) -> u64 {
    let lines = stream.lines().map(|line| line.expect("the stream goes on"));
    let data =
        lines.filter_map(|line| line.strip_prefix("data:").map(|data| data.trim().to_owned()));
    data.take_while(|data| data != "the end").count() as u64
}

fn publish(address: SocketAddr, path: &str, data: &str) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let length = data.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{data}"
    )
    .expect("a request");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
}

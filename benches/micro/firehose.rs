//! A server that does nothing but send: how fast can the load generator read? Every subscriber gets
//! the same valid events, as many as it takes, encoded once a round; the reading side is the limit.
//!
//! It prints its address and sends from the moment at which as many subscribers as were requested
//! are there, until they leave.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::Context as _;
use clap::Parser;
use fanfare_loadgen::clock::Clock;
use fanfare_loadgen::payload::{self, Stamp};

/// Sends stamped events to all subscribers as fast as they take them.
#[derive(Debug, Parser)]
struct Flags {
    /// How many subscribers to wait for
    #[arg(long, default_value_t = 100)]
    subscribers: usize,
    /// Bytes of data in an event
    #[arg(long, default_value_t = 150)]
    payload: usize,
    /// Events in a write
    #[arg(long, default_value_t = 400)]
    batch: u64,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: String,
}

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let listener = TcpListener::bind(&flags.listen).context("listening")?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let mut streams = Vec::with_capacity(flags.subscribers);
    while streams.len() < flags.subscribers {
        streams.push(welcome(listener.accept()?.0)?);
    }
    let mut sequence = 0;
    let mut block = Vec::new();
    // Until the subscribers are gone.
    while !streams.is_empty() {
        encode(&flags, &mut sequence, &mut block);
        streams.retain_mut(|stream| stream.write_all(&block).is_ok());
    }
    Ok(())
}

/// Reads a request, whatever it is for, and responds with a stream that ends with the connection.
fn welcome(mut stream: TcpStream) -> anyhow::Result<TcpStream> {
    let mut request = [0; 4096];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut request[length..])?;
        anyhow::ensure!(count > 0, "a client left before it had asked");
        length += count;
    }
    stream.set_nodelay(true)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")?;
    Ok(stream)
}

fn encode(flags: &Flags, sequence: &mut u64, block: &mut Vec<u8>) {
    let (clock, mut data) = (Clock::Monotonic, Vec::new());
    let id = clock.id();
    block.clear();
    for _ in 0..flags.batch {
        let now = clock.now();
        let stamp = Stamp {
            run: 1,
            clock: id,
            publisher: 0,
            topic: 0,
            sequence: *sequence,
            due: now,
            sent: now,
        };
        payload::write(&stamp, flags.payload, &mut data);
        block.extend_from_slice(b"data: ");
        block.extend_from_slice(&data);
        block.extend_from_slice(b"\n\n");
        *sequence += 1;
    }
}

//! Very many streams in one thread: epoll, one buffer, and as little work a byte as can be, because
//! the reader must not be what is measured. Every event is looked at all the same.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use memchr::memrchr;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const REQUEST: &[u8] =
    b"GET /events/load HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";

/// What arrived, over all streams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    /// Numbers that were skipped.
    pub(crate) missing: u64,
    /// Numbers that came again, or after a later one.
    pub(crate) repeated: u64,
}

pub(crate) struct Subscribers {
    poll: Poll,
    streams: Vec<Stream>,
    buffer: Vec<u8>,
    counts: Counts,
    latency: Histogram<u64>,
}

struct Stream {
    socket: TcpStream,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    next: u64,
}

impl Subscribers {
    /// Opens streams and waits until each has its head and first comment.
    pub(crate) fn connect(server: SocketAddr, count: usize) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut streams = Vec::with_capacity(count);
        let mut buffer = vec![0; 1 << 20];
        for index in 0..count {
            let mut socket = std::net::TcpStream::connect(server)
                .with_context(|| format!("connection {index}; raise the file limit"))?;
            socket.write_all(REQUEST)?;
            socket.set_nonblocking(true)?;
            let mut socket = TcpStream::from_std(socket);
            poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
            streams.push(Stream { socket, carry: Vec::new(), next: 0 });
        }
        // Whatever they have been sent so far holds no event.
        for stream in &mut streams {
            while matches!(stream.socket.read(&mut buffer), Ok(bytes) if bytes > 0) {}
        }
        let latency = Histogram::new_with_bounds(1_000, 3_600_000_000_000, 3)?;
        Ok(Self { poll, streams, buffer, counts: Counts::default(), latency })
    }

    /// Reads until every stream has had so many events.
    pub(crate) fn receive(
        &mut self,
        epoch: Instant,
        events: u64,
        deadline: Instant,
    ) -> anyhow::Result<()> {
        let expected = events * self.streams.len() as u64;
        let mut ready = Events::with_capacity(4_096);
        while self.counts.received < expected && Instant::now() < deadline {
            self.poll.poll(&mut ready, Some(Duration::from_millis(100)))?;
            for event in &ready {
                self.read(event, epoch)?;
            }
        }
        self.counts.missing +=
            self.streams.iter().map(|s| events.saturating_sub(s.next)).sum::<u64>();
        Ok(())
    }

    fn read(&mut self, event: &Event, epoch: Instant) -> anyhow::Result<()> {
        let stream = &mut self.streams[event.token().0];
        loop {
            match stream.socket.read(&mut self.buffer) {
                Ok(0) => bail!("the server closed a stream"),
                Ok(bytes) => {
                    let now = epoch.elapsed();
                    stream.take(&self.buffer[..bytes], now, &mut self.counts, &mut self.latency);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Nanoseconds from due to received.
    pub(crate) fn into_latency(self) -> Histogram<u64> {
        self.latency
    }
}

impl Stream {
    fn take(
        &mut self,
        bytes: &[u8],
        now: Duration,
        counts: &mut Counts,
        latency: &mut Histogram<u64>,
    ) {
        let Some(end) = memrchr(b'\n', bytes) else {
            self.carry.extend_from_slice(bytes);
            return;
        };
        let (complete, rest) = bytes.split_at(end + 1);
        if self.carry.is_empty() {
            self.take_lines(complete, now, counts, latency);
        } else {
            self.carry.extend_from_slice(complete);
            let lines = std::mem::take(&mut self.carry);
            self.take_lines(&lines, now, counts, latency);
        }
        self.carry.extend_from_slice(rest);
    }

    fn take_lines(
        &mut self,
        lines: &[u8],
        now: Duration,
        counts: &mut Counts,
        latency: &mut Histogram<u64>,
    ) {
        for line in lines.split(|&byte| byte == b'\n') {
            let Some(data) = line.strip_prefix(b"data: ") else { continue };
            let mut words = data.split(|&byte| byte == b' ').map(number);
            let (Some(due_ns), Some(index)) = (words.next(), words.next()) else { continue };
            counts.received += 1;
            if index < self.next {
                counts.repeated += 1;
                continue;
            }
            counts.missing += index - self.next;
            self.next = index + 1;
            let nanoseconds = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            latency.saturating_record(nanoseconds.saturating_sub(due_ns));
        }
    }
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')))
}

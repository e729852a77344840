//! A reader: one connection with one stream, whose bytes are looked at as they come. Nothing is held for
//! it but its socket, its task, and the beginning of a line.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::Credentials;
use super::latencies::{Latencies, LatencyReport};
use crate::topic::Topic;

/// What is read at a time.
const READ_BYTES: usize = 4 << 10;
/// Lines that matter are far shorter; of longer ones the rest is not kept.
const LINE_BYTES_MAX: usize = 64;

/// All readers of a run.
#[derive(Debug)]
pub(super) struct Readers {
    address: SocketAddr,
    request: Vec<u8>,
    began: Instant,
    open: AtomicUsize,
    failed: AtomicUsize,
    published: AtomicU64,
    problem: Mutex<Option<String>>,
    latencies: Latencies,
}

/// The head of the request for a stream.
pub(super) fn request(events: &Topic, credentials: &Credentials, address: SocketAddr) -> Vec<u8> {
    let host = credentials.host.clone().unwrap_or_else(|| address.to_string());
    let mut head =
        format!("GET /events/{events} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n")
            .into_bytes();
    for (name, value) in &credentials.fields {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

impl Readers {
    pub(super) fn new(address: SocketAddr, request: Vec<u8>) -> Self {
        Self {
            address,
            request,
            began: Instant::now(),
            open: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            published: AtomicU64::new(0),
            problem: Mutex::new(None),
            latencies: Latencies::new(),
        }
    }

    /// Reads until the stream ends. The permit is held until there is one, or there will be none.
    pub(super) async fn read(&self, connecting: OwnedSemaphorePermit) {
        let mut connecting = Some(connecting);
        let mut opened = Opened { readers: self, is_open: false };
        if let Err(error) = self.read_stream(&mut opened, &mut connecting).await {
            self.note(error.to_string());
        }
        if !opened.is_open {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn read_stream(
        &self,
        opened: &mut Opened<'_>,
        connecting: &mut Option<OwnedSemaphorePermit>,
    ) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(&self.request).await?;
        let mut line = Vec::new();
        loop {
            stream.readable().await?;
            // On the stack of whoever reads now: a thousand readers have no buffer each.
            let mut bytes = [0; READ_BYTES];
            match stream.try_read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => self.take(&bytes[..count], &mut line, opened)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if opened.is_open {
                connecting.take();
            }
        }
    }

    /// Lines end where they do in HTTP and in SSE; those of the chunks between them say nothing here.
    fn take(&self, bytes: &[u8], line: &mut Vec<u8>, opened: &mut Opened<'_>) -> io::Result<()> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = LINE_BYTES_MAX.saturating_sub(line.len());
            line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.hear(&String::from_utf8_lossy(line), opened)?;
                line.clear();
            }
        }
        Ok(())
    }

    fn hear(&self, line: &str, opened: &mut Opened<'_>) -> io::Result<()> {
        if !opened.is_open {
            let status = line.strip_prefix("HTTP/1.1 ").unwrap_or(line).trim();
            if !status.starts_with("200") {
                return Err(io::Error::other(status.to_owned()));
            }
            opened.count();
        } else if let Some(sent) =
            line.strip_prefix("data: ").and_then(|data| data.trim().parse().ok())
        {
            let took = self.began.elapsed().saturating_sub(Duration::from_nanos(sent));
            self.latencies.record(took);
        }
        Ok(())
    }

    /// The first problem is told; the others are most likely the same.
    fn note(&self, problem: String) {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
    }

    /// The data of an event that is published now.
    pub(super) fn stamp(&self) -> String {
        self.began.elapsed().as_nanos().to_string()
    }

    pub(super) fn published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn published_total(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Whether each of those that have a stream has every event that was published.
    pub(super) fn have_all(&self) -> bool {
        self.latencies.received() >= self.published_total() * self.open() as u64
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn latencies(&self) -> LatencyReport {
        self.latencies.report()
    }
}

/// Counts as an open stream from its first line until it is dropped.
struct Opened<'a> {
    readers: &'a Readers,
    is_open: bool,
}

impl Opened<'_> {
    fn count(&mut self) {
        self.is_open = true;
        self.readers.open.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.readers.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

//! What may lie between a client and the server: a link that carries one byte at a time, one that
//! breaks in the middle of an event, and one that a test cuts and mends.
//!
//! All forward TCP and know nothing of HTTP. Only the way from the server to the client is
//! tampered with.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::support::PATIENCE;

/// How long a connection that is cut by hand lives on, without another byte: the client must have
/// taken what it was sent before. Node and browsers drop what they have not yet handed on when a
/// connection breaks.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Every byte travels alone.
    ByteByByte,
    /// It is cut right behind this text.
    CutBehind(&'static str),
    /// It is cut when the test says so.
    CutByHand,
    /// Nothing.
    Plain,
}

/// A running proxy; it ends, with its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    accepted: watch::Receiver<usize>,
    open: watch::Sender<bool>,
    forwarded: watch::Receiver<Vec<u8>>,
    refused: watch::Receiver<Vec<Instant>>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Every byte travels alone.
    pub(crate) async fn byte_by_byte(target: SocketAddr) -> Self {
        Self::start(target, Manner::ByteByByte, true).await
    }

    /// The first connection is cut right behind a text; others wait until they are let in.
    pub(crate) async fn cut_behind(text: &'static str, target: SocketAddr) -> Self {
        Self::start(target, Manner::CutBehind(text), false).await
    }

    /// Connections are carried until [`Proxy::cut`], and again after [`Proxy::let_in`].
    pub(crate) async fn cut_by_hand(target: SocketAddr) -> Self {
        Self::start(target, Manner::CutByHand, true).await
    }

    async fn start(target: SocketAddr, manner: Manner, open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (count, accepted) = watch::channel(0);
        let (open, opened) = watch::channel(open);
        let (record, forwarded) = watch::channel(Vec::new());
        let (refusals, refused) = watch::channel(Vec::new());
        let line = Line { target, open: opened, record, refusals };
        let accepting = tokio::spawn(accept(listener, manner, count, line)).abort_handle();
        Self { address, accepted, open, forwarded, refused, accepting }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections have come.
    pub(crate) fn accepted(&self) -> usize {
        *self.accepted.borrow()
    }

    /// Lets the waiting connections in, and all later ones.
    pub(crate) fn let_in(&self) {
        self.open.send_replace(true);
    }

    /// Cuts all connections that are cut by hand. Others wait until they are let in.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// When the server refused connections.
    pub(crate) fn refused(&self) -> Vec<Instant> {
        self.refused.borrow().clone()
    }

    /// What clients were sent over connections that are cut by hand.
    pub(crate) fn forwarded(&self) -> Vec<u8> {
        self.forwarded.borrow().clone()
    }

    /// Waits until that is as it should be.
    pub(crate) async fn has_forwarded(&mut self, what: &str, filter: impl Fn(&[u8]) -> bool) {
        let waiting = timeout(PATIENCE, self.forwarded.wait_for(|bytes| filter(bytes))).await;
        let end = waiting.map(|result| result.map(drop));
        let sent = || String::from_utf8_lossy(&self.forwarded.borrow()).into_owned();
        assert!(matches!(end, Ok(Ok(()))), "the server never sent {what}, but {:?}", sent());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Where connections go, and what all of them share.
#[derive(Clone)]
struct Line {
    target: SocketAddr,
    open: watch::Receiver<bool>,
    /// What clients were sent over connections that are cut by hand.
    record: watch::Sender<Vec<u8>>,
    refusals: watch::Sender<Vec<Instant>>,
}

async fn accept(listener: TcpListener, manner: Manner, count: watch::Sender<usize>, line: Line) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        count.send_modify(|count| *count += 1);
        let is_first = *count.borrow() == 1;
        let mut line = line.clone();
        connections.spawn(async move {
            let manner = match manner {
                Manner::CutBehind(_) if !is_first => Manner::Plain,
                manner => manner,
            };
            if !is_first && line.open.wait_for(|open| *open).await.is_err() {
                return;
            }
            // An end on either side is the end of both, which is what a test asks for.
            let _ = carry(client, manner, line).await;
        });
    }
}

async fn carry(client: TcpStream, manner: Manner, line: Line) -> io::Result<()> {
    let server = TcpStream::connect(line.target).await.inspect_err(|_| {
        line.refusals.send_modify(|refusals| refusals.push(Instant::now()));
    })?;
    // Otherwise the kernel collects single bytes.
    client.set_nodelay(true)?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        result = copy(&mut from_client, &mut to_server) => result.map(drop),
        result = forward(from_server, to_client, manner, line) => result,
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    manner: Manner,
    line: Line,
) -> io::Result<()> {
    match manner {
        Manner::ByteByByte => forward_bytes(from, to).await,
        Manner::CutBehind(text) => forward_until(text.as_bytes(), from, to).await,
        Manner::CutByHand => forward_until_cut(from, to, line).await,
        Manner::Plain => copy(&mut from, &mut to).await.map(drop),
    }
}

async fn forward_bytes(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    // Slow enough for the client to read each byte before the next one comes.
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut byte = [0];
    while from.read(&mut byte).await? == 1 {
        ticks.tick().await;
        to.write_all(&byte).await?;
    }
    Ok(())
}

async fn forward_until(
    text: &[u8],
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) -> io::Result<()> {
    let mut seen = Vec::new();
    loop {
        let sent = seen.len();
        if from.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
        if let Some(at) = memmem::find(&seen, text) {
            // No more than that, though the rest is here already.
            return to.write_all(&seen[sent..at + text.len()]).await;
        }
        to.write_all(&seen[sent..]).await?;
    }
}

async fn forward_until_cut(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: Line,
) -> io::Result<()> {
    let forwarding = async {
        let mut bytes = vec![0; 16 << 10];
        loop {
            let count = from.read(&mut bytes).await?;
            if count == 0 {
                return Ok(());
            }
            to.write_all(&bytes[..count]).await?;
            line.record.send_modify(|record| record.extend_from_slice(&bytes[..count]));
        }
    };
    tokio::select! {
        result = forwarding => return result,
        () = cut(line.open) => {}
    }
    sleep(LAST_BYTES).await;
    Ok(())
}

async fn cut(mut open: watch::Receiver<bool>) {
    // An error says that the proxy itself is gone.
    let _ = open.wait_for(|open| !open).await.map(drop);
}

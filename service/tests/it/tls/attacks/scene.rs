//! A program under attack, and the healthy beside it: a publisher, and a stream over each version of HTTP.

use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{StreamExt as _, iter};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::clients::{SecureHttp2, SecureHttp2Stream, SecureWire};
use super::super::scene::SecureProgram;
use crate::support::{PATIENCE, eventually};

/// How many connections attack at the same time.
const WIDTH: usize = 64;

pub(super) struct UnderAttack {
    pub(super) scene: SecureProgram,
    http1: SecureWire,
    http2: SecureHttp2Stream,
    /// That of the stream, so that it is never idle.
    publisher: SecureHttp2,
    published: usize,
    files_before: usize,
    resident_before: u64,
    resident_max: u64,
}

impl UnderAttack {
    pub(super) async fn start(flags: &[&str]) -> Self {
        let scene = SecureProgram::start(flags);
        let mut http1 = scene.connect().await;
        http1.subscribe("healthy").await;
        let mut publisher = scene.connect_http2().await;
        let http2 = publisher.subscribe("healthy").await;
        let mut this = Self {
            scene,
            http1,
            http2,
            publisher,
            published: 0,
            files_before: 0,
            resident_before: 0,
            resident_max: 0,
        };
        // What a first request allocates for good is no attacker's doing.
        this.rounds(5).await;
        this.files_before = this.files();
        this.remember_memory();
        this
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.scene.address
    }

    /// So many events are published, each after both streams have the one before it.
    pub(super) async fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            let data = format!("{};", self.published);
            self.publisher.publish("healthy", &data).await;
            for text in [self.http1.until(";\n\n").await, self.http2.until(";\n\n").await] {
                assert!(text.ends_with(&format!("data: {data}\n\n")), "{text}");
                assert_eq!(text.matches("data: ").count(), 1, "{text}");
            }
            self.published += 1;
            self.resident_max = self.resident_max.max(self.scene.program.resident_bytes());
        }
    }

    /// Lets so many connections attack, some at a time, and the healthy go on until all have done so.
    pub(super) async fn suffers<F>(&mut self, count: usize, attack: impl Fn(usize, SocketAddr) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = self.address();
        let attacks: Vec<_> = (0..count).map(|number| attack(number, address)).collect();
        let spawned = iter(attacks).map(tokio::spawn).buffer_unordered(WIDTH);
        let all: JoinHandle<()> = tokio::spawn(async move {
            spawned.for_each(async |ended| ended.expect("an attack as it was meant")).await;
        });
        while !all.is_finished() {
            self.rounds(1).await;
        }
        all.await.expect("all attacks");
        self.rounds(5).await;
    }

    /// Asserts that nothing is left of an attack: no connection, handshake, buffer or file.
    pub(super) async fn assert_nothing_is_left(&mut self, attack: &str) {
        let gauges = [
            // Those of the healthy.
            ("fanfare_connections", 2.0),
            ("fanfare_subscribers", 2.0),
            ("fanfare_tls_handshakes_ongoing", 0.0),
            ("fanfare_tls_handshakes_waiting", 0.0),
            ("fanfare_tls_write_buffer_bytes", 0.0),
        ];
        for (name, expected) in gauges {
            let what = format!("{attack}: {name} is {expected}");
            eventually(&what, async || self.scene.program.figure(name).await == expected).await;
        }
        let what = format!("{attack}: its files are closed");
        eventually(&what, async || self.files() <= self.files_before).await;
        self.rounds(1).await;
    }

    /// Asserts how much more memory the program has had than when this was last said.
    pub(super) fn assert_grew_at_most(&mut self, mebibytes: u64, attack: &str) {
        let grew = self.resident_max.saturating_sub(self.resident_before) >> 20;
        assert!(grew <= mebibytes, "{attack}: grew by {grew} MiB, and may grow by {mebibytes} MiB");
    }

    /// What the program has from now on counts as what it had before.
    pub(super) fn remember_memory(&mut self) {
        self.resident_before = self.scene.program.resident_bytes();
        self.resident_max = self.resident_before;
    }

    /// How many handshakes have failed for a reason.
    pub(super) async fn failed(&self, reason: &str) -> usize {
        self.count(&format!("fanfare_tls_handshakes_failed_total{{reason=\"{reason}\"}}")).await
    }

    pub(super) async fn count(&self, counter: &str) -> usize {
        self.scene.program.figure(counter).await as usize
    }

    fn files(&self) -> usize {
        let id = self.scene.program.child.id();
        fs::read_dir(format!("/proc/{id}/fd")).expect("the program runs").count()
    }
}

/// A socket that is reset when it is dropped, and so leaves nothing behind on this machine.
pub(super) async fn connect_bluntly(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_zero_linger().unwrap();
    socket.connect(address).await.expect("a connection")
}

/// Reads until the server closes, which it has to; gives what it said.
pub(super) async fn until_closed(socket: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut said)).await.expect("an end in time");
    said
}

/// Between the bytes of those who are slow.
pub(super) const DRIP: Duration = Duration::from_millis(100);

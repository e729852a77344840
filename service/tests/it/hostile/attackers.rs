//! Those who attack: sockets that say exactly what they are told, and tasks that end with the attack.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Scene;
use crate::support::PATIENCE;

/// Attackers at work; they are released when this is dropped.
#[derive(Default)]
pub(super) struct Attackers {
    tasks: JoinSet<()>,
    sockets: Vec<TcpStream>,
    done: Arc<AtomicU64>,
}

impl Attackers {
    /// Holds so many connections that have said this and do not read, with small windows.
    pub(super) async fn hold(&mut self, address: &str, count: usize, said: impl AsRef<[u8]>) {
        for _ in 0..count {
            let mut socket = connect_with_window(address, 4 << 10).await;
            // Whoever is refused may be closed before it has said everything.
            let _ = socket.write_all(said.as_ref()).await;
            self.sockets.push(socket);
        }
    }

    /// Lets a task attack.
    pub(super) fn spawn(&mut self, attack: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(attack);
    }

    /// Sends bytes on a connection of its own as fast as they are taken, without reading, and then
    /// holds it. What has been sent is counted in [`progress`](Self::progress).
    pub(super) async fn send(&mut self, address: &str, parts: Vec<Vec<u8>>) {
        let mut socket = connect_with_window(address, 4 << 10).await;
        let done = Arc::clone(&self.done);
        self.spawn(async move {
            for part in parts {
                if socket.write_all(&part).await.is_err() {
                    return;
                }
                done.fetch_add(part.len() as u64, Ordering::Relaxed);
            }
            std::future::pending::<()>().await;
        });
    }

    /// A number that grows as long as the attack gets on.
    pub(super) fn progress(&self) -> impl Fn() -> u64 + use<> {
        let done = Arc::clone(&self.done);
        move || done.load(Ordering::Relaxed)
    }

    /// How many attackers have been told to go.
    pub(super) fn finished(&mut self) -> usize {
        let mut finished = 0;
        while self.tasks.try_join_next().is_some() {
            finished += 1;
        }
        finished
    }
}

pub(super) async fn connect_with_window(address: &str, bytes: u32) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(bytes).unwrap();
    let socket = socket.connect(address.parse().unwrap()).await.expect("a connection");
    socket.set_nodelay(true).unwrap();
    socket
}

/// Says something on a connection of its own, and gives the beginning of the answer.
pub(super) async fn head_of(address: &str, said: impl AsRef<[u8]>) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(said.as_ref()).await.unwrap();
    let mut response = Vec::new();
    while !response.windows(4).any(|end| end == b"\r\n\r\n") {
        let count =
            timeout(PATIENCE, socket.read_buf(&mut response)).await.expect("an answer in time");
        assert!(count.expect("an answer") > 0, "closed: {}", String::from_utf8_lossy(&response));
    }
    (socket, String::from_utf8_lossy(&response).into_owned())
}

/// A request for a stream of these selectors.
pub(super) fn subscribe(selectors: &[String], more: &str) -> String {
    let encode = |text: &String| format!("topic={}", utf8_percent_encode(text, NON_ALPHANUMERIC));
    let query: Vec<_> = selectors.iter().map(encode).collect();
    let query = query.join("&");
    format!("GET /.well-known/mercure?{query} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")
}

/// Publishes an event of these topics, and asserts that it is accepted.
pub(super) async fn post(scene: &Scene, topics: &[String], data: &str) {
    let topics: Vec<_> = topics.iter().map(|topic| ("topic", topic.as_str())).collect();
    let fields: Vec<_> = topics.into_iter().chain([("data", data)]).collect();
    let request = scene.client().post(scene.url("/.well-known/mercure"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.body(crate::support::form(&fields)).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
}

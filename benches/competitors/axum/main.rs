//! The server of events that a Rust developer would write by hand: axum, and a
//! `tokio::sync::broadcast` channel for each topic, of which every subscriber's stream is a
//! receiver.
//!
//! A receiver that falls 1,024 events behind loses them, without a notice. There are no ids.
//! Comments come every 15 seconds, axum's default. It shares nothing with Fanfare; the port is the
//! only argument.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpSocket;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt as _};

/// Events that a channel holds for a receiver that is behind.
const CAPACITY: usize = 1_024;

#[derive(Clone, Default)]
struct Topics(Arc<Mutex<HashMap<String, broadcast::Sender<String>>>>);

impl Topics {
    fn of(&self, topic: String) -> broadcast::Sender<String> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics.entry(topic).or_insert_with(|| broadcast::Sender::new(CAPACITY)).clone()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).context("say which port to listen on")?;
    let port: u16 = port.parse().with_context(|| format!("{port} is no port"))?;
    let app = Router::new()
        .route("/events/{topic}", get(subscribe).post(publish))
        .with_state(Topics::default());
    // As `TcpListener::bind` does it, but for the queue of connections, which is as long as those
    // of the other servers here.
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let listener = socket.listen(4_096)?;
    // Where it fails, the stream is only slower.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await.context("serving")
}

async fn subscribe(
    State(topics): State<Topics>,
    Path(topic): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = BroadcastStream::new(topics.of(topic).subscribe())
        .filter_map(|received| received.ok().map(|data| Ok(Event::default().data(data))));
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn publish(
    State(topics): State<Topics>,
    Path(topic): Path<String>,
    data: String,
) -> StatusCode {
    // An error says that there is no receiver.
    let _ = topics.of(topic).send(data);
    StatusCode::ACCEPTED
}

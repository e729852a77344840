//! What is between programs: connections that can be held up, and let go on.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How bytes pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passage {
    /// Nothing passes to the server, and connections stay as they are: packets are lost.
    pub(super) no_requests: bool,
    /// Nothing passes to the client.
    pub(super) no_answers: bool,
    /// How long everything takes longer, each way.
    pub(super) delay: Duration,
}

impl Passage {
    pub(super) const CLOSED: Self =
        Self { no_requests: true, no_answers: true, delay: Duration::ZERO };
}

/// Listens on a port of its own, and connects to a server.
pub(super) struct Proxy {
    pub(super) port: u16,
    passage: watch::Sender<Passage>,
    /// Counts up when all connections are to end.
    cut: watch::Sender<u64>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (passage, cut) = (watch::Sender::new(Passage::default()), watch::Sender::new(0));
        let mut serving = JoinSet::new();
        let (passing, cutting) = (passage.subscribe(), cut.subscribe());
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let target = SocketAddr::from(([127, 0, 0, 1], server));
                connections.spawn(connect(client, target, passing.clone(), cutting.clone()));
            }
        });
        Self { port, passage, cut, _serving: serving }
    }

    pub(super) fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }

    /// Ends all connections, with whatever was on its way.
    pub(super) fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn connect(
    client: TcpStream,
    server: SocketAddr,
    passage: watch::Receiver<Passage>,
    mut cut: watch::Receiver<u64>,
) {
    cut.mark_unchanged();
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let requests = pass(from_client, to_server, passage.clone(), |passage| passage.no_requests);
    let answers = pass(from_server, to_client, passage, |passage| passage.no_answers);
    tokio::select! {
        // First: nothing passes once connections are to end.
        biased;
        _ = cut.changed() => {}
        () = requests => {}
        () = answers => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut passage: watch::Receiver<Passage>,
    is_closed: fn(&Passage) -> bool,
) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let open = passage.wait_for(|passage| !is_closed(passage)).await;
        let Ok(delay) = open.map(|open| open.delay) else { return };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Which programs can reach each other: `[from][to]`.
pub(super) type Routes = Vec<Vec<Option<Proxy>>>;

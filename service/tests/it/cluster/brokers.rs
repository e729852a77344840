//! Real NATS servers as child processes: one alone, or three that are a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::proxy::{Proxy, Routes};
use crate::support::{eventually, own_port};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/nats/.built/nats-server");

/// A broker; killed when it is dropped.
pub(super) struct Broker {
    child: Option<Child>,
    config: PathBuf,
    port: u16,
}

impl Broker {
    /// On a port, with more than every broker has in its configuration.
    fn new(folder: &Path, name: &str, port: u16, more: &str) -> Self {
        let store = folder.join(name);
        let syncs = if more.contains("sync_interval") { "" } else { ", sync_interval: always" };
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nmax_payload: 4MB\n\
             jetstream {{ store_dir: {store:?}{syncs} }}\n{more}\n"
        );
        let config = folder.join(format!("{name}.conf"));
        fs::write(&config, text).expect("its configuration");
        let mut broker = Self { child: None, config, port };
        broker.start();
        broker
    }

    /// Starts it, again with all that it had.
    pub(super) fn start(&mut self) {
        let server = Path::new(SERVER);
        assert!(server.exists(), "there is no {SERVER}; `make setup-tests` builds it, with Go");
        let mut command = Command::new(server);
        command.arg("-c").arg(&self.config).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("it starts"));
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it has ended");
        }
    }

    /// Stops it without ending it, or lets it go on.
    pub(super) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).expect("it runs");
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    fn store(&self) -> PathBuf {
        self.config.with_extension("")
    }

    async fn is_there(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Some brokers, and where they keep what they have.
pub(super) struct Brokers {
    pub(super) all: Vec<Broker>,
    folder: TempDir,
}

impl Brokers {
    /// One, which keeps one copy.
    pub(super) async fn one() -> Self {
        Self::one_with("").await
    }

    /// The same, with this in its configuration.
    pub(super) async fn one_with(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let brokers = vec![Broker::new(folder.path(), "alone", own_port(), more)];
        Self { all: brokers, folder }.when_there().await
    }

    /// Three, which keep a copy each.
    pub(super) async fn three() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<u16> = (0..3).map(|_| own_port()).collect();
        let start = |(index, &port): (usize, &u16)| {
            let cluster = cluster(port, &ports, "");
            Broker::new(folder.path(), &format!("n{index}"), own_port(), &cluster)
        };
        let brokers = ports.iter().enumerate().map(start).collect();
        Self { all: brokers, folder }.when_there().await.when_led().await
    }

    /// Three that reach each other by proxies alone; their ways to each other, and the ports at which clients
    /// reach them, by proxies too.
    pub(super) async fn three_apart() -> (Self, Routes, Vec<Proxy>) {
        let folder = tempfile::tempdir().expect("a folder");
        let (ports, routes): (Vec<u16>, Vec<u16>) =
            (0..3).map(|_| (own_port(), own_port())).unzip();
        let (mut brokers, mut ways, mut entrances) = (Vec::new(), Vec::new(), Vec::new());
        for own in 0..3 {
            let mut to_others = Vec::new();
            for (other, &route) in routes.iter().enumerate() {
                let proxy = if other == own { None } else { Some(Proxy::to(route).await) };
                to_others.push(proxy);
            }
            let reached: Vec<u16> = to_others.iter().flatten().map(|proxy| proxy.port).collect();
            let entrance = Proxy::to(ports[own]).await;
            // Nobody is told of ways beside the proxies.
            let apart = "no_advertise: true, advertise: \"127.0.0.1:1\", ";
            let client = format!("client_advertise: \"127.0.0.1:{}\"\n", entrance.port);
            let more = client + &cluster(routes[own], &reached, apart);
            brokers.push(Broker::new(folder.path(), &format!("n{own}"), ports[own], &more));
            ways.push(to_others);
            entrances.push(entrance);
        }
        (Self { all: brokers, folder }.when_there().await.when_led().await, ways, entrances)
    }

    async fn when_there(self) -> Self {
        eventually("the brokers listen", async || {
            for broker in &self.all {
                if !broker.is_there().await {
                    return false;
                }
            }
            true
        })
        .await;
        self
    }

    /// A server waits 20 s for them to have chosen one, and a busy machine may need longer.
    async fn when_led(self) -> Self {
        let brokers = self.client().await;
        let has_leader = async || brokers.query_account().await.is_ok();
        eventually("the brokers have a leader", has_leader).await;
        self
    }

    pub(super) fn urls(&self) -> String {
        self.all.iter().map(Broker::url).collect::<Vec<_>>().join(",")
    }

    /// A client of their own, for what no Fanfare does.
    pub(super) async fn client(&self) -> async_nats::jetstream::Context {
        let client = async_nats::connect(self.all[0].url());
        async_nats::jetstream::new(client.await.expect("a client"))
    }

    /// Which of them leads the stream.
    pub(super) async fn leader_of(&self, stream: &str) -> usize {
        let stream = self.client().await.get_stream(stream).await.expect("the stream");
        let leader = stream.cached_info().cluster.as_ref().and_then(|all| all.leader.clone());
        leader.expect("a leader").trim_start_matches('n').parse().expect("its number")
    }

    /// A copy of what one keeps, while it does not run.
    pub(super) fn copy_of(&self, index: usize) -> PathBuf {
        let copy = self.folder.path().join("copy");
        copy_all(&self.all[index].store(), &copy);
        copy
    }

    /// Gives it back what it had.
    pub(super) fn restore(&self, index: usize, copy: &Path) {
        let store = self.all[index].store();
        fs::remove_dir_all(&store).expect("it is there");
        copy_all(copy, &store);
    }
}

/// The part of a configuration about other brokers.
fn cluster(own: u16, routes: &[u16], more: &str) -> String {
    let routes = routes.iter().map(|port| format!("nats://127.0.0.1:{port}"));
    let routes = routes.collect::<Vec<_>>().join(", ");
    format!("cluster {{ name: c, listen: \"127.0.0.1:{own}\", {more}routes: [{routes}] }}\n")
}

fn copy_all(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(status.success());
}

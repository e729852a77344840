//! Real NATS servers as child processes: one alone, or three that are a cluster.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::eventually;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/nats/.built/nats-server");

/// A broker; killed when it is dropped.
pub(super) struct Broker {
    child: Option<Child>,
    config: PathBuf,
    port: u16,
}

impl Broker {
    fn new(folder: &Path, name: &str, cluster: Option<(u16, &[u16])>) -> Self {
        let port = free_port();
        let store = folder.join(name);
        let cluster = cluster.map_or_else(String::new, |(own, all)| {
            let routes = all.iter().map(|port| format!("nats://127.0.0.1:{port}"));
            let routes = routes.collect::<Vec<_>>().join(", ");
            format!("cluster {{ name: c, listen: \"127.0.0.1:{own}\", routes: [{routes}] }}\n")
        });
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nmax_payload: 4MB\n\
             jetstream {{ store_dir: {store:?}, sync_interval: always }}\n{cluster}"
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

/// Nobody else is told of this port, so that it stays free nearly for certain.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// Some brokers, and where they keep what they have.
pub(super) struct Brokers {
    pub(super) all: Vec<Broker>,
    folder: TempDir,
}

impl Brokers {
    /// One, which keeps one copy.
    pub(super) async fn one() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let brokers = vec![Broker::new(folder.path(), "alone", None)];
        Self { all: brokers, folder }.when_there().await
    }

    /// Three, which keep a copy each.
    pub(super) async fn three() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let start = |(index, &port): (usize, &u16)| {
            Broker::new(folder.path(), &format!("n{index}"), Some((port, &ports)))
        };
        let brokers = ports.iter().enumerate().map(start).collect();
        Self { all: brokers, folder }.when_there().await
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

fn copy_all(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(status.success());
}

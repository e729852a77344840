//! Three nodes of one hub behind HAProxy, with the file that is meant for them, and a real broker. What the
//! nodes promise each other is tried in `service/tests/it/cluster`; here it is the proxy.

use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::proxy::{Proxy, haproxy_for_nodes};
use super::stream::{Stream, TOPIC};
use crate::support::client::publish;
use crate::support::ports::own_address;
use crate::support::process::{Fanfare, Process};
use crate::support::{eventually, program};

/// One broker with one copy, which is enough for a proxy. Its folder goes with it.
struct Broker {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Broker {
    fn start() -> Self {
        let (folder, address) = (tempfile::tempdir().expect("a folder"), own_address());
        let mut command = Command::new(program::nats_server());
        command.args(["--jetstream", "--addr", &address.ip().to_string()]);
        command.args(["--port", &address.port().to_string(), "--store_dir"]).arg(folder.path());
        let mut process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        eventually("the broker listens", || {
            assert!(!process.is_over(), "the broker has ended");
            TcpStream::connect(address).is_ok()
        });
        Self { address, _process: process, _folder: folder }
    }
}

fn start_hub() -> (Broker, [Fanfare; 3], Proxy) {
    let broker = Broker::start();
    let url = format!("nats://{}", broker.address);
    let nodes =
        [(); 3].map(|()| Fanfare::start(&["--nats", &url, "--nats-create", "--nats-unsafe"]));
    let proxy = haproxy_for_nodes(&nodes);
    (broker, nodes, proxy)
}

fn has_streams(node: &Fanfare) -> bool {
    node.figure("fanfare_subscribers") > 0.0
}

#[test]
fn streams_are_spread_over_the_nodes_and_each_gets_what_is_published_through_the_proxy() {
    let (_broker, nodes, proxy) = start_hub();
    let mut streams = [(); 3].map(|()| Stream::open(proxy.address, None));
    eventually("each node has one", || nodes.iter().all(has_streams));
    for number in 0..6 {
        let id = publish(proxy.address, TOPIC, &number.to_string());
        for stream in &mut streams {
            let event = stream.next().expect("an event");
            assert_eq!((&event.id, event.data), (&id, number.to_string()));
        }
    }
}

#[test]
fn when_a_node_is_killed_its_client_goes_on_at_another_and_publishers_are_served() {
    let (_broker, nodes, proxy) = start_hub();
    let mut stream = Stream::open(proxy.address, None);
    let seen = publish(proxy.address, TOPIC, "seen");
    assert_eq!(stream.next().map(|event| event.id).as_deref(), Some(seen.as_str()));
    let mut nodes = Vec::from(nodes);
    let its_node = nodes.iter().position(has_streams).expect("one has it");
    drop(nodes.remove(its_node));
    assert_eq!(stream.next(), None, "the stream has ended");
    // As many as there are nodes: one of them would have come to the one that is gone.
    let missed = ["a", "b", "c"].map(|data| publish(proxy.address, TOPIC, data));
    let mut stream = Stream::open(proxy.address, Some(&seen));
    let events = [(); 3].map(|()| stream.next().expect("an event"));
    assert_eq!(events.each_ref().map(|event| event.kind.as_str()), [""; 3], "no gap is told");
    assert_eq!(events.map(|event| event.id), missed);
}

#[test]
fn a_node_that_drains_gets_no_client_and_one_that_has_started_gets_some_at_once() {
    let (broker, nodes, proxy) = start_hub();
    let [first, second, third] = nodes;
    let place = (second.address, second.admin);
    for ended in [second, third] {
        ended.process.terminate();
        assert!(ended.process.wait().success());
    }
    let one = Stream::open(proxy.address, None);
    eventually("it is where there is a node", || has_streams(&first));
    let url = format!("nats://{}", broker.address);
    let back = Fanfare::start_at(place.0, place.1, &["--nats", &url, "--nats-unsafe"]);
    // HAProxy has to see it twice. Whoever comes before that goes to the first, and leaves again.
    let mut last = None;
    eventually("the new one has a client", || {
        last = Some(Stream::open(proxy.address, None));
        has_streams(&back)
    });
    drop((one, last));
}

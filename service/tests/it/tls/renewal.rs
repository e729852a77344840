//! The certificate is exchanged under two thousand streams while events are published: each stream gets
//! each event once and in order, and whoever comes afterwards is shown the new certificate.

use rustix::process::Signal;
use tokio::task::JoinSet;

use super::clients::{SecureHttp2Stream, SecureWire};
use super::scene::SecureProgram;
use crate::support::eventually;

const RELOADED: &str = "fanfare_tls_certificate_reloads_total{result=\"success\"}";

/// Streams of HTTP/1.1, each on a connection of its own.
const HTTP1: usize = 400;
/// Connections of HTTP/2, and the streams on each.
const HTTP2: (usize, usize) = (8, 200);
const STREAMS: usize = HTTP1 + HTTP2.0 * HTTP2.1;
/// How many events are published at the least before, between and after the exchanges.
const EVENTS: usize = 5;
/// The data of the last event.
const LAST: &str = "last";

/// Reads up to the last event, and gives how many came before it: each once, in order.
macro_rules! read_all {
    ($stream:expr) => {{
        let mut count = 0;
        loop {
            let text = $stream.until(";\n\n").await;
            if text.ends_with(&format!("data: {LAST};\n\n")) {
                break count;
            }
            assert!(text.ends_with(&format!("data: {count};\n\n")), "{text}");
            count += 1;
        }
    }};
}

/// Publishes one event after the other on one connection.
struct Publisher {
    wire: SecureWire,
    published: usize,
}

impl Publisher {
    async fn publish(&mut self) {
        self.wire.publish("t", &format!("{};", self.published)).await;
        self.published += 1;
    }

    /// Publishes until a metric has a value, and some events more.
    async fn publish_until(&mut self, scene: &SecureProgram, metric: &str, value: f64) {
        let reached = async || {
            self.publish().await;
            scene.program.figure(metric).await == value
        };
        eventually(metric, reached).await;
        for _ in 0..EVENTS {
            self.publish().await;
        }
    }
}

async fn read_http1(mut stream: SecureWire) -> usize {
    read_all!(stream)
}

async fn read_http2(mut stream: SecureHttp2Stream) -> usize {
    read_all!(stream)
}

async fn open_streams(scene: &SecureProgram, readers: &mut JoinSet<usize>) {
    for _ in 0..HTTP1 {
        let mut stream = scene.connect().await;
        stream.subscribe("t").await;
        readers.spawn(read_http1(stream));
    }
    for _ in 0..HTTP2.0 {
        let mut connection = scene.connect_http2().await;
        for _ in 0..HTTP2.1 {
            readers.spawn(read_http2(connection.subscribe("t").await));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_streams_lose_nothing_while_the_certificate_is_exchanged_by_signal_and_by_file()
 {
    let scene = SecureProgram::start(&[]);
    let mut readers = JoinSet::new();
    open_streams(&scene, &mut readers).await;
    let mut publisher = Publisher { wire: scene.connect().await, published: 0 };
    let mut served = vec![scene.served_certificate().await];
    publisher.publish_until(&scene, "fanfare_subscribers", STREAMS as f64).await;

    let by_signal: fn(&SecureProgram) = |scene| scene.program.signal(Signal::HUP);
    let by_file: fn(&SecureProgram) = |_| {};
    for (exchanges, begin) in [by_signal, by_file].into_iter().enumerate() {
        scene.certificates.renew();
        begin(&scene);
        publisher.publish_until(&scene, RELOADED, (exchanges + 1) as f64).await;
        let now = scene.served_certificate().await;
        assert!(!served.contains(&now), "new connections are shown the new certificate");
        served.push(now);
        // Those that come now read the rest beside the others.
        let mut newcomer = scene.connect_http2().await;
        let mut newcomer = newcomer.subscribe("t").await;
        let first = publisher.published;
        publisher.publish().await;
        newcomer.until(&format!("data: {first};\n\n")).await;
    }
    assert_eq!(scene.program.figure("fanfare_streams_closed_total{reason=\"slow\"}").await, 0.0);
    publisher.wire.publish("t", &format!("{LAST};")).await;
    let read = readers.join_all().await;
    assert_eq!(read, [publisher.published; STREAMS], "every stream read every event");
}

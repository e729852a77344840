//! Bytes for the real server, through real sockets: heads up to the hand-over to a shard, bodies,
//! pipelines, and frames of HTTP/2.
//!
//! One server lives as long as the process. Each input is a connection: it is written, this side is
//! closed, and the server has to answer or close, in time and without a panic in any of its threads.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::panic;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser as _;
use fanfare::app::App;
use fanfare::config::{Cli, Task};
use socket2::{Domain, Socket, Type};

/// Far more than any answer needs: whoever waits so long waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is sent before the input: the preface, and settings that change nothing.
const HTTP2_BEGINNING: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

static SERVER: LazyLock<SocketAddr> = LazyLock::new(start);
static PANICKED: AtomicBool = AtomicBool::new(false);

/// What a client of HTTP/1 might send.
pub(crate) fn http1(bytes: &[u8]) {
    // The bytes of the other protocol have a target of their own.
    if bytes.starts_with(b"PRI ") {
        return;
    }
    let response = exchange(&[bytes]);
    if response.is_empty() {
        return;
    }
    let shown = || String::from_utf8_lossy(&response[..response.len().min(200)]).into_owned();
    let status = response.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|status| std::str::from_utf8(status).ok()?.parse::<u16>().ok());
    let Some(status) = status else { panic!("not an answer: {:?}", shown()) };
    assert!((100..500).contains(&status) || status == 503 || status == 505, "{}", shown());
}

/// Frames of HTTP/2.
pub(crate) fn http2(bytes: &[u8]) {
    exchange(&[HTTP2_BEGINNING, bytes]);
}

/// Everything that comes back, or its beginning if it is a stream.
fn exchange(parts: &[&[u8]]) -> Vec<u8> {
    let mut socket = connect();
    let mut response = Vec::new();
    // The server may have closed before it was sent everything.
    let sent = parts.iter().try_for_each(|part| socket.write_all(part));
    if sent.is_ok() {
        let _ = socket.shutdown(std::net::Shutdown::Write);
    }
    let mut bytes = [0; 16 << 10];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => response.extend_from_slice(&bytes[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "no end after {PATIENCE:?}; so far {:?}",
                    String::from_utf8_lossy(&response)
                );
            }
            Err(_) => break,
        }
        // A stream has no end.
        if response.windows(17).any(|window| window == b"text/event-stream") {
            break;
        }
    }
    assert!(!PANICKED.load(Ordering::Relaxed), "a thread of the server panicked");
    response
}

/// A connection from one of many addresses of this machine: each has ports of its own, so that
/// thousands of connections a second do not use them up.
fn connect() -> TcpStream {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)) + count % 4_096);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddrV4::new(from, 0).into()).expect("an address of this machine");
    socket.connect(&(*SERVER).into()).expect("the server listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.set_tcp_nodelay(true).expect("an option");
    socket.into()
}

/// Starts the server with small limits, so that a short input can reach them.
fn start() -> SocketAddr {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICKED.store(true, Ordering::Relaxed);
        hook(info);
    }));
    let flags = "fanfare --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --demos=false --shards 1 \
                 --retain-events 1000 --retain-bytes 1MiB --headers-max 2KiB --body-max 4KiB \
                 --event-data-max 2KiB --bodies-max 1MiB";
    let task = Cli::try_parse_from(flags.split_whitespace()).expect("flags").into_task();
    let Ok(Task::Serve(config)) = task else { panic!("{task:?}") };
    let (address, started) = std::sync::mpsc::sync_channel(1);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let app = App::build(&config).expect("a server");
            address.send(app.addresses()[0]).expect("somebody waits");
            app.run(std::future::pending(), std::future::pending()).await;
        });
    });
    started.recv().expect("an address")
}

//! A proxy that copies bytes both ways and counts those that the server sends, apart from the heads
//! of its answers. It knows of HTTP only where a head ends, and nothing of chunks or events, so its
//! count has nothing in common with that of the program under test.
//!
//! It can also be a long way: what the server sends arrives so much later, in the same order.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// A proxy in front of a server; it lives as long as the test's process.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    count: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn before(server: SocketAddr) -> Self {
        Self::far_from(server, Duration::ZERO)
    }

    /// What the server sends takes so long.
    pub(crate) fn far_from(server: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = TcpStream::connect(server) else { return };
                pass(client, upstream, delay, &counted);
            }
        });
        Self { address, count }
    }

    /// Bytes behind the heads of answers, so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

fn pass(client: TcpStream, upstream: TcpStream, delay: Duration, counted: &Arc<AtomicU64>) {
    let (Ok(mut to_client), Ok(mut to_upstream)) = (client.try_clone(), upstream.try_clone())
    else {
        return;
    };
    let (mut client, mut upstream, counted) = (client, upstream, counted.clone());
    let (send, on_the_way) = sync_channel::<(Instant, Vec<u8>)>(1024);
    thread::spawn(move || {
        // Whichever side ends, the other is ended too; how it ended is for the two to judge.
        let _ = std::io::copy(&mut client, &mut to_upstream);
        let _ = to_upstream.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(read @ 1..) = upstream.read(&mut buffer) {
            if send.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        let mut head = Head::default();
        for (due, bytes) in on_the_way {
            // The length of the way.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to_client.write_all(&bytes).is_err() {
                break;
            }
            counted.fetch_add(head.behind(&bytes), Ordering::SeqCst);
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
}

/// Looks for the empty line that ends a head.
#[derive(Default)]
struct Head {
    matched: usize,
}

impl Head {
    /// How many of these bytes are behind the head.
    fn behind(&mut self, bytes: &[u8]) -> u64 {
        const END: &[u8] = b"\r\n\r\n";
        let mut count = 0;
        for byte in bytes {
            if self.matched == END.len() {
                count += 1;
            } else if *byte == END[self.matched] {
                self.matched += 1;
            } else {
                self.matched = usize::from(*byte == END[0]);
            }
        }
        count
    }
}

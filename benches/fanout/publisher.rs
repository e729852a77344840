//! One publisher on a fixed schedule, whatever the server does: a POST when it is due, or as soon as
//! the one before it was answered.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::Flags;

/// Publishes all events, or fails at the first that is refused; returns how many there were. The data begins with the moment at
/// which it was due, in nanoseconds since `epoch`, and its number.
pub(crate) fn publish(server: SocketAddr, flags: &Flags, epoch: Instant) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut answer = [0; 4 << 10];
    let events = u64::from(flags.rate) * u64::from(flags.seconds);
    for number in 0..events {
        let due = Duration::from_secs(number) / flags.rate;
        sleep((epoch + due).saturating_duration_since(Instant::now()));
        let mut data = format!("{} {number} ", due.as_nanos());
        data.extend(std::iter::repeat_n('x', flags.payload.saturating_sub(data.len())));
        let request = format!(
            "POST /events/load HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{data}",
            data.len()
        );
        stream.write_all(request.as_bytes())?;
        // An answer is small and comes in one piece.
        let count = stream.read(&mut answer)?;
        if !answer[..count].starts_with(b"HTTP/1.1 200") {
            bail!("refused: {}", String::from_utf8_lossy(&answer[..count]));
        }
    }
    Ok(events)
}

//! A blocking connection on which everything has to be done by a deadline. The timeouts of a socket
//! are for one call each: a peer that sends a byte now and then would never let them run out.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection with a deadline.
#[derive(Debug)]
pub(super) struct DeadlineStream {
    stream: TcpStream,
    deadline: Instant,
    /// What the socket's timeouts are set to.
    set: Duration,
}

impl DeadlineStream {
    pub(super) fn new(stream: TcpStream, deadline: Instant) -> Self {
        Self { stream, deadline, set: Duration::MAX }
    }

    /// Everything from here on has to be done by this moment.
    pub(super) fn finish_by(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Sets the timeouts to what is left. A tenth more or less is left as it is, so that a call
    /// that returns at once costs no further call of the kernel; nothing begins after the deadline.
    fn limit(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.set.abs_diff(left) > left / 10 {
            self.stream.set_read_timeout(Some(left))?;
            self.stream.set_write_timeout(Some(left))?;
            self.set = left;
        }
        Ok(())
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.limit()?;
        self.stream.read(buffer).map_err(late)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.limit()?;
        self.stream.write(bytes).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A socket's timeout is called by the name that it has on the other systems.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

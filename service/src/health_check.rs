//! Asking a running server how it is, over its admin listener, as a container's health check does.
//!
//! The one request and the first line of its response are written and read here: a client library
//! would be most of this program for no more than that.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use thiserror::Error;

use crate::config::HealthCheck;

/// What is read of a response: more than any that the admin listener gives here.
const RESPONSE_MAX: u64 = 4 << 10;

/// The server is not well, or that cannot be found out.
#[derive(Debug, Error)]
pub enum Unhealthy {
    /// There was no response.
    #[error(
        "no answer from http://{admin}{path} within {}: {source}; is the server running, and is this its --admin-listen?",
        humantime::format_duration(*timeout)
    )]
    Silent {
        /// The admin listener.
        admin: SocketAddr,
        /// What was requested.
        path: &'static str,
        /// How long it was waited for.
        timeout: Duration,
        /// What the system said.
        source: io::Error,
    },
    /// There was one, and it was not 200.
    #[error("http://{admin}{path} answered: {response}")]
    Unwell {
        /// The admin listener.
        admin: SocketAddr,
        /// What was requested.
        path: &'static str,
        /// Its status and its words.
        response: String,
    },
}

/// Sends one request; where the listener has several addresses, one to each until one responds.
///
/// # Errors
/// Says what the response was, or why there was none.
pub fn ask(check: &HealthCheck) -> Result<(), Unhealthy> {
    let path = if check.ready { "/readyz" } else { "/healthz" };
    let mut last = Ok(());
    for &admin in &check.admin {
        last = ask_at(admin, path, check.timeout);
        if !matches!(last, Err(Unhealthy::Silent { .. })) {
            break;
        }
    }
    last
}

fn ask_at(admin: SocketAddr, path: &'static str, timeout: Duration) -> Result<(), Unhealthy> {
    let response = exchange(admin, path, timeout).map_err(|source| Unhealthy::Silent {
        admin,
        path,
        timeout,
        source: timed_out(source),
    })?;
    if response.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.lines().next().unwrap_or_default();
    Err(Unhealthy::Unwell { admin, path, response: format!("{status}, {}", body.trim()) })
}

fn exchange(admin: SocketAddr, path: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut response = Vec::new();
    stream.take(RESPONSE_MAX).read_to_end(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

/// The system says of a read that has waited for long enough that it would block.
fn timed_out(source: io::Error) -> io::Error {
    match source.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => source,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_server_that_is_frozen_has_timed_out() {
        // The kernel takes the connection, and nobody answers.
        let frozen = TcpListener::bind("127.0.0.1:0").expect("a port");
        let admin = frozen.local_addr().expect("it is bound");
        let timeout = Duration::from_millis(20);
        let said = ask_at(admin, "/healthz", timeout).expect_err("nobody answers").to_string();
        let expected = format!("no answer from http://{admin}/healthz within 20ms: timed out; ");
        assert!(said.starts_with(&expected), "{said}");
    }
}

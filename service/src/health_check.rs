//! Asking a running server how it is, over its admin listener, as a container's health check does.
//!
//! The one request and the first line of its response are written and read here: a client library
//! would be most of this program for no more than that.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::config::HealthCheck;

/// What is read of a response: more than any that the admin listener gives here.
const RESPONSE_MAX: usize = 4 << 10;

/// The server is not well, or that cannot be found out.
#[derive(Debug, Error)]
pub enum Unhealthy {
    /// Nothing listens there, or cannot be reached.
    #[error(
        "cannot connect to http://{admin}: {reason}; is the server running, and is this its --admin-listen?"
    )]
    Unreachable {
        /// The admin listener.
        admin: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// It was connected to, and there was no response in time.
    #[error(
        "no answer from http://{admin}{path} within {}: timed out; the server is stuck, or its machine is overloaded (a longer --timeout waits longer)",
        humantime::format_duration(*timeout)
    )]
    TimedOut {
        /// The admin listener.
        admin: SocketAddr,
        /// What was requested.
        path: &'static str,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The connection ended without a response.
    #[error(
        "no answer from http://{admin}{path}: {reason}; has the server just ended, and is this its --admin-listen?"
    )]
    Cut {
        /// The admin listener.
        admin: SocketAddr,
        /// What was requested.
        path: &'static str,
        /// How it ended.
        reason: String,
    },
    /// What came is no response of HTTP.
    #[error(
        "what listens on {admin} does not speak HTTP/1.1 in plain text; is this the --admin-listen of the server, which is not its --listen?"
    )]
    NotHttp {
        /// The admin listener.
        admin: SocketAddr,
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
        last = Exchange::new(admin, path, check.timeout).ask();
        if matches!(last, Ok(()) | Err(Unhealthy::Unwell { .. })) {
            break;
        }
    }
    last
}

/// One request, and the time until which it has to be answered.
struct Exchange {
    admin: SocketAddr,
    path: &'static str,
    timeout: Duration,
    deadline: Instant,
}

impl Exchange {
    fn new(admin: SocketAddr, path: &'static str, timeout: Duration) -> Self {
        Self { admin, path, timeout, deadline: Instant::now() + timeout }
    }

    fn ask(&self) -> Result<(), Unhealthy> {
        let stream = TcpStream::connect_timeout(&self.admin, self.timeout);
        let stream = stream.map_err(|error| self.unreachable(&error))?;
        let response = self.request(stream).map_err(|error| self.cut(&error))?;
        let response = String::from_utf8_lossy(&response);
        if response.is_empty() {
            return Err(self.cut(&ErrorKind::UnexpectedEof.into()));
        }
        if response.starts_with("HTTP/1.1 200 ") {
            return Ok(());
        }
        let Self { admin, path, .. } = *self;
        if !response.starts_with("HTTP/1.") {
            return Err(Unhealthy::NotHttp { admin });
        }
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
        let status = head.lines().next().unwrap_or_default();
        Err(Unhealthy::Unwell { admin, path, response: format!("{status}, {}", body.trim()) })
    }

    fn request(&self, mut stream: TcpStream) -> io::Result<Vec<u8>> {
        let Self { admin, path, .. } = self;
        stream.set_write_timeout(Some(self.left()?))?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut response = vec![0; RESPONSE_MAX];
        let mut length = 0;
        // The time is that of the whole response, however slowly it comes.
        while length < RESPONSE_MAX {
            stream.set_read_timeout(Some(self.left()?))?;
            match stream.read(&mut response[length..])? {
                0 => break,
                more => length += more,
            }
        }
        response.truncate(length);
        Ok(response)
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    fn unreachable(&self, error: &io::Error) -> Unhealthy {
        if is_timeout(error) {
            return self.timed_out();
        }
        Unhealthy::Unreachable { admin: self.admin, reason: error.to_string() }
    }

    fn cut(&self, error: &io::Error) -> Unhealthy {
        if is_timeout(error) {
            return self.timed_out();
        }
        let reason = match error.kind() {
            ErrorKind::UnexpectedEof => "the connection was closed before a response".to_owned(),
            _ => error.to_string(),
        };
        Unhealthy::Cut { admin: self.admin, path: self.path, reason }
    }

    fn timed_out(&self) -> Unhealthy {
        Unhealthy::TimedOut { admin: self.admin, path: self.path, timeout: self.timeout }
    }
}

/// Linux says "resource temporarily unavailable" when the time for a read or a write is over.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// What one connection is answered with; `None` for nothing at all, for as long as it is there.
    type CheckAnswer = Option<&'static str>;

    fn ask_one_that_answers(
        answer: CheckAnswer,
        ready: bool,
        timeout: Duration,
    ) -> Result<(), String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let admin = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1_000];
            let length = stream.read(&mut request).unwrap();
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
                None => while stream.read(&mut request).unwrap_or(0) > 0 {},
            }
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let result = ask(&HealthCheck { admin: vec![admin], ready, timeout });
        let path = if ready { "/readyz" } else { "/healthz" };
        assert!(serving.join().unwrap().starts_with(&format!("GET {path} HTTP/1.1\r\n")));
        result.map_err(|error| error.to_string().replace(&admin.to_string(), "ADMIN"))
    }

    #[test]
    fn each_way_not_to_be_well_is_told_by_its_name_with_what_to_look_at() {
        const LONG: Duration = Duration::from_secs(60);
        const SHORT: Duration = Duration::from_millis(50);
        let cases: [(CheckAnswer, bool, Duration, Result<(), &str>); 8] = [
            (Some("HTTP/1.1 200 OK\r\n\r\nalive\n"), false, LONG, Ok(())),
            (Some("HTTP/1.1 200 OK\r\n\r\nready\n"), true, LONG, Ok(())),
            (
                Some("HTTP/1.1 503 Service Unavailable\r\n\r\ndraining\n"),
                true,
                LONG,
                Err("http://ADMIN/readyz answered: HTTP/1.1 503 Service Unavailable, draining"),
            ),
            (
                Some("HTTP/1.0 404 Not Found\r\n\r\n"),
                false,
                LONG,
                Err("http://ADMIN/healthz answered: HTTP/1.0 404 Not Found, "),
            ),
            (
                None,
                false,
                SHORT,
                Err(
                    "no answer from http://ADMIN/healthz within 50ms: timed out; the server is stuck",
                ),
            ),
            (
                Some("SSH-2.0-OpenSSH_9.2\r\n"),
                false,
                LONG,
                Err("what listens on ADMIN does not speak HTTP/1.1 in plain text"),
            ),
            // An alert of TLS.
            (Some("\u{15}\u{3}\u{3}\0\u{2}"), false, LONG, Err("what listens on ADMIN does not")),
            (
                Some(""),
                false,
                LONG,
                Err(
                    "no answer from http://ADMIN/healthz: the connection was closed before a response; has",
                ),
            ),
        ];
        for (answer, ready, timeout, expected) in cases {
            match (ask_one_that_answers(answer, ready, timeout), expected) {
                (Ok(()), Ok(())) => {}
                (Err(message), Err(begin)) => assert!(message.starts_with(begin), "{message}"),
                (result, _) => panic!("{answer:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn an_address_that_nobody_listens_on_is_told_with_what_the_system_says() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let check =
            HealthCheck { admin: vec![free], ready: false, timeout: Duration::from_secs(60) };
        let message = ask(&check).unwrap_err().to_string();
        let begin =
            format!("cannot connect to http://{free}: Connection refused (os error 111); is");
        assert!(message.starts_with(&begin), "{message}");
    }

    #[test]
    fn what_the_system_says_when_time_is_over_is_a_timeout() {
        for (error, expected) in [
            (io::Error::from_raw_os_error(11), true),
            (io::Error::from_raw_os_error(110), true),
            (io::Error::from_raw_os_error(111), false),
            (io::Error::from_raw_os_error(104), false),
        ] {
            assert_eq!(is_timeout(&error), expected, "{error}");
            let exchange =
                Exchange::new((Ipv4Addr::LOCALHOST, 1).into(), "/healthz", Duration::ZERO);
            let message = exchange.cut(&error).to_string();
            assert_eq!(message.contains("timed out"), expected, "{message}");
            assert!(!message.contains("temporarily"), "{message}");
        }
    }

    #[test]
    fn a_listener_with_several_addresses_is_well_where_one_of_them_answers() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let admin = listener.local_addr().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1_000]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        });
        let timeout = Duration::from_secs(60);
        ask(&HealthCheck { admin: vec![free, admin], ready: false, timeout }).unwrap();
        serving.join().unwrap();
    }
}

//! Where to listen, as it is written; nothing is looked up here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// An address to listen on, or to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Address {
    given: String,
    pub(in crate::config) host: Host,
}

/// What stands before the port, with the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Host {
    /// All addresses of the machine: `:8080`.
    Any(u16),
    /// This one.
    Address(SocketAddr),
    /// All addresses that this name has.
    Name(String, u16),
    /// No address, but a unix socket: `unix:/run/fanfare/fanfare.sock`.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    /// As it was given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        Ok(Self { given: text.to_owned(), host: parse(text)? })
    }
}

fn parse(text: &str) -> Result<Host, String> {
    if let Ok(address) = text.parse() {
        return Ok(Host::Address(address));
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    refuse_other_kinds(text)?;
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(format!("the port is missing; write {}:8080", name(text)?));
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits);
    let port = port.ok_or("a port is a number from 0 to 65535, such as in 127.0.0.1:8080")?;
    match host {
        "" | "*" => Ok(Host::Any(port)),
        _ => name(host).map(|name| Host::Name(name.to_owned(), port)),
    }
}

/// What people write that is something else than an address and a port.
fn refuse_other_kinds(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("write an address and a port, such as 127.0.0.1:8080".to_owned());
    }
    if text.starts_with('/') {
        return Err(format!("for a unix socket write unix:{text}"));
    }
    if let Some((_, rest)) = text.split_once("://") {
        let bare = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let example = if parse(bare).is_ok() { bare } else { "127.0.0.1:8080" };
        return Err(format!("an address has no scheme and no path; write {example}"));
    }
    if text.parse::<u16>().is_ok() {
        return Err(format!(
            "this is a port alone; write 127.0.0.1:{text} for this machine only, or :{text} for all its addresses"
        ));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(IpAddr::V4(address)) => Err(format!("the port is missing; write {address}:8080")),
        Ok(IpAddr::V6(_)) => Err(brackets()),
        Err(_) => Ok(()),
    }
}

/// More than any system takes: the path stands in a field of 108 bytes.
const UNIX_PATH_MAX: usize = 107;

fn unix(path: &str) -> Result<Host, String> {
    // A relative one would depend on where the server is started.
    if !path.starts_with('/') || path.contains('\0') {
        return Err(
            "write the whole path of a unix socket, such as unix:/run/fanfare.sock".to_owned()
        );
    }
    if path.len() > UNIX_PATH_MAX {
        let length = path.len();
        return Err(format!(
            "the path of a unix socket may have {UNIX_PATH_MAX} bytes, and this one has {length}; choose a shorter one, such as unix:/run/fanfare.sock"
        ));
    }
    Ok(Host::Unix(path.into()))
}

fn brackets() -> String {
    "an IPv6 address stands in brackets, with its port behind them, such as [::1]:8080".to_owned()
}

/// A name that can be looked up, or an IPv6 address with the name of its network interface.
fn name(host: &str) -> Result<&str, String> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return if address.contains('%') { Ok(address) } else { Err(brackets()) };
    }
    if host.contains(':') {
        return Err(brackets());
    }
    // The system would read `127.1` and `0` as addresses of some kind.
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!(
            "`{host}` is no IPv4 address; write all of it, such as 127.0.0.1:8080"
        ));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !host.bytes().all(is_name) {
        return Err(format!("`{host}` is no name of a host; write it such as localhost:8080"));
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<Host, String> {
        text.parse().map(|address: Address| address.host)
    }

    #[test]
    fn addresses_names_and_ports_of_all_addresses_are_read() {
        let cases = [
            ("127.0.0.1:8080", Host::Address("127.0.0.1:8080".parse().unwrap())),
            (" [::1]:8080\n", Host::Address("[::1]:8080".parse().unwrap())),
            ("[fe80::1%2]:1", Host::Address("[fe80::1%2]:1".parse().unwrap())),
            ("[fe80::1%eth0]:1", Host::Name("fe80::1%eth0".to_owned(), 1)),
            (":8080", Host::Any(8080)),
            ("*:8080", Host::Any(8080)),
            (":0", Host::Any(0)),
            ("unix:/run/fanfare.sock", Host::Unix("/run/fanfare.sock".into())),
            ("localhost:8080", Host::Name("localhost".to_owned(), 8080)),
            ("my_host-1.example.:65535", Host::Name("my_host-1.example.".to_owned(), 65_535)),
        ];
        for (text, expected) in cases {
            assert_eq!(host(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("", "such as 127.0.0.1:8080"),
            ("8080", "write 127.0.0.1:8080"),
            ("localhost", "write localhost:8080"),
            ("127.0.0.1", "write 127.0.0.1:8080"),
            ("::1", "[::1]:8080"),
            ("[::1]", "[::1]:8080"),
            ("::1:8080", "[::1]:8080"),
            ("fe80::1%eth0:8080", "[::1]:8080"),
            ("[::1:8080", "[::1]:8080"),
            ("[::g]:8080", "[::1]:8080"),
            ("localhost:", "from 0 to 65535"),
            ("localhost:http", "from 0 to 65535"),
            ("localhost:+80", "from 0 to 65535"),
            ("127.0.0.1:65536", "from 0 to 65535"),
            (":-1", "from 0 to 65535"),
            ("127.1:8080", "no IPv4 address"),
            ("0:8080", "no IPv4 address"),
            ("127.0.0.256:8080", "no IPv4 address"),
            ("http://127.0.0.1:8080/", "write 127.0.0.1:8080"),
            ("https://app.example", "write 127.0.0.1:8080"),
            ("unix:", "such as unix:/run/fanfare.sock"),
            ("unix:fanfare.sock", "such as unix:/run/fanfare.sock"),
            ("/run/fanfare.sock", "write unix:/run/fanfare.sock"),
            ("local host:8080", "no name of a host"),
            ("user@localhost:8080", "no name of a host"),
            ("h\u{f6}st:8080", "no name of a host"),
        ];
        for (text, advice) in cases {
            let message = host(text).unwrap_err();
            assert!(message.contains(advice), "{text:?}: {message}");
        }
    }
}

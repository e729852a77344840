//! Which host a request calls, and whether it is one of those that are served.
//!
//! A page anywhere can have its own name resolve to this machine, and is then of the same origin as
//! this server; the host that it calls gives it away. So only names that are known are served, and
//! names are equal here when they mean the same host, however they are spelt (RFC 3986, section
//! 6.2.2).

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use hyper::Request;
use thiserror::Error;
use url::Host;

use super::host::called_host;
use super::problem::Problem;

/// A host name or an address, in a form that is the same for all of its spellings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(Host<String>);

/// Why a text does not name a host that can be served.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HostNameError {
    /// It has a port, and all ports of a host are alike.
    #[error("leave the port out: a host is served on every port that reaches the server")]
    Port,
    /// It is something else.
    #[error("write a host name or an address alone, such as push.example or 10.0.0.7")]
    NotAHost,
}

impl HostName {
    /// The host of a URL, whose parser has seen to most of the spellings.
    pub(super) fn of(host: Host<String>) -> Self {
        Self(match host {
            Host::Ipv6(address) => match address.to_canonical() {
                IpAddr::V4(address) => Host::Ipv4(address),
                IpAddr::V6(address) => Host::Ipv6(address),
            },
            // The dot only says that no domain is to be appended.
            Host::Domain(mut name) if name.ends_with('.') => {
                name.pop();
                Host::Domain(name)
            }
            other => other,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let name = Self::of(Host::parse(text).ok()?);
        (name.0 != Host::Domain(String::new())).then_some(name)
    }

    /// The address that it is, unless it is a name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.0 {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// Whether it is `localhost` itself, and no name below it.
    pub(super) fn is_localhost(&self) -> bool {
        matches!(&self.0, Host::Domain(name) if name == "localhost")
    }

    /// Whether it is this machine, seen from this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.0 {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        // Without brackets an address cannot be told from a name with a port, but for its colons.
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self::of(Host::Ipv6(address)));
        }
        match Called::parse(text) {
            Some(Called { port: Some(_), .. }) => Err(HostNameError::Port),
            Some(Called { host, .. }) if !text.contains('*') => Ok(host),
            _ => Err(HostNameError::NotAHost),
        }
    }
}

/// A host and a port, as a client names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Called {
    pub(super) host: HostName,
    /// `None` for the port of the scheme.
    pub(super) port: Option<u16>,
}

impl Called {
    /// Reads the value of `Host`, or the authority of a target.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let after_host = if text.starts_with('[') { text.find(']')? + 1 } else { 0 };
        let colon = text[after_host..].find(':').map(|at| after_host + at);
        let (host, port) = match colon {
            None => (text, ""),
            Some(colon) => (&text[..colon], &text[colon + 1..]),
        };
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            "" => None,
            port => Some(port.parse().ok().filter(|_| digits)?),
        };
        Some(Self { host: HostName::parse(host)?, port })
    }
}

const NOT_A_HOST: &str = "`Host` is not a host name or address; send `name` or `name:port`";

const NO_HOST: &str = "the request names no host, and only some are served here; send `Host`";

/// The hosts that are served.
#[derive(Clone, Debug, Default)]
pub struct ServedHosts {
    /// Every host, whatever it is called.
    pub any: bool,
    /// This machine by its loopback addresses and names.
    pub loopback: bool,
    pub named: Vec<HostName>,
}

impl ServedHosts {
    /// Whether no request that names a host can be served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.any && !self.loopback && self.named.is_empty()
    }

    /// Refuses a request that calls a host that is not served.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let called = called_host(request)?;
        if self.any {
            return Ok(());
        }
        // Without a host nothing says that a request is for one of those that were named. No browser
        // sends such a one, so that on loopback it does no harm.
        let Some(called) = called else {
            return if self.named.is_empty() { Ok(()) } else { Err(Problem::Host(NO_HOST)) };
        };
        let Called { host, .. } = Called::parse(called).ok_or(Problem::Host(NOT_A_HOST))?;
        if (self.loopback && host.is_loopback()) || self.named.contains(&host) {
            return Ok(());
        }
        Err(Problem::ForeignHost { host: called.chars().take(256).collect() })
    }
}

#[cfg(test)]
mod tests {
    use hyper::Version;
    use hyper::header::HOST;
    use proptest::prelude::*;

    use super::*;

    fn request(host: &str) -> Request<()> {
        Request::builder().uri("/events/a").header(HOST, host).body(()).unwrap()
    }

    #[test]
    fn this_machine_is_known_in_every_spelling() {
        let served = ServedHosts { loopback: true, ..ServedHosts::default() };
        let ours = [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "Localhost.:80",
            "localhost:",
            "app.localhost:99",
            "%6Cocalhost",
            "127.0.0.1:8080",
            "127.0.0.1.",
            "127.8.8.8",
            "127.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]:8080",
            "[0000::0001]",
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]:1",
        ];
        for host in ours {
            assert_eq!(served.check(&request(host)), Ok(()), "{host}");
        }
        let foreign = [
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "10.0.0.1",
            "[::2]",
            "[::ffff:10.0.0.1]",
            "0.0.0.0",
        ];
        for host in foreign {
            let problem = Problem::ForeignHost { host: host.to_owned() };
            assert_eq!(served.check(&request(host)), Err(problem), "{host}");
        }
    }

    #[test]
    fn a_request_for_no_host_is_for_none_of_those_that_are_named() {
        let named = vec!["push.example".parse().unwrap()];
        let loopback = ServedHosts { loopback: true, ..ServedHosts::default() };
        let cases = [
            (ServedHosts { named: named.clone(), ..loopback.clone() }, Err(Problem::Host(NO_HOST))),
            (ServedHosts { any: true, ..ServedHosts::default() }, Ok(())),
            (ServedHosts { named, ..ServedHosts::default() }, Err(Problem::Host(NO_HOST))),
            (loopback, Ok(())),
        ];
        for (served, expected) in cases {
            for version in [Version::HTTP_10, Version::HTTP_2] {
                let request = Request::builder().version(version).uri("/").body(()).unwrap();
                assert_eq!(served.check(&request), expected, "{version:?} {served:?}");
            }
        }
    }

    #[test]
    fn what_is_not_a_host_is_said_to_be_none() {
        let served = ServedHosts { loopback: true, ..ServedHosts::default() };
        let broken = [
            "",
            ".",
            ":8080",
            "user@localhost",
            "localhost:port",
            "localhost:+80",
            "localhost:99999",
            "localhost:80:80",
            "localhost/",
            "a b",
            "[::1",
            "[::1]x",
            "::1",
            "[fe80::1%25eth0]",
        ];
        for host in broken {
            let problem = served.check(&request(host)).unwrap_err();
            assert!(matches!(problem, Problem::Host(_)), "{host}: {problem}");
        }
    }

    #[test]
    fn names_that_are_listed_are_served_on_every_port_and_no_others() {
        let named = ["Push.Example", "münchen.example.", "10.0.0.7", "[2001:db8::0:1]"];
        let named = named.map(|name| name.parse().unwrap()).to_vec();
        let served = ServedHosts { named, ..ServedHosts::default() };
        let cases = [
            ("push.example", true),
            ("PUSH.example.:8443", true),
            ("xn--mnchen-3ya.example", true),
            ("10.0.0.7:80", true),
            ("[2001:db8:0::1]", true),
            ("push.example.org", false),
            ("www.push.example", false),
            ("localhost", false),
        ];
        for (host, expected) in cases {
            assert_eq!(served.check(&request(host)).is_ok(), expected, "{host}");
        }
    }

    #[test]
    fn the_host_of_the_target_counts_and_an_old_client_needs_none() {
        let served = ServedHosts { loopback: true, ..ServedHosts::default() };
        let cases = [
            ("http://localhost:8080/", Some("evil.example"), Version::HTTP_11, true),
            ("http://evil.example/", Some("localhost"), Version::HTTP_11, false),
            ("http://localhost/", None, Version::HTTP_2, true),
            ("http://evil.example/", None, Version::HTTP_2, false),
            ("/", None, Version::HTTP_10, true),
            ("/", Some("evil.example"), Version::HTTP_10, false),
            ("/", None, Version::HTTP_11, false),
        ];
        for (target, host, version, expected) in cases {
            let mut request = Request::builder().uri(target).version(version);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let found = served.check(&request.body(()).unwrap());
            assert_eq!(found.is_ok(), expected, "{target} {host:?} {version:?}");
        }
        let two = Request::builder().header(HOST, "localhost").header(HOST, "localhost");
        let problem = served.check(&two.body(()).unwrap()).unwrap_err();
        assert!(problem.to_string().contains("more than once"));
    }

    #[test]
    fn a_name_to_serve_is_a_host_alone() {
        for name in ["push.example", "::1", "[::1]", "10.0.0.7", "my_service", "LOCALHOST."] {
            assert!(name.parse::<HostName>().is_ok(), "{name}");
        }
        let cases = [
            ("push.example:8080", HostNameError::Port),
            ("https://push.example", HostNameError::NotAHost),
            ("push.example/hub", HostNameError::NotAHost),
            ("*.example", HostNameError::NotAHost),
            ("a b", HostNameError::NotAHost),
            ("", HostNameError::NotAHost),
        ];
        for (name, error) in cases {
            assert_eq!(name.parse::<HostName>(), Err(error), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_host_is_judged(host in "[ -~]{0,60}") {
            let served = ServedHosts { loopback: true, ..ServedHosts::default() };
            let _ = served.check(&request(&host));
        }
    }
}

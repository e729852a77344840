//! What the server says when it begins: where it listens, and what to try. People read it on standard
//! output; where log lines are for machines, the addresses are fields of the line `ready` instead.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The pages, by path.
const PAGES: [(&str, &str); 9] = [
    ("/", "home"),
    ("/demo/clock", "the time"),
    ("/demo/system", "this machine's processor and memory"),
    ("/demo/training", "a training run's progress"),
    ("/demo/stocks", "a stock ticker"),
    ("/demo/runs", "a model's words, for readers who come late or are cut off"),
    ("/demo/slow-readers", "readers that are too slow, under each policy"),
    ("/demo/readers", "a thousand readers, and how long events take to them"),
    ("/demo/console", "publish and subscribe by hand"),
];

/// Where a server listens, as it was bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoundAddresses<'a> {
    pub tcp: &'a [SocketAddr],
    pub unix: &'a [PathBuf],
    /// Whether TLS is spoken there.
    pub is_tls: bool,
    pub admin: &'a [SocketAddr],
}

impl BoundAddresses<'_> {
    /// The public listeners, as clients write them.
    #[must_use]
    pub fn public(&self) -> Vec<String> {
        let tcp = self.tcp.iter().map(|address| format!("{}://{address}", self.scheme()));
        tcp.chain(self.unix.iter().map(|path| format!("unix:{}", path.display()))).collect()
    }

    /// The admin listener.
    #[must_use]
    pub fn admin(&self) -> Vec<String> {
        self.admin.iter().map(|address| format!("http://{address}")).collect()
    }

    fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }
}

/// The addresses, one a line; with the demonstrations also their pages and two commands to try.
#[must_use]
pub fn greeting(bound: &BoundAddresses<'_>, demos: bool) -> String {
    let mut text = String::new();
    for listener in bound.public() {
        let _ = writeln!(text, "listening on {listener}");
    }
    for listener in bound.admin() {
        let _ = writeln!(text, "admin on {listener}");
    }
    let Some(&first) = bound.tcp.first().filter(|_| demos) else { return text };
    let base = format!("{}://{}", bound.scheme(), reachable(first));
    text.push('\n');
    for (path, what) in PAGES {
        let _ = writeln!(text, "  {:<42} {what}", format!("{base}{path}"));
    }
    let _ = writeln!(text, "\n  subscribe  curl -N {base}/events/hello");
    let _ = writeln!(text, "  publish    curl -d 'Hello, world' {base}/events/hello\n");
    text
}

/// No client can open the address that stands for all of them; the loopback address is one of them.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(loopback, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(addresses: &[&str], demos: bool) -> Vec<String> {
        lines_of(addresses, false, demos)
    }

    fn lines_of(addresses: &[&str], is_tls: bool, demos: bool) -> Vec<String> {
        let tcp: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let admin = ["127.0.0.1:9090".parse().unwrap()];
        let text =
            greeting(&BoundAddresses { tcp: &tcp, is_tls, admin: &admin, ..<_>::default() }, demos);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn with_tls_everything_but_the_admin_listener_is_at_https() {
        let text = lines_of(&["127.0.0.1:8443"], true, true);
        assert_eq!(text[0], "listening on https://127.0.0.1:8443");
        assert_eq!(text[1], "admin on http://127.0.0.1:9090");
        let text = text[2..].join("\n");
        assert!(text.contains("curl -N https://127.0.0.1:8443/events/hello"), "{text}");
        assert!(!text.contains("http://"), "{text}");
    }

    #[test]
    fn a_unix_socket_is_named_as_it_is_given() {
        let unix = [PathBuf::from("/run/fanfare.sock")];
        let tcp = ["[::1]:8080".parse().unwrap()];
        let bound = BoundAddresses { tcp: &tcp, unix: &unix, ..<_>::default() };
        assert_eq!(bound.public(), ["http://[::1]:8080", "unix:/run/fanfare.sock"]);
        assert_eq!(bound.admin(), [""; 0]);
    }

    #[test]
    fn the_addresses_come_first_one_a_line() {
        let expected = [
            "listening on http://127.0.0.1:8080",
            "listening on http://[::1]:8080",
            "admin on http://127.0.0.1:9090",
        ];
        assert_eq!(lines(&["127.0.0.1:8080", "[::1]:8080"], true)[..3], expected);
        assert_eq!(lines(&["127.0.0.1:8080", "[::1]:8080"], false), expected);
    }

    #[test]
    fn commands_name_an_address_that_can_be_opened() {
        let text = lines(&["0.0.0.0:80"], true).join("\n");
        assert!(text.contains("curl -N http://127.0.0.1:80/events/hello"), "{text}");
    }
}
